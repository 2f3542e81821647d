"""Reveni's lists of any shape, where there is none, what configuration may change, and trouble on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.reveni import connect
from adapters.sandbox.faults import Faults
from adapters.sandbox.transport import SandboxTransport
from adapters.vendor.answers import VendorRefused, VendorTrouble
from tests.adapters.platforms.reveni_vendor import RETURN, Vendor, document, refund
from tests.adapters.platforms.test_reveni import ORDER_ID, SHIRT, connection, platform_of, rig

# Polling


def one_of(rows: Any, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        named = request.url.path.rsplit("/", 1)[-1]
        if named == "returns":
            return httpx.Response(200, json=rows, headers=headers)
        return httpx.Response(200, json={**document(), "id": named})

    return answer


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": RETURN}, {"id": "other"}],
        {"results": [{"id": RETURN}, {"id": "other"}], "next": None},
        {"returns": [{"return_id": RETURN}, {"uuid": "other"}, {"id": "../x"}, "?"]},
        {"data": [{"id": RETURN}, {"id": "other"}], "meta": {"next_cursor": "abc"}},
    ],
)
def test_a_list_of_any_shape_is_read(rows: Any) -> None:
    vendor = Vendor()
    vendor.answers = one_of(rows)
    told = [fact["return"] for polled in vendor.platform.poll(None, vendor.house) for reading in polled.readings for fact in reading.facts]
    assert told == [RETURN, "other"]


def test_a_list_that_says_where_it_goes_on_is_followed() -> None:
    pages = {"1": ("a", "https://rv.test/x?page=2&page_size=1"), "2": ("b", "3"), "3": ("c", None)}

    def answer(request: httpx.Request) -> httpx.Response:
        named = request.url.path.rsplit("/", 1)[-1]
        if named != "returns":
            return httpx.Response(200, json={**document(), "id": named})
        return_id, onward = pages[request.url.params["page"]]
        return httpx.Response(200, json={"results": [{"id": return_id}], "next": onward})

    vendor = Vendor()
    vendor.answers = answer
    assert len([fact for polled in vendor.platform.poll(None, vendor.house) for one in polled.readings for fact in one.facts]) == 3


def test_rows_that_look_the_same_are_not_asked_for_again() -> None:
    vendor = Vendor()
    vendor.answers = one_of([{"id": RETURN, "status": "EXPIRED"}])
    inbox_cursor: dict[str, Any] | None = None
    for _ in range(2):
        for polled in vendor.platform.poll(inbox_cursor, vendor.house):
            inbox_cursor = json.loads(json.dumps(polled.cursor))
    listed = [request for request in vendor.asked if request.url.path.endswith("/returns")]
    assert [request.url.params["updated_after"] for request in listed] == ["2026-08-03T08:50:00Z", "2026-10-02T08:50:00Z"]
    # Once by the list; once more because it is under way, as a list of summaries hides refunds.
    assert len(vendor.asked) - len(listed) == 2


def test_where_there_is_no_list_returns_under_way_are_looked_at() -> None:
    of = rig(listing=False)
    assert of.sandbox is not None
    return_id = of.sandbox.create([SHIRT], order_id=ORDER_ID)
    of.go_on()
    of.sandbox.receive(return_id)
    of.front.webhooks()
    of.platform = platform_of(of.front) if of.inbox.cursor else of.platform
    of.inbox.poll()
    assert [row["fact"] for row in of.facts()] == ["Initiated", "ScannedAtReturnBar", "Received"]
    of.platform = platform_of(of.front)
    of.sandbox.validate(return_id)
    of.inbox.poll()
    assert of.facts()[-1]["fact"] == "Inspected", "the cursor knows whom to look at"


def test_another_path_and_other_names_are_configuration() -> None:
    vendor = Vendor(connection(polling={"path": "/v2/list/", "since": "from", "page": "", "size": "limit"}))
    vendor.answers = lambda request: httpx.Response(200, json=[])
    list(vendor.platform.poll(None, vendor.house))
    assert vendor.asked[0].url.path.endswith("/stores/sandbox-store/v2/list")
    assert sorted(vendor.asked[0].url.params) == ["from", "limit"]


def test_trouble_comes_through_as_what_it_is() -> None:
    of = rig()
    assert of.platform.check() == "Reveni answers for store sandbox-store"
    of.front.set_faults(Faults(rate_limited=1.0))
    with pytest.raises(VendorTrouble) as trouble:
        of.platform.check()
    assert trouble.value.retry_after_seconds == 7
    of.front.set_faults(Faults())
    wrong = replace(connection(), credentials={"api_key": "wrong", "store_id": "sandbox-store"})
    with pytest.raises(VendorRefused):
        connect(connection=wrong, http=httpx.Client(transport=SandboxTransport(of.front)), wait_turn=lambda: None).check()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (replace(connection(), credentials={"api_key": "k"}), r"connections\.es-reveni\.credentials\.store_id is missing"),
        (connection(refund_methods={"cash": "banknotes"}), r"mappings\.refund_methods\.cash"),
        (connection(methods={"cash": "exchange"}), r"mappings\.methods"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_key(settings: ConnectionSettings, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Vendor(settings)


def test_nobodys_name_or_address_gets_through() -> None:
    personal = {"customer": {"name": "Ada Lovelace", "email": "ada@example.com"}, "note": "Ada was here"}
    items = [{"sku": "HAT", "return_reason": "ask ada@example.com", "status": "seen by ada@example.com"}]
    vendor = Vendor()
    reading = vendor.read(document("ada@example.com", refund(method="to ada@example.com", iban="ES91"), items=items, **personal))
    assert vendor.names() == ["Initiated"]
    assert "ada" not in repr((reading.facts, reading.unmapped, reading.waits_for)).lower()
