"""What Reveni's words and fields mean here: the defaults, and what the operator may set beside or over them.

Reveni publishes no API reference. Known are the statuses and methods that its dashboard shows, and the few fields that one connector
reads; all others are assumed, and therefore tables. Words come in any case (`in_progress`, `IN_PROGRESS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.platforms.tables import Tables

METHODS: Final = frozenset({"original_payment", "store_credit", "gift_card", "bank_transfer", "platform_instant", "exchange"})
MEANINGS: Final[dict[str, frozenset[str] | None]] = {
    "return_status": frozenset(
        {"open", "handed_in", "received", "accepted", "partly_accepted", "rejected", "done", "expired", "cancelled"}
    ),
    "item_status": frozenset({"waiting", "accepted", "rejected"}),
    # Reasons for rejecting an item, then `accepted` and `rejected` themselves → dispositions; `nothing`: there was no item to look at.
    "dispositions": None,
    "types": frozenset({"refund", "exchange", "store_credit"}),
    "refund_methods": METHODS,
    "refund_status": frozenset({"paid", "waiting", "failed"}),
    # Fields of an item → what its amount is: for one unit or for the line, with or without tax, or the tax.
    "item_amounts": frozenset({"unit_net", "unit_tax", "unit_gross", "line_net", "line_tax", "line_gross"}),
    # Fields of a refund → which part of it they are.
    "refund_amounts": frozenset({"total", "items", "tax", "shipping", "fee", "bonus"}),
    # How returns are listed: `path` below the store, and the names of the parameters `since`, `page` and `size`; an empty one is not sent.
    "polling": None,
}
DEFAULTS: Final[dict[str, dict[str, str]]] = {
    "return_status": {
        "IN_PROGRESS": "open",
        "PENDING": "open",
        "FOR_REVIEW": "open",
        "ON_HOLD": "open",
        "SHIPPED": "handed_in",
        "RECEIVED": "received",
        "ACCEPTED": "accepted",
        # Which items were accepted, they say themselves.
        "PARTLY_ACCEPTED": "partly_accepted",
        "PARTIALLY_ACCEPTED": "partly_accepted",
        "REJECTED": "rejected",
        "COMPLETED": "done",
        "EXPIRED": "expired",
        "CANCELLED": "cancelled",
        "CANCELED": "cancelled",
    },
    "item_status": {
        "pending validation": "waiting",
        "pending": "waiting",
        "for review": "waiting",
        "accepted": "accepted",
        "rejected": "rejected",
    },
    "dispositions": {
        # Accepted says that the customer keeps his refund: the shop has looked at the goods and found them as they should be.
        "accepted": "saleable",
        # Rejected goods are the customer's again, whatever is wrong with them: held, until a person decides.
        "rejected": "quarantine",
        "missing": "nothing",
        "not_received": "nothing",
        "empty_box": "nothing",
    },
    "types": {"refund": "refund", "exchange": "exchange", "mixed": "exchange", "store_credit": "store_credit"},
    "refund_methods": {
        # Paid by Reveni before the goods are back: settled by its invoice, and never in a payout of the shop.
        "instant_bank_transfer": "platform_instant",
        "instant_refund": "platform_instant",
        "instant": "platform_instant",
        "bank_transfer": "bank_transfer",
        "store_credit": "store_credit",
        "store_credit_with_additional_credit": "store_credit",
        "gift_card": "gift_card",
        "original_payment_method": "original_payment",
        "original_payment": "original_payment",
        "original_method": "original_payment",
        "exchange": "exchange",
    },
    "refund_status": {
        "paid": "paid",
        "completed": "paid",
        "success": "paid",
        "succeeded": "paid",
        "done": "paid",
        "refunded": "paid",
        "pending": "waiting",
        "processing": "waiting",
        "in_progress": "waiting",
        "scheduled": "waiting",
        "requested": "waiting",
        "failed": "failed",
        "error": "failed",
        "cancelled": "failed",
        "canceled": "failed",
        "reversed": "failed",
    },
    "item_amounts": {
        "price": "unit_gross",
        "unit_price": "unit_gross",
        "net_price": "unit_net",
        "unit_tax": "unit_tax",
        "amount": "line_gross",
        "total": "line_gross",
        "total_price": "line_gross",
        "subtotal": "line_net",
        "net_amount": "line_net",
        "tax_amount": "line_tax",
        "total_tax": "line_tax",
    },
    "refund_amounts": {
        "amount": "total",
        "total": "total",
        "total_amount": "total",
        "refund_amount": "total",
        "items_amount": "items",
        "tax_amount": "tax",
        "shipping_amount": "shipping",
        "fee": "fee",
        "fees": "fee",
        "bonus": "bonus",
        "bonuses": "bonus",
    },
    "polling": {"path": "returns", "since": "updated_after", "page": "page", "size": "page_size"},
}


def tables_of(connection: str, set_by_operator: Mapping[str, Mapping[str, str]]) -> Tables:
    """Raises ValueError with the key."""
    return Tables("Reveni", connection, MEANINGS, DEFAULTS, set_by_operator)
