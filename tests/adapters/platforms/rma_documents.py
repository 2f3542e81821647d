"""RMAs as ReturnGO's documents show them, typed in, and a reader that gets them as they come over the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from adapters.files.exact_json import loads
from adapters.platforms.port import Reading
from adapters.platforms.returngo.mapping import Mappings
from adapters.platforms.returngo.reading import RmaReader
from tests.adapters.platforms.contract import MERCHANT, MemoryHouse, SteppedClock

NOW = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
NOT_LOOKED_AT = {"isReturned": False, "isRestockable": False, "nonReturnedReason": None, "lastValidationDate": None}


def looked_at(returned: object, restockable: object, at: str | None = "2026-10-08T10:00:00+00:00") -> dict[str, Any]:
    return {"isReturned": returned, "isRestockable": restockable, "lastValidationDate": at}


def both(amount: float, currency: str = "GBP") -> dict[str, Any]:
    return {"amount": amount, "currency": currency, "shopAmount": amount, "shopCurrency": currency}


def item(line: str, **fields: Any) -> dict[str, Any]:
    return {
        "shopLineItemId": f"91{line}",
        "returnedItemId": line,
        "sku": f"SKU-{line}",
        "paidPrice": both(12.0),
        "paidTax": both(2.0),
        "taxIncluded": True,
        "returnReason": "Too small",
        "resolutionType": "RefundToPaymentMethod",
        "shipmentId": "S1",
        "itemValidationStatusResponse": dict(NOT_LOOKED_AT),
    } | fields


def rma(*items: dict[str, Any], status: str = "Approved", parcel: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "rmaSummary": {
            "rmaId": "123",
            "status": status,
            "order_name": "R99288",
            "events": [{"eventName": "RMA_CREATED", "eventDate": "2026-10-02T09:30:00+00:00", "userDetails": None}],
        },
        "items": list(items),
        "shipments": [{"shipmentId": "S1", "status": parcel, "isOutbound": False}] if parcel else [],
        "transactions": [],
        "createdAt": "2026-10-02T09:29:58+00:00",
        "lastUpdated": "2026-10-03T10:00:00+00:00",
    } | fields


def paid(transaction_id: object, amount: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": transaction_id,
        "type": "RefundToPaymentMethod",
        "amount": amount,
        "status": "Success",
        "processor": "Shopify",
        "lastUpdated": "2026-10-09T08:00:00+00:00",
    } | fields


def house(at: datetime = NOW) -> MemoryHouse:
    return MemoryHouse(SteppedClock(at))


def read(
    document: dict[str, Any], desk: MemoryHouse | None = None, at_least: datetime | None = None, **mappings: dict[str, str]
) -> Reading:
    """As the platform does: through JSON, so that numbers are what they are on the wire."""
    reader = RmaReader(MERCHANT, Mappings("uk", mappings))
    desk = desk or house()
    reading = reader.read(reader.rma(loads(json.dumps(document))), desk, at_least)
    desk.record(reading)
    return reading


def told(reading: Reading, fact: str) -> list[dict[str, Any]]:
    return [row for row in reading.facts if row["fact"] == fact]
