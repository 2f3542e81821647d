"""A shop's documents as the Admin GraphQL API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from adapters.sandbox.shopify.graphql import Connection
from adapters.sandbox.shopify.shop import Disposition, Exchange, Line, Order, Refund, Return, ReturnLine, Shop, Transaction
from domain.money import to_text

Document = dict[str, Any]


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def number_of(identity: object) -> int:
    digits = str(identity).rpartition("/")[2]
    return int(digits) if digits.isdecimal() else 0


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bag(minor: int, order: Order) -> Document:
    shown, rate = order.presentment
    return {
        "__typename": "MoneyBag",
        "shopMoney": {"amount": to_text(minor, order.currency), "currencyCode": order.currency},
        "presentmentMoney": {"amount": to_text(round(minor * rate), shown), "currencyCode": shown},
    }


def root(shop: Shop, domain: str, scopes: list[str]) -> dict[str, Any]:
    """What a query can ask for at its top."""

    def order(id: str) -> Document | None:
        found = shop.orders.get(number_of(id))
        return None if found is None else order_document(found)

    def orders(first: int, query: str = "", sortKey: str = "", after: str | None = None) -> Connection:
        return Connection(partial(order_document, each) for each in _searched(shop, query))

    def refund(id: str) -> Document | None:
        found = shop.refunds.get(number_of(id))
        return None if found is None else refund_document(found)

    def shop_return(id: str) -> Document | None:
        found = shop.returns.get(number_of(id))
        return None if found is None else return_document(found, shop)

    def reverse_fulfilment(id: str) -> Document | None:
        found = next((each for each in shop.returns.values() if each.fulfilment == number_of(id)), None)
        return None if found is None else fulfilment_document(found)

    def nodes(ids: list[str]) -> list[Document | None]:
        wanted = [each for one in shop.returns.values() for each in one.exchange]
        known = {
            each.variant: {"__typename": "ProductVariant", "id": gid("ProductVariant", each.variant), "sku": each.sku} for each in wanted
        }
        return [known.get(number_of(each)) for each in ids]

    return {
        "shop": {"name": "Sandbox", "myshopifyDomain": domain, "currencyCode": "GBP"},
        "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in scopes]},
        "order": order,
        "orders": orders,
        "refund": refund,
        "return": shop_return,
        "reverseFulfillmentOrder": reverse_fulfilment,
        "nodes": nodes,
    }


def _searched(shop: Shop, query: str) -> list[Order]:
    """The two searches that are asked: `updated_at:>='…'` and `name:'…'`."""
    field, _, rest = query.partition(":")
    wanted = rest.strip(">='")
    if field == "updated_at":
        since = datetime.fromisoformat(wanted)
        return sorted((each for each in shop.orders.values() if each.updated_at >= since), key=lambda each: (each.updated_at, each.id))
    if field == "name":
        return [each for each in shop.orders.values() if each.name.lstrip("#") == wanted.lstrip("#")]
    return list(shop.orders.values())


def order_document(order: Order) -> Document:
    return {
        "__typename": "Order",
        "id": gid("Order", order.id),
        "name": order.name,
        "updatedAt": instant(order.updated_at),
        "currencyCode": order.currency,
        "taxesIncluded": order.taxes_included,
        "lineItems": lambda **page: Connection(line_document(each, order) for each in order.lines),
        "refunds": lambda first=50: [refund_document(each) for each in order.refunds[:first]],
        "returns": lambda reverse=False, **page: Connection(
            partial(return_document, each) for each in (reversed(order.returns) if reverse else order.returns)
        ),
    }


def line_document(line: Line, order: Order) -> Document:
    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line.id),
        "sku": line.sku,
        "quantity": line.quantity,
        "variant": {"id": gid("ProductVariant", line.variant)},
        "originalTotalSet": bag(line.price * line.quantity, order),
        "discountAllocations": [{"allocatedAmountSet": bag(line.discount, order)}] if line.discount else [],
        "taxLines": [{"rate": float(line.rate), "priceSet": bag(line.tax, order)}] if line.tax else [],
    }


def refund_document(refund: Refund) -> Document:
    order = refund.order
    shipped = [
        {
            "subtotalAmountSet": bag(refund.shipping, order),
            "taxAmountSet": bag(refund.shipping_tax, order),
            "shippingLine": {"taxLines": []},
        }
    ]
    lines = [
        {
            "quantity": each.quantity,
            "restockType": each.restock_type.upper(),
            "subtotalSet": bag(each.subtotal, order),
            "totalTaxSet": bag(each.tax, order),
            "lineItem": line_document(each.line, order),
        }
        for each in refund.lines
    ]
    return {
        "__typename": "Refund",
        "id": gid("Refund", refund.id),
        "createdAt": instant(refund.created_at),
        "order": lambda: order_document(order),
        "return": lambda: None if refund.shop_return is None else return_document(refund.shop_return),
        "duties": [],
        "refundLineItems": lambda **page: Connection(lines),
        "refundShippingLines": lambda **page: Connection(shipped if refund.shipping else []),
        "orderAdjustments": lambda **page: Connection(
            {"reason": reason, "amountSet": bag(amount, order), "taxAmountSet": bag(0, order)} for reason, amount in refund.adjustments
        ),
        "transactions": lambda **page: Connection(transaction_document(each, order) for each in refund.transactions),
    }


def transaction_document(payment: Transaction, order: Order) -> Document:
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", payment.id),
        "kind": payment.kind.upper(),
        "status": payment.status.upper(),
        "gateway": payment.gateway,
        "test": payment.test,
        "processedAt": instant(payment.created_at),
        "amountSet": bag(payment.amount, order),
    }


def return_document(shop_return: Return, shop: Shop | None = None) -> Document:
    """`shop` where money may be asked about."""
    order = shop_return.order

    def suggested(returnLineItems: list[Document], exchangeLineItems: list[Document]) -> Document:
        assert shop is not None, "asked at the top"
        lines = {gid("ReturnLineItem", each.id): each.line.id for each in shop_return.lines}
        amount = shop.worth(order, {lines[each["id"]]: int(each["quantity"]) for each in returnLineItems})
        transactions = [{"parentTransaction": {"id": gid("OrderTransaction", order.charge.id)}, "amountSet": bag(amount, order)}]
        return {"financialTransfer": {"__typename": "RefundReturnOutcome", "suggestedTransactions": transactions if amount else []}}

    return {
        "__typename": "Return",
        "id": gid("Return", shop_return.id),
        "name": shop_return.name,
        "status": shop_return.status,
        "createdAt": instant(shop_return.created_at),
        "requestApprovedAt": instant(shop_return.approved_at),
        "closedAt": instant(shop_return.closed_at),
        "order": lambda: order_document(order),
        "returnLineItems": lambda **page: Connection(_return_line(each, order) for each in shop_return.lines),
        "suggestedFinancialOutcome": suggested,
        "exchangeLineItems": lambda **page: Connection(_exchange(each) for each in shop_return.exchange),
        "reverseFulfillmentOrders": lambda **page: Connection([partial(fulfilment_document, shop_return)]),
        "refunds": lambda **page: Connection(refund_document(each) for each in order.refunds if each.shop_return is shop_return),
    }


def _return_line(each: ReturnLine, order: Order) -> Document:
    return {
        "__typename": "ReturnLineItem",
        "id": gid("ReturnLineItem", each.id),
        "quantity": each.quantity,
        "returnReason": each.reason,
        "processableQuantity": each.quantity - each.processed,
        "refundableQuantity": min(each.quantity - each.processed, _unrefunded(each.line, order)),
        "fulfillmentLineItem": _fulfilment_line(each, order),
    }


def _unrefunded(line: Line, order: Order) -> int:
    return line.quantity - sum(each.quantity for refund in order.refunds for each in refund.lines if each.line is line)


def _fulfilment_line(each: ReturnLine, order: Order) -> Document:
    return {"id": gid("FulfillmentLineItem", each.fulfilment_item), "lineItem": line_document(each.line, order)}


def _exchange(each: Exchange) -> Document:
    on_order = [{"id": gid("LineItem", each.line), "sku": each.sku}] if each.line else None
    return {
        "id": gid("ExchangeLineItem", each.id),
        "quantity": each.quantity,
        "variantId": gid("ProductVariant", each.variant),
        "lineItems": on_order,
    }


def fulfilment_document(shop_return: Return) -> Document:
    """No field leads from here to the return, as in Shopify itself."""
    order = shop_return.order
    return {
        "__typename": "ReverseFulfillmentOrder",
        "id": gid("ReverseFulfillmentOrder", shop_return.fulfilment),
        "status": "CLOSED" if shop_return.closed_at else "OPEN",
        "order": lambda: order_document(order),
        "lineItems": lambda **page: Connection(
            {
                "id": gid("ReverseFulfillmentOrderLineItem", each.fulfilment_item),
                "totalQuantity": each.quantity,
                "fulfillmentLineItem": _fulfilment_line(each, order),
                "dispositions": [_disposition(one) for one in each.dispositions],
            }
            for each in shop_return.lines
        ),
    }


def _disposition(each: Disposition) -> Document:
    return {
        "id": gid("ReverseFulfillmentOrderDisposition", each.id),
        "type": each.type,
        "quantity": each.quantity,
        "createdAt": instant(each.created_at),
        "location": {"id": gid("Location", each.location)},
    }
