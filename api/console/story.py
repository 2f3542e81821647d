"""A return as a story: one sentence an event, in the lane of whoever acted, events of one day and lane in one paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, assert_never

from domain import decisions as people
from domain import erp_facts as way
from domain import facts as told
from domain.content import Amount
from domain.money import to_text
from domain.replay import Step

LANES: Final = ("Customer", "Platform", "Warehouse", "Money", "ERP", "People")
_OF_LANE: Final[dict[str, tuple[type, ...]]] = {
    "Customer": (told.Initiated, told.ScannedAtReturnBar),
    "Platform": (told.Cancelled, told.Expired),
    "Warehouse": (told.Received, told.Inspected, told.Restocked, told.WrittenOff, way.MovedToQuarantine),
    "Money": (told.Refunded, told.RefundReversed, told.PayoutSettled),
    "People": (
        people.Assigned, people.Noted, people.Snoozed, people.DifferenceAccepted, people.GapWaived, people.Reopened, people.RetryAsked,
        people.WriteOffApproved, people.OrderReferred, people.DocumentAssigned, people.PolicyAdopted,
        people.DispositionChosen, way.SkuMatched,
    ),
}  # fmt: skip
_LANE: Final = {kind: lane for lane, kinds in _OF_LANE.items() for kind in kinds}
_KINDS: Final = {
    "post_credit_note": "book a credit note",
    "book_in": "book the goods in",
    "move": "move the goods",
    "restock": "put the goods back into stock",
    "write_off": "write the goods off",
    "order_exchange": "raise the exchange order",
    "authorise_exchange": "authorise the exchange order",
    "release_refund": "release the refund",
}


@dataclass(slots=True)
class Chapter:
    """What happened on one day in one lane."""

    day: date
    lane: str
    steps: list[tuple[Step, str]] = field(default_factory=list)


def lane_of(fact: told.Fact) -> str:
    """Everything of the way to the ERP that is not named above happened there."""
    return _LANE.get(type(fact), "ERP")


def chapters_of(steps: Iterable[Step]) -> list[Chapter]:
    chapters: list[Chapter] = []
    for step in steps:
        day, lane = step.event.occurred_at.date(), lane_of(step.event.fact)
        if not chapters or (chapters[-1].day, chapters[-1].lane) != (day, lane):
            chapters.append(Chapter(day, lane))
        chapters[-1].steps.append((step, sentence_of(step.event.fact)))
    return chapters


def sentence_of(fact: told.Fact) -> str:
    """What happened, plainly, with the figures."""
    match fact:
        case told.Initiated():
            value = sum(line.items + line.tax for line in fact.lines)
            wish = {"refund": "a refund", "exchange": "an exchange", "store_credit": "store credit"}[fact.resolution]
            worth = f"{to_text(value, fact.currency)} {fact.currency}"
            return f"The customer announced {_units(fact.lines)} of order {fact.order}, worth {worth}, for {wish}."
        case told.ScannedAtReturnBar():
            return f"{_of(fact.lines)} handed in{_at(fact.location)}."
        case told.Received():
            return f"{_of(fact.lines)} received{_at(fact.location)}."
        case told.Inspected():
            return "Inspected: " + ", ".join(f"{one.quantity} × line {one.line} {one.disposition}" for one in fact.lines) + "."
        case told.Refunded():
            return f"Refund {fact.refund}: {_money(fact.amount, fact.currency)} by {fact.method.replace('_', ' ')}."
        case told.RefundReversed():
            return f"Refund {fact.refund} was reversed."
        case told.CreditNoted():
            return f"Credit note {fact.credit_note} booked in {fact.erp}: {_money(fact.amount, fact.currency)}."
        case told.CreditNoteVoided():
            return f"Credit note {fact.credit_note} was voided in {fact.erp}."
        case told.Restocked():
            return f"{_of(fact.lines)} put back into stock{_at(next((one.location for one in fact.lines if one.location), None))}."
        case told.WrittenOff():
            return f"{_of(fact.lines)} written off."
        case told.ExchangeOrdered():
            return f"Exchange order {fact.order} is {fact.status}."
        case told.Cancelled():
            return "The return was cancelled; nothing more is expected."
        case told.Expired():
            return "The return ran out of time; nothing more is expected."
        case told.PayoutSettled():
            return f"Payout {fact.payout} settled refund {fact.refund} with {to_text(fact.amount, fact.currency)} {fact.currency}."
        case (
            way.OrderMatched() | way.OrderNotFound() | way.SkuMatched() | way.MovedToQuarantine() | way.CreditNoteAmended()
            | way.InstructionIssued() | way.InstructionAccepted() | way.InstructionDeclined() | way.OutcomeUnknown()
            | way.InstructionAbandoned()
        ):  # fmt: skip
            return _of_way(fact)
        case (
            people.Assigned() | people.Noted() | people.Snoozed() | people.DifferenceAccepted() | people.GapWaived() | people.Reopened()
            | people.RetryAsked() | people.WriteOffApproved() | people.OrderReferred() | people.DocumentAssigned()
            | people.PolicyAdopted() | people.DispositionChosen()
        ):  # fmt: skip
            return _of_people(fact)
        case _:
            assert_never(fact)


def _of_way(fact: Any) -> str:
    match fact:
        case way.OrderMatched():
            return f"The order is {fact.number or fact.order} in {fact.erp}, its invoice {fact.invoice}."
        case way.OrderNotFound():
            return _ended(f"No order {fact.reference} in {fact.erp}: {fact.reason}")
        case way.SkuMatched():
            return f"SKU {fact.sku} is {fact.to} in the ERP."
        case way.MovedToQuarantine():
            return f"{_of(fact.lines)} stand{_at(fact.location)} in {fact.erp}."
        case way.CreditNoteAmended():
            return f"Credit note {fact.credit_note} was changed in {fact.erp} to {_money(fact.amount, fact.currency)}."
        case way.InstructionIssued():
            amount = f" over {_money(fact.amount, fact.currency)}" if fact.amount else ""
            return f"Told {fact.erp} to {_KINDS[fact.kind]}{amount}."
        case way.InstructionAccepted():
            return f"Done: {fact.document}."
        case way.InstructionDeclined():
            return _ended(f"Declined: {_ended(fact.reason)} {fact.what_to_do}")
        case way.OutcomeUnknown():
            return _ended(f"Nobody knows yet what became of it: {fact.reason}")
        case _:
            return _ended(f"Given up: {fact.reason}")


def _of_people(fact: Any) -> str:
    because = f": “{fact.reason}”" if getattr(fact, "reason", None) else "."
    match fact:
        case people.Assigned():
            return f"Assigned to {fact.to}." if fact.to else "Assigned to nobody."
        case people.Noted():
            return f"Note: “{fact.text}”"
        case people.Snoozed():
            return f"Put aside until {fact.until}{because}"
        case people.DifferenceAccepted():
            return f"The difference of {to_text(fact.amount, fact.currency)} {fact.currency} was accepted{because}"
        case people.GapWaived():
            return f"Waived: {fact.kind.replace('_', ' ')}{because}"
        case people.Reopened():
            return f"Reopened{because}"
        case people.RetryAsked():
            return f"To be sent again{because}"
        case people.WriteOffApproved():
            return f"{_of(fact.lines)} may be written off{because}"
        case people.DispositionChosen():
            found = f"found as {fact.found}" if fact.found else "not inspected"
            return f"{_units([fact])} of line {fact.line}, {found}, count as {fact.disposition}{because}"
        case people.PolicyAdopted():
            return f"Version {fact.version} of the policy goes from here on{because}"
        case people.OrderReferred():
            return f"The ERP has the order as {fact.reference}{because}"
        case _:
            return f"Credit note {fact.credit_note} belongs to {fact.to}."


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


def _units(lines: Sequence[Any]) -> str:
    count = sum(line.quantity for line in lines)
    return f"{count} {'unit' if count == 1 else 'units'}"


def _of(lines: Sequence[Any] | None) -> str:
    return "All units" if lines is None else _units(lines)


def _at(place: str | None) -> str:
    return f" at {place}" if place else ""


def _money(amount: Amount, currency: str) -> str:
    return f"{to_text(amount.total, currency)} {currency}"
