"""What Happy Returns' posts mean, one by one: the published samples, merged events, units and their suffixes, and what nobody published."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.platforms.happy_returns import Content, HappyReturns, connect
from adapters.platforms.happy_returns.client import wait_said
from adapters.platforms.happy_returns.posts import read_post
from adapters.platforms.happy_returns.pricing import priced_lines
from adapters.platforms.port import Delivery, Reading, Unmapped
from adapters.sandbox.faults import Faults
from adapters.sandbox.transport import SandboxTransport
from adapters.vendor.answers import Accepted, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from domain.telling import ReturnKey, read_telling
from tests.adapters.platforms.contract import MERCHANT, MemoryHouse
from tests.adapters.platforms.returns_rig import KnownOrders, facts, order_of
from tests.adapters.platforms.test_happy_returns import COAT, SHIRT, SOCKS, HappyReturnsRig, connection, rig

RETURN = "5035789d-f873-4bad-b2f3-2daca346c111"
CODE = "HRVPBGPR"
LINE = "13377523220546"
ORDERS = [order_of("272034", (LINE, "nomshrts-1", 5, 5_000, 1_000), order_id="5324938444866"), order_of("272035", ("77", "hat", 1, 900, 0))]
STARTED = {
    "event": "return_status_updated",
    "typeID": "started",
    "retailerID": "modern-retailer",
    "otherEvents": [{"event": "return_dropoff_method_created", "typeID": "return-bar"}],
    "items": [
        {
            "happyReturnsReturnID": RETURN,
            "purchasedAt": "2024-01-05T16:26:05-05:00",
            "email": "customer@example.com",
            "orderNumber": "272034",
            "externalRMAID": "RMA20240101A",
            "orderID": "5324938444866",
            "orderLineItemID": f"{LINE}-0-5",
            "sku": "nomshrts-1",
            "upc": "SKDFHWEW-DKFD",
            "productVariantID": "39942123880514",
            "labelBarcode": "SKDFHWEW-DKFD",
        }
    ],
}
LABEL = {
    "event": "return_label_update",
    "typeID": "",
    "retailerID": "modern-retailer",
    "webhookType": "return.label.update",
    "labelID": "HR2ABCDEFGHI",
    "happyReturnsReturnID": "515764c3-2ff3-11eb-b93e-2a27f3aba64d",
    "happyReturnsExpressCode": CODE,
}


class Desk:
    """One platform whose API answers what the test says, and the house it tells."""

    def __init__(self, mappings: Mapping[str, dict[str, str]] | None = None, orders: KnownOrders | None = None) -> None:
        self.rig = rig()
        self.house = MemoryHouse(self.rig.clock, orders if orders is not None else KnownOrders(ORDERS))
        self.asked: list[tuple[str, Any]] = []
        self.answer: httpx.Response | Exception = httpx.Response(204)
        settings = connection(**(mappings or {}))
        settings = replace(settings, credentials={"api_key": "k", "retailer_id": "modern-retailer"}, base_url="https://hr.test/")
        http = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.platform = connect(connection=settings, http=http, wait_turn=lambda: None)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content or b"null")))
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(self.answer.status_code, content=self.answer.content)

    def read(self, content: Any, *, after: timedelta = timedelta()) -> Reading:
        delivery = Delivery("uk-happy-returns", "t", self.rig.clock(), {}, json.dumps(content).encode())
        self.rig.clock.advance(after)
        reading = self.platform.read(delivery, self.house)
        self.house.record(reading)
        assert self.house.conflicts == []
        return reading

    def facts(self, *names: str) -> list[dict[str, Any]]:
        return facts(self.house, *names)

    def told(self, *names: str) -> list[tuple[str, str, Any]]:
        return [
            (row["fact"], row["return"], [(line["line"], line["quantity"]) for line in row.get("lines", ())]) for row in self.facts(*names)
        ]


def post(type_id: str, *items: dict[str, Any], others: tuple[str, ...] = (), event: str = "return_status_updated") -> dict[str, Any]:
    merged = [{"event": "return_status_updated", "typeID": other} for other in others]
    return {"event": event, "typeID": type_id, "retailerID": "modern-retailer", "otherEvents": merged, "items": list(items)}


def item(line: str = f"{LINE}-0-5", order: str = "272034", **more: Any) -> dict[str, Any]:
    return {
        "happyReturnsReturnID": RETURN,
        "happyReturnsExpressCode": CODE,
        "orderNumber": order,
        "orderLineItemID": line,
        "email": "customer@example.com",
        **more,
    }


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


# Amounts


def test_without_amounts_the_return_waits_and_its_scan_does_not() -> None:
    orders = KnownOrders(ORDERS, away=True)
    desk = Desk(orders=orders)
    reading = desk.read(post("approved", item(), others=("started",)))
    assert reading.waits_for == "the amounts of order 272034, which cannot be read: the shop is away"
    assert desk.told() == [("ScannedAtReturnBar", RETURN, [(LINE, 1)])]
    orders.away = False
    assert desk.read(post("approved", item(), others=("started",))).waits_for is None
    assert [row["fact"] for row in desk.facts()] == ["ScannedAtReturnBar", "Initiated"]


def test_without_a_source_of_orders_it_says_what_to_set() -> None:
    desk = Desk()
    desk.house = MemoryHouse(desk.rig.clock, None)
    assert "set refunds_from, or an erp" in (desk.read(STARTED).waits_for or "")


def test_an_order_nobody_knows_and_a_line_it_does_not_have() -> None:
    desk = Desk()
    assert desk.read(post("started", item(order="999"))).waits_for == "order 999, which the source of orders does not know"
    assert desk.read(post("started", item("4711"))).waits_for == "line 4711 of order #272034: the order has no such line"
    assert desk.facts() == []


def test_an_order_is_found_by_its_id_where_its_name_is_another() -> None:
    desk = Desk()
    desk.read(post("started", item(order="web-1", orderID="5324938444866")))
    assert desk.facts("Initiated")[0]["order"] == "#272034"


def test_any_split_of_a_line_sums_to_the_line() -> None:
    """Three units at 10.00: returned one by one, the last takes what rounding leaves."""
    order = order_of("1", ("9", "x", 3, 1_000, 200))

    def worth(*lines: str) -> int:
        units = read_post(post("started", *(item(line) for line in lines))).units
        [line] = priced_lines(units, order)
        return int(line["items"].replace(".", ""))

    # The suffix counts what can still be refunded: the second return of one unit sees two of three.
    assert [worth("9-0-3"), worth("9-0-2"), worth("9")] == [333, 334, 333]
    assert worth("9-0-3") + worth("9-0-2", "9-1-2") == 1_000
    assert worth("9-0-3", "9-1-3", "9-2-3") == 1_000
    assert worth("9-0-3", "9-2-3") + worth("9-1-3") == 1_000
    assert worth("9-0-3", "9-1-3", "9-2-3", "9") == 1_000


def test_what_the_customer_wants() -> None:
    assert Desk().read(post("started", item(oneClickExchange=True))).facts[0]["resolution"] == "exchange"
    assert Desk().read(post("started", item(refundType="Store credit"))).facts[0]["resolution"] == "store_credit"
    unknown = Desk().read(post("dropped-off", item(refundType="voucher")))
    assert [fact["fact"] for fact in unknown.facts] == ["ScannedAtReturnBar"]
    assert unknown.unmapped == (Unmapped("refundType", "voucher", RETURN),)


# One post for each order


HAT = item("77", "272035")


def test_two_orders_of_one_return_are_two_parts_whichever_comes_first() -> None:
    for first, second in ((item(), HAT), (HAT, item())):
        desk = Desk()
        desk.answer = httpx.Response(200, json={"returns": [post("started", item()), post("started", HAT)]})
        desk.read(post("started", first))
        desk.read(post("started", second))
        desk.read(post("approved", first))
        desk.read(post("approved", second))
        assert {(row["return"], row["order"]) for row in desk.facts("Initiated")} == {
            (f"{RETURN}/272034", "#272034"),
            (f"{RETURN}/272035", "#272035"),
        }
        assert sorted(row["return"] for row in desk.facts("ScannedAtReturnBar")) == [f"{RETURN}/272034", f"{RETURN}/272035"]
        assert [asked for asked, _ in desk.asked] == ["/return"], "what was asked is remembered"


def test_a_return_of_one_order_keeps_its_id() -> None:
    desk = Desk()
    desk.answer = httpx.Response(200, json=post("started", item(f"{LINE}-0-5"), item(f"{LINE}-1-5")))
    desk.read(post("approved", item(f"{LINE}-0-5")))
    # Announced is everything that the API knows of, scanned what the post says.
    assert desk.told() == [("Initiated", RETURN, [(LINE, 2)]), ("ScannedAtReturnBar", RETURN, [(LINE, 1)])]


def test_while_the_api_is_away_a_new_return_waits_a_little_and_no_longer() -> None:
    desk = Desk()
    desk.answer = httpx.ConnectError("away")
    with pytest.raises(VendorTrouble):
        desk.read(post("started", item()))
    desk.read(post("started", item()), after=timedelta(minutes=1))
    desk.read(post("started", HAT), after=timedelta(minutes=1))
    desk.read(post("dropped-off", item()))
    desk.read(post("dropped-off", HAT))
    assert [(row["fact"], row["return"]) for row in desk.facts()] == [
        ("Initiated", RETURN),
        ("Initiated", f"{RETURN}/272035"),
        ("ScannedAtReturnBar", RETURN),
        ("ScannedAtReturnBar", f"{RETURN}/272035"),
    ]


def test_parts_are_kept_apart_also_before_they_are_announced() -> None:
    desk = Desk(orders=KnownOrders(ORDERS, away=True))
    desk.read(post("dropped-off", item()))
    desk.read(post("dropped-off", HAT))
    assert [row["return"] for row in desk.facts()] == [RETURN, f"{RETURN}/272035"]


def test_a_key_that_is_refused_does_not_stop_webhooks() -> None:
    desk = Desk()
    desk.answer = httpx.Response(403, json={})
    desk.read(post("started", item()))
    assert [row["return"] for row in desk.facts()] == [RETURN]


def test_without_an_express_code_the_order_leads_to_it() -> None:
    desk = Desk()
    desk.answer = httpx.Response(200, json={"returns": [post("started", item())]})
    desk.read(STARTED)
    assert [body for _, body in desk.asked] == [
        {"happyReturnsRetailerID": "modern-retailer", "orderNumber": "272034"},
        {"happyReturnsRetailerID": "modern-retailer", "happyReturnsExpressCode": CODE},
    ]


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


# Polling and the API


def test_what_webhooks_lost_is_asked_for() -> None:
    of = rig()
    hub = of.hub
    hub.start({"272034": [COAT]})
    of.go_on()
    hub.hand_in(next(iter(hub.returns)))
    of.clock.advance()
    of.front.webhooks()
    assert [row["fact"] for row in of.facts()] == ["Initiated"]
    of.inbox.poll()
    assert [row["fact"] for row in of.facts()] == ["Initiated", "ScannedAtReturnBar"]


def test_another_process_goes_on_from_the_cursor() -> None:
    of = rig()
    hub = of.hub
    return_id = hub.start({"272034": [COAT]})
    of.go_on()
    of.inbox.poll()
    of.platform = rig_platform(of)
    hub.expire(return_id)
    of.inbox.poll()
    assert [row["fact"] for row in of.facts()] == ["Initiated", "Expired"]
    asked = len(of.inbox.cursor["watched"]) if of.inbox.cursor else 0
    of.inbox.poll()
    of.inbox.poll()
    assert (asked, of.inbox.cursor and of.inbox.cursor["watched"]) == (1, {}), "what is over is not asked for again"


def rig_platform(of: HappyReturnsRig) -> HappyReturns:
    http = httpx.Client(transport=SandboxTransport(of.front))
    return HappyReturns(connection(), http, lambda: of.clock.advance(timedelta(seconds=2)))


def test_a_large_shipment_is_read_page_by_page() -> None:
    of = rig(orders=KnownOrders([order_of("272034", ("1", "x", 2_500, 250_000, 0))]))
    hub = of.hub
    return_id = hub.start({"272034": [{"line": "1", "sku": "x", "quantity": 2_500}]})
    hub.hand_in(return_id)
    hub.ship()
    of.clock.advance()
    of.inbox.poll()
    received = [line["quantity"] for row in of.facts("Received") for line in row["lines"]]
    assert sum(received) == 2_500


def test_too_many_requests_say_how_long_to_wait() -> None:
    said = httpx.Response(429, json={"ErrorMessage": "too many requests: limit 0.500000 requests/sec, leaky bucket size 7"})
    assert wait_said(said) == 7
    of = rig()
    impatient = HappyReturns(connection(), httpx.Client(transport=SandboxTransport(of.front)), lambda: None)
    for _ in range(5):
        impatient.check()
    with pytest.raises(VendorTrouble) as trouble:
        impatient.check()
    assert trouble.value.retry_after_seconds == 5


def test_a_return_that_cannot_be_read_does_not_stand_in_the_others_way() -> None:
    of = rig()
    first = of.hub.start({"272034": [COAT]})
    second = of.hub.start({"272099": [SOCKS]})
    of.go_on()
    quiet, bad = of.front.answer, of.hub.express_code(first)

    def answer(request: Any) -> Any:
        response = quiet(request)
        return replace(response, status=500) if bad.encode() in request.body else response

    of.front.answer = answer  # type: ignore[method-assign]  # one return breaks the vendor
    of.hub.expire(first)
    of.hub.expire(second)
    of.front.webhooks()
    of.inbox.poll()
    assert [(row["fact"], row["return"]) for row in of.facts("Expired")] == [("Expired", second)]


def test_check_says_how_it_stands() -> None:
    of = rig()
    assert of.platform.check() == "Happy Returns answers for retailer sandbox-retailer; webhook subscriptions: 3"
    wrong = replace(connection(), credentials={"api_key": "wrong", "retailer_id": "sandbox-retailer"})
    with pytest.raises(VendorRefused):
        HappyReturns(wrong, httpx.Client(transport=SandboxTransport(of.front)), lambda: None).check()


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
