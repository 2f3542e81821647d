"""Which line of the original order each line of a return is: by the order line's id and the exact SKU, never by a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import NamedTuple

from domain.content import Line
from domain.erp_facts import KitComponent, OrderLine, OrderMatched

MOST_SUGGESTIONS = 3


class CreditKey(NamedTuple):
    """A line of an order, or one component of a kit on it: what units are counted by."""

    order_line: str
    component: str | None = None


Credited = Mapping[CreditKey, int]
"""Units by what they are of; under `SHIPPING` the shipping, net, in minor units."""

# No line of an order is named so.
SHIPPING = CreditKey("", "shipping")


class Slot(NamedTuple):
    """So many units of a line of the return are this line of the order; `component`: only that part of the kit."""

    order_line: OrderLine
    units: int
    component: KitComponent | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """`slots` by line of the return, units that the order no longer has among them: they move, and credit nothing.

    `unmatched` are lines whose SKU the order does not have, `undecomposed` are kits that the ERP has no bill of materials for.
    """

    slots: Mapping[str, Sequence[Slot]] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    undecomposed: tuple[str, ...] = ()


def match_lines(lines: Sequence[Line], order: OrderMatched, skus: Mapping[str, str], others: Credited = MappingProxyType({})) -> Matching:
    """`skus`: what a person said which SKU of the ERP a platform's SKU is. `others`: units of an order line, or of a component of its kit,
    that other returns have.

    Lines that name their line of the order come first, then those whose unit price fits, so that the same SKU on two lines at two prices
    finds its own. An order without lines is one that cannot be read: the return's own lines stand for them.
    """
    if not order.lines:
        return Matching({line.line: (Slot(_own(line, skus), line.quantity),) for line in lines})
    left = {
        _place(one, component): (one.quantity - one.credited) * _per_kit(component) - others.get(_place(one, component), 0)
        for one in order.lines
        for component in (None, *(one.kit or ()))
    }
    slots: dict[str, list[Slot]] = {line.line: [] for line in lines}
    unmatched: list[str] = []
    named = sorted(lines, key=lambda line: (not _names_one(line, order), line.line))
    for line in named:
        sku = skus.get(line.sku, line.sku)
        candidates = _candidates(line, sku, order)
        if not candidates:
            unmatched.append(line.line)
            continue
        wanted = line.quantity
        for one, component in candidates:
            taken = min(wanted, left[_place(one, component)])
            if taken > 0:
                slots[line.line].append(Slot(one, taken, component))
                left[_place(one, component)] -= taken
                wanted -= taken
        if wanted:
            slots[line.line].append(Slot(candidates[0][0], wanted, candidates[0][1]))
    undecomposed = tuple(
        line.line
        for line in lines
        if line.kit and slots[line.line] and all(slot.component is None and not slot.order_line.kit for slot in slots[line.line])
    )
    return Matching(slots, tuple(sorted(unmatched)), undecomposed)


def suggestions(sku: str, order: OrderMatched) -> list[str]:
    """SKUs of the order that may be meant, the likeliest first: the same but for case and punctuation, then the nearest."""
    there = sorted({one.sku for one in order.lines} | {part.sku for one in order.lines for part in one.kit or ()})
    alike = [one for one in there if _bare(one) == _bare(sku)]
    near = get_close_matches(_bare(sku), [_bare(one) for one in there], n=MOST_SUGGESTIONS)
    alike += [one for close in near for one in there if _bare(one) == close and one not in alike]
    return alike[:MOST_SUGGESTIONS]


def _candidates(line: Line, sku: str, order: OrderMatched) -> list[tuple[OrderLine, KitComponent | None]]:
    of_order: list[tuple[OrderLine, KitComponent | None]] = [(one, None) for one in order.lines if one.sku == sku]
    of_kits = [(one, part) for one in order.lines for part in one.kit or () if part.sku == sku]
    return sorted(of_order or of_kits, key=lambda found: (not _is_named(line, found[0]), _off(line, *found), found[0].order_line))


def _off(line: Line, one: OrderLine, component: KitComponent | None) -> int:
    """How far the prices are apart, in minor units for the return's quantity; a part of a kit has no price of its own."""
    if component is not None:
        return 0
    return abs((line.items + line.tax) * one.quantity - (one.items + one.tax) * line.quantity) // one.quantity


def _is_named(line: Line, one: OrderLine) -> bool:
    return line.order_line is not None and line.order_line in (one.order_line, one.channel_line)


def _names_one(line: Line, order: OrderMatched) -> bool:
    return any(_is_named(line, one) for one in order.lines)


def _place(one: OrderLine, component: KitComponent | None) -> CreditKey:
    return CreditKey(one.order_line, component.sku if component else None)


def _per_kit(component: KitComponent | None) -> int:
    return component.quantity if component else 1


def _own(line: Line, skus: Mapping[str, str]) -> OrderLine:
    return OrderLine(
        order_line=line.order_line or line.line,
        sku=skus.get(line.sku, line.sku),
        quantity=line.quantity,
        items=line.items,
        tax=line.tax,
    )


def _bare(sku: str) -> str:
    return "".join(letter for letter in sku.casefold() if letter.isalnum())
