"""Verdicts that the ledger sends to Reveni: once, asked about where the answer was lost, declined where it is too late."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from adapters.platforms.reveni import Reveni, Verdict
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorTrouble
from tests.adapters.platforms.contract import Inbox
from tests.adapters.platforms.reveni_vendor import Vendor, document
from tests.adapters.platforms.test_reveni import COAT, ORDER_ID, SHIRT, ReveniRig, platform_of, rig

# Commands


def waiting() -> tuple[ReveniRig, Reveni, str]:
    of = rig()
    assert of.sandbox is not None
    return of, platform_of(of.front), of.sandbox.create([SHIRT, COAT], order_id=ORDER_ID)


def test_verdicts_are_sent_once() -> None:
    of, platform, return_id = waiting()
    first, second = Verdict(f"{return_id[:8]}-1", 2, True), Verdict(f"{return_id[:8]}-2", 1, False, "defect")
    assert platform.partial_validate(return_id, [first]) == Accepted(return_id)
    assert platform.partial_validate(return_id, [first, second]) == Accepted(return_id)
    assert platform.partial_validate(return_id, [first, second]) == Accepted(return_id)
    assert of.sandbox is not None
    shown = of.sandbox.documents[return_id]
    assert shown["status"] == "PARTLY_ACCEPTED"
    assert [(item["status"], item.get("reject_reason")) for item in shown["return_items"]] == [("accepted", None), ("rejected", "defect")]
    Inbox(of).settle()
    assert [row["fact"] for row in of.facts()] == ["Initiated", "ScannedAtReturnBar", "Received", "Inspected"]


def test_a_verdict_whose_answer_was_lost_is_asked_about() -> None:
    of, platform, return_id = waiting()
    quiet, sent = of.front.answer, []

    def swallow(request: Any) -> Any:
        if request.path.endswith("/partial_validate"):
            sent.append(request)
            return replace(quiet(replace(request, method="GET", path="/")), status=502)
        return quiet(request)

    of.front.answer = swallow  # type: ignore[method-assign]  # the vendor has it, and is slow
    verdict = Verdict(f"{return_id[:8]}-1", 2, True)
    assert isinstance(platform.partial_validate(return_id, [verdict]), Unknown)
    assert isinstance(platform.partial_validate(return_id, [verdict]), Unknown)
    assert len(sent) == 1
    assert of.sandbox is not None
    of.sandbox.validate(return_id)
    assert isinstance(platform.partial_validate(return_id, [verdict]), Accepted)


def test_what_cannot_be_decided_any_more_is_declined() -> None:
    of, platform, return_id = waiting()
    assert of.sandbox is not None
    item = f"{return_id[:8]}-1"
    assert isinstance(platform.partial_validate("nobody", []), Declined)
    assert isinstance(platform.partial_validate(return_id, [Verdict("x", 1, True)]), Declined)
    assert isinstance(platform.partial_validate(return_id, [Verdict(item, 9, True)]), Declined), "the vendor says no"
    of.sandbox.validate(return_id)
    assert isinstance(platform.partial_validate(return_id, [Verdict(item, 2, False)]), Declined)
    of.sandbox.cancel(return_id)
    assert isinstance(platform.partial_validate(return_id, [Verdict(item, 2, True)]), Declined)


def test_a_return_that_cannot_be_read_does_not_keep_the_others_from_it() -> None:
    vendor = Vendor()
    broken = {"bad"}

    def answer(request: httpx.Request) -> httpx.Response:
        named = request.url.path.rsplit("/", 1)[-1]
        if named == "returns":
            return httpx.Response(200, json=[{"id": "a"}, {"id": "bad"}, {"id": "b"}])
        return httpx.Response(503) if named in broken else httpx.Response(200, json={**document(), "id": named})

    vendor.answers = answer
    cursors: list[dict[str, Any]] = []

    def poll() -> list[str]:
        told = []
        for polled in vendor.platform.poll(cursors[-1] if cursors else None, vendor.house):
            for reading in polled.readings:
                vendor.house.record(reading)
                told += [fact["return"] for fact in reading.facts]
            cursors.append(json.loads(json.dumps(polled.cursor)))
        return told

    with pytest.raises(VendorTrouble, match="503"):
        poll()
    assert [key.return_id for key in vendor.house.returns_of_order("#1001")] == ["a", "b"]
    assert cursors[-1]["since"] == "2026-08-03T09:00:00Z", "the list is asked from there again"
    broken.clear()
    assert poll() == ["bad"]
