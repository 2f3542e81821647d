"""Original orders of a shop: what each line cost after every discount, apart from its tax. What returns are worth comes from here."""

from __future__ import annotations

from typing import Any

from adapters.files.shopify_amounts import minor, objects
from adapters.platforms.port import Order, OrderLine
from adapters.platforms.shopify import queries
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.shapes import gid, id_of, number_of
from adapters.vendor.answers import NotUnderstood


class ShopOrders:
    """The port's `Orders` of one shop."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def by_name(self, name: str) -> Order | None:
        """`#1001` and `1001` are the same order, as long as only one of them exists."""
        quoted = name.lstrip("#").replace("\\", "\\\\").replace("'", "\\'")
        if not quoted.strip():
            return None
        nodes = objects(self._admin.ask(queries.ORDERS_NAMED, search=f"name:'{quoted}'").get("orders"))
        exact = [node for node in nodes if node.get("name") == name]
        alike = exact or [node for node in nodes if str(node.get("name")).lstrip("#") == name.lstrip("#")]
        number = id_of(alike[0]) if len(alike) == 1 else None
        return self.by_id(number) if number else None

    def by_id(self, order_id: str) -> Order | None:
        """By the shop's number or GraphQL id; None for what is neither, and for what the shop does not know."""
        number = number_of(order_id)
        if number is None:
            return None
        found = self._admin.ask_whole(queries.ORDER, "order", "lineItems", id=gid("Order", number))
        return None if found is None else read_order(found)


def read_order(order: dict[str, Any]) -> Order:
    """Raises NotUnderstood."""
    number, currency = id_of(order), order.get("currency_code")
    if number is None or not isinstance(currency, str):
        raise NotUnderstood("an order without its id or currency")
    lines = tuple(read_line(line, currency, order.get("taxes_included") is True) for line in objects(order.get("line_items")))
    return Order(number, str(order.get("name")), currency, lines)


def read_line(line: dict[str, Any], currency: str, taxes_included: bool) -> OrderLine:
    """A line of an order; in a shop whose prices hold the tax, it is taken out. Raises NotUnderstood."""
    number, quantity = id_of(line), line.get("quantity")
    if number is None or not isinstance(quantity, int) or quantity < 1:
        raise NotUnderstood(f"an order line without its id or quantity: {str(line.get('id'))[:60]}")
    paid = _shop_money(line.get("original_total_set"), currency, number) - sum(
        _shop_money(each.get("allocated_amount_set"), currency, number) for each in objects(line.get("discount_allocations"))
    )
    tax = sum(_shop_money(each.get("price_set"), currency, number) for each in objects(line.get("tax_lines")))
    items = paid - tax if taxes_included else paid
    if items < 0 or tax < 0:
        raise NotUnderstood(f"order line {number} is worth less than nothing after its discounts and tax")
    return OrderLine(number, sku_of(line), quantity, items, tax)


def sku_of(line: dict[str, Any]) -> str:
    """The SKU; a line without one goes by its variant, and a line without that by its own number."""
    sku = line.get("sku")
    if isinstance(sku, str) and sku.strip():
        return sku
    variant = id_of(line.get("variant"))
    return f"variant-{variant}" if variant else f"line-{id_of(line)}"


def _shop_money(bag: object, currency: str, line: str) -> int:
    money = bag.get("shop_money") if isinstance(bag, dict) else None
    units = minor(money.get("amount"), currency) if isinstance(money, dict) and money.get("currency_code") == currency else None
    if units is None:
        raise NotUnderstood(f"an amount of order line {line} is not in {currency}, or has more digits than it can have")
    return units
