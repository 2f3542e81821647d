"""`returnProcess` of the simulated shop: units are processed once, and refunded by the payments that are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.sandbox.shopify.documents import Document, gid, number_of, return_document
from adapters.sandbox.shopify.shop import Return, ReturnLine, Shop
from domain.money import to_minor


def mutations(shop: Shop) -> dict[str, Any]:
    """What a mutation can ask for at its top."""

    def process(input: Mapping[str, Any]) -> Document:
        made = shop.returns.get(number_of(input["returnId"]))
        wrong = "Return does not exist." if made is None else _wrong(shop, made, input)
        if made is not None and wrong is None:
            _process(shop, made, input)
        errors = [{"field": ["input"], "message": wrong}] if wrong else []
        return {"__typename": "Payload", "return": return_document(made, shop) if made and not wrong else None, "userErrors": errors}

    return {"returnProcess": process}


def _wrong(shop: Shop, made: Return, asked: Mapping[str, Any]) -> str | None:
    if made.status != "OPEN":
        return "Return is not open."
    lines = {gid("ReturnLineItem", each.id): each for each in made.lines}
    for each in asked["returnLineItems"]:
        line = lines.get(each["id"])
        if line is None or not 0 < each["quantity"] <= line.quantity - line.processed:
            return "Quantity exceeds what can be processed."
    paid = _paid(made, asked)
    if paid > shop.worth(made.order, _units(lines, asked)):
        return "Refund amount exceeds what can be refunded."
    return None


def _process(shop: Shop, made: Return, asked: Mapping[str, Any]) -> None:
    lines = {gid("ReturnLineItem", each.id): each for each in made.lines}
    for each in asked["returnLineItems"]:
        lines[each["id"]].processed += each["quantity"]
    units, paid = _units(lines, asked), _paid(made, asked)
    if paid:
        shop.refund(made.order, units, shop_return=made, kept=shop.worth(made.order, units) - paid)


def _units(lines: Mapping[str, ReturnLine], asked: Mapping[str, Any]) -> dict[int, int]:
    return {lines[each["id"]].line.id: each["quantity"] for each in asked["returnLineItems"]}


def _paid(made: Return, asked: Mapping[str, Any]) -> int:
    issued = ((asked.get("financialTransfer") or {}).get("issueRefund") or {}).get("orderTransactions") or []
    shown, rate = made.order.presentment
    total = 0
    for each in issued:
        if number_of(each["parentId"]) != made.order.charge.id or each["transactionAmount"]["currencyCode"] != shown:
            raise ValueError("orderTransactions names no payment of the order")
        total += round(to_minor(each["transactionAmount"]["amount"], shown) / rate)
    return total
