"""Payouts and what they hold: settlements of refunds, joined by the payment's id and never by the amount, wherever the refund stands."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.platforms.port import Reading, Unmapped
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.payouts import find_settlement, movements_of
from adapters.sandbox.port import SandboxResponse
from adapters.vendor.answers import NotUnderstood
from domain.policy import Policy
from domain.telling import ReturnKey
from domain.timeline import fold
from tests.adapters.platforms.contract import MERCHANT
from tests.adapters.platforms.shop_rig import COAT, SHIRT, ShopRig, connection, shop_rig, units
from tests.recording import record

MAPPINGS = Mappings({})


@pytest.fixture
def rig() -> ShopRig:
    return shop_rig()


def movement(**more: Any) -> dict[str, Any]:
    """As the vendor's REST documents have it."""
    return {
        "id": 699519475,
        "type": "refund",
        "test": False,
        "payout_id": 623721858,
        "payout_status": "paid",
        "currency": "USD",
        "amount": "-3.54",
        "fee": "-0.23",
        "net": "-3.31",
        "source_id": 460709370,
        "source_type": "Payments::Refund",
        "source_order_id": 217130470,
        "source_order_transaction_id": 1006917261,
        "processed_at": "2012-11-11T19:52:43-05:00",
    } | more


def settlement(**more: Any) -> Any:
    found = find_settlement({"payout": {"id": 623721858, "date": "2012-11-12", "status": "paid"}, "movement": movement(**more)}, MAPPINGS)
    return found if isinstance(found, Reading) else found.settlement


def test_a_refund_in_a_payout_is_a_settlement() -> None:
    assert settlement().fact(ReturnKey("acme", "shopify", "order-217130470"), "77") == {
        "fact": "PayoutSettled",
        "merchant": "acme",
        "platform": "shopify",
        "return": "order-217130470",
        "occurred_at": "2012-11-12T00:00:00Z",
        "source_id": "shopify/balance/699519475/order-217130470",
        "payout": "623721858",
        "refund": "77",
        "transaction": "1006917261",
        "currency": "USD",
        "amount": "3.54",
        "fee": "-0.23",
    }


@pytest.mark.parametrize(
    ("more", "unmapped"),
    [
        ({"type": "refund_failure"}, Unmapped("movement.type", "refund_failure")),
        ({"source_order_transaction_id": None}, Unmapped("movement", "699519475 of payout 623721858 names no payment")),
        ({"source_order_id": None}, Unmapped("movement", "699519475 of payout 623721858 names no payment")),
    ],
)
def test_what_might_be_a_refund_is_shown(more: dict[str, Any], unmapped: Unmapped) -> None:
    assert settlement(**more) == Reading(unmapped=(unmapped,))


@pytest.mark.parametrize(
    "more", [{"type": "charge"}, {"type": "payout"}, {"type": None}, {"type": "SHOPIFY_COLLECTIVE_DEBIT"}, {"test": True}]
)
def test_what_is_no_refund_is_nothing_to_a_return(more: dict[str, Any]) -> None:
    reading = settlement(**more)
    assert reading.ignored
    assert reading.unmapped == ()


@pytest.mark.parametrize("more", [{"amount": "3.54"}, {"amount": None}, {"amount": "-3.541"}, {"currency": "XAU"}, {"id": None}])
def test_what_makes_no_sense_is_not_understood(more: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood):
        settlement(**more)


def test_a_poll_settles_what_the_payouts_hold(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT, COAT])
    back = rig.shop.request_return(order, units(order, 1))
    inside, outside = rig.shop.refund(order, units(order, 1), shop_return=back), rig.shop.refund(order, units(order, 0, 1))
    rig.poll()
    rig.clock.advance(timedelta(days=2))
    payout = rig.shop.pay_out()
    assert payout is not None
    rig.poll()
    told = {fact["return"]: (fact["refund"], fact["transaction"], fact["amount"], fact["payout"]) for fact in rig.facts("PayoutSettled")}
    assert told == {
        str(back.id): (str(inside.id), str(inside.transactions[0].id), "49.68", str(payout.id)),
        f"order-{order.id}": (str(outside.id), str(outside.transactions[0].id), "226.80", str(payout.id)),
    }
    before = rig.facts()
    for _ in range(3):
        rig.poll()
    assert rig.facts() == before


def test_each_payout_is_read_once(rig: ShopRig) -> None:
    asked: list[str] = []
    quiet = rig.front.answer

    def answer(request: Any) -> SandboxResponse:
        if "payouts" in request.path or "balance" in request.path:
            asked.append(request.path.rpartition("/")[2])
        return quiet(request)

    rig.front.answer = answer  # type: ignore[method-assign]  # to listen
    for _ in range(3):
        order = rig.shop.order([SHIRT])
        rig.shop.refund(order, units(order, 1))
        rig.shop.pay_out()
        rig.clock.advance(timedelta(days=1))
        rig.poll()
    assert asked == ["payouts.json", "transactions.json"] * 3
    assert len(rig.facts("PayoutSettled")) == 3


def test_a_settlement_waits_for_its_refund_and_is_understood_in_the_inbox(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    refund = rig.shop.refund(order, units(order, 1))
    rig.shop.pay_out()
    pages = list(rig.platform.poll(None, rig.house))
    [waiting] = [reading for page in pages for reading in page.readings if reading.waits_for]
    assert f"refund {refund.id}" in str(waiting.waits_for)
    assert waiting.delivery is not None
    for page in pages:
        for reading in page.readings:
            rig.house.record(reading)
    reading = rig.platform.read(waiting.delivery, rig.house)
    rig.house.record(reading)
    assert [fact["fact"] for fact in reading.facts] == ["PayoutSettled"]
    assert "recorded already" in str(rig.platform.read(waiting.delivery, rig.house).ignored)


def test_a_payment_of_no_known_refund_waits(rig: ShopRig) -> None:
    about = {"kind": "settlement", "payout": {"id": 1, "date": "2026-10-03"}, "movement": movement()}
    reading = rig.read("poll", json.dumps(about | {"id": "699519475"}).encode())
    assert "payment 1006917261 of payout 1" in str(reading.waits_for)


def test_what_was_settled_goes_along_when_a_refund_moves() -> None:
    rig = shop_rig(refunds_for=frozenset({"returngo"}))
    order = rig.shop.order([SHIRT])
    refund = rig.shop.refund(order, units(order, 1))
    rig.poll()
    rig.shop.pay_out()
    rig.poll()
    announced = {"order": order.name, "currency": "GBP", "resolution": "refund"}
    line = {"line": "1", "sku": "SHIRT-M", "quantity": 1, "items": "41.40", "tax": "8.28"}
    fact = {"fact": "Initiated", "merchant": MERCHANT, "platform": "returngo", "return": "77", "occurred_at": "2026-10-02T08:00:00Z"}
    rig.house.record(Reading((fact | announced | {"lines": [line]},)))
    rig.poll()
    told = [(each["platform"], each["refund"], each["amount"]) for each in rig.facts("PayoutSettled")]
    assert told == [("shopify", str(refund.id), "49.68"), ("returngo", str(refund.id), "49.68")]
    assert rig.house.conflicts == []
    tellings = record(rig.facts())
    policy = Policy(payouts=True)
    for key, events in tellings.items():
        kinds = {one.kind for one in fold(key, events, policy).segments() if one.valid_to is None}
        assert not kinds & {"payout_missing", "payout_mismatch"}
    rig.poll()
    assert len(rig.facts("PayoutSettled")) == 2


def test_what_is_settled_closes_what_was_missing(rig: ShopRig) -> None:
    order = rig.shop.order([SHIRT])
    rig.shop.refund(order, units(order, 1))
    rig.run()
    rig.clock.advance(timedelta(days=9))
    rig.shop.pay_out()
    rig.poll()
    ((key, events),) = record(rig.facts()).items()
    [missing] = [one for one in fold(key, events, Policy(payouts=True)).segments() if one.kind == "payout_missing"]
    assert missing.closed


@pytest.mark.parametrize("gateway", ["paypal", "Cash on Delivery (COD)", "our_bank", "shopify_store_credit"])
def test_routes_outside_of_payouts_are_never_missed(gateway: str) -> None:
    rig = shop_rig(settings=connection(gateways={"our_bank": "outside"}))
    order = rig.shop.order([SHIRT], gateway=gateway)
    rig.shop.refund(order, units(order, 1))
    rig.run()
    ((key, events),) = record(rig.facts()).items()
    assert not [one for one in fold(key, events, Policy(payouts=True)).segments() if one.kind == "payout_missing"]


def test_a_token_without_the_right_to_payouts_polls_on(rig: ShopRig) -> None:
    quiet = rig.front.answer
    rig.front.answer = lambda request: SandboxResponse.of({}, 403) if "payouts" in request.path else quiet(request)  # type: ignore[method-assign]  # a scope less
    order = rig.shop.order([SHIRT])
    rig.shop.refund(order, units(order, 1))
    rig.poll()
    assert len(rig.facts("Refunded")) == 1


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_go_on_whichever_way_the_vendor_sorts(newest_first: bool) -> None:
    numbers = list(range(1_000, 1_612))

    def answer(request: httpx.Request) -> httpx.Response:
        after, before = (int(request.url.params.get(name, end)) for name, end in (("since_id", 0), ("last_id", 10**9)))
        kept = sorted((number for number in numbers if after < number < before), reverse=newest_first)
        return httpx.Response(200, json={"transactions": [{"id": number} for number in kept[: int(request.url.params["limit"])]]})

    admin = Admin(connection(), httpx.Client(transport=httpx.MockTransport(answer)), lambda: None)
    assert sorted(each["id"] for each in movements_of(admin, "1")) == numbers
