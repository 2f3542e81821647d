"""Webhooks as Shopify publishes them for 2026-04, built anew: what is read and some of what is not, ids rounded as in its examples."""

from __future__ import annotations

from typing import Any

Payload = dict[str, Any]
RETURN = {"id": 123134564567890, "admin_graphql_api_id": "gid://shopify/Return/123134564567890"}
ORDER = {"id": 4783296544821, "admin_graphql_api_id": "gid://shopify/Order/4783296544821"}


def money(amount: str, currency: str = "USD") -> Payload:
    return {side: {"amount": amount, "currency_code": currency} for side in ("shop_money", "presentment_money")}


def refund_line(number: int, subtotal: float, **more: Any) -> Payload:
    line: dict[str, Any] = {
        "id": number,
        "variant_id": None,
        "sku": f"SKU-{number % 1000}",
        "price": str(subtotal),
        "tax_lines": [],
        "discount_allocations": [],
    }
    amounts = {"subtotal": subtotal, "total_tax": 0, "subtotal_set": money(f"{subtotal:.2f}"), "total_tax_set": money("0.00")}
    return {"id": number + 16, "quantity": 1, "line_item_id": number, "restock_type": "no_restock", "line_item": line} | amounts | more


def refund_payment(number: int, amount: str, **more: Any) -> Payload:
    return {
        "id": number,
        "order_id": 820982911946154500,
        "kind": "refund",
        "gateway": "bogus",
        "status": "success",
        "message": "This is a refund",
        "created_at": "2019-12-31T19:00:00-05:00",
        "test": False,
        "parent_id": None,
        "processed_at": None,
        "receipt": {},
        "amount": amount,
        "currency": None,
        "payment_id": "#9999.",
        # Its inner names are others than everywhere else.
        "total_unsettled_set": {side: {"amount": "0.0", "currency": "XXX"} for side in ("presentment_money", "shop_money")},
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{number + 14}",
    } | more


def refund(**more: Any) -> Payload:
    """The lines do not add up to what was paid: the vendor's own example does not either."""
    return {
        "id": 890088186047892400,
        "order_id": 820982911946154500,
        "created_at": "2021-12-31T19:00:00-05:00",
        "note": "Things were damaged",
        "user_id": 548380009,
        "processed_at": "2021-12-31T19:00:00-05:00",
        "duties": [],
        "total_duties_set": money("0.00"),
        "return": None,
        "restock": False,
        "refund_shipping_lines": [],
        "admin_graphql_api_id": "gid://shopify/Refund/890088186047892319",
        "order_adjustments": [],
        "refund_line_items": [refund_line(487817672276298560, 89.99), refund_line(789012345678901200, 19.99)],
        "transactions": [refund_payment(245135271310201180, "75.00"), refund_payment(839212141605670500, "10.00")],
    } | more


IGNORED: dict[str, Payload] = {
    "orders/create": {
        "id": 820982911946154500,
        "name": "#9999",
        "email": "jon@example.com",
        "line_items": [],
        "refunds": [],
        "returns": [],
    },
    "orders/updated": {"id": 820982911946154500, "name": "#9999", "customer": {"first_name": "John"}, "line_item_groups": []},
    "orders/edited": {
        "order_edit": {"id": 78912328793123780, "order_id": 820982911946154500, "line_items": {"additions": [], "removals": []}}
    },
    "order_transactions/create": {"id": 120560818172775260, "order_id": 820982911946154500, "kind": "authorization", "status": "success"},
    "tender_transactions/create": {
        "id": 220982911946154500,
        "order_id": 820982911946154500,
        "amount": "419.95",
        "payment_method": "unknown",
    },
    "disputes/create": {
        "id": 285332461850802050,
        "order_id": 820982911946154500,
        "type": "chargeback",
        "amount": "11.50",
        "currency": "CAD",
    },
    "reverse_deliveries/attach_deliverable": {"id": 9080907654321, "return": RETURN, "shipping_deliverable": {"tracking": {}, "label": {}}},
}

# What they are about is fetched; a shop that does not know it is asked again later.
FETCHED: dict[str, Payload] = {
    "returns/request": RETURN | {"status": "requested", "order": ORDER, "name": None, "return_line_items": [], "exchange_line_items": []},
    "returns/approve": RETURN
    | {"status": "open", "order": ORDER, "return_shipping_fees": [{"id": 987654321547866, "price": money("10.0", "XXX")}]},
    "returns/update": {
        "admin_graphql_api_id": RETURN["admin_graphql_api_id"],
        "return_line_items": {"removals": [{"admin_graphql_api_id": "gid://shopify/ReturnLineItem/987654321", "delta": 2}]},
        "restocking_fees": {"updates": [], "removals": []},
        "return_shipping_fees": {"updates": [], "removals": []},
    },
    "returns/close": RETURN | {"order_id": 4783296544821, "status": "closed"},
    "returns/cancel": RETURN | {"order_id": 4783296544821, "status": "canceled"},
    "returns/reopen": RETURN | {"order_id": 4783296544821, "status": "open"},
    "returns/decline": RETURN
    | {"status": "declined", "order": ORDER, "decline": {"reason": "return_period_ended", "note": "As discussed"}},
    "reverse_fulfillment_orders/dispose": {
        "id": 11111111,
        "admin_graphql_api_id": "gid://shopify/ReverseFulfillmentOrder/11111111",
        "dispositions": [
            {"reverse_fulfillment_order_line_item": {"id": 2222222}, "type": "restocked", "location": {"id": 3333333}, "quantity": 1}
        ],
        "total_dispositions": 2,
    },
}
