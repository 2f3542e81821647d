"""The credit note that is due: which units, which amounts, and what of the refund's shipping and fees no note has credited yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from domain.content import Line
from domain.crediting import Extras, amount_of, credit, credited_by, prorated_shipping, shipping_tax
from domain.erp_facts import InstructionIssued, MoneyLine, OrderMatched
from domain.instructions import instruction_id
from domain.matching import SHIPPING, Credited, CreditKey, Matching
from domain.money import worth
from domain.policy import Policy
from domain.returns import ReturnState
from domain.standing import Standing

# Beyond so many reachable sums the search for what a refund pays for gives up: all of it, then.
MOST_SUMS = 5_000


def note_due(
    state: ReturnState,
    policy: Policy,
    standing: Standing,
    order: OrderMatched,
    matching: Matching,
    units: Mapping[str, int],
    others: Credited,
) -> InstructionIssued | None:
    """One note for `units` of the return's lines and for what refunds tell besides; None where that comes to nothing.

    A fee that would make it negative waits for goods to lessen; what a note never gets to credit stays a gap.
    """
    assert state.initiated is not None
    assert policy.erp is not None
    # The lines of an order that cannot be read are the return's own: no other return has a part in them.
    before: Counter[CreditKey] = Counter(others if order.lines else {})
    before.update(credited_by(standing.issued))
    at_first = Counter(before)
    money: list[MoneyLine] = []
    for line in state.initiated.lines:
        if wanted := units.get(line.line, 0):
            done = standing.credited[line.line]
            told = credit(line.line, matching.slots.get(line.line, ()), wanted, before, skip=done)
            money += _as_announced(line, told, done) if policy.amounts_from == "platform" or not order.lines else told
    extras = _extras(state, policy, standing, order, at_first, before)
    total = sum(one.items + one.tax for one in money) + extras.shipping + extras.shipping_tax + extras.fees
    if total < 0:
        extras = Extras(extras.shipping, extras.shipping_tax, extras.fees - total)
    amount = amount_of(money, extras)
    if amount.total <= 0:
        return None
    content = [(one.line, one.order_line, one.component, one.quantity) for one in money]
    turn = sum(1 for one in state.work.issued.values() if one.kind == "post_credit_note")
    return InstructionIssued(
        instruction=instruction_id(state.key, "post_credit_note", turn, sorted(map(str, content))),
        kind="post_credit_note",
        erp=policy.erp.name,
        order=order.order,
        currency=order.currency if order.lines else state.initiated.currency,
        amount=amount,
        money=tuple(money),
    )


def paid_units(state: ReturnState) -> dict[str, int]:
    """The units that refunds pay for: those whose value comes nearest to what was paid for goods from above, goods that are in first."""
    assert state.initiated is not None
    lines = state.initiated.lines
    paid = 0
    for refund in state.active_refunds():
        if refund.currency == state.initiated.currency:
            paid += refund.amount.total - (refund.amount.shipping or 0) - (refund.amount.fees or 0)
    everything = {line.line: line.quantity for line in lines}
    if paid <= 0:
        return {}
    if paid >= sum(line.items + line.tax for line in lines):
        return everything
    # By sum, the first way to reach it: goods that are in are tried first, so that they are what a sum is made of.
    ways: dict[int, tuple[str, ...]] = {0: ()}
    for line, value in _single_units(state, lines):
        for total, way in list(ways.items()):
            if total < paid:
                ways.setdefault(total + value, (*way, line))
        if len(ways) > MOST_SUMS:
            return everything
    return dict(Counter(ways[min(total for total in ways if total >= paid)]))


def _single_units(state: ReturnState, lines: tuple[Line, ...]) -> list[tuple[str, int]]:
    units = []
    for line in lines:
        whole = line.items + line.tax
        for count in range(line.quantity):
            value = worth(whole, count + 1, line.quantity) - worth(whole, count, line.quantity)
            units.append((count >= state.units_in(line.line), line.line, value))
    return [(line, value) for _, line, value in sorted(units, key=lambda unit: unit[0])]


def _as_announced(line: Line, money: list[MoneyLine], done: int) -> list[MoneyLine]:
    """The same units at what the platform says they are worth."""
    told = []
    for one in money:
        items, tax = (worth(v, done + one.quantity, line.quantity) - worth(v, done, line.quantity) for v in (line.items, line.tax))
        told.append(one.model_copy(update={"items": items, "tax": tax}))
        done += one.quantity
    return told


def _extras(state: ReturnState, policy: Policy, standing: Standing, order: OrderMatched, before: Credited, after: Credited) -> Extras:
    assert state.initiated is not None
    currency = state.initiated.currency
    refunds = [refund.amount for refund in state.active_refunds() if refund.currency == currency]
    ours = [one.amount for one in standing.issued if one.kind == "post_credit_note" and one.amount is not None]
    made = {answer.document for one in standing.issued if (answer := state.work.answers.get(one.instruction))}
    theirs = [note.amount for note in state.active_notes() if note.currency == currency and note.credit_note not in made]
    by_hand = sum(amount.shipping or 0 for amount in theirs)
    # Of the whole order: what other returns of it were credited is no longer there to credit.
    credited_shipping = before.get(SHIPPING, 0) + by_hand
    match policy.shipping_refund:
        case "platform":
            shipping = sum(amount.shipping or 0 for amount in refunds) - sum(amount.shipping or 0 for amount in ours) - by_hand
        case "full":
            shipping = order.shipping - credited_shipping if after != before else 0
        case "prorated":
            shipping = prorated_shipping(order, before, after)
        case "none":
            shipping = 0
    shipping = max(0, shipping)
    fees = sum(amount.fees or 0 for amount in refunds) - sum(amount.fees or 0 for amount in (*ours, *theirs))
    return Extras(shipping, shipping_tax(order, shipping, credited_shipping), fees)
