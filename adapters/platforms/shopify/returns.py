"""One return of a shop, as the API shows it whole → its announcement, what became of the goods, and its end.

Every webhook about a return leads here, so that before and after version 2025-07 (`returnProcess`), and whether a webhook held a delta,
the whole or nothing, the same return gives the same facts. All dates are the vendor's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.files.shopify_amounts import objects
from adapters.platforms.port import RawFact, Unmapped
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.orders import read_line, sku_of
from adapters.platforms.shopify.shapes import id_of, number_of
from adapters.vendor.answers import NotUnderstood
from domain.money import to_text, worth
from domain.refusals import Rejected
from domain.telling import ReturnKey, read_instant


@dataclass
class ShopReturn:
    """A return as Shopify has it. `announcement` is None where Shopify does not know which order lines it is about."""

    key: ReturnKey
    order_id: str
    order_name: str
    created_at: datetime
    open: bool
    announcement: RawFact | None = None
    goods: list[RawFact] = field(default_factory=list)
    end: RawFact | None = None
    lines: frozenset[str] = frozenset()
    refunds: tuple[str, ...] = ()
    unmapped: list[Unmapped] = field(default_factory=list)


def read_shop_return(
    document: dict[str, Any], fulfilments: list[dict[str, Any]], skus: dict[str, str], key: ReturnKey, mappings: Mappings
) -> ShopReturn:
    """`document` and `fulfilments` are the API's answers, `skus` those of variants that no order line has yet. Raises NotUnderstood."""
    order = document.get("order")
    order_id, created = id_of(order), document.get("created_at")
    if not isinstance(order, dict) or order_id is None or not order.get("name"):
        raise NotUnderstood(f"return {key.return_id} names no order")
    found = ShopReturn(key, order_id, str(order["name"]), _instant(created, key), False)
    status = mappings.return_status(document.get("status"))
    if status is None:
        found.unmapped.append(Unmapped("return.status", str(document.get("status")), key.return_id))
    found.open = status in ("open", None)
    found.refunds = tuple(refund for each in objects(document.get("refunds")) if (refund := id_of(each)) is not None)
    found.announcement = _announcement(document, order, skus, found)
    found.goods = [fact for each in fulfilments for fact in _goods(each, found, mappings)]
    if status == "cancelled":
        # Shopify dates no refusal and no cancellation; the last date that it shows comes before it.
        ended = document.get("closed_at") or document.get("request_approved_at") or created
        found.end = _fact("Cancelled", found, ended, "cancelled")
    return found


def _announcement(document: dict[str, Any], order: dict[str, Any], skus: dict[str, str], found: ShopReturn) -> RawFact | None:
    currency, taxes_included = order.get("currency_code"), order.get("taxes_included") is True
    units: dict[str, int] = {}
    lines: dict[str, dict[str, Any]] = {}
    for each in objects(document.get("return_line_items")):
        line = (each.get("fulfillment_line_item") or {}).get("line_item")
        number, quantity = id_of(line), each.get("quantity")
        if line is None or number is None:
            # A return of goods that no order of the shop's shows: their worth is anybody's guess.
            found.unmapped.append(Unmapped("return_line_item", str(each.get("__typename") or each.get("id")), found.key.return_id))
            continue
        if not isinstance(quantity, int) or quantity < 1:
            raise NotUnderstood(f"return {found.key.return_id} is about {quantity!r} units of line {number}")
        units[number] = units.get(number, 0) + quantity
        lines.setdefault(number, {"line": line, "reason": each.get("return_reason")})
    if not units:
        return None
    if not isinstance(currency, str):
        raise NotUnderstood(f"order {found.order_name} has no currency")
    found.lines = frozenset(units)
    announced = []
    for number, quantity in units.items():
        ordered = read_line(lines[number]["line"], currency, taxes_included)
        announced.append(
            {
                "line": number,
                "order_line": number,
                "sku": ordered.sku,
                "quantity": quantity,
                "items": to_text(worth(ordered.items_minor, quantity, ordered.quantity), currency),
                "tax": to_text(worth(ordered.tax_minor, quantity, ordered.quantity), currency),
            }
            | ({"reason": str(lines[number]["reason"])} if lines[number]["reason"] else {})
        )
    exchange = [
        {"sku": _exchanged_sku(each, skus), "quantity": each["quantity"]}
        for each in objects(document.get("exchange_line_items"))
        if isinstance(each.get("quantity"), int) and each["quantity"] > 0
    ]
    fact = _fact("Initiated", found, document.get("created_at"), "initiated")
    fact |= {"order": found.order_name, "currency": currency, "resolution": "exchange" if exchange else "refund", "lines": announced}
    return fact | ({"exchange": exchange} if exchange else {})


def unnamed_variants(document: dict[str, Any]) -> list[str]:
    """Variants of exchange items that are not on the order yet: from 2025-07 on they come there only when the exchange is processed."""
    return [
        variant
        for each in objects(document.get("exchange_line_items"))
        if not objects(each.get("line_items")) and (variant := number_of(each.get("variant_id"))) is not None
    ]


def _exchanged_sku(item: dict[str, Any], skus: dict[str, str]) -> str:
    on_order = objects(item.get("line_items"))
    if on_order:
        return sku_of(on_order[0])
    variant = number_of(item.get("variant_id"))
    return skus.get(variant or "") or (f"variant-{variant}" if variant else f"exchange-{id_of(item)}")


def _goods(fulfilment: dict[str, Any], found: ShopReturn, mappings: Mappings) -> Iterator[RawFact]:
    for item in objects(fulfilment.get("line_items")):
        line = id_of((item.get("fulfillment_line_item") or {}).get("line_item")) or id_of(item)
        assert line is not None, "a node of Shopify's has an id"
        to_come = item.get("total_quantity") if isinstance(item.get("total_quantity"), int) else None
        # Units can be disposed of twice, first as to be processed and then as restocked; they came once.
        for disposition in sorted(objects(item.get("dispositions")), key=lambda each: (str(each.get("created_at")), str(each.get("id")))):
            number, quantity = id_of(disposition), disposition.get("quantity")
            if number is None or not isinstance(quantity, int) or quantity < 1:
                continue
            treated = mappings.treated(disposition.get("type"))
            if treated is None:
                found.unmapped.append(Unmapped("disposition.type", str(disposition.get("type")), found.key.return_id))
                continue
            at = disposition.get("created_at")
            arrived = quantity if to_come is None else min(quantity, to_come)
            if treated.received and arrived:
                to_come = None if to_come is None else to_come - arrived
                location = id_of(disposition.get("location"))
                received = _fact("Received", found, at, f"disposition/{number}/received") | {"lines": [{"line": line, "quantity": arrived}]}
                yield received | ({"location": location} if location else {})
            if treated.disposition:
                inspected = {"line": line, "quantity": quantity, "disposition": treated.disposition}
                yield _fact("Inspected", found, at, f"disposition/{number}/inspected") | {"lines": [inspected]}
            if treated.restocked:
                restocked = {"line": line, "quantity": quantity}
                yield _fact("Restocked", found, at, f"disposition/{number}/restocked") | {"lines": [restocked]}


def _fact(name: str, found: ShopReturn, at: object, what: str) -> RawFact:
    return {
        "fact": name,
        "merchant": found.key.merchant,
        "platform": found.key.platform,
        "return": found.key.return_id,
        "occurred_at": at,
        "source_id": f"shopify/return/{found.key.return_id}/{what}",
    }


def _instant(text: object, key: ReturnKey) -> datetime:
    try:
        return read_instant(text, "created_at")
    except Rejected as rejected:
        raise NotUnderstood(f"return {key.return_id}: {rejected.field} {rejected.reason}") from None
