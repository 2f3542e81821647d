"""One refund of a shop → what is known of its money: paid, still on its way, or none at all. The same for webhooks and for the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapters.files.shopify_amounts import objects, shop_currencies
from adapters.files.shopify_refunds import gateway_of, read_refund
from adapters.platforms.port import RawFact, Unmapped
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.shapes import id_of, number_of
from adapters.vendor.answers import NotUnderstood
from domain.money import CURRENCIES
from domain.refusals import Rejected
from domain.telling import write_telling


@dataclass(frozen=True, slots=True)
class ShopRefund:
    """A refund as Shopify has it. `fact` is there once its money is paid; else one of `waits_for` and `nothing` says why not."""

    refund: str
    order_id: str | None
    order_name: str | None
    native_return: str | None
    lines: frozenset[str]
    fact: RawFact | None = None
    waits_for: str | None = None
    nothing: str | None = None
    unmapped: tuple[Unmapped, ...] = ()


def read_shop_refund(document: dict[str, Any], merchant: str, mappings: Mappings) -> ShopRefund:
    """`document` has the shape of the webhook `refunds/create`. Raises NotUnderstood."""
    refund = id_of(document)
    if refund is None:
        raise NotUnderstood("a refund without its id: the calculation of a refund, or none at all")
    order = document.get("order")
    # In the API's answer the order is an object; in a webhook only its id is there.
    order_id = number_of(document.get("order_id")) or id_of(order)
    about = ShopRefund(
        refund,
        order_id,
        str(order["name"]) if isinstance(order, dict) and order.get("name") else None,
        id_of(document.get("return")),
        frozenset(line for each in objects(document.get("refund_line_items")) if (line := _line_of(each)) is not None),
    )
    payments = [each for each in objects(document.get("transactions")) if str(each.get("kind")).casefold() == "refund"]
    if not isinstance(document.get("transactions"), list):
        raise NotUnderstood(f"refund {refund} comes without its transactions, so nobody knows what it paid")
    unmapped = tuple(
        Unmapped("transaction.status", str(each.get("status")), about.native_return)
        for each in payments
        if mappings.transaction_status(each.get("status")) is None
    )
    waits, nothing = _no_money_yet(refund, payments, mappings, bool(unmapped))
    if waits or nothing:
        return _with(about, waits_for=waits, nothing=nothing, unmapped=unmapped)
    try:
        telling = read_refund({**document, "order_id": order_id}, {}, merchant, mappings.counts_tests)
    except Rejected as rejected:
        raise NotUnderstood(f"refund {refund}: {rejected.field} {rejected.reason}") from None
    fact = write_telling(telling) | {"source_id": f"shopify/refund/{refund}"}
    if any(mappings.is_outside_payouts(gateway_of(each)) for each in payments):
        fact.pop("transaction", None)
    return _with(about, fact=fact)


def needs_shop_money(document: dict[str, Any]) -> bool:
    """Does a webhook tell the payment in the customer's currency only, while the shop's books are in another?

    Webhooks give a transaction one amount, in the currency of the payment; the API gives both.
    """
    shop = next((code for code in shop_currencies(document) if isinstance(code, str) and code in CURRENCIES), None)
    payments = objects(document.get("transactions"))
    told = {str(each.get("currency")) for each in payments if each.get("currency") and "amount_set" not in each}
    return shop is not None and bool(told - {shop})


def _no_money_yet(refund: str, payments: list[dict[str, Any]], mappings: Mappings, unknown: bool) -> tuple[str | None, str | None]:
    """(waits for, nothing came of it); both None where money was paid and no more is on its way."""
    if not payments:
        return None, f"refund {refund} paid no money back: it has no refund transaction"
    real = [each for each in payments if mappings.counts_tests or each.get("test") is not True]
    if not real:
        return None, f'refund {refund} is a test payment, which is no money (mappings.transactions.test = "money" counts it all the same)'
    statuses = [mappings.transaction_status(each.get("status")) for each in real]
    if unknown or "pending" in statuses:
        # One part paid and the other not: the fact would have to change later, and facts do not.
        return f"refund {refund} to be paid: {statuses.count('paid')} of {len(real)} transactions have succeeded", None
    if "paid" not in statuses:
        return None, f"refund {refund} failed: no money was paid back"
    return None, None


def _line_of(line: dict[str, Any]) -> str | None:
    return number_of(line.get("line_item_id")) or id_of(line.get("line_item"))


def _with(about: ShopRefund, **more: Any) -> ShopRefund:
    return ShopRefund(about.refund, about.order_id, about.order_name, about.native_return, about.lines, **more)
