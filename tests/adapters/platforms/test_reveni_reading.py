"""What Reveni's returns mean, one by one: narrow and rich documents, labels and hints, statuses in any case, items with verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.platforms.port import Delivery, Unmapped
from adapters.vendor.answers import NotUnderstood
from tests.adapters.platforms.returns_rig import KnownOrders, order_of
from tests.adapters.platforms.reveni_vendor import RETURN, Rows, Vendor, document
from tests.adapters.platforms.test_reveni import connection

# Where it looks


def test_a_narrow_document_is_enough() -> None:
    vendor = Vendor()
    vendor.read(document(), created=1_790_929_200)
    assert vendor.facts() == [
        {
            "fact": "Initiated",
            "return": RETURN,
            "occurred_at": "2026-10-02T08:20:00Z",
            "order": "#1001",
            "currency": "GBP",
            "resolution": "refund",
            "lines": [
                {
                    "line": "SHIRT-M",
                    "order_line": "11",
                    "sku": "SHIRT-M",
                    "quantity": 2,
                    "items": "76.65",
                    "tax": "15.33",
                    "reason": "too_small",
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    "base_url", ["https://rv.test", "https://rv.test/", "https://rv.test/merchants/v0", "https://rv.test/x/merchants/v0/"]
)
def test_the_base_url_may_have_the_versions_path(base_url: str) -> None:
    vendor = Vendor(replace(connection(), base_url=base_url))
    vendor.read(document())
    before = "/x" if "/x" in base_url else ""
    assert vendor.asked[0].url.path == f"{before}/merchants/v0/stores/sandbox-store/returns/{RETURN}"
    assert vendor.asked[0].headers["authorization"] == "Bearer sandbox-key"


def test_the_vendors_own_address_is_the_default() -> None:
    vendor = Vendor()
    vendor.read({"data": document()})
    assert vendor.asked[0].url.host == "api.reveni.io"
    assert vendor.names() == ["Initiated"]


def test_labels_and_subjects() -> None:
    platform = Vendor().platform
    body = json.dumps({"id": "evt-9", "created": 1, "event": "return.updated", "data": {"resource_id": RETURN}}).encode()
    assert tuple(platform.label({}, body)) == ("return.updated", "evt-9")
    assert tuple(platform.label({}, b"[1]")) == ("unreadable", None)
    assert platform.subject(Delivery("c", "t", datetime.now(UTC), {}, body)) == RETURN
    assert platform.subject(Delivery("c", "t", datetime.now(UTC), {}, b"")) is None
    assert platform.authentic({}, b"")


def test_hints_that_lead_nowhere() -> None:
    vendor = Vendor()
    assert vendor.hint({"event": "invoice.created", "data": {"resource_id": "1"}}).ignored == "invoice.created is not about a return"
    silly: tuple[Any, ...] = (
        {},
        [],
        {"event": "return.updated", "data": {"resource_id": "../../etc"}},
        {"event": "return.updated", "data": 1},
    )
    for nonsense in silly:
        with pytest.raises(NotUnderstood):
            vendor.hint(nonsense)
    assert vendor.asked == []
    unknown = {"event": "return.created", "data": {"resource_id": RETURN}}
    assert vendor.hint(unknown).waits_for == f"return {RETURN}, which Reveni's API does not know yet"
    late = Delivery("es-reveni", "t", vendor.at - timedelta(hours=1), {}, json.dumps(unknown).encode())
    with pytest.raises(NotUnderstood, match="Reveni has no return"):
        vendor.platform.read(late, vendor.house)


def test_another_event_may_name_its_return() -> None:
    vendor = Vendor()
    vendor.answers = lambda request: httpx.Response(200, json=document())
    vendor.hint({"event": "refund.created", "data": {"resource_id": "r-1", "return_id": RETURN}})
    assert vendor.names() == ["Initiated"]


def test_an_api_older_than_its_webhook_is_asked_again() -> None:
    vendor = Vendor()
    assert vendor.read(document(), status="received").waits_for == "the API to show received: it still shows IN_PROGRESS"
    assert vendor.read(document("COMPLETED"), status="received").waits_for is None


# Statuses


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("pending", []),
        ("For Review", []),
        ("ON_HOLD", []),
        ("shipped", ["ScannedAtReturnBar"]),
        ("Received", ["ScannedAtReturnBar", "Received"]),
        ("accepted", ["ScannedAtReturnBar", "Received", "Inspected"]),
        ("Completed", ["ScannedAtReturnBar", "Received", "Inspected"]),
        ("partly accepted", ["ScannedAtReturnBar", "Received"]),
        ("REJECTED", []),
        ("expired", ["Expired"]),
        ("canceled", ["Cancelled"]),
    ],
)
def test_statuses_in_any_case(status: str, told: list[str]) -> None:
    vendor = Vendor()
    vendor.read(document(status))
    vendor.read(document(status))
    assert vendor.names() == ["Initiated", *told]
    assert vendor.house.conflicts == []


def test_a_status_that_nobody_named_is_shown() -> None:
    vendor = Vendor()
    assert vendor.read(document("LOST_IN_SPACE")).unmapped == (Unmapped("status", "LOST_IN_SPACE", RETURN),)
    assert vendor.names() == ["Initiated"]
    mapped = Vendor(connection(return_status={"lost_in_space": "handed_in"}))
    mapped.read(document("LOST_IN_SPACE"))
    assert mapped.names() == ["Initiated", "ScannedAtReturnBar"]


def test_step_by_step_each_is_told_once() -> None:
    vendor = Vendor()
    for status in ("IN_PROGRESS", "SHIPPED", "RECEIVED", "FOR_REVIEW", "ACCEPTED", "COMPLETED"):
        vendor.read(document(status))
    assert vendor.names() == ["Initiated", "ScannedAtReturnBar", "Received", "Inspected"]
    assert vendor.facts("Inspected")[0]["lines"] == [{"line": "SHIRT-M", "quantity": 2, "disposition": "saleable"}]


def test_dates_of_the_document_go_before_its_last_change() -> None:
    vendor = Vendor()
    vendor.read(
        document("COMPLETED", created_at="2026-09-01T10:00:00Z", received_at="2026-09-05T10:00:00+02:00", updated_at="2026-09-09T10:00:00Z")
    )
    assert [row["occurred_at"] for row in vendor.facts()] == [
        "2026-09-01T10:00:00Z",
        "2026-09-05T08:00:00Z",
        "2026-09-05T08:00:00Z",
        "2026-09-09T10:00:00Z",
    ]


def test_items_have_verdicts_of_their_own() -> None:
    items: Rows = [
        {"sku": "SHIRT-M", "quantity": 2, "status": "Accepted"},
        {"sku": "HAT", "status": "rejected", "reject_reason": "not_received"},
        {"sku": "HAT", "status": "pending validation"},
    ]
    vendor = Vendor(orders=KnownOrders([order_of("1001", ("11", "SHIRT-M", 2, 10, 2), ("12", "HAT", 2, 4, 0), order_id="450789469")]))
    vendor.read(document("Partly accepted", items=items))
    assert vendor.facts("Received")[0]["lines"] == [{"line": "HAT#1", "quantity": 1}, {"line": "SHIRT-M", "quantity": 2}]
    assert vendor.facts("Inspected")[0]["lines"] == [{"line": "SHIRT-M", "quantity": 2, "disposition": "saleable"}]
    items[2]["status"] = "rejected"
    items[2]["reject_reason"] = "defect"
    vendor.read(document("Partly accepted", items=items))
    assert vendor.facts("Inspected")[1]["lines"] == [{"line": "HAT#1", "quantity": 1, "disposition": "quarantine"}]
    assert vendor.house.conflicts == []


def test_a_reason_may_have_a_disposition_of_its_own() -> None:
    vendor = Vendor(connection(dispositions={"defect": "defective"}))
    vendor.read(document("REJECTED", items=[{"sku": "HAT", "status": "rejected", "reject_reason": "Defect"}]))
    assert vendor.names() == ["Initiated", "ScannedAtReturnBar", "Received", "Inspected"]
    assert vendor.facts("Inspected")[0]["lines"][0]["disposition"] == "defective"
    assert Vendor().read(document(items=[{"sku": "HAT", "status": "melted"}])).unmapped == (Unmapped("item.status", "melted", RETURN),)


def test_what_the_warehouse_has_told_is_not_told_again() -> None:
    vendor = Vendor()
    vendor.tell(fact="Received", lines=[{"line": "SHIRT-M", "quantity": 1}])
    vendor.read(document("RECEIVED"))
    assert [row["lines"][0]["quantity"] for row in vendor.facts("Received")] == [1, 1]
    all_of_it = Vendor()
    all_of_it.tell(fact="Received")
    all_of_it.read(document("RECEIVED"))
    assert len(all_of_it.facts("Received")) == 1


def test_a_rejected_return_that_came_was_looked_at() -> None:
    vendor = Vendor()
    vendor.read(document("RECEIVED"))
    vendor.read(document("REJECTED"))
    assert vendor.facts("Inspected")[0]["lines"][0]["disposition"] == "quarantine"
