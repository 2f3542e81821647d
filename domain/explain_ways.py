"""The sentences of a blocked way: what waits for what, with the ERP's own words where it said something."""

from __future__ import annotations

from typing import Final

from domain.gap import Gap
from domain.matching import suggestions
from domain.money import to_text
from domain.policy import GapKind
from domain.returns import ReturnState
from domain.work import Answered

KINDS: Final = {
    "post_credit_note": "The credit note",
    "book_in": "Booking the goods in",
    "move": "The move of the goods",
    "restock": "The restock",
    "write_off": "The write-off",
    "order_exchange": "The exchange order",
    "authorise_exchange": "The authorisation of the exchange order",
    "release_refund": "The release of the refund",
}


def explain_way(gap: Gap, state: ReturnState) -> str:
    """Why the way to the ERP is blocked. What instructions were answered goes before what the order says."""
    answered = _answered(gap, state)
    waits = f"; {_money(gap)} waits" if gap.amount_minor else ""
    if answered:
        return " ".join(_answer(kind, erp, said, waits) for kind, erp, said in answered)
    order, missing = state.work.order, state.work.not_found
    number = (order.number or order.order) if order else state.order or ""
    erp = order.erp if order else missing.erp if missing else state.erp or "the ERP"
    line = state.announced.get(gap.line or "")
    sku = state.work.sku(line.sku) if line else ""
    match gap.kind:
        case GapKind.ORDER_NOT_FOUND:
            reference, reason = (missing.reference, missing.reason) if missing else (state.order, "")
            return f"{erp} has no order that is {reference} for certain{f' ({reason})' if reason else ''}{waits}."
        case GapKind.ORDER_NOT_INVOICED:
            invoice = {"none": "is not invoiced", "draft": "has an invoice that is a draft", "voided": "has an invoice that is void"}
            return f"Order {number} {invoice.get(order.invoice if order else 'none', 'is not invoiced')} in {erp}{waits}."
        case GapKind.SKU_UNMATCHED:
            near = suggestions(sku, order) if order else []
            perhaps = f"; perhaps it is {' or '.join(near)}" if near else ""
            return f"{sku} (line {gap.line}) is no SKU of order {number} in {erp}{perhaps}{waits}."
        case GapKind.KIT_NOT_DECOMPOSED:
            return f"{sku} (line {gap.line}) was sold as a kit, but {erp} has no bill of materials for it{waits}."
        case _:
            return f"{KINDS['post_credit_note']} is stuck{waits}."


def _answered(gap: Gap, state: ReturnState) -> list[tuple[str, str, Answered]]:
    """The instructions behind the gap: those whose answer is among its evidence."""
    found = []
    for name, one in state.work.issued.items():
        answer = state.work.answer(name)
        if answer is not None and answer.status in ("declined", "unknown") and answer.number in gap.evidence:
            found.append((one.kind, one.erp, answer))
    return sorted(found, key=lambda one: one[2].at)


def _answer(kind: str, erp: str, said: Answered, waits: str) -> str:
    reason = said.reason.rstrip(".")
    if said.status == "unknown":
        return f"{KINDS[kind]} was sent to {erp}, and nobody knows what became of it ({reason}): it is being asked for{waits}."
    return f"{KINDS[kind]} was declined by {erp}: {reason}{waits}. {said.what_to_do}"


def _money(gap: Gap) -> str:
    return f"{to_text(gap.amount_minor or 0, gap.currency or '')} {gap.currency}"
