"""What a return at Happy Returns is worth by its order; and one that covers several orders is a part for each."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from adapters.platforms.happy_returns.posts import read_post
from adapters.platforms.happy_returns.pricing import priced_lines
from adapters.platforms.port import Unmapped
from adapters.vendor.answers import VendorTrouble
from tests.adapters.platforms.contract import MemoryHouse
from tests.adapters.platforms.happy_returns_desk import CODE, LINE, ORDERS, RETURN, STARTED, Desk, item, post
from tests.adapters.platforms.returns_rig import KnownOrders, order_of

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
