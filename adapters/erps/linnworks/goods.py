"""Goods of an instruction by the way they take: back from the customer (an RMA), from place to place (deltas), or out (scrap)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.erps.linnworks.client import No
from adapters.erps.linnworks.lines import child_row
from adapters.erps.port import SKU_UNMATCHED, Work
from adapters.vendor.shapes import Document
from domain.erp_facts import GoodsLine, OrderLine


class Returned(NamedTuple):
    """Units of a row of the order that come back. `location` None: where the order shipped from."""

    row: str
    location: str | None
    quantity: int


@dataclass(frozen=True, slots=True)
class Ways:
    """`back`: what an RMA brings in. `deltas`: units by SKU and location (None as above). `out`: units to scrap, by SKU and location."""

    back: tuple[Returned, ...] = ()
    deltas: dict[tuple[str, str | None], int] = field(default_factory=dict)
    out: dict[tuple[str, str], int] = field(default_factory=dict)


def ways_of(work: Work, order: Callable[[], Document | None]) -> Ways:
    """`order` reads the original order, with the rows of its kits' parts. Raises No for goods that no line of the order has."""
    back: dict[tuple[str, str | None], int] = defaultdict(int)
    deltas: dict[tuple[str, str | None], int] = defaultdict(int)
    out: dict[tuple[str, str], int] = defaultdict(int)
    outside: list[GoodsLine] = []
    for one in work.issued.goods:
        if one.from_location is None:
            outside.append(one)
        elif work.issued.kind == "write_off" and one.to_location is None:
            out[one.sku, one.from_location] += one.quantity
        else:
            deltas[one.sku, one.from_location] -= one.quantity
            deltas[one.sku, one.to_location] += one.quantity
    for row, units, location in _whole_kits(work, outside):
        back[row, location] += units
    for one in outside:
        found = _line(work, one)
        if found.sku == one.sku or not found.kit:
            back[found.order_line, one.to_location] += one.quantity
            continue
        told = order()
        part = child_row(told, found.order_line, one.sku) if told is not None else None
        if part is not None:
            back[part, one.to_location] += one.quantity
        else:
            # The order does not list the kit's parts: what cannot be returned by its row is counted in.
            deltas[one.sku, one.to_location] += one.quantity
    return Ways(
        tuple(Returned(row, location, units) for (row, location), units in sorted(back.items(), key=str)),
        {leg: units for leg, units in sorted(deltas.items(), key=str) if units},
        dict(sorted(out.items())),
    )


def _whole_kits(work: Work, outside: list[GoodsLine]) -> list[tuple[str, int, str | None]]:
    """Kits that come back whole are returned by their own row; their parts are taken out of `outside`."""
    together: dict[tuple[str, str, str | None, int], list[GoodsLine]] = defaultdict(list)
    for one in outside:
        if one.order_line is not None:
            together[one.order_line, one.line, one.to_location, one.units].append(one)
    whole = []
    for (row, _, location, units), parts in together.items():
        line = next((one for one in work.order.lines if one.order_line == row), None) if work.order else None
        if line is None or not line.kit:
            continue
        if sorted((part.sku, part.quantity) for part in parts) == sorted((of_kit.sku, of_kit.quantity * units) for of_kit in line.kit):
            whole.append((row, units, location))
            for part in parts:
                outside.remove(part)
    return whole


def _line(work: Work, goods: GoodsLine) -> OrderLine:
    lines = work.order.lines if work.order is not None else ()
    if goods.order_line is not None:
        named = [one for one in lines if one.order_line == goods.order_line]
        return named[0] if named else OrderLine(order_line=goods.order_line, sku=goods.sku, quantity=goods.quantity, items=0, tax=0)
    fitting = [one for one in lines if one.sku == goods.sku]
    if not fitting:
        fitting = [one for one in lines if any(part.sku == goods.sku for part in one.kit or ())]
    if not fitting:
        what_to_do = "say which SKU of the order it is (resolve … map-sku)"
        raise No(SKU_UNMATCHED, f"the order in Linnworks has no line with the SKU {goods.sku}", what_to_do)
    return max(fitting, key=lambda one: one.quantity)
