"""One plain sentence a gap, with the figures, for whoever has to close it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from domain.choosing import choices, judged
from domain.explain_ways import explain_way
from domain.facts import CreditNoted, Refunded
from domain.gap import PARTS, Gap
from domain.money import to_text
from domain.policy import GapKind, Policy
from domain.returns import ReturnState
from domain.settlements import settled_otherwise, unsettled

_UNITS_OF_TIME = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def explain(gap: Gap, state: ReturnState, policy: Policy) -> str:
    """Why `gap` is open in `state`. Dates are days in UTC."""
    match gap.kind:
        case GapKind.REFUND_WITHOUT_CREDIT_NOTE:
            voided = (
                " (the one there was is void)"
                if any(n.currency == gap.currency for k, n in state.notes.items() if k in state.voided)
                else ""
            )
            return f"{_refunds(state, gap)}; no credit note is booked for it{voided}."
        case GapKind.CREDIT_NOTE_WITHOUT_REFUND:
            back = " (it was reversed)" if any(r.currency == gap.currency for k, r in state.refunds.items() if k in state.reversed) else ""
            return f"{_notes(state, gap)}; nothing was refunded{back}."
        case GapKind.CREDIT_NOTE_MISMATCH:
            return f"{_refunds(state, gap)}; {_notes(state, gap, short=True)}: {_difference(gap)}."
        case GapKind.DUPLICATE_CREDIT_NOTE:
            return f"{_refunds(state, gap)}; {_notes(state, gap, short=True)}: {_money(-_amount(gap), gap)} was credited twice."
        case GapKind.REFUND_BEFORE_RECEIPT:
            return f"{_refunds(state, gap)}, but {_units(gap.units)} worth {_money(_amount(gap), gap)} {_is(gap.units)} not in yet."
        case GapKind.OVER_REFUND:
            value = sum(line.value_minor for line in state.announced.values())
            excess = f"{_money(_amount(gap), gap)} more than the {_money(value, gap)} that the announced lines are worth"
            return f"{_refunds(state, gap)}; without its shipping that is {excess}."
        case GapKind.UNANNOUNCED_RETURN:
            events = "1 event is" if state.count == 1 else f"{state.count} events are"
            return f"{events} recorded for this return, but no platform has announced it."
        case GapKind.PAYOUT_MISSING:
            return f"{_unsettled(state, gap, policy)}, and {_spoken(policy.payout_after)} passed."
        case GapKind.PAYOUT_MISMATCH:
            amount = _amount(gap)
            return f"{_settled(state, gap)}: {_money(abs(amount), gap)} {'less' if amount > 0 else 'more'}."
        case GapKind.EXCHANGE_NOT_ORDERED:
            so_far = "" if policy.exchange_order_on == "initiated" else " and the goods are in"
            return f"The customer wants an exchange{so_far}, but no exchange order exists."
        case GapKind.EXCHANGE_STUCK_IN_DRAFT:
            return f"Exchange order {_list(sorted(state.exchange_orders))} is still a draft, so nothing ships."
        case GapKind.ORPHAN_CREDIT_NOTE:
            return f"{_notes(state, gap)} and names no return."
        case (
            GapKind.ORDER_NOT_FOUND
            | GapKind.ORDER_NOT_INVOICED
            | GapKind.SKU_UNMATCHED
            | GapKind.KIT_NOT_DECOMPOSED
            | GapKind.INSTRUCTION_FAILED
            | GapKind.INSTRUCTION_OUTCOME_UNKNOWN
        ):
            return explain_way(gap, state)
        case _:
            return _of_line(gap, state, policy)


def _of_line(gap: Gap, state: ReturnState, policy: Policy) -> str:
    line = gap.line or ""
    known = state.announced.get(line)
    what = f"{_units(gap.units)} of {known.sku} (line {line})" if known else f"{_units(gap.units)} of line {line}"
    worth = f", worth {_money(gap.amount_minor, gap)}," if gap.amount_minor is not None else ""
    counts, are = judged(state, line), _is(gap.units)
    saleable, damaged = ("chosen for stock", "chosen to be written off") if choices(state, line) else ("inspected as saleable", "damaged")
    match gap.kind:
        case GapKind.UNINSPECTED_ITEMS:
            return f"{what}{worth} {are} received and not inspected ({state.received(line)} received, {counts.inspected_units} inspected)."
        case GapKind.UNRESTOCKED_ITEMS:
            return f"{what}{worth} {are} {saleable} and not back in stock ({counts.restocked} restocked)."
        case GapKind.DAMAGED_NOT_WRITTEN_OFF:
            return f"{what}{worth} {are} {damaged} and not written off ({counts.written_off} written off)."
        case GapKind.RESTOCKED_UNINSPECTED:
            return f"{what}{worth} went to stock without being inspected as saleable ({counts.restocked} restocked)."
        case GapKind.DISPOSITION_UNMAPPED:
            names = _list(sorted(name for name in counts.inspected if name not in policy.actions))
            return f"{what}{worth} {are} inspected as {names}, which no disposition of the policy names."
        case GapKind.RECEIVED_SHORT:
            announced = known.quantity if known else 0
            came, waited = f"{state.received(line)} of {announced} came", _spoken(policy.short_after)
            return f"{what}{worth} {are} missing: {came}, and {waited} passed since the last receipt."
        case GapKind.UNEXPECTED_UNITS:
            return (
                f"{what} more than announced came ({known.quantity} announced)." if known else f"{what} came, a line that nobody announced."
            )
        case (
            GapKind.REFUND_WITHOUT_CREDIT_NOTE
            | GapKind.CREDIT_NOTE_WITHOUT_REFUND
            | GapKind.CREDIT_NOTE_MISMATCH
            | GapKind.DUPLICATE_CREDIT_NOTE
            | GapKind.REFUND_BEFORE_RECEIPT
            | GapKind.OVER_REFUND
            | GapKind.UNANNOUNCED_RETURN
            | GapKind.EXCHANGE_NOT_ORDERED
            | GapKind.EXCHANGE_STUCK_IN_DRAFT
            | GapKind.ORPHAN_CREDIT_NOTE
            | GapKind.ORDER_NOT_FOUND
            | GapKind.ORDER_NOT_INVOICED
            | GapKind.SKU_UNMATCHED
            | GapKind.KIT_NOT_DECOMPOSED
            | GapKind.INSTRUCTION_FAILED
            | GapKind.INSTRUCTION_OUTCOME_UNKNOWN
            | GapKind.PAYOUT_MISSING
            | GapKind.PAYOUT_MISMATCH
            | "tolerated"
        ):
            raise ValueError(f"{gap.kind} is no gap of a line")
        case _:
            assert_never(gap.kind)


def day(at: datetime) -> str:
    """`2 Oct 2026`."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _unsettled(state: ReturnState, gap: Gap, policy: Policy) -> str:
    # Those that have waited long enough; of each the gap has the events.
    waiting = [refund for refund in unsettled(state, policy) if set(state.refund_numbers[refund.refund]) <= set(gap.evidence)]
    waiting.sort(key=lambda refund: (state.told_at[refund.refund], refund.refund))
    if len(waiting) == 1:
        return f"Refund {waiting[0].refund} paid {_money(_amount(gap), gap)}{_on(state, waiting[0])}; no payout holds it"
    names = _list([refund.refund for refund in waiting])
    return f"Refunds {names} paid {_money(_amount(gap), gap)} together, the first{_on(state, waiting[0])}; no payout holds them"


def _settled(state: ReturnState, gap: Gap) -> str:
    told = []
    for settlement, refund, difference in settled_otherwise(state):
        if settlement.currency == gap.currency:
            paid = refund.amount.total if refund else 0
            took = f"Payout {settlement.payout} took {_money(paid - difference, gap)} for refund {settlement.refund}"
            told.append(f"{took}, which paid {_money(paid, gap)}" if refund else f"{took}, which is not recorded")
    return "; ".join(told)


def _refunds(state: ReturnState, gap: Gap) -> str:
    paid = [r for r in state.active_refunds() if r.currency == gap.currency and r.amount.total]
    paid.sort(key=lambda r: (state.told_at[r.refund], r.refund))
    total = sum(r.amount.total for r in paid)
    if len(paid) == 1:
        return f"Refund {paid[0].refund} paid {_money(total, gap)}{_on(state, paid[0])}"
    return f"Refunds {_list([r.refund for r in paid])} paid {_money(total, gap)} together"


def _on(state: ReturnState, told: Refunded | CreditNoted) -> str:
    return f" on {day(state.told_at[told.refund if isinstance(told, Refunded) else (told.erp, told.credit_note)])}"


def _notes(state: ReturnState, gap: Gap, *, short: bool = False) -> str:
    notes = [n for n in state.active_notes() if n.currency == gap.currency]
    notes.sort(key=lambda n: (state.told_at[n.erp, n.credit_note], n.credit_note, n.erp))
    total = sum(n.amount.total for n in notes)
    if len(notes) == 1:
        name = notes[0].credit_note
        return (
            f"credit note {name} is {_money(total, gap)}"
            if short
            else f"Credit note {name} credits {_money(total, gap)}{_on(state, notes[0])}"
        )
    names = _list([n.credit_note for n in notes])
    return (
        f"credit notes {names} are {_money(total, gap)} together" if short else f"Credit notes {names} credit {_money(total, gap)} together"
    )


def _difference(gap: Gap) -> str:
    amount = _amount(gap)
    sentence = f"{_money(abs(amount), gap)} {'less' if amount > 0 else 'more'}"
    parts = [(name, part) for name, part in zip(PARTS, gap.breakdown or (), strict=False) if part]
    words = {
        "items": "the items",
        "tax": "the tax",
        "shipping": "the shipping",
        "fees": "the fees",
        "unexplained": "not explained by any part",
    }
    if len(parts) == 1:
        return f"{sentence}, {words[parts[0][0]]}"
    return sentence + (", of which " + _list([f"{name} {_money(part, gap)}" for name, part in parts]) if parts else "")


def _amount(gap: Gap) -> int:
    assert gap.amount_minor is not None
    return gap.amount_minor


def _money(minor: int | None, gap: Gap) -> str:
    return f"{to_text(minor or 0, gap.currency or 'EUR')} {gap.currency}"


def _units(units: int | None) -> str:
    return f"{units} unit" if units == 1 else f"{units} units"


def _is(units: int | None) -> str:
    return "is" if units == 1 else "are"


def _list(names: list[str]) -> str:
    """At most three by name: a sentence, not a table."""
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} more"
    return " and ".join(([", ".join(names[:-1])] if len(names) > 1 else []) + names[-1:])


def _spoken(duration: timedelta) -> str:
    """`14 days have`, `1 hour has`: in the largest unit that it is a whole number of."""
    seconds = int(duration.total_seconds())
    size, unit = next((size, unit) for size, unit in _UNITS_OF_TIME if seconds % size == 0)
    return f"1 {unit} has" if seconds == size else f"{seconds // size} {unit}s have"
