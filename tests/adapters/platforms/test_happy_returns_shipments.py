"""Happy Returns' shipments are receipts, conditions become dispositions, and nothing personal gets through."""

from __future__ import annotations

import pytest

from adapters.platforms.port import Unmapped
from tests.adapters.platforms.happy_returns_desk import LINE, RETURN, Desk, item, post

# Shipments and conditions


SHIPPED = {"departureDate": "2026-10-05T08:00:00-04:00", "tracking": "1Z", "destinationAddressID": "daventry"}


def test_a_shipment_is_the_receipt_and_dates_itself() -> None:
    for body in ([item(**SHIPPED)], {"webhookType": "outbound_shipment.asn", **SHIPPED, "items": [item()]}):
        desk = Desk()
        desk.read(post("started", item()))
        desk.read(body)
        desk.read(body)
        [received] = desk.facts("Received")
        assert received["occurred_at"] == "2026-10-05T12:00:00Z"
        assert received["location"] == "daventry"
        assert received["lines"] == [{"line": LINE, "quantity": 1}]


def test_a_merchant_whose_warehouse_tells_receipts_switches_it_off() -> None:
    desk = Desk({"events": {"outbound_shipment.asn": "nothing"}})
    desk.read(post("started", item()))
    desk.read([item(**SHIPPED, approvedDate="2026-10-04T08:00:00Z")])
    assert [row["fact"] for row in desk.facts()] == ["Initiated", "ScannedAtReturnBar"]
    assert desk.facts("ScannedAtReturnBar")[0]["occurred_at"] == "2026-10-04T08:00:00Z"


@pytest.mark.parametrize(
    ("said", "disposition"), [("sellable", "sellable"), ("damaged", "damaged"), ("Wrong Item", "wrong-item"), ("moth-eaten", "moth-eaten")]
)
def test_conditions_become_dispositions(said: str, disposition: str) -> None:
    desk = Desk()
    reading = desk.read([item(**SHIPPED, inspectionOutcome=said)])
    assert desk.facts("Inspected")[0]["lines"] == [{"line": LINE, "quantity": 1, "disposition": disposition}]
    assert reading.unmapped == ((Unmapped("inspectionOutcome", said, RETURN),) if said == "moth-eaten" else ())


def test_what_is_missing_was_not_looked_at() -> None:
    desk = Desk()
    desk.read([item(f"{LINE}-0-2", **SHIPPED, inspectionOutcome="missing"), item(f"{LINE}-1-2", **SHIPPED, inspectionOutcome="sellable")])
    assert desk.facts("Inspected")[0]["lines"] == [{"line": LINE, "quantity": 1, "disposition": "sellable"}]


def test_malformed_dates_are_no_dates() -> None:
    desk = Desk()
    desk.read(post("started", item(startedDate="2024-03-19dT12:34:56", approvedDate="soon")))
    assert [(row["fact"], row["occurred_at"]) for row in desk.facts()] == [("Initiated", "2026-10-02T09:00:00Z")]


def test_nobodys_name_or_address_gets_through() -> None:
    desk = Desk()
    personal = {"email": "ada@example.com", "customerName": "Ada Lovelace", "returnReason": "write to ada@example.com"}
    reading = desk.read(post("ada@example.com", item(**personal, inspectionOutcome="from ada@example.com"), others=("dropped-off",)))
    assert "ada" not in repr((reading.facts, reading.unmapped, reading.waits_for, desk.facts())).lower()
