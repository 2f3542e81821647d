"""What the ledger tells Happy Returns: refunds released once, and what the warehouse found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.platforms.happy_returns import Content, HappyReturns
from adapters.sandbox.faults import Faults
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorTrouble
from domain.telling import ReturnKey, read_telling
from tests.adapters.platforms.contract import MERCHANT
from tests.adapters.platforms.happy_returns_desk import RETURN, Desk, item, post, rig_platform
from tests.adapters.platforms.test_happy_returns import SHIRT, SOCKS, HappyReturnsRig, rig

# Commands


def shipped_by_mail() -> tuple[HappyReturnsRig, HappyReturns, str]:
    of = rig()
    return_id = of.hub.start({"272034": [SHIRT], "272099": [SOCKS]}, method="mail")
    of.hub.hand_in(return_id)
    return of, rig_platform(of), return_id


def test_a_refund_is_released_once() -> None:
    of, platform, return_id = shipped_by_mail()
    code = of.hub.express_code(return_id)
    answer = platform.release_refund(f"{return_id}/272034", "#272034", {"13377523220546123456": "sellable"})
    assert answer == Accepted(code)
    assert platform.release_refund(f"{return_id}/272034", "272034") == Accepted(code)
    approved = [approval["item"] for approval in of.hub.approvals]
    assert approved == of.hub.item_ids(return_id)[:2], "the other order's part waits for its own word"


def test_a_refund_whose_answer_was_lost_is_asked_about_and_not_sent_again() -> None:
    of, platform, return_id = shipped_by_mail()
    approving = "/approve"
    quiet = of.front.answer

    def cut(request: Any) -> Any:
        response = quiet(request)
        return replace(response, status=503) if request.path.endswith(approving) else response

    of.front.answer = cut  # type: ignore[method-assign]  # the line is cut behind the vendor's back
    assert isinstance(platform.release_refund(return_id, "272034"), Unknown)
    assert isinstance(platform.release_refund(return_id, "272034"), Accepted)
    assert len(of.hub.approvals) == 2


def test_a_refund_that_may_have_been_sent_stays_unknown_while_the_api_does_not_show_it() -> None:
    of, platform, return_id = shipped_by_mail()
    quiet, sent = of.front.answer, []

    def swallow(request: Any) -> Any:
        if request.path.endswith("/approve"):
            sent.append(request)
            return replace(quiet(replace(request, path="/webhooks", method="GET")), status=500)
        return quiet(request)

    of.front.answer = swallow  # type: ignore[method-assign]  # the vendor has it, and is slow
    assert isinstance(platform.release_refund(return_id, "272034"), Unknown)
    assert isinstance(platform.release_refund(return_id, "272034"), Unknown)
    assert len(sent) == 1


def test_trouble_before_sending_leaves_the_way_open() -> None:
    of, platform, return_id = shipped_by_mail()
    of.front.set_faults(Faults(rate_limited=1.0))
    with pytest.raises(VendorTrouble):
        platform.release_refund(return_id, "272034")
    of.front.set_faults(Faults())
    assert isinstance(platform.release_refund(return_id, "272034"), Accepted)


def test_what_cannot_be_released_is_declined() -> None:
    of, platform, return_id = shipped_by_mail()
    assert isinstance(platform.release_refund("nobody", "272034"), Declined)
    assert isinstance(platform.release_refund(return_id, "1"), Declined)
    assert isinstance(platform.release_refund(return_id, "272034", {"x": "mouldy"}), Declined)
    assert of.hub.approvals == []


def test_the_warehouse_tells_what_it_found() -> None:
    of, platform, return_id = shipped_by_mail()
    at = of.clock()
    contents = [Content(item_id, "BAG-1", at, "sellable") for item_id in of.hub.item_ids(return_id)] + [Content(None, "BAG-1", at, "other")]
    assert platform.tell_contents(contents * 400) == Accepted("600 items")
    assert of.sandbox is not None
    told = of.sandbox.state()["return_contents"]
    assert len(told) == 1_600
    assert told[3]["happyReturnsItemID"] == "unidentified"
    assert [row["unidentifiedItemIndex"] for row in told if row["happyReturnsItemID"] == "unidentified"] == list(range(400))


def test_facts_are_the_contracts() -> None:
    desk = Desk()
    reading = desk.read(post("approved", item(), others=("started",)))
    assert {read_telling(fact).key for fact in reading.facts} == {ReturnKey(MERCHANT, "happy_returns", RETURN)}
    assert all(fact["source_id"] for fact in reading.facts)
