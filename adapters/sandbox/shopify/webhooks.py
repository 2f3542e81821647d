"""What Shopify sends: bodies in the shape of the subscription's API version, signed, each as it was at the moment of the event."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from adapters.sandbox.port import OutgoingWebhook
from adapters.sandbox.shopify.documents import bag, gid, instant
from adapters.sandbox.shopify.shop import Disposition, Line, Order, Refund, Return, ReturnLine, Transaction
from domain.money import to_text

Body = dict[str, Any]
SHIPPING_LINES_SINCE = "2024-10"
# Before it a return was closed by refunding and restocking it; nothing was "processed".
PROCESSING_SINCE = "2025-07"


def body_of(topic: str, about: Any, version: str) -> Body | None:
    """None for what a subscription of that version does not send."""
    match topic:
        case "refunds/create":
            return refund_body(about, version)
        case "order_transactions/create":
            order, payment = about
            return transaction_body(payment, order)
        case "orders/create" | "orders/updated":
            return _order_body(about)
        case "returns/request" | "returns/approve":
            return _return_body(about)
        case "returns/update":
            return _removal_body(*about)
        case "returns/process":
            # Since it exists its published example is empty.
            return {} if version >= PROCESSING_SINCE else None
        case "returns/close" | "returns/cancel" | "returns/reopen":
            return _named("Return", about.id) | {"order_id": about.order.id, "status": about.status.lower()}
        case "returns/decline":
            reason, note = about.decline
            status = {"status": about.status.lower(), "order": _named("Order", about.order.id)}
            return _named("Return", about.id) | status | {"decline": {"reason": reason, "note": note}}
        case "reverse_fulfillment_orders/dispose":
            return _disposal_body(*about)
    raise ValueError(f"no body for topic {topic!r}")


def signed(topic: str, body: Body, event: int, secret: str, domain: str, version: str, at: str) -> OutgoingWebhook:
    """`event` numbers what happened; deliveries of one event share its id."""
    raw = json.dumps(body).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode(),
        "X-Shopify-Shop-Domain": domain,
        "X-Shopify-API-Version": version,
        "X-Shopify-Webhook-Id": f"{domain}-delivery-{event}",
        "X-Shopify-Event-Id": f"{domain}-event-{event}",
        "X-Shopify-Triggered-At": at,
    }
    return OutgoingWebhook(topic, headers, raw)


def refund_body(refund: Refund, version: str) -> Body:
    order = refund.order
    shop_return = refund.shop_return
    adjustments = [_adjustment(order, reason, amount) for reason, amount in refund.adjustments]
    shipped: list[Body] = []
    if refund.shipping and version >= SHIPPING_LINES_SINCE:
        shipped = [
            {
                "id": refund.id + 1,
                "subtotal_amount_set": _snake(bag(refund.shipping, order)),
                "tax_amount_set": _snake(bag(refund.shipping_tax, order)),
                "shipping_line": {"tax_lines": []},
            }
        ]
    elif refund.shipping:
        # An adjustment's sign is turned: less than nothing makes the refund larger.
        adjustments.append(_adjustment(order, "Shipping refund", -refund.shipping, -refund.shipping_tax) | {"kind": "shipping_refund"})
    shown = {} if version < SHIPPING_LINES_SINCE else {"refund_shipping_lines": shipped}
    return (
        _named("Refund", refund.id)
        | {
            "order_id": order.id,
            "created_at": instant(refund.created_at),
            "processed_at": instant(refund.created_at),
            "note": None,
            "user_id": 548380009,
            "restock": any(each.restock_type != "no_restock" for each in refund.lines),
            "duties": [],
            "total_duties_set": _snake(bag(0, order)),
            "return": None if shop_return is None else _named("Return", shop_return.id),
            "order_adjustments": adjustments,
            "refund_line_items": [
                {
                    "id": each.id,
                    "quantity": each.quantity,
                    "line_item_id": each.line.id,
                    "restock_type": each.restock_type,
                    # Floats, as Shopify has them.
                    "subtotal": float(to_text(each.subtotal, order.currency)),
                    "total_tax": float(to_text(each.tax, order.currency)),
                    "subtotal_set": _snake(bag(each.subtotal, order)),
                    "total_tax_set": _snake(bag(each.tax, order)),
                    "line_item": _line_body(each.line, order),
                }
                for each in refund.lines
            ],
            "transactions": [transaction_body(each, order) for each in refund.transactions],
        }
        | shown
    )


def transaction_body(payment: Transaction, order: Order) -> Body:
    """One amount only, in the currency of the payment."""
    shown = bag(payment.amount, order)["presentmentMoney"]
    return _named("OrderTransaction", payment.id) | {
        "order_id": order.id,
        "kind": payment.kind,
        "gateway": payment.gateway,
        "status": payment.status,
        "message": None,
        "created_at": instant(payment.created_at),
        "test": payment.test,
        "parent_id": order.charge.id if payment.kind == "refund" else None,
        "processed_at": instant(payment.created_at),
        "source_name": "web",
        "receipt": {},
        "amount": shown["amount"],
        "currency": shown["currencyCode"],
        "manual_payment_gateway": payment.gateway == "manual",
    }


def _order_body(order: Order) -> Body:
    return _named("Order", order.id) | {
        "name": order.name,
        "email": "jon@example.com",
        "currency": order.currency,
        "taxes_included": order.taxes_included,
        "updated_at": instant(order.updated_at),
        "customer": {"first_name": "John", "last_name": "Smith", "email": "jon@example.com"},
        "line_items": [_line_body(each, order) for each in order.lines],
        "refunds": [],
    }


def _line_body(line: Line, order: Order) -> Body:
    rates = [{"rate": float(line.rate), "price": to_text(line.tax, order.currency)}] if line.tax else []
    return _named("LineItem", line.id) | {"sku": line.sku, "quantity": line.quantity, "tax_lines": rates}


def _return_body(shop_return: Return) -> Body:
    return _named("Return", shop_return.id) | {
        "status": shop_return.status.lower(),
        "order": _named("Order", shop_return.order.id),
        "name": shop_return.name,
        "total_return_line_items": len(shop_return.lines),
        "return_line_items": [
            _named("ReturnLineItem", each.id)
            | {
                "fulfillment_line_item": _named("FulfillmentLineItem", each.fulfilment_item)
                | {"line_item": _named("LineItem", each.line.id)},
                "quantity": each.quantity,
                "return_reason": each.reason.lower(),
                "return_reason_note": "",
                "customer_note": None,
            }
            for each in shop_return.lines
        ],
        "return_shipping_fees": [],
        "exchange_line_items": [_named("ExchangeLineItem", each.id) | {"line_item": None} for each in shop_return.exchange],
        "total_exchange_line_items": len(shop_return.exchange),
    }


def _removal_body(shop_return: Return, line: int, quantity: int) -> Body:
    """The difference only, and no number of the return."""
    fees: Body = {"updates": [], "removals": []}
    removed = [{"admin_graphql_api_id": gid("ReturnLineItem", line), "delta": quantity}]
    return {
        "admin_graphql_api_id": gid("Return", shop_return.id),
        "return_line_items": {"removals": removed},
        "restocking_fees": fees,
        "return_shipping_fees": fees,
    }


def _disposal_body(shop_return: Return, disposed: list[tuple[ReturnLine, Disposition]]) -> Body:
    return _named("ReverseFulfillmentOrder", shop_return.fulfilment) | {
        "dispositions": [
            {
                "reverse_fulfillment_order_line_item": _named("ReverseFulfillmentOrderLineItem", line.fulfilment_item),
                "reverse_delivery_line_item": None,
                "type": disposition.type.lower(),
                "location": _named("Location", disposition.location),
                "quantity": disposition.quantity,
            }
            for line, disposition in disposed
        ],
        "total_dispositions": len(disposed),
    }


def _adjustment(order: Order, reason: str, amount: int, tax: int = 0) -> Body:
    return {
        "amount": to_text(amount, order.currency),
        "amount_set": _snake(bag(amount, order)),
        "tax_amount": to_text(tax, order.currency),
        "tax_amount_set": _snake(bag(tax, order)),
        "reason": reason,
    }


def _named(kind: str, number: int) -> Body:
    return {"id": number, "admin_graphql_api_id": gid(kind, number)}


def _snake(money: Body) -> Body:
    return {
        side: {"amount": money[name]["amount"], "currency_code": money[name]["currencyCode"]}
        for side, name in (("shop_money", "shopMoney"), ("presentment_money", "presentmentMoney"))
    }
