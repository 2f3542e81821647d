"""The Admin API as the ledger reads it: original orders to the penny, ways of being refused, and polls that forget nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.platforms.port import ConnectionSettings, Delivery, OrderLine, Reading
from adapters.platforms.shopify import Shopify, connect, queries
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.orders import read_line
from adapters.platforms.shopify.shapes import flat, number_of
from adapters.sandbox.faults import Front
from adapters.sandbox.shopify import ShopifySimulator
from adapters.sandbox.shopify.graphql import Query
from adapters.vendor.answers import NotUnderstood, VendorRefused, VendorTrouble
from domain.money import worth
from tests.adapters.platforms.contract import MERCHANT, SteppedClock
from tests.adapters.platforms.shop_rig import COAT, SHIRT, SOCKS, ShopRig, connection, platform_of, shop_rig, units


@pytest.fixture
def rig() -> ShopRig:
    return shop_rig()


def shop_of(rig: ShopRig) -> Shopify:
    assert isinstance(rig.platform, Shopify)
    return rig.platform


# Original orders


def test_an_order_tells_what_each_line_cost_after_discounts_apart_from_tax(rig: ShopRig) -> None:
    made = rig.shop.order([SHIRT, SOCKS, {**COAT, "sku": None}], name="#1001")
    order = shop_of(rig).orders.by_id(str(made.id))
    assert order is not None
    assert (order.order_id, order.name, order.currency) == (str(made.id), "#1001", "GBP")
    shirt, socks, coat = (str(line.id) for line in made.lines)
    assert order.lines == (
        OrderLine(shirt, "SHIRT-M", 2, 8_279, 1_656),
        OrderLine(socks, "SOCKS", 3, 2_999, 600),
        OrderLine(coat, f"variant-{made.lines[2].variant}", 1, 18_900, 3_780),
    )
    assert shop_of(rig).orders.by_id(f"gid://shopify/Order/{made.id}") == order


def test_where_prices_hold_the_tax_it_is_taken_out(rig: ShopRig) -> None:
    made = rig.shop.order([{"sku": "A", "quantity": 3, "price": 1_200, "discount": 600, "tax": 500}], taxes_included=True)
    order = shop_of(rig).orders.by_id(str(made.id))
    assert order is not None
    assert (order.lines[0].items_minor, order.lines[0].tax_minor) == (2_500, 500)


@pytest.mark.parametrize(("currency", "price", "text"), [("JPY", 980, "980"), ("KWD", 12_345, "12.345")])
def test_currencies_keep_their_own_digits(rig: ShopRig, currency: str, price: int, text: str) -> None:
    made = rig.shop.order([{"sku": "A", "price": price}], currency=currency)
    order = shop_of(rig).orders.by_id(str(made.id))
    assert order is not None
    assert order.lines[0].items_minor == price
    refund = rig.shop.refund(made, units(made, 1))
    rig.run()
    [fact] = rig.facts("Refunded")
    assert (fact["refund"], fact["amount"]["total"]) == (str(refund.id), text)


def test_an_order_is_found_by_its_name_and_only_by_its_own(rig: ShopRig) -> None:
    made = rig.shop.order([SHIRT], name="#1001")
    orders = shop_of(rig).orders
    for name in ("#1001", "1001"):
        found = orders.by_name(name)
        assert found is not None
        assert found.order_id == str(made.id)
    assert [orders.by_name(name) for name in ("#100", "#10011", "", "#", "O'Neill's \\ order")] == [None] * 5
    assert [orders.by_id(number) for number in ("", "abc", "17", "1.5")] == [None] * 4
    # Two orders of nearly one name: nobody is guessed at, and each is found by its very own.
    other = rig.shop.order([COAT], name="1001")
    assert [found and found.order_id for found in map(orders.by_name, ("#1001", "1001"))] == [str(made.id), str(other.id)]


def test_an_order_of_many_lines_is_read_to_its_end(rig: ShopRig) -> None:
    made = rig.shop.order([{"sku": f"S-{at}", "price": at + 1} for at in range(95)])
    order = shop_of(rig).orders.by_id(str(made.id))
    assert order is not None
    assert [line.items_minor for line in order.lines] == list(range(1, 96))


def test_a_refund_and_a_return_of_many_lines_are_read_to_their_end(rig: ShopRig) -> None:
    made = rig.shop.order([{"sku": f"S-{at}", "price": 100} for at in range(95)])
    everything = {line.id: 1 for line in made.lines}
    back = rig.shop.request_return(made, everything)
    rig.shop.process(back)
    rig.poll()
    [announced] = rig.facts("Initiated")
    assert len(announced["lines"]) == 95
    assert len(rig.facts("Restocked")) == 95
    assert rig.facts("Refunded")[0]["amount"] == {"items": "95.00", "tax": "0.00", "shipping": "0.00", "fees": "0.00", "total": "95.00"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 0},
        {"id": None},
        {"originalTotalSet": None},
        {"originalTotalSet": {"shopMoney": {"amount": "1.00", "currencyCode": "EUR"}}},
        {"originalTotalSet": {"shopMoney": {"amount": "0.001", "currencyCode": "GBP"}}},
        {"taxLines": [{"priceSet": {"shopMoney": {"amount": "-1.00", "currencyCode": "GBP"}}}]},
    ],
)
def test_a_line_that_makes_no_sense_is_not_understood(wrong: dict[str, Any]) -> None:
    line = {
        "id": "gid://shopify/LineItem/5",
        "sku": "A",
        "quantity": 1,
        "originalTotalSet": {"shopMoney": {"amount": "9.00", "currencyCode": "GBP"}},
    }
    assert read_line(flat(line), "GBP", False) == OrderLine("5", "A", 1, 900, 0)
    with pytest.raises(NotUnderstood):
        read_line(flat(line | wrong), "GBP", False)


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        (9_223_372_036_854_775_807, "9223372036854775807"),
        ("9007199254740993", "9007199254740993"),
        ("gid://shopify/Order/9007199254740993", "9007199254740993"),
        ("gid://shopify/FulfillmentLineItem/12?position=2", "12"),
        ("", None),
        (True, None),
        (1.5, None),
        ("gid://shopify/Order/", None),
        ("٣", None),
    ],
)
def test_an_id_keeps_its_digits_or_is_none(identity: object, number: str | None) -> None:
    assert number_of(identity) == number


def test_parts_of_a_line_that_come_back_apart_are_worth_their_share(rig: ShopRig) -> None:
    made = rig.shop.order([SOCKS])
    for _ in range(3):
        rig.shop.request_return(made, units(made, 1))
    rig.run()
    assert [fact["lines"][0]["items"] for fact in rig.facts("Initiated")] == ["10.00"] * 3
    assert worth(2_999, 1, 3) == 1_000


# Being refused


@pytest.mark.parametrize(
    ("answer", "raised", "said"),
    [
        (httpx.Response(200, json={"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}), VendorTrouble, "THROTTLED"),
        (httpx.Response(429, headers={"retry-after": "2.0"}), VendorTrouble, "429"),
        (httpx.Response(500, text="<html>"), VendorTrouble, "500"),
        (httpx.Response(200, text='{"data": {"sh'), VendorTrouble, "torn"),
        (httpx.Response(200, json=[1]), VendorTrouble, "no object"),
        (httpx.Response(200, json={"data": None}), VendorTrouble, "no object"),
        (
            httpx.Response(200, json={"errors": [{"message": "Internal error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}),
            VendorTrouble,
            "Internal",
        ),
        (httpx.Response(401, json={"errors": "[API] Invalid API key or access token"}), VendorRefused, "401"),
        (httpx.Response(403, json={"errors": "Forbidden"}), VendorRefused, "403"),
        (httpx.Response(404, json={"errors": "Not Found"}), VendorRefused, "base_url"),
        (
            httpx.Response(200, json={"errors": [{"message": "Access denied", "extensions": {"code": "ACCESS_DENIED"}}]}),
            VendorRefused,
            "scopes",
        ),
        (
            httpx.Response(200, json={"errors": [{"message": "no field", "extensions": {"code": "undefinedField"}}]}),
            VendorRefused,
            "version",
        ),
        (httpx.Response(200, json={"errors": "Not allowed"}), VendorTrouble, "Not allowed"),
        (httpx.Response(402, json={"errors": "Unavailable Shop"}), VendorRefused, "402"),
    ],
)
def test_a_refusal_says_whether_to_wait_or_who_must_act(answer: httpx.Response, raised: type[Exception], said: str) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    shop = connect(connection=connection(), http=http, wait_turn=lambda: None)
    with pytest.raises(raised, match=said):
        shop.check()


def test_the_vendor_says_how_long_until_the_bucket_is_full_enough() -> None:
    rig = shop_rig(points=300)
    with pytest.raises(VendorTrouble, match="THROTTLED") as slowed:
        rig.platform.read(_polled_refund(rig), rig.house)
    # 656 points were asked for, 300 are there, 100 come back a second.
    assert slowed.value.retry_after_seconds == pytest.approx(3.56)


def test_every_call_waits_for_its_turn_and_carries_the_token() -> None:
    turns: list[str] = []
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"data": {"orders": {"nodes": []}}})

    settings = ConnectionSettings("s", MERCHANT, "shopify", credentials={"access_token": "shpat_x", "shop": "acme"})
    http = httpx.Client(transport=httpx.MockTransport(answer))
    shop = connect(connection=settings, http=http, wait_turn=lambda: turns.append("turn"))
    assert shop.orders.by_name("#7") is None
    [request] = asked
    assert str(request.url) == "https://acme.myshopify.com/admin/api/2026-04/graphql.json"
    assert request.headers["x-shopify-access-token"] == "shpat_x"
    assert json.loads(request.content)["variables"] == {"search": "name:'7'"}
    assert turns == ["turn"]


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        ({"api": {"version": "2024-10"}}, "mappings.api.version: '2024-10' is no version from 2025-07 on"),
        ({"api": {"version": "latest"}}, "mappings.api.version"),
        ({"disposition": {"restocked": "saleable"}}, "mappings.disposition: is no table of Shopify's"),
        ({"join": {"wait": "an hour"}}, "mappings.join.wait: 'an hour' is not a duration"),
        ({"return_statuses": {"archived": "gone"}}, "mappings.return_statuses.archived: must be one of cancelled, closed, open"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_with_its_key(mappings: dict[str, dict[str, str]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        platform_of(Front(ShopifySimulator(SteppedClock())), connection(**mappings))


def test_base_url_stands_where_the_shops_host_stands(rig: ShopRig) -> None:
    settings = ConnectionSettings("s", MERCHANT, "shopify", base_url="http://127.0.0.1:9/shopify/", credentials=connection().credentials)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        raise httpx.ConnectError("nobody there")

    shop = connect(connection=settings, http=httpx.Client(transport=httpx.MockTransport(answer)), wait_turn=lambda: None)
    with pytest.raises(VendorTrouble, match="nobody there"):
        shop.check()
    assert asked == ["http://127.0.0.1:9/shopify/admin/api/2026-04/graphql.json"]


def test_a_check_says_which_scopes_are_missing() -> None:
    clock = SteppedClock()
    assert platform_of(Front(ShopifySimulator(clock))).check() == "sandbox.myshopify.com answers in API version 2026-04, books in GBP"
    few = platform_of(Front(ShopifySimulator(clock, scopes=("read_orders", "read_returns")))).check()
    assert few.endswith("; without read_all_orders and read_shopify_payments_payouts")
    with pytest.raises(VendorRefused, match="lacks the scope read_returns"):
        platform_of(Front(ShopifySimulator(clock, scopes=("read_orders",)))).check()
    with pytest.raises(VendorRefused, match="401"):
        platform_of(Front(ShopifySimulator(clock, access_token="another"))).check()


def test_no_query_may_cost_more_than_shopify_lets_through() -> None:
    asked = {name: text for name, text in vars(queries).items() if name.isupper() and not name.startswith("_")}
    costs = {name: Query(text, {}).cost() for name, text in asked.items()}
    assert max(costs.values()) < 700, costs


# Polling


def test_a_poll_finds_what_webhooks_lost_page_by_page(rig: ShopRig) -> None:
    for _ in range(23):
        order = rig.shop.order([SHIRT])
        rig.shop.refund(order, units(order, 1))
        rig.clock.advance(timedelta(minutes=1))
    pages = list(rig.platform.poll(None, rig.house))
    assert [len(page.readings) for page in pages] == [10, 10, 3, 0]
    assert [page.cursor["since"] for page in pages] == [
        "2026-10-02T09:09:00Z",
        "2026-10-02T09:19:00Z",
        "2026-10-02T09:22:00Z",
        "2026-10-02T09:22:00Z",
    ]
    # Broken off after the first page, the next poll goes on from there.
    for reading in pages[0].readings:
        rig.house.record(reading)
    again = list(rig.platform.poll(pages[0].cursor, rig.house))
    assert sum(len(page.readings) for page in again) == 13


def test_a_quiet_shop_moves_no_cursor_backwards(rig: ShopRig) -> None:
    cursors = []
    for _ in range(4):
        rig.poll()
        cursors.append(rig.inbox.cursor)
    assert [{**(cursor or {}), "payouts": None} for cursor in cursors] == [{**(cursors[0] or {}), "payouts": None}] * 4


def test_only_what_is_new_is_asked_about(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    rig.shop.refund(order, units(order, 1))
    rig.poll()
    asked: list[str] = []
    quiet = rig.front.answer

    def answer(request: Any) -> Any:
        asked.append(request.json()["query"].split("(")[0] if request.body else request.path.rpartition("/")[2])
        return quiet(request)

    rig.front.answer = answer  # type: ignore[method-assign]  # to listen
    rig.poll()
    assert asked == ["query ChangedOrders", "payouts.json"]


def test_returns_still_open_are_looked_at_although_their_order_does_not_change(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    back = rig.shop.request_return(order, units(order, 2))
    rig.shop.approve(back)
    rig.poll()
    assert rig.inbox.cursor is not None
    assert rig.inbox.cursor["open"] == [str(back.id)]
    rig.clock.advance(timedelta(days=2))
    rig.shop.order([COAT])
    rig.poll()
    # A disposition moves no order's date.
    rig.shop.dispose(back, order.lines[0].id, "RESTOCKED", 2)
    rig.poll()
    assert len(rig.facts("Restocked")) == 1
    rig.shop.close(back)
    rig.poll()
    assert rig.inbox.cursor["open"] == []


def test_a_polled_record_that_waits_stands_in_the_inbox_and_is_understood_there(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    late = rig.shop.refund(order, units(order, 1), status="pending")
    [waiting] = [reading for page in rig.platform.poll(None, rig.house) for reading in page.readings]
    assert waiting.delivery is not None
    assert json.loads(waiting.delivery.body) == {"kind": "refund", "id": str(late.id)}
    rig.shop.settle(late)
    [fact] = rig.platform.read(waiting.delivery, rig.house).facts
    assert fact["refund"] == str(late.id)


def test_one_record_that_makes_no_sense_does_not_stop_the_poll(rig: ShopRig) -> None:
    broken = rig.shop.order([{"sku": "A", "price": 100, "discount": 5_000}])
    back = rig.shop.request_return(broken, units(broken, 1))
    good = rig.shop.order([SHIRT])
    rig.shop.refund(good, units(good, 1))
    readings: list[Reading] = [reading for page in rig.platform.poll(None, rig.house) for reading in page.readings]
    assert [len(reading.facts) for reading in readings] == [0, 1]
    assert "less than nothing" in str(readings[0].waits_for)
    assert readings[0].delivery is not None
    with pytest.raises(NotUnderstood, match="less than nothing"):
        rig.platform.read(readings[0].delivery, rig.house)
    assert str(back.id) in readings[0].delivery.body.decode()


def test_defaults_are_those_that_the_readme_tells() -> None:
    defaults = Mappings({})
    assert (defaults.wait_for_platform, defaults.watch) == (timedelta(hours=1), timedelta(days=30))
    assert (defaults.overlap, defaults.look_back) == (timedelta(minutes=10), timedelta(days=60))
    assert defaults.counts_tests is False


def _polled_refund(rig: ShopRig) -> Delivery:
    return Delivery("uk-shopify", "poll", rig.clock(), {}, b'{"kind": "refund", "id": "7"}')
