"""The words in which the domain tests tell a return: facts as a source would tell them, and the gaps that they leave open."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from domain.gap import PARTS, TOLERATED
from domain.money import to_text
from domain.policy import DEFAULT_POLICY, Policy
from domain.telling import read_instant, write_instant
from domain.timeline import Fold, Segment, fold
from tests.recording import record

Row = dict[str, Any]
_COMMON = {"merchant": "acme", "platform": "returngo", "return": "RMA-1"}


def day(number: int, clock: str = "09:00:00") -> str:
    """The so many-th day of the story, at nine in the morning: day 1 is 1 October 2026."""
    month, days = divmod(number - 1, 31)
    return f"2026-{10 + month}-{days + 1:02}T{clock}Z"


def told(fact: str, at: int | str, **fields: Any) -> Row:
    """A fact of the one return that the stories are about; fields that are None are left out."""
    content = {field: value for field, value in fields.items() if value is not None}
    return {**_COMMON, "fact": fact, "occurred_at": day(at) if isinstance(at, int) else at, **content}


# The goods


def line(name: str, quantity: int, items: str, tax: str = "0", **other: Any) -> Row:
    return {"line": name, "sku": f"SKU-{name}", "quantity": quantity, "items": items, "tax": tax, **other}


# Two jackets for 96.00, of which 16.00 is tax, and a scarf for 15.01.
LINES = (line("1", 2, "80.00", "16.00"), line("2", 1, "12.51", "2.50"))


def announced(*lines: Row, at: int | str = 1, currency: str = "GBP", **other: Any) -> Row:
    fields = {"order": "SO-1", "currency": currency, "resolution": "refund", "lines": list(lines or LINES), **other}
    return told("Initiated", at, **fields)


def units(**quantities: int) -> list[Row]:
    """`units(_1=2)`: two units of line 1."""
    return [{"line": name.lstrip("_"), "quantity": quantity} for name, quantity in quantities.items()]


def scanned(at: int | str = 2, **quantities: int) -> Row:
    """Without quantities: all of them."""
    return told("ScannedAtReturnBar", at, lines=units(**quantities) or None)


def received(at: int | str = 3, **quantities: int) -> Row:
    return told("Received", at, lines=units(**quantities) or None)


def inspected(disposition: str, at: int | str = 4, **quantities: int) -> Row:
    return told("Inspected", at, lines=[{**one, "disposition": disposition} for one in units(**quantities)])


def restocked(at: int | str = 5, **quantities: int) -> Row:
    return told("Restocked", at, lines=units(**quantities))


def written_off(at: int | str = 5, **quantities: int) -> Row:
    return told("WrittenOff", at, lines=units(**quantities))


# The money


def refunded(total: str, at: int | str = 6, *, refund: str = "RF-1", currency: str = "GBP", **parts: str) -> Row:
    return told("Refunded", at, refund=refund, currency=currency, amount={"total": total, **parts}, method="original_payment")


def reversed_(at: int | str = 8, *, refund: str = "RF-1") -> Row:
    return told("RefundReversed", at, refund=refund)


def credited(total: str, at: int | str = 7, *, note: str = "CN-1", currency: str = "GBP", **parts: str) -> Row:
    return told("CreditNoted", at, credit_note=note, erp="cin7", currency=currency, amount={"total": total, **parts})


def voided(at: int | str = 8, *, note: str = "CN-1") -> Row:
    return told("CreditNoteVoided", at, credit_note=note, erp="cin7")


# What is open then


class Open(NamedTuple):
    """An open gap as people read it; `evidence` are the numbers of the facts in the order told."""

    kind: str
    amount: str | None
    units: int | None
    line: str | None
    says: str
    opened_at: str
    evidence: tuple[int, ...]
    breakdown: dict[str, str] | None


def folded(facts: Sequence[Row], policy: Policy = DEFAULT_POLICY) -> Fold:
    ((key, events),) = record(facts).items()
    return fold(key, events, policy)


def open_at(at: int | str, facts: Sequence[Row], policy: Policy = DEFAULT_POLICY) -> dict[str, Open]:
    """The gaps open at an instant, by kind (and line, where it is not line 1; and currency, where it is not GBP)."""
    moment = read_instant(day(at) if isinstance(at, int) else at)
    standing = [
        one
        for one in folded(facts, policy).segments()
        if one.kind != TOLERATED and one.valid_from <= moment and (one.valid_to is None or one.valid_to > moment)
    ]
    return {_named(one): _read(one) for one in standing}


def _named(segment: Segment) -> str:
    line = "" if segment.line in (None, "1") else f" {segment.line}"
    return f"{segment.kind}{line}{'' if segment.currency in (None, 'GBP') else f' {segment.currency}'}"


def _read(one: Segment) -> Open:
    amount = None if one.amount_minor is None or one.currency is None else f"{to_text(one.amount_minor, one.currency)} {one.currency}"
    breakdown = None
    if one.breakdown is not None and one.currency is not None:
        breakdown = {part: to_text(minor, one.currency) for part, minor in zip(PARTS, one.breakdown, strict=True) if minor}
    said = (one.explanation, write_instant(one.opened_at), tuple(sorted(one.evidence)))
    return Open(one.kind, amount, one.units, one.line, *said, breakdown)
