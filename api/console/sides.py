"""Refunds and credit notes of a return side by side, part by part: the difference is what must become 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.gap import PARTS
from domain.money import to_text
from domain.returns import ReturnState


@dataclass(frozen=True, slots=True)
class Row:
    """A part: what each document says of it (None: nothing), both sums, and the difference (None: they cannot be compared).

    The last row is the total.
    """

    part: str
    refunds: list[str | None]
    notes: list[str | None]
    refunded: str | None
    credited: str | None
    difference: str | None
    is_zero: bool


@dataclass(frozen=True, slots=True)
class Sides:
    """Of one currency. A part is compared where every document gives it; what is left of the difference is unexplained."""

    currency: str
    refunds: list[str]
    notes: list[str]
    rows: list[Row]


def sides_of(state: ReturnState, currency: str) -> Sides:
    refunds = [(one.refund, one.amount.parts, one.amount.total) for one in state.active_refunds() if one.currency == currency]
    notes = [(one.credit_note, one.amount.parts, one.amount.total) for one in state.active_notes() if one.currency == currency]
    refunded, credited = sum(total for *_, total in refunds), sum(total for *_, total in notes)
    rows, explained = [], 0
    for number, part in enumerate(PARTS[:-1]):
        of_refunds, of_notes = [parts[number] for _, parts, _ in refunds], [parts[number] for _, parts, _ in notes]
        if not any(of_refunds) and not any(of_notes):
            continue
        left, right = _whole(of_refunds), _whole(of_notes)
        difference = left - right if left is not None and right is not None else None
        explained += difference or 0
        rows.append(_row(part, of_refunds, of_notes, left, right, difference, currency))
    unexplained = refunded - credited - explained
    if unexplained:
        nothing: list[int | None] = [None] * len(refunds)
        rows.append(_row("unexplained", nothing, [None] * len(notes), None, None, unexplained, currency))
    totals = [total for *_, total in refunds], [total for *_, total in notes]
    rows.append(_row("total", *totals, refunded, credited, refunded - credited, currency))
    return Sides(currency, [name for name, *_ in refunds], [name for name, *_ in notes], rows)


def _whole(parts: Sequence[int | None]) -> int | None:
    """The sum, where every document gives the part; a side without documents has given nothing, which is 0."""
    return None if None in parts else sum(part for part in parts if part is not None)


def _row(
    part: str,
    of_refunds: Sequence[int | None],
    of_notes: Sequence[int | None],
    left: int | None,
    right: int | None,
    difference: int | None,
    currency: str,
) -> Row:
    def told(minor: int | None) -> str | None:
        return None if minor is None else to_text(minor, currency)

    return Row(
        part,
        list(map(told, of_refunds)),
        list(map(told, of_notes)),
        told(left),
        told(right),
        told(difference),
        difference == 0,
    )
