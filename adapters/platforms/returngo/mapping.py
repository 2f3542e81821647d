"""What ReturnGO's words mean here: the defaults, and what `[connections.mappings]` sets beside or over them.

The vendor publishes few of its values, so every table can be added to. Words are compared by their letters and digits only:
`RefundToPaymentMethod`, `refund_to_payment_method` and `Refund to payment method` are one.
"""

from __future__ import annotations

from collections.abc import Mapping

METHODS = frozenset({"original_payment", "store_credit", "gift_card", "bank_transfer", "platform_instant", "exchange"})
# Table → what its words may be mapped to; None: any text.
MEANINGS: dict[str, frozenset[str] | None] = {
    "rma_status": frozenset({"open", "received", "validated", "finished", "done", "cancelled"}),
    "shipment_status": frozenset({"on_the_way", "received", "cancelled"}),
    "resolution_types": frozenset({"refund", "exchange", "store_credit"}),
    "transaction_types": METHODS | {"no_refund"},
    "transaction_status": frozenset({"paid", "waiting", "failed"}),
    "processors": METHODS,
    "exchange_order_types": frozenset({"exchange", "no_exchange"}),
    "events": frozenset({"created", "received", "validated", "done", "cancelled", "other"}),
    "dispositions": None,
    "release": None,
}
DEFAULTS: dict[str, dict[str, str]] = {
    # All seven are published. Who jumps to `Validated` or `Done` has the goods and is through with them: they came in, and were looked at.
    # `Done` can also set in by itself, when the refund covers the balance: who refunds before the goods are there maps it to `done`, which
    # says nothing of goods.
    "rma_status": {
        "Pending": "open",
        "Approved": "open",
        "Received": "received",
        "Validated": "validated",
        "Done": "finished",
        "Rejected": "cancelled",
        "Canceled": "cancelled",
        "Cancelled": "cancelled",
    },
    # All six are published.
    "shipment_status": {
        "Pending": "on_the_way",
        "LabelCreated": "on_the_way",
        "Shipped": "on_the_way",
        "Received": "received",
        "Validated": "received",
        "Canceled": "cancelled",
        "Cancelled": "cancelled",
    },
    # Published is RefundToPaymentMethod; the others are the help centre's names.
    "resolution_types": {
        "RefundToPaymentMethod": "refund",
        "Refund": "refund",
        "RefundToBankAccount": "refund",
        "CancelOrder": "refund",
        "StoreCredit": "store_credit",
        "RefundToStoreCredit": "store_credit",
        "InstantStoreCredit": "store_credit",
        "InstantCredit": "store_credit",
        "GiftCard": "store_credit",
        "NewGiftCard": "store_credit",
        "RefundToGiftCard": "store_credit",
        "Exchange": "exchange",
        "VariantExchange": "exchange",
        "ProductExchange": "exchange",
        "ManualExchange": "exchange",
        "InstantExchange": "exchange",
        "ExchangeForVariant": "exchange",
        "ExchangeForProduct": "exchange",
    },
    # Published are RefundToPaymentMethod and InvoicePayment; that authorisations and captures exist is published, their names are not.
    "transaction_types": {
        "RefundToPaymentMethod": "original_payment",
        "Refund": "original_payment",
        "RefundToBankAccount": "bank_transfer",
        "BankTransfer": "bank_transfer",
        "StoreCredit": "store_credit",
        "RefundToStoreCredit": "store_credit",
        "InstantStoreCredit": "store_credit",
        "InstantCredit": "store_credit",
        "GiftCard": "gift_card",
        "NewGiftCard": "gift_card",
        "RefundToGiftCard": "gift_card",
        "InvoicePayment": "no_refund",
        "PaymentAuthorization": "no_refund",
        "Authorization": "no_refund",
        "PaymentCapture": "no_refund",
        "Capture": "no_refund",
    },
    # Published are Requested and Success.
    "transaction_status": {
        "Requested": "waiting",
        "Pending": "waiting",
        "InProgress": "waiting",
        "Processing": "waiting",
        "Success": "paid",
        "Failed": "failed",
        "Failure": "failed",
        "Error": "failed",
        "Declined": "failed",
        "Rejected": "failed",
        "Canceled": "failed",
        "Cancelled": "failed",
    },
    # Who pays says how, where a type does not: `{"Bank": "bank_transfer"}`. It goes before the type.
    "processors": {},
    # Every exchange order counts, whatever its type, but those mapped to `no_exchange`.
    "exchange_order_types": {},
    # Published are RMA_CREATED and RMA_APPROVED; the others by analogy. They only date what the document shows anyway.
    "events": {
        "RMA_CREATED": "created",
        "RMA_RECEIVED": "received",
        "RMA_VALIDATED": "validated",
        "RMA_DONE": "done",
        "RMA_REJECTED": "cancelled",
        "RMA_CANCELED": "cancelled",
        "RMA_CANCELLED": "cancelled",
    },
    # What validation found. The text of a nonRestockableReason may stand here too, and goes before `not_restockable`. `not_validated`: the
    # RMA is validated or done, and nobody said of any unit how it was; what that means, the merchant must say.
    "dispositions": {
        "restockable": "restockable",
        "not_restockable": "damaged",
        "not_returned": "not-returned",
        "not_validated": "not-validated",
    },
    # `{"status": "Validated"}`: the RMA's status upon which ReturnGO has the shop refund, by the merchant's own rules there. Nothing that
    # is published moves money, so without it none is released from here.
    "release": {},
}


class Mappings:
    """The tables of one connection. Raises ValueError, with the key, for a table or a meaning that does not exist."""

    def __init__(self, connection: str, set_by_operator: Mapping[str, Mapping[str, str]]) -> None:
        for table, words in set_by_operator.items():
            where = f"connections.{connection}.mappings.{table}"
            if table not in MEANINGS:
                raise ValueError(f"{where}: ReturnGO has no such table; it has {', '.join(sorted(MEANINGS))}")
            meanings = MEANINGS[table]
            for word, meaning in words.items():
                if meanings is not None and meaning not in meanings:
                    raise ValueError(f"{where}.{word}: {meaning!r} must be one of {', '.join(sorted(meanings))}")
        self._tables = {
            table: {plain(word): meaning for words in (DEFAULTS[table], set_by_operator.get(table, {})) for word, meaning in words.items()}
            for table in MEANINGS
        }

    def meaning(self, table: str, word: str | None) -> str | None:
        """None where nothing in the table names the word."""
        return self._tables[table].get(plain(word)) if word is not None else None


def plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
