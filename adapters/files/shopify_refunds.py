"""One refund of Shopify's Admin API → the fact `Refunded`: what its successful refund transactions paid back, and nothing personal."""

from __future__ import annotations

from typing import Any

from adapters.files.exact_json import Number
from adapters.files.rows import told
from adapters.files.shopify_amounts import Arithmetic, minor, objects, shop_currencies
from domain.money import CURRENCIES, to_text
from domain.refusals import Rejected
from domain.telling import Telling

# Gateways whose money does not go back the way it came. Every other, cards and wallets above all, is the original payment.
METHODS = {
    "gift_card": "gift_card",
    "shopify_gift_card": "gift_card",
    "store_credit": "store_credit",
    "shopify_store_credit": "store_credit",
    "bank_transfer": "bank_transfer",
    "bank_deposit": "bank_transfer",
    "manual": "bank_transfer",
}
# Money by these routes comes back past Shopify Payments, so that no payout of the shop's will ever hold it. The payment of such a refund is
# not named in the fact: what names its payment is looked for in the payouts.
_OUTSIDE = """paypal paypal_express manual cash cash_on_delivery cash_on_delivery_(cod) money_order bank_deposit stripe adyen worldpay
braintree authorize_net checkout_com cybersource mollie sagepay opayo klarna klarna_payments afterpay clearpay affirm sezzle
amazon_payments amazon_pay razorpay mercado_pago square"""
OUTSIDE_PAYOUTS = frozenset(_OUTSIDE.split())


def read_refund(refund: object, order: dict[str, Any], merchant: str, include_test: bool) -> Telling:
    """`order` is the object around the refund: its `id`, `currency` and `taxes_included` are used where they are there. Raises Rejected."""
    if not isinstance(refund, dict):
        raise Rejected("row", "is no JSON object; a refund is one, as Shopify's Admin API and webhooks send it")
    _is_a_refund(refund)
    paid = _paid(objects(refund["transactions"]), include_test)
    currency, total = _money(paid, refund, order)
    fields: dict[str, Any] = {
        "fact": "Refunded",
        "merchant": merchant,
        "platform": "shopify",
        "return": _return(refund, order),
        "occurred_at": refund.get("processed_at") or refund.get("created_at"),
        "refund": _identity(refund, "id"),
        "currency": currency,
        "amount": Arithmetic(refund, order, currency).amount(total),
        "method": _method(paid),
    }
    if len(paid) == 1 and paid[0].get("id") is not None and gateway_of(paid[0]) not in OUTSIDE_PAYOUTS:
        fields["transaction"] = _identity(paid[0], "id", "transactions[0].id")
    return told(fields, merchant)


def _is_a_refund(refund: dict[str, Any]) -> None:
    kinds = {str(each.get("kind")).casefold() for each in objects(refund.get("transactions"))}
    if "raw" in refund:
        raise Rejected("raw", "still holds what was no refund; mend it and put the refund itself in place of `raw`")
    if refund.get("id") is None and refund.get("admin_graphql_api_id") is None:
        if "suggested_refund" in kinds or "transactions" in refund:
            raise Rejected("id", "is missing: this is the calculation of a refund, by which no money moves")
        raise Rejected("id", "is missing, and there are no transactions: this is no refund of Shopify's Admin API or webhooks")
    if not isinstance(refund.get("transactions"), list):
        what = "an order without its refunds" if "line_items" in refund else "a single transaction" if "kind" in refund else "no refund"
        raise Rejected("transactions", f"is missing: this is {what}; export the refunds with their transactions")


def _paid(transactions: list[dict[str, Any]], include_test: bool) -> list[dict[str, Any]]:
    """The transactions that paid money back."""
    refunds = [each for each in transactions if str(each.get("kind")).casefold() == "refund"]
    if not refunds:
        raise Rejected("transactions", "holds no refund transaction: no money was paid back, so there is nothing to record")
    successful = [each for each in refunds if str(each.get("status")).casefold() == "success"]
    if not successful:
        status = ", ".join(sorted({str(each.get("status"))[:20] for each in refunds}))
        raise Rejected("transactions", f"not paid yet ({status}); import the refund again when it has succeeded")
    real = [each for each in successful if include_test or each.get("test") is not True]
    if not real:
        raise Rejected("transactions", "is a test payment, which is no money; --include-test takes it all the same")
    return real


def _money(paid: list[dict[str, Any]], refund: dict[str, Any], order: dict[str, Any]) -> tuple[str, int]:
    """Currency and total of the transactions. Where none names a currency, it is the shop's."""
    amounts = [_told_amount(each) for each in paid]
    currencies = {code for code, _ in amounts if code is not None}
    if len(currencies) > 1:
        raise Rejected("transactions", f"are in several currencies ({', '.join(sorted(map(str, currencies)))}); one refund is in one")
    candidates = currencies or [refund.get("currency"), order.get("currency"), *shop_currencies(refund)]
    currency = next((code for code in candidates if isinstance(code, str) and code in CURRENCIES), None)
    if currency is None:
        said = ", ".join(repr(str(code)[:20]) for code in currencies)
        unknown = f"{said} is not a currency of ISO 4217"
        untold = "is told neither by the transactions, nor by the refund's amounts, nor by an order around it"
        raise Rejected("currency", unknown if currencies else untold)
    total = 0
    for at, (_, amount) in enumerate(amounts):
        units = minor(amount, currency)
        if units is None or units < 0:
            wrong = f"{str(amount)[:40]!r} is not an amount in {currency}; it must be a decimal such as {to_text(4599, currency)}"
            raise Rejected(f"transactions[{at}].amount", wrong)
        total += units
    return currency, total


def _told_amount(transaction: dict[str, Any]) -> tuple[Any, Any]:
    in_shop = transaction.get("amount_set")
    if isinstance(in_shop, dict) and isinstance(in_shop.get("shop_money"), dict):
        return in_shop["shop_money"].get("currency_code"), in_shop["shop_money"].get("amount")
    return transaction.get("currency"), transaction.get("amount")


def _return(refund: dict[str, Any], order: dict[str, Any]) -> str:
    """The id of the refund's return; a refund outside any return stands for itself under its order."""
    if isinstance(refund.get("return"), dict):
        return _identity(refund["return"], "id", "return.id")
    if refund.get("order_id") is not None:
        return f"order-{_identity(refund, 'order_id')}"
    if order.get("id") is not None:
        return f"order-{_identity(order, 'id', 'order.id')}"
    raise Rejected("order_id", "is missing, and the refund names no return; it must name one of them")


def _identity(holder: dict[str, Any], field: str, path: str | None = None) -> str:
    """An id as text, every digit of it; where only the GraphQL name is there, the number at its end."""
    value = holder.get(field)
    if value is None and field == "id":
        value = holder.get("admin_graphql_api_id")
    if isinstance(value, Number):
        raise Rejected(path or field, f"{str(value)[:40]} is no whole number: its last digits are lost; export it again")
    if isinstance(value, bool) or not isinstance(value, str | int) or not (text := str(value).rpartition("/")[2].strip()):
        raise Rejected(path or field, f"must be an id, not {str(value)[:40]!r}")
    return text


def _method(paid: list[dict[str, Any]]) -> str:
    methods = {METHODS.get(gateway_of(each), "original_payment") for each in paid}
    return methods.pop() if len(methods) == 1 else "original_payment"


def gateway_of(transaction: dict[str, Any]) -> str:
    """The one spelling of a gateway: `Cash on Delivery (COD)` is `cash_on_delivery_(cod)`."""
    return str(transaction.get("gateway")).strip().casefold().replace(" ", "_").replace("-", "_")
