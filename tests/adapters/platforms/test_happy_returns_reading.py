"""What Happy Returns' posts mean, one by one: the published samples, signatures, merged events, units and their suffixes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from adapters.platforms.happy_returns import connect
from adapters.platforms.happy_returns.posts import read_post
from adapters.platforms.port import Unmapped
from adapters.vendor.answers import NotUnderstood
from tests.adapters.platforms.happy_returns_desk import LABEL, LINE, RETURN, STARTED, Desk, item, post
from tests.adapters.platforms.returns_rig import KnownOrders, order_of
from tests.adapters.platforms.test_happy_returns import connection

# The published samples


def test_the_sample_of_a_started_return() -> None:
    desk = Desk()
    reading = desk.read(STARTED)
    assert reading.unmapped == ()
    assert reading.waits_for is None
    [told] = desk.facts()
    assert told == {
        "fact": "Initiated",
        "return": RETURN,
        "occurred_at": "2026-10-02T09:00:00Z",
        "order": "#272034",
        "currency": "GBP",
        "resolution": "refund",
        "lines": [{"line": LINE, "order_line": LINE, "sku": "nomshrts-1", "quantity": 1, "items": "10.00", "tax": "2.00"}],
    }


def test_the_sample_of_a_label_is_ignored_with_a_reason() -> None:
    reading = Desk().read(LABEL)
    assert reading.facts == ()
    assert reading.ignored == "a bag's barcode moves neither goods nor money"


def test_labels_name_the_kind_and_never_an_id() -> None:
    platform = Desk().platform
    named = [platform.label({}, json.dumps(content).encode()) for content in (STARTED, LABEL, [{"tracking": "1Z"}], [], "x")]
    assert [label.topic for label in named] == [
        "return_status_updated/started",
        "return.label.update",
        "outbound_shipment.asn",
        "unknown",
        "unknown",
    ]
    assert {label.delivery_id for label in named} == {None}
    assert platform.label({}, b"\xff{").topic == "unreadable"


# Signatures


def signed(body: bytes, by: str = "sandbox-secret") -> str:
    return hmac.new(by.encode(), body, hashlib.sha256).hexdigest()


def test_the_default_recipe_is_hex_of_the_raw_body() -> None:
    platform, body = Desk().platform, json.dumps(STARTED).encode()
    assert platform.authentic({"x-hr-signature": signed(body)}, body)
    assert platform.authentic({"x-hr-signature": signed(body).upper()}, body)
    for wrong in ("", "zz", signed(body, "other"), signed(body)[:-2], signed(body + b" "), "é"):
        assert not platform.authentic({"x-hr-signature": wrong}, body)
    assert not platform.authentic({}, body)


def test_another_recipe_is_configuration() -> None:
    recipe = {"header": "X-Signature", "algorithm": "HMAC-SHA512", "encoding": "base64", "prefix": "v1="}
    platform, body = Desk({"signature": recipe}).platform, b"{}"
    digest = hmac.new(b"sandbox-secret", body, hashlib.sha512).digest()
    assert platform.authentic({"x-signature": "v1=" + base64.b64encode(digest).decode()}, body)
    assert not platform.authentic({"x-signature": base64.b64encode(digest).decode()}, body)
    assert not platform.authentic({"x-hr-signature": signed(body)}, body)


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ({"signature": {"algorithm": "md5"}}, "mappings.signature.algorithm"),
        ({"signature": {"encoding": "base32"}}, "mappings.signature.encoding"),
        ({"signature": {"salt": "x"}}, "mappings.signature.salt"),
        ({"statuses": {"a": "b"}}, "mappings.statuses"),
        ({"events": {"scanned": "hooray"}}, "mappings.events.scanned"),
    ],
)
def test_a_mapping_that_does_not_exist_is_refused_with_its_key(mappings: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(ValueError, match=f"connections.uk-happy-returns.{said}"):
        Desk(mappings)


def test_a_missing_credential_is_refused_with_its_key() -> None:
    settings = replace(connection(), credentials={"api_key": "k"})
    with pytest.raises(ValueError, match=r"credentials\.retailer_id is missing"):
        connect(connection=settings, http=httpx.Client(), wait_turn=lambda: None)


# Events and units


def test_merged_events_are_all_read() -> None:
    desk = Desk()
    desk.read(post("approved", item(), others=("dropped-off", "started")))
    assert desk.told() == [("Initiated", RETURN, [(LINE, 1)]), ("ScannedAtReturnBar", RETURN, [(LINE, 1)])]


def test_a_dropoff_method_announces_and_moves_nothing() -> None:
    desk = Desk()
    desk.read(post("mail", item(), event="return_dropoff_method_created"))
    assert desk.told() == [("Initiated", RETURN, [(LINE, 1)])]


def test_one_element_is_one_unit_and_repeats_are_silence() -> None:
    desk = Desk()
    units = [item(f"{LINE}-{offset}-5") for offset in (0, 1, 4)]
    desk.read(post("started", *units))
    desk.read(post("dropped-off", *units))
    desk.read(post("approved", *units[::-1], others=("dropped-off",)))
    assert desk.told() == [("Initiated", RETURN, [(LINE, 3)]), ("ScannedAtReturnBar", RETURN, [(LINE, 3)])]


def test_goods_that_come_in_two_goes_count_once_each() -> None:
    desk = Desk()
    first, second = item(f"{LINE}-0-2"), item(f"{LINE}-1-2")
    desk.read(post("started", first, second))
    desk.read(post("dropped-off", first))
    desk.read(post("approved", first, second))
    assert desk.told("ScannedAtReturnBar") == [
        ("ScannedAtReturnBar", RETURN, [(LINE, 1)]),
        ("ScannedAtReturnBar", RETURN, [(LINE, 1)]),
    ]


def test_sixty_units_are_told_whole() -> None:
    orders = KnownOrders([order_of("272034", (LINE, "x", 60, 6_000, 0))])
    desk = Desk(orders=orders)
    units = [item(f"{LINE}-{offset}-60") for offset in range(60)]
    desk.read(post("dropped-off", *units))
    desk.read(post("approved", *units))
    assert sum(quantity for _, _, lines in desk.told("ScannedAtReturnBar") for _, quantity in lines) == 60
    assert all(len(telling.source_id or "") <= 200 for telling in desk.house.tellings)


def test_a_shop_whose_own_ids_end_like_that_keeps_them() -> None:
    orders = KnownOrders([order_of("272034", ("SO-1-2", "x", 1, 100, 0))])
    desk = Desk({"line_ids": {"suffix": "keep"}}, orders)
    desk.read(post("started", item("SO-1-2")))
    assert desk.told() == [("Initiated", RETURN, [("SO-1-2", 1)])]
    assert [unit.line for unit in read_post(post("x", item("9-3-2"), item("9-0-1"))).units] == ["9-3-2", "9"]


def test_items_without_a_line_go_by_their_sku() -> None:
    desk = Desk()
    of = {"happyReturnsReturnID": RETURN, "orderNumber": "272034", "sku": "nomshrts-1"}
    desk.read(post("started", of, dict(of)))
    desk.read(post("dropped-off", of, dict(of)))
    assert desk.told() == [("Initiated", RETURN, [("nomshrts-1", 2)]), ("ScannedAtReturnBar", RETURN, [("nomshrts-1", 2)])]
    assert desk.facts("Initiated")[0]["lines"][0]["order_line"] == LINE


@pytest.mark.parametrize(("event", "fact"), [("expired", "Expired"), ("cancelled", "Cancelled"), ("canceled", "Cancelled")])
def test_what_ends_a_return(event: str, fact: str) -> None:
    desk = Desk()
    desk.read(post("started", item()))
    desk.read(post(event, item()))
    desk.read(post(event, item(), others=("started",)))
    assert [row["fact"] for row in desk.facts()] == ["Initiated", fact]


def test_an_event_that_nobody_named_is_shown_and_never_guessed() -> None:
    desk = Desk()
    reading = desk.read(post("left-at-neighbour", item()))
    assert reading.facts == ()
    assert reading.unmapped == (Unmapped("event", "return_status_updated/left-at-neighbour", RETURN),)
    mapped = Desk({"events": {"Left at neighbour": "handed_in"}})
    mapped.read(post("left-at-neighbour", item()))
    assert [row["fact"] for row in mapped.facts()] == ["Initiated", "ScannedAtReturnBar"]


def test_one_known_event_counts_beside_an_unknown_one() -> None:
    desk = Desk()
    reading = desk.read(post("what", item(), others=("dropped-off",)))
    assert [row["fact"] for row in desk.facts()] == ["Initiated", "ScannedAtReturnBar"]
    assert len(reading.unmapped) == 1


def test_the_posts_of_another_retailer_are_not_this_merchants() -> None:
    stranger = {**post("started", item()), "retailerID": "other-shop"}
    reading = Desk().read(stranger)
    assert (reading.facts, reading.unmapped) == ((), (Unmapped("retailerID", "other-shop"),))
    assert Desk({"retailers": {"other-shop": "ours"}}).read(stranger).facts
    assert Desk({"retailers": {"other-shop": "other"}}).read(stranger).ignored == "it belongs to the retailer other-shop"


@pytest.mark.parametrize("content", [{}, [], "x", 1, None, {"items": []}, {"event": "x", "items": [{"sku": "x"}]}, [{"sku": "y"}]])
def test_what_makes_no_sense_is_not_understood(content: Any) -> None:
    with pytest.raises(NotUnderstood):
        Desk().read(content)


def test_an_element_without_a_return_keeps_the_others_company() -> None:
    desk = Desk()
    reading = desk.read(post("started", item(), {"sku": "x"}))
    assert [row["fact"] for row in desk.facts()] == ["Initiated"]
    assert reading.unmapped == (Unmapped("items.happyReturnsReturnID", "missing in 1 items"),)
