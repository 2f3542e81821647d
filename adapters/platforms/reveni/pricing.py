"""What a return's lines are worth: as Reveni says it, where it says net and tax; else as the original order has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from adapters.platforms.port import Order, OrderLine, Orders
from adapters.platforms.reveni.document import Item, Return, minor
from adapters.platforms.tables import Tables
from adapters.vendor.answers import NotUnderstood, VendorRefused, VendorTrouble
from domain.money import MAX_MINOR, to_text, worth


class NotPriced(Exception):
    """What has to be known first; the message says it."""


class Priced(NamedTuple):
    """The order's name, the currency, and the lines of `Initiated`."""

    order: str
    currency: str
    lines: list[dict[str, Any]]


class _Amounts(NamedTuple):
    """Of a whole line. `tax` None: not told, and `items` are with tax."""

    items: int
    tax: int | None


def priced(of: Return, orders: Orders | None, tables: Tables) -> Priced:
    """Raises NotPriced."""
    if not of.items:
        raise NotPriced("its items: the return lists none")
    currency = of.currency()
    said = [_said(item, currency, tables) for item in of.items] if currency is not None else []
    whole = bool(said) and all(amounts is not None and amounts.tax is not None for amounts in said)
    if whole and currency is not None and of.order_name is not None:
        return Priced(of.order_name, currency, [_line(item, amounts, currency) for item, amounts in zip(of.items, said, strict=True)])
    if orders is None:
        # Better with its tax unseparated than not announced: nobody else will ever say it.
        name = of.order_name or of.order_id
        if name is None or currency is None or not said or None in said:
            raise NotPriced("the amounts of the order: Reveni sends none; set refunds_from, or an erp, for this connection")
        return Priced(name, currency, [_line(item, amounts, currency) for item, amounts in zip(of.items, said, strict=True)])
    order = _find(of, orders)
    if whole and currency == order.currency:
        return Priced(order.name, currency, [_line(item, amounts, currency) for item, amounts in zip(of.items, said, strict=True)])
    return Priced(order.name, order.currency, _from_order(of.items, order))


def _said(item: Item, currency: str | None, tables: Tables) -> _Amounts | None:
    """What the document says of a line; fields that tell different things of it tell nothing."""
    if currency is None:
        return None
    found: dict[str, set[int]] = {"net": set(), "tax": set(), "gross": set()}
    for name, value in item.document.items():
        meaning = tables.meaning("item_amounts", name)
        amount = minor(value, currency) if meaning is not None else None
        if meaning is not None and amount is not None and 0 <= amount <= MAX_MINOR // item.quantity:
            of_what, _, part = meaning.partition("_")
            found[part].add(amount * item.quantity if of_what == "unit" else amount)
    if any(len(values) > 1 for values in found.values()):
        return None
    net, tax, gross = (next(iter(found[part]), None) for part in ("net", "tax", "gross"))
    if net is not None and gross is not None and tax is None:
        tax = gross - net
    if net is None and gross is not None and tax is not None:
        net = gross - tax
    if net is not None and tax is not None:
        return _Amounts(net, tax) if net >= 0 and tax >= 0 and gross in (None, net + tax) else None
    return _Amounts(gross, None) if gross is not None else None


def _find(of: Return, orders: Orders) -> Order:
    named = of.order_id or of.order_name
    if named is None:
        raise NotPriced("the order: the return names none")
    try:
        found = orders.by_id(of.order_id.rpartition("/")[2]) if of.order_id is not None else None
        if found is None and of.order_name is not None:
            found = orders.by_name(of.order_name)
    except (VendorTrouble, VendorRefused, NotUnderstood) as trouble:
        raise NotPriced(f"order {named}, which cannot be read: {trouble}") from trouble
    if found is None:
        raise NotPriced(f"order {named}, which the source of orders does not know")
    return found


def _from_order(items: Sequence[Item], order: Order) -> list[dict[str, Any]]:
    """Units are counted through each order line, so that what rounding leaves stands once."""
    used: dict[str, int] = {}
    lines = []
    for item in items:
        ordered = _ordered(order, item, used)
        if ordered is None:
            raise NotPriced(f"{item.sku or item.line} of order {order.name}: the order has no such line, or several that it could be")
        before = used.get(ordered.line_id, 0)
        used[ordered.line_id] = before + item.quantity
        amounts = _Amounts(*(_share(value, before, item.quantity, ordered.quantity) for value in (ordered.items_minor, ordered.tax_minor)))
        lines.append({**_line(item, amounts, order.currency, ordered), "order_line": ordered.line_id.rpartition("/")[2]})
    return lines


def _ordered(order: Order, item: Item, used: dict[str, int]) -> OrderLine | None:
    """The order's line of that id; or the one with that SKU, where several have it the first that has units left."""
    by_id = [each for each in order.lines if item.order_line is not None and each.line_id.rpartition("/")[2] == item.order_line]
    if by_id:
        return by_id[0]
    by_sku = [each for each in order.lines if item.sku is not None and each.sku == item.sku]
    if not by_sku or not all(_cost_alike(each, by_sku[0]) for each in by_sku):
        # None, or one SKU at two prices: which of them goes back is not known.
        return None
    left = [each for each in by_sku if used.get(each.line_id, 0) + item.quantity <= each.quantity]
    return (left or by_sku)[0]


def _cost_alike(one: OrderLine, other: OrderLine) -> bool:
    """A unit of the one and a unit of the other."""
    return all(mine * other.quantity == theirs * one.quantity for mine, theirs in zip(_worths(one), _worths(other), strict=True))


def _worths(line: OrderLine) -> tuple[int, int]:
    return line.items_minor, line.tax_minor


def _share(value: int, before: int, units: int, of_units: int) -> int:
    return worth(value, before + units, of_units) - worth(value, before, of_units)


def _line(item: Item, amounts: _Amounts | None, currency: str, ordered: OrderLine | None = None) -> dict[str, Any]:
    assert amounts is not None, "only lines that are priced are written"
    line: dict[str, Any] = {
        "line": item.line,
        "sku": item.sku or (ordered.sku if ordered is not None else item.line),
        "quantity": item.quantity,
        "items": to_text(amounts.items, currency),
        "tax": to_text(amounts.tax or 0, currency),
    }
    return line | ({"order_line": item.order_line} if item.order_line is not None else {})
