"""What a return's lines are worth. Happy Returns sends no money: it is read from the original order, unit by unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from adapters.platforms.happy_returns.posts import Unit
from adapters.platforms.port import Order, OrderLine, Orders
from adapters.vendor.answers import NotUnderstood, VendorRefused, VendorTrouble
from domain.money import to_text, worth


class NotPriced(Exception):
    """What has to be known first; the message says it."""


def find_order(orders: Orders | None, number: str | None, order_id: str | None) -> Order:
    """By its name, else by the shop's id. Raises NotPriced."""
    if orders is None:
        raise NotPriced("the amounts of the order: Happy Returns sends none; set refunds_from, or an erp, for this connection")
    if number is None and order_id is None:
        raise NotPriced("the order: the items name none")
    try:
        found = orders.by_name(number) if number is not None else None
        if found is None and order_id is not None:
            found = orders.by_id(order_id)
    except (VendorTrouble, VendorRefused, NotUnderstood) as trouble:
        raise NotPriced(f"the amounts of order {number or order_id}, which cannot be read: {trouble}") from trouble
    if found is None:
        raise NotPriced(f"order {number or order_id}, which the source of orders does not know")
    return found


def priced_lines(units: Sequence[Unit], order: Order) -> list[dict[str, Any]]:
    """The lines of `Initiated`: units of one order line are one line. Raises NotPriced."""
    grouped: dict[str, list[Unit]] = {}
    for unit in units:
        grouped.setdefault(unit.line, []).append(unit)
    return [_line(order, line, grouped[line]) for line in sorted(grouped)]


def _line(order: Order, line: str, units: list[Unit]) -> dict[str, Any]:
    ordered = _ordered(order, line, units[0].sku)
    if ordered is None:
        raise NotPriced(f"line {line} of order {order.name}: the order has no such line")
    places = _places(units, ordered.quantity)
    told = {
        "line": line,
        "order_line": _number(ordered.line_id),
        "sku": units[0].sku or ordered.sku,
        "quantity": len(units),
        "items": to_text(_share(ordered.items_minor, places, ordered.quantity), order.currency),
        "tax": to_text(_share(ordered.tax_minor, places, ordered.quantity), order.currency),
    }
    return told


def _ordered(order: Order, line: str, sku: str | None) -> OrderLine | None:
    """The order's line of that id, or the only one with that SKU."""
    by_id = [each for each in order.lines if _number(each.line_id) == _number(line)]
    if by_id:
        return by_id[0]
    by_sku = [each for each in order.lines if sku is not None and each.sku == sku]
    return by_sku[0] if len(by_sku) == 1 else None


def _places(units: Iterable[Unit], quantity: int) -> set[int]:
    """Which of the line's units these are. `-{offset}-{refundable}` counts those that can still be refunded: they are the line's last."""
    units = list(units)
    free = list(range(quantity))
    taken: set[int] = set()
    for unit in units:
        if unit.index is not None and unit.of_units is not None:
            place = max(quantity - unit.of_units, 0) + unit.index
            if place in free:
                free.remove(place)
                taken.add(place)
    left = len(units) - len(taken)
    return taken | set(free[:left])


def _share(value_minor: int, places: set[int], quantity: int) -> int:
    """What the units at these places are worth: the first of three at 10.00 is 3.33, the first two 6.67, all three 10.00; any split of a
    line over several returns sums to the line."""
    return sum(worth(value_minor, place + 1, quantity) - worth(value_minor, place, quantity) for place in places)


def _number(line_id: str) -> str:
    """Shops write a line's id as a number or as a path that ends in it."""
    return line_id.rsplit("/", 1)[-1]
