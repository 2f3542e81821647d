"""From state and policy, the instructions that are due now and what bars the others' way. Deciding twice is deciding once.

Nothing here looks at the order in which things happened: units that have come to a stage, less those that instructions take care of
already, are due. So late facts, and facts in any order, lead to the same instructions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from domain.content import Line
from domain.erp_facts import InstructionIssued, OrderMatched
from domain.instructions import instruction_id
from domain.matching import Credited, Matching, match_lines
from domain.money import worth
from domain.noting import note_due, paid_units
from domain.policy import Policy
from domain.putting_away import Stage, anything_to_treat, arriving, booked_in, goods_due, reached
from domain.returns import ReturnState
from domain.standing import Standing, goods_are_held, standing_of

WayKind = Literal["order_not_found", "order_not_invoiced", "sku_unmatched", "kit_not_decomposed"]


class Blocked(NamedTuple):
    """The way to the ERP is barred: what waits is worth `value_minor`. `line` where it is one line's."""

    kind: WayKind
    value_minor: int
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`due` are to be issued, in this order. `superseded` were asked for again: they are abandoned, and `due` holds what takes their place.

    `needs_order`: something is due and the ERP's order is not known, or is not as it must be: it has to be looked at (again).
    """

    due: tuple[InstructionIssued, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    needs_order: bool = False
    superseded: tuple[str, ...] = ()


NOTHING = Plan()


def plan(state: ReturnState, policy: Policy, others: Credited) -> Plan:
    """`others`: what other returns of the same order were credited or are to be (`crediting.credited_by` of their instructions that
    count, `standing_of(other).issued`), so that the shares of one order line add up over all its returns.
    """
    if policy.erp is None or state.initiated is None or state.ended or state.is_document:
        return NOTHING
    standing = standing_of(state)
    wanted = _Wanted(state, policy, standing)
    released = tuple(_refund_released(state, policy, standing))
    if not wanted.anything():
        return Plan(released, superseded=standing.superseded)
    order = state.work.order
    if order is None:
        missing = (Blocked("order_not_found", wanted.value()),) if state.work.not_found else ()
        return Plan(released, missing, needs_order=True, superseded=standing.superseded)
    matching = match_lines(state.initiated.lines, order, {sku: found.fact.to for sku, found in state.work.skus.items()}, others)
    due: list[InstructionIssued] = []
    blocked: tuple[Blocked, ...] = tuple(_barred(wanted, matching))
    barred = {one.line for one in blocked}
    in_note: set[str] = set()
    held = goods_are_held(state, standing)
    if wanted.note and not barred and not _puts_away(state, policy, standing):
        note = note_due(state, policy, standing, order, matching, wanted.credit, others)
        if note is not None and order.invoice != "authorised":
            blocked += (Blocked("order_not_invoiced", note.amount.total if note.amount else 0),)
        elif note is not None:
            if policy.erp.goods_in_with_note and not held:
                lines = {money.line for money in note.money}
                goods = tuple(one for name in lines & wanted.goods_in.keys() for one in booked_in(name, wanted.goods_in[name], matching))
                in_note = {one.line for one in goods}
                standing.book(goods, "post_credit_note")
                note = note.model_copy(update={"goods": goods})
            due.append(note)
    lines_open = [line for line in wanted.lines if line.line not in barred]
    arriving = {name: places for name, places in wanted.goods_in.items() if name not in in_note}
    if not held:
        due += goods_due(state, policy, standing, order, matching, lines_open, arriving)
    due += _exchange_due(state, policy, standing, order)
    needs_order = any(one.kind in ("order_not_invoiced", "kit_not_decomposed") for one in blocked)
    return Plan((*due, *released), blocked, needs_order, standing.superseded)


class _Wanted:
    """Units of each line that something is still to be done with, by what."""

    def __init__(self, state: ReturnState, policy: Policy, standing: Standing) -> None:
        self.state, self.policy = state, policy
        self.lines: tuple[Line, ...] = state.initiated.lines if state.initiated else ()
        self.credit: dict[str, int] = {}
        self.goods_in: dict[str, dict[str, int]] = {}
        self.goods = False
        stage = credit_stage(state, policy)
        paid = paid_units(state) if stage == "refunded" and self.lines else {}
        for line in self.lines:
            come = paid.get(line.line, 0) if stage == "refunded" else reached(state, line, stage)
            units = come - standing.credited[line.line]
            if units > 0:
                self.credit[line.line] = units
            places = arriving(state, policy, standing, line)
            if places:
                self.goods_in[line.line] = places
            self.goods = self.goods or bool(places) or anything_to_treat(state, policy, standing, line)
        self.extras = bool(standing.credited) and _refund_tells_more(state, standing)
        self.note = bool(self.credit) or self.extras
        self.exchange = exchange_wanted(state, policy)

    def anything(self) -> bool:
        return self.note or self.goods or self.exchange

    def value(self) -> int:
        """What waits: the value of the units to be credited, or of the goods to be moved."""
        lines = {line.line: line for line in self.lines}
        units = self.credit or {name: sum(places.values()) for name, places in self.goods_in.items()}
        return sum(_worth(lines[name], count) for name, count in units.items())


def credit_stage(state: ReturnState, policy: Policy) -> Stage:
    """When units are credited. What is exchanged for something of the same value is credited only where money moved."""
    if policy.credit_note_on != "never" and state.initiated is not None and state.initiated.resolution == "exchange":
        return "refunded"
    return policy.credit_note_on


def _puts_away(state: ReturnState, policy: Policy, standing: Standing) -> bool:
    """Are units that are credited once they are put away being put away at this moment? One note for all of them, then: an ERP may
    take no second one."""
    if credit_stage(state, policy) != "restocked":
        return False
    return any(one.kind in ("restock", "write_off") and state.work.answer(one.instruction) is None for one in standing.issued)


def exchange_wanted(state: ReturnState, policy: Policy) -> bool:
    """Is an exchange order due, or one to be authorised?"""
    if state.initiated is None or state.initiated.resolution != "exchange" or policy.exchange_order_on == "never":
        return False
    if not any(reached(state, line, policy.exchange_order_on) for line in state.initiated.lines):
        return False
    statuses = state.exchange_orders.values()
    return not statuses or (policy.exchange_status == "authorised" and all(status == "draft" for status in statuses))


def _refund_tells_more(state: ReturnState, standing: Standing) -> bool:
    """Have refunds brought shipping or fees that no note has credited?"""
    paid = [refund.amount for refund in state.active_refunds() if refund.currency == state.currency]
    return any((amount.shipping or 0) or (amount.fees or 0) for amount in paid) and bool(standing.issued)


def _barred(wanted: _Wanted, matching: Matching) -> Iterator[Blocked]:
    lines = {line.line: line for line in wanted.lines}
    for name in matching.unmatched:
        yield Blocked("sku_unmatched", _worth(lines[name], wanted.credit.get(name, lines[name].quantity)), name)
    for name in matching.undecomposed:
        yield Blocked("kit_not_decomposed", _worth(lines[name], wanted.credit.get(name, lines[name].quantity)), name)


def _exchange_due(state: ReturnState, policy: Policy, standing: Standing, order: OrderMatched) -> Iterator[InstructionIssued]:
    assert policy.erp is not None
    assert state.initiated is not None
    if not exchange_wanted(state, policy):
        return
    drafts = sorted(name for name, status in state.exchange_orders.items() if status == "draft")
    kind: Literal["order_exchange", "authorise_exchange"] = "authorise_exchange" if state.exchange_orders else "order_exchange"
    if any(one.kind == kind for one in standing.issued):
        return
    wanted = state.initiated.exchange
    if kind == "order_exchange" and not wanted:
        return  # nobody said what the customer wants instead: a person orders it
    yield InstructionIssued(
        instruction=instruction_id(state.key, kind, _turn(state, kind), drafts),
        kind=kind,
        erp=policy.erp.name,
        order=order.order,
        currency=state.initiated.currency,
        exchange=wanted,
        document=drafts[0] if kind == "authorise_exchange" else None,
        status=policy.exchange_status,
    )


def _refund_released(state: ReturnState, policy: Policy, standing: Standing) -> Iterator[InstructionIssued]:
    """Once a return, when all that was announced has come to the stage; never where money is out already."""
    assert state.initiated is not None
    if policy.release_refund_on == "never" or any(one.kind == "release_refund" for one in standing.issued) or state.active_refunds():
        return
    if state.initiated.resolution != "refund":
        return
    if all(reached(state, line, policy.release_refund_on) >= line.quantity for line in state.initiated.lines):
        yield InstructionIssued(
            instruction=instruction_id(state.key, "release_refund", _turn(state, "release_refund")),
            kind="release_refund",
            erp=state.key.platform,
            currency=state.initiated.currency,
        )


def _turn(state: ReturnState, kind: str) -> int:
    """How often instructions of this kind were issued before: the same goods may go the same way twice."""
    return sum(1 for one in state.work.issued.values() if one.kind == kind)


def _worth(line: Line, units: int) -> int:
    return worth(line.items + line.tax, units, line.quantity)
