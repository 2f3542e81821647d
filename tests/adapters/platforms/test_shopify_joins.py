"""One return, several voices: a platform announces it, Shopify pays for it. The money counts once, on the right return, with the reason."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.platforms.port import Delivery, Foreseeing, RawFact, Reading
from adapters.sandbox.shopify.shop import Order, Refund
from domain.facts import Refunded, RefundReversed
from domain.telling import ReturnKey
from tests.adapters.platforms.contract import MERCHANT
from tests.adapters.platforms.shop_rig import COAT, SHIRT, ShopRig, shop_rig, units
from tests.adapters.platforms.shopify_payloads import refund as refund_payload

RETURNGO = ReturnKey(MERCHANT, "returngo", "77")


@pytest.fixture
def rig() -> ShopRig:
    return shop_rig(refunds_for=frozenset({"returngo", "happy_returns"}))


def announce(rig: ShopRig, order: Order, *lines: int, return_id: str = "77", platform: str = "returngo", name: str | None = None) -> None:
    """What another platform's connection tells; `lines` are places in the order, named by their numbers as Happy Returns names units."""
    announced = [
        {"line": f"L{at}", "order_line": f"{order.lines[at].id}-0-1", "sku": "X", "quantity": 1, "items": "1.00", "tax": "0.00"}
        for at in lines
    ] or [{"line": "1", "sku": "X", "quantity": 1, "items": "1.00", "tax": "0.00"}]
    told = {"order": name or order.name, "currency": "GBP", "resolution": "refund", "lines": announced}
    tell(rig, {"fact": "Initiated", "platform": platform, "return": return_id, "occurred_at": "2026-10-02T08:00:00Z", **told})


def tell(rig: ShopRig, fact: RawFact) -> None:
    rig.house.record(Reading(({"merchant": MERCHANT, **fact},)))


def standing(rig: ShopRig, refund: Refund) -> list[tuple[str, str]]:
    """Where the refund counts."""
    number = str(refund.id)
    taken_back = {told.key for told in rig.house.tellings if isinstance(told.fact, RefundReversed) and told.fact.refund == number}
    paid = [told.key for told in rig.house.tellings if isinstance(told.fact, Refunded) and told.fact.refund == number]
    return [(key.platform, key.return_id) for key in paid if key not in taken_back]


def webhook_of(rig: ShopRig, topic: str) -> Reading:
    [body] = [webhook.body for webhook in rig.front.webhooks() if webhook.topic == topic]
    reading = rig.read(topic, body)
    rig.house.record(reading)
    return reading


def test_the_only_return_of_the_order_gets_the_refund(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT, COAT])
    announce(rig, order, 0)
    refund = rig.shop.refund(order, units(order, 1))
    reading = webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("returngo", "77")]
    [fact] = rig.facts("Refunded")
    assert fact["source_id"] == f"shopify/refund/{refund.id}"
    [joined] = reading.joined
    assert (joined.what, joined.key, joined.others) == (f"refund {refund.id}", RETURNGO, ())
    assert "only return of order #1001" in joined.why
    assert "about the refunded lines" in joined.why
    rig.poll()
    assert rig.facts("Refunded", "RefundReversed") == [fact]


@pytest.mark.parametrize("name", ["#1001", "1001"])
def test_an_order_is_the_same_with_and_without_its_hash(rig: ShopRig, name: str) -> None:
    order = rig.shop.order([SHIRT])
    announce(rig, order, name=name)
    refund = rig.shop.refund(order, units(order, 1))
    reading = webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("returngo", "77")]
    assert "cannot be compared" in reading.joined[0].why


def test_a_platform_that_declares_nothing_gets_nothing() -> None:
    rig = shop_rig()
    order = rig.shop.order([SHIRT])
    announce(rig, order, 0)
    refund = rig.shop.refund(order, units(order, 1))
    webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("shopify", f"order-{order.id}")]


def test_what_a_platform_tells_itself_is_not_told_twice(rig: ShopRig) -> None:
    """Whatever order the return names: a refund by the shop's own number is this one."""
    order = rig.shop.order([SHIRT])
    refund = rig.shop.refund(order, units(order, 1))
    paid = {"refund": str(refund.id), "currency": "GBP", "amount": {"total": "49.68"}, "method": "original_payment"}
    tell(rig, {"fact": "Refunded", "platform": "returngo", "return": "12", "occurred_at": "2026-10-02T08:00:00Z", **paid})
    reading = webhook_of(rig, "refunds/create")
    assert reading.facts == ()
    assert reading.ignored == f"refund {refund.id} is recorded already, on returngo return 12"
    rig.poll()
    assert standing(rig, refund) == [("returngo", "12")]


def test_without_a_return_it_stays_with_the_shop_until_one_comes(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    refund = rig.shop.refund(order, units(order, 1))
    assert webhook_of(rig, "refunds/create").joined == ()
    rig.poll()
    assert standing(rig, refund) == [("shopify", f"order-{order.id}")]
    rig.clock.advance(timedelta(days=3))
    rig.poll()
    announce(rig, order, 0)
    rig.poll()
    assert standing(rig, refund) == [("returngo", "77")]
    moved = rig.facts("Refunded", "RefundReversed")
    # At the instant of the refund itself: at no moment did it count twice.
    assert [(fact["fact"], fact["platform"], fact["occurred_at"]) for fact in moved] == [
        ("Refunded", "shopify", "2026-10-02T09:00:00Z"),
        ("RefundReversed", "shopify", "2026-10-02T09:00:00Z"),
        ("Refunded", "returngo", "2026-10-02T09:00:00Z"),
    ]
    for _ in range(3):
        rig.poll()
    assert rig.facts("Refunded", "RefundReversed") == moved


def test_the_platform_names_the_refund_after_shopify_did(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    refund = rig.shop.refund(order, units(order, 1))
    webhook_of(rig, "refunds/create")
    rig.poll()
    announce(rig, order, 0)
    paid = {"refund": str(refund.id), "currency": "GBP", "amount": {"total": "49.68"}, "method": "original_payment"}
    tell(rig, {"fact": "Refunded", "platform": "returngo", "return": "77", "occurred_at": "2026-10-02T09:05:00Z", **paid})
    rig.poll()
    assert standing(rig, refund) == [("returngo", "77")]
    before = rig.facts()
    for _ in range(3):
        rig.poll()
    assert rig.facts() == before


def test_a_memory_of_unclaimed_refunds_ends(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    refund = rig.shop.refund(order, units(order, 1))
    rig.poll()
    assert list(rig.inbox.cursor["unclaimed"]) == [str(refund.id)]  # type: ignore[index]
    rig.clock.advance(timedelta(days=31))
    rig.poll()
    assert rig.inbox.cursor["unclaimed"] == {}  # type: ignore[index]


def test_of_several_returns_the_one_with_the_refunded_lines_gets_it(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT, COAT])
    announce(rig, order, 0)
    announce(rig, order, 1, return_id="78", platform="happy_returns")
    refund = rig.shop.refund(order, units(order, 0, 1))
    reading = webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("happy_returns", "78")]
    assert "of several returns the only one" in reading.joined[0].why
    assert reading.joined[0].others == (str(RETURNGO),)


def test_of_several_that_may_fit_the_one_that_surely_does_gets_it(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT, COAT])
    announce(rig, order)
    announce(rig, order, 1, return_id="78")
    refund = rig.shop.refund(order, units(order, 0, 1))
    reading = webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("returngo", "78")]
    assert "it alone is about all the refunded lines" in reading.joined[0].why


def test_where_several_fit_it_is_never_guessed(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT, COAT])
    announce(rig, order, 0, 1)
    announce(rig, order, 0, 1, return_id="78")
    refund = rig.shop.refund(order, units(order, 1))
    reading = webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("shopify", f"order-{order.id}")]
    [joined] = reading.joined
    assert joined.others == (str(RETURNGO), "acme/returngo/78")
    assert "2 returns of order #1001 fit" in joined.why
    before = rig.facts()
    for _ in range(3):
        rig.poll()
    assert rig.facts() == before


def test_a_refund_of_other_lines_is_not_the_returns(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT, COAT])
    announce(rig, order, 0)
    refund = rig.shop.refund(order, units(order, 0, 1))
    reading = webhook_of(rig, "refunds/create")
    assert standing(rig, refund) == [("shopify", f"order-{order.id}")]
    assert "no return of order #1001 is about the refunded lines" in reading.joined[0].why


# Shopify shows the return too


def test_a_return_that_the_platform_announced_is_announced_once(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    announce(rig, order, 0)
    back = rig.shop.request_return(order, units(order, 1))
    rig.shop.approve(back)
    refund = rig.shop.process(back)
    assert refund is not None
    rig.run()
    assert {fact["platform"] for fact in rig.facts()} == {"returngo"}
    assert standing(rig, refund) == [("returngo", "77")]
    [body] = [json.dumps({"id": back.id}).encode()]
    reading = rig.read("returns/close", body)
    assert "told by returngo, return 77" in str(reading.ignored)
    assert reading.joined[0].what == f"Shopify return {back.id}"


def test_a_return_waits_a_while_for_the_platform_that_made_it(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    back = rig.shop.request_return(order, units(order, 1))
    reading = webhook_of(rig, "returns/request")
    assert reading.facts == ()
    assert "happy_returns or returngo to announce a return of order #1001, until 2026-10-02T10:00:00Z" in str(reading.waits_for)
    rig.clock.advance(timedelta(hours=2))
    rig.poll()
    assert [(fact["fact"], fact["return"]) for fact in rig.facts()] == [("Initiated", str(back.id))]


def test_an_announcement_that_comes_after_all_withdraws_shopifys(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    back = rig.shop.request_return(order, units(order, 1))
    rig.clock.advance(timedelta(hours=2))
    refund = rig.shop.refund(order, units(order, 1), shop_return=back)
    rig.poll()
    assert standing(rig, refund) == [("shopify", str(back.id))]
    announce(rig, order, 0)
    rig.poll()
    assert standing(rig, refund) == [("returngo", "77")]
    assert [fact["fact"] for fact in rig.facts() if fact["return"] == str(back.id)] == [
        "Initiated",
        "Refunded",
        "Cancelled",
        "RefundReversed",
    ]
    before = rig.facts()
    rig.poll()
    assert rig.facts() == before


@pytest.mark.parametrize("first", ["webhook", "announcement"])
def test_both_orders_of_arrival_end_alike(rig: ShopRig, first: str) -> None:
    order = rig.shop.order([SHIRT, COAT])
    refund = rig.shop.refund(order, units(order, 1, 1))
    if first == "announcement":
        announce(rig, order, 0, 1)
    webhook_of(rig, "refunds/create")
    announce(rig, order, 0, 1)
    rig.poll()
    rig.poll()
    assert standing(rig, refund) == [("returngo", "77")]
    net: dict[Any, int] = {}
    for told in rig.house.tellings:
        sign = {"Refunded": 1, "RefundReversed": -1}.get(type(told.fact).__name__, 0)
        net[told.key] = net.get(told.key, 0) + sign
    assert {key: count for key, count in net.items() if count} == {RETURNGO: 1}


def test_where_a_refund_may_stand_is_foreseen(rig: ShopRig) -> None:
    shop = rig.platform
    assert isinstance(shop, Foreseeing)

    def foreseen(topic: str, body: bytes) -> set[str]:
        return {key.return_id for key in shop.foresee(Delivery("uk-shopify", topic, rig.clock(), {}, body))}

    told = refund_payload()
    outside = f"order-{told['order_id']}"
    assert outside in foreseen("refunds/create", json.dumps(told).encode())
    assert foreseen("refunds/create", json.dumps({**told, "return": {"id": 7001}}).encode()) == {outside, "7001"}
    assert foreseen("refunds/create", b"{") == foreseen("returns/close", b'{"id": 1}') == set()
