"""Lines of an ERP's document as lines of the return that it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.erps.port import DocumentLine
from domain.content import LineUnits
from domain.matching import match_lines
from domain.returns import ReturnState


class _Room(NamedTuple):
    """Units of a return's line that a document's line may be about."""

    line: str
    units: int


def lines_of(state: ReturnState, lines: Sequence[DocumentLine]) -> tuple[LineUnits, ...] | None:
    """By the identity of the order's line, where the ERP tells it, else by SKU. None where nothing fits: it is then money without goods."""
    left = Counter[str]({line.line: line.quantity for line in state.initiated.lines} if state.initiated else {})
    found = Counter[str]()
    for one in lines:
        quantity = one.quantity
        rooms = list(_rooms(state, one))
        for room in rooms:
            taken = min(quantity, room.units, max(0, left[room.line]))
            found[room.line] += taken
            left[room.line] -= taken
            quantity -= taken
        if rooms and quantity > 0:
            found[rooms[0].line] += quantity
    told = tuple(LineUnits(line=line, quantity=units) for line, units in sorted(found.items()) if units > 0)
    return told or None


def by_sku(lines: Sequence[DocumentLine]) -> tuple[LineUnits, ...] | None:
    """For a document of its own: its lines have no other name than their SKU."""
    counted = Counter[str]()
    for one in lines:
        counted[one.sku] += one.quantity
    return tuple(LineUnits(line=sku, quantity=units) for sku, units in sorted(counted.items()) if sku and units > 0) or None


def _rooms(state: ReturnState, one: DocumentLine) -> Iterator[_Room]:
    if state.initiated is None:
        return
    skus = {sku: found.fact.to for sku, found in state.work.skus.items()}
    if one.order_line is not None and state.work.order is not None and state.work.order.lines:
        named = [
            _Room(line, slot.units)
            for line, slots in match_lines(state.initiated.lines, state.work.order, skus).slots.items()
            for slot in slots
            if slot.order_line.order_line == one.order_line and (slot.component is None or slot.component.sku == one.sku)
        ]
        if named:
            yield from named
            return
    for line in state.initiated.lines:
        if one.sku in (line.sku, state.work.sku(line.sku)):
            yield _Room(line.line, line.quantity)
