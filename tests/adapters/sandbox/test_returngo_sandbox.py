"""The simulated ReturnGO is as strict as the real one: keys, quota, paging, filters, and the machine of a shipment's status."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.sandbox.port import SandboxRequest
from adapters.sandbox.returngo import EVENTS, ReturnGoSandbox
from adapters.sandbox.returngo_rmas import SHIPMENT_MOVES
from tests.adapters.platforms.contract import SteppedClock

KEYS = {"x-api-key": "sandbox-key", "x-shop-name": "sandbox.myshopify.com"}
ITEM = {"sku": "A", "price": "10.00", "tax": "1.67"}


def ask(sandbox: ReturnGoSandbox, method: str, path: str, content: object = None, **query: str) -> tuple[int, Any]:
    response = sandbox.handle(SandboxRequest(method, path, query, KEYS, json.dumps(content).encode() if content is not None else b""))
    return response.status, json.loads(response.body)


def test_keys_and_quota() -> None:
    clock = SteppedClock()
    sandbox = ReturnGoSandbox(clock, quota_per_day=2)
    assert sandbox.handle(SandboxRequest("GET", "/rmas")).status == 401
    assert sandbox.handle(SandboxRequest("GET", "/rmas", headers=KEYS | {"x-shop-name": "other"})).status == 403
    assert [ask(sandbox, "GET", "/rmas", pagesize="1")[0] for _ in range(3)] == [200, 200, 429]
    clock.advance(timedelta(days=1))
    assert ask(sandbox, "GET", "/rmas", pagesize="1")[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"pagesize": "0"},
        {"pagesize": "501"},
        {"pagesize": "\u00b2"},
        {"pagesize": "5", "sort_by": " rma_updated_at"},
        {"pagesize": "5", "rma_updated_at": "gte:2026-10-02T00:00:00+00:00"},
        {"pagesize": "5", "rma_updated_at": "2026-10-02T00:00:00"},
        {"pagesize": "5", "rma_updated_at": "gte:2026-13-41T00:00:00"},
        {"pagesize": "5", "cursor": "%%%"},
    ],
)
def test_a_list_is_asked_for_properly_or_not_at_all(query: dict[str, str]) -> None:
    assert ask(ReturnGoSandbox(SteppedClock()), "GET", "/rmas", **query)[0] == 400


def test_pages_leave_nothing_out_while_rmas_change() -> None:
    clock = SteppedClock()
    sandbox = ReturnGoSandbox(clock)
    for _ in range(7):
        sandbox.rmas.create([ITEM])
        clock.advance()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        _, page = ask(sandbox, "GET", "/rmas", pagesize="3", sort_by="+rma_updated_at", **cursor)
        seen += [rma["rmaId"] for rma in page["rmas"]]
        if len(seen) == 3:
            sandbox.rmas.approve(seen[0])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert set(seen) == set(sandbox.rmas.documents)
    assert seen.count(seen[0]) == 2


def test_filters() -> None:
    clock = SteppedClock()
    sandbox = ReturnGoSandbox(clock)
    first = sandbox.rmas.create([ITEM], order="#1")
    sandbox.rmas.ship(first)
    transaction = sandbox.rmas.refund(first, "10.00")
    clock.advance()
    second = sandbox.rmas.create([ITEM], order="#2")

    def found(path: str, **query: str) -> list[str]:
        return [row["rmaId"] for row in ask(sandbox, "GET", path, pagesize="9", **query)[1][path.strip("/")]]

    assert found("/rmas", order_name="#2,#3") == [second]
    assert found("/rmas", tracking_numbers="RM70001GB") == [first]
    assert found("/rmas", rma_created_at="gt:2026-10-02T09:00:00") == [second]
    assert found("/rmas", status="Approved") == []
    assert found("/rmas", sort_by="-rma_created_at") == [second, first]
    assert found("/transactions", ids=transaction) == found("/transactions", rma_ids=first) == [first]
    assert found("/transactions", statuses="Requested") == found("/transactions", updated_at="gt:2026-10-02T09:00:00") == []


@pytest.mark.parametrize("stands", SHIPMENT_MOVES)
def test_a_shipment_moves_along_its_machine(stands: str) -> None:
    for status in SHIPMENT_MOVES:
        sandbox = ReturnGoSandbox(SteppedClock())
        parcel = sandbox.rmas.ship(sandbox.rmas.create([ITEM]))
        sandbox.rmas.shipment(parcel)[1]["status"] = stands
        allowed = status == stands or status in SHIPMENT_MOVES[stands]
        assert ask(sandbox, "PUT", f"/shipment/{parcel}", {"status": status})[0] == (200 if allowed else 400)
    assert ask(sandbox, "PUT", "/shipment/0", {"status": "Received"})[0] == 404


def test_an_rmas_date_stands_still_while_its_shipment_moves() -> None:
    clock = SteppedClock()
    sandbox = ReturnGoSandbox(clock)
    rma = sandbox.rmas.create([ITEM])
    parcel = sandbox.rmas.ship(rma)
    before = sandbox.rmas.documents[rma]["lastUpdated"]
    clock.advance()
    sandbox.rmas.move_shipment(parcel, "Received")
    assert sandbox.rmas.documents[rma]["lastUpdated"] == before
    assert sandbox.rmas.documents[rma]["comments"][-1]["datetime"] > before


def test_each_event_goes_to_its_subscriptions() -> None:
    sandbox = ReturnGoSandbox(SteppedClock())
    assert [each["eventName"] for each in ask(sandbox, "GET", "/webhooks")[1]] == list(EVENTS)
    assert ask(sandbox, "POST", "/webhook", {"eventName": "RMA_CREATED", "url": "https://a.test/hook?secret=s"})[0] == 200
    assert ask(sandbox, "POST", "/webhook", {"eventName": "RMA_EATEN", "url": "https://a.test"})[0] == 400
    sandbox.rmas.create([ITEM])
    assert [(webhook.topic, webhook.url) for webhook in sandbox.take_webhooks()] == [
        ("RMA_CREATED", None),
        ("RMA_CREATED", "https://a.test/hook?secret=s"),
    ]
    assert sandbox.take_webhooks() == []
    ask(sandbox, "DELETE", "/webhook/1")
    sandbox.rmas.create([ITEM])
    assert len(sandbox.take_webhooks()) == 1


def test_drift_changes_types_and_never_content() -> None:
    sandbox = ReturnGoSandbox(SteppedClock(), drift=5)
    rma = sandbox.rmas.create([ITEM, ITEM])
    documents = [ask(sandbox, "GET", f"/rma/{rma}")[1] for _ in range(12)]
    assert {type(document["items"][0]["taxIncluded"]) for document in documents} == {bool, int, str}
    assert {str(document["items"][0]["shopLineItemId"]) for document in documents} == {"9007199254740993"}
    again = ReturnGoSandbox(SteppedClock(), drift=5)
    again.rmas.create([ITEM, ITEM])
    assert [ask(again, "GET", f"/rma/{rma}")[1] for _ in range(12)] == documents


def test_a_story_goes_on() -> None:
    sandbox = ReturnGoSandbox(SteppedClock())
    made = sandbox.seed({"create": {"items": [ITEM, ITEM]}, "then": ["approve", "ship", "receive"]})
    sandbox.seed(
        {"rma": made["rma"], "then": [{"validate": {"found": {"1": "damaged"}}}, {"refund": {"amount": "10.00", "refund_id": "77"}}]}
    )
    (document,) = sandbox.state()["rmas"]
    assert document["rmaSummary"]["status"] == "Validated"
    assert [item["itemValidationStatusResponse"]["isReturned"] for item in document["items"]] == [False, True]
    assert document["transactions"][0]["externalReferenceId"] == "77"
    with pytest.raises(ValueError, match="there is no RMA 1"):
        sandbox.seed({"rma": "1"})
