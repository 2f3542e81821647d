"""One example of every fact, as a source would tell it: three returns of one shop, from the announcement to the books."""

from typing import Any

from domain.telling import Telling, read_telling
from tests.examples_of_work import WORK_EXAMPLES

_SHOP = {"merchant": "acme", "platform": "returngo"}
_REFUND = {**_SHOP, "return": "RMA-1001"}
_EXCHANGE = {**_SHOP, "platform": "happy_returns", "return": "HR/88-2"}

CONTRACT_EXAMPLES: dict[str, dict[str, Any]] = {
    "Initiated": {
        **_REFUND,
        "fact": "Initiated",
        "occurred_at": "2026-10-02T09:30:00+01:00",
        "source_id": "rg-5501",
        "order": "SO-20417",
        "currency": "GBP",
        "resolution": "exchange",
        "lines": [
            {
                "line": "1",
                "order_line": "gid://shopify/LineItem/9120",
                "sku": "JKT-OLIVE-M",
                "quantity": 2,
                "items": "118.00",
                "tax": "23.60",
                "reason": "Zu groß, the sleeves are 3 cm too long",
            },
            {"line": "2", "sku": "GIFTBOX", "quantity": 1, "items": "20.83", "tax": "4.17", "kit": "GIFTBOX-KIT"},
        ],
        "exchange": [{"sku": "JKT-OLIVE-S", "quantity": 2}],
        "erp": "cin7",
    },
    "ScannedAtReturnBar": {
        **_EXCHANGE,
        "fact": "ScannedAtReturnBar",
        "occurred_at": "2026-10-03T16:05:12-07:00",
        "location": "Ulta Beauty, Sacramento",
        "lines": [{"line": "1", "quantity": 2}],
    },
    "Received": {
        **_REFUND,
        "fact": "Received",
        "occurred_at": "2026-10-07T08:15:30.250Z",
        "location": "Warehouse Daventry",
        "by": "dock 4",
    },
    "Inspected": {
        **_REFUND,
        "fact": "Inspected",
        "occurred_at": "2026-10-07T11:42:00Z",
        "lines": [
            {"line": "2", "quantity": 1, "disposition": "damaged"},
            {"line": "1", "quantity": 2, "disposition": "saleable"},
        ],
        "by": "m.okafor",
    },
    "Refunded": {
        **_REFUND,
        "fact": "Refunded",
        "occurred_at": "2026-10-07T12:00:00Z",
        "source_id": "re_3Q9xYkLk",
        "refund": "RF-7001",
        "currency": "GBP",
        "amount": {"items": "138.83", "tax": "27.77", "shipping": "0", "fees": "-2.5", "total": "164.10"},
        "method": "original_payment",
        "transaction": "ch_3Q9xYkLkdIwHu7ix",
    },
    "RefundReversed": {**_REFUND, "fact": "RefundReversed", "occurred_at": "2026-10-09T07:00:00Z", "refund": "RF-7001"},
    "CreditNoted": {
        **_REFUND,
        "fact": "CreditNoted",
        "occurred_at": "2026-10-08T17:20:00Z",
        "credit_note": "CN-004410",
        "erp": "cin7",
        "currency": "GBP",
        "amount": {"items": "138.83", "tax": "27.77", "total": "166.60"},
        "lines": [{"line": "1", "quantity": 2}, {"line": "2", "quantity": 1}],
    },
    "CreditNoteVoided": {
        **_REFUND,
        "fact": "CreditNoteVoided",
        "occurred_at": "2026-10-10T09:00:00Z",
        "credit_note": "CN-004410",
        "erp": "cin7",
        "by": "j.lindqvist",
    },
    "Restocked": {
        **_REFUND,
        "fact": "Restocked",
        "occurred_at": "2026-10-07T15:30:00Z",
        "erp": "cin7",
        "lines": [{"line": "1", "quantity": 2, "location": "A-14-3"}],
    },
    "WrittenOff": {
        **_REFUND,
        "fact": "WrittenOff",
        "occurred_at": "2026-10-07T15:31:00Z",
        "erp": "cin7",
        "lines": [{"line": "2", "quantity": 1}],
    },
    "ExchangeOrdered": {
        **_EXCHANGE,
        "fact": "ExchangeOrdered",
        "occurred_at": "2026-10-04T10:00:00Z",
        "order": "SO-20988",
        "status": "authorised",
        "erp": "linnworks",
    },
    "Cancelled": {**_SHOP, "platform": "shopify", "return": "order-5126", "fact": "Cancelled", "occurred_at": "2026-10-05T06:45:00+02:00"},
    "Expired": {**_SHOP, "return": "RMA-0966", "fact": "Expired", "occurred_at": "2026-11-01T00:00:00Z"},
    "PayoutSettled": {
        **_REFUND,
        "fact": "PayoutSettled",
        "occurred_at": "2026-10-12T00:00:00Z",
        "source_id": "shopify/balance/77412309/RMA-1001",
        "payout": "623721858",
        "refund": "RF-7001",
        "transaction": "ch_3Q9xYkLkdIwHu7ix",
        "currency": "GBP",
        "amount": "164.1",
        "fee": "-0.4",
    },
}

EXAMPLES: dict[str, Telling] = {name: read_telling(told, own=True) for name, told in {**CONTRACT_EXAMPLES, **WORK_EXAMPLES}.items()}
