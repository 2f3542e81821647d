"""Shopify's refund documents as a test wants them, and the fact that is read of one."""

import json
from pathlib import Path
from typing import Any

from domain.facts import Refunded
from tests.adapters.files.reading import rows_of, tellings

KIND = "shopify-refunds"


def money(shop: str, currency: str = "GBP", presentment: tuple[str, str] | None = None) -> dict[str, Any]:
    seen, seen_in = presentment or (shop, currency)
    return {"shop_money": {"amount": shop, "currency_code": currency}, "presentment_money": {"amount": seen, "currency_code": seen_in}}


def line(subtotal: str, tax: str, rate: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": 487817672276298560,
        "quantity": 1,
        "restock_type": "return",
        # The floats beside the exact sets are wrong on purpose: nothing may read them.
        "subtotal": 0.1 + 0.2,
        "total_tax": 99.99,
        "subtotal_set": money(subtotal),
        "total_tax_set": money(tax),
        "line_item": {
            "sku": "TEE",
            "name": "Tee for Jon",
            "tax_lines": [] if rate is None else [{"title": "VAT", "rate": rate, "price": tax}],
        },
    } | more


def paid(amount: object, **more: Any) -> dict[str, Any]:
    return {
        "id": 245135271310201194,
        "order_id": 820982911946154508,
        "kind": "refund",
        "gateway": "shopify_payments",
        "status": "success",
        "message": "Transaction approved for jon@example.com",
        "created_at": "2026-10-06T11:00:00+01:00",
        "test": False,
        "amount": amount,
        "currency": "GBP",
        "receipt": {"name": "Jon Smith"},
    } | more


def refund(**more: Any) -> dict[str, Any]:
    return {
        "id": 890088186047892319,
        "order_id": 820982911946154508,
        "created_at": "2026-10-06T10:59:00+01:00",
        "processed_at": "2026-10-06T11:00:00+01:00",
        "note": "Jon Smith called, 1 High Street",
        "user_id": 548380009,
        "restock": False,
        "duties": [],
        "total_duties_set": money("0.00"),
        "return": {"id": 945000954, "admin_graphql_api_id": "gid://shopify/Return/945000954"},
        "refund_line_items": [line("10.00", "2.00")],
        "refund_shipping_lines": [],
        "order_adjustments": [],
        "transactions": [paid("12.00")],
        "admin_graphql_api_id": "gid://shopify/Refund/890088186047892319",
    } | more


def read(tmp_path: Path, document: object, **given: Any) -> Refunded:
    [telling] = tellings(rows_of(tmp_path, json.dumps(document), KIND, merchant="acme", **given))
    assert isinstance(telling.fact, Refunded)
    return telling.fact
