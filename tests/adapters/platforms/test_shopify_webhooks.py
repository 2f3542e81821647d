"""What each of Shopify's webhooks comes to, and which of them are Shopify's at all."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.platforms.port import Delivery, Hinting, Reading, Unmapped
from adapters.sandbox.faults import Front
from adapters.sandbox.shopify.webhooks import signed
from adapters.vendor.answers import NotUnderstood
from tests.adapters.platforms.shop_rig import COAT, SHIRT, ShopRig, connection, platform_of, shop_rig, units
from tests.adapters.platforms.shopify_payloads import FETCHED, IGNORED, Payload, refund, refund_payment


def read(rig: ShopRig, topic: str, payload: Payload, **headers: str) -> Reading:
    return rig.read(topic, json.dumps(payload).encode(), **headers)


@pytest.fixture
def rig() -> ShopRig:
    return shop_rig()


# Whose webhooks are they

BODY = b'{"id":820982911946154508}'
# Of openssl: printf … | openssl dgst -sha256 -hmac shpss_9a8b7c -binary | base64
SIGNATURE = "zI8jmwI7asNYKv3mfncpirSJdp5c2aEf3veYthxAgOA="


@pytest.mark.parametrize(
    ("secret", "signature", "body", "is_theirs"),
    [
        ("shpss_9a8b7c", SIGNATURE, BODY, True),
        ("shpss_9a8b7c", f" {SIGNATURE} ", BODY, True),
        ("shpss_9a8b7c", SIGNATURE, BODY + b" ", False),
        ("shpss_9a8b7d", SIGNATURE, BODY, False),
        ("shpss_9a8b7c", SIGNATURE.lower(), BODY, False),
        ("shpss_9a8b7c", SIGNATURE[:-1], BODY, False),
        ("shpss_9a8b7c", "", BODY, False),
        ("shpss_9a8b7c", "ünterschrift", BODY, False),
        ("shpss_9a8b7c", None, BODY, False),
        (None, SIGNATURE, BODY, False),
        ("", "", b"", False),
    ],
)
def test_a_webhook_is_signed_over_its_raw_bytes(secret: str | None, signature: str | None, body: bytes, is_theirs: bool) -> None:
    settings = connection()
    object.__setattr__(settings, "webhook_secret", secret)
    shop = platform_of(Front(shop_rig().front.simulator), settings)
    headers = {} if signature is None else {"x-shopify-hmac-sha256": signature}
    assert shop.authentic(headers, body) is is_theirs
    assert shop.authentic({name.title(): text for name, text in headers.items()}, body) is is_theirs


@given(st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=9)))
def test_what_the_sandbox_signs_is_authentic(payload: Payload) -> None:
    shop = platform_of(Front(shop_rig().front.simulator))
    webhook = signed("refunds/create", payload, 1, "shpss_sandbox", "sandbox.myshopify.com", "2026-04", "2026-10-02T09:00:00Z")
    assert shop.authentic(webhook.headers, webhook.body)
    assert not shop.authentic(webhook.headers, webhook.body + b"\n")


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        (
            {"x-shopify-topic": "refunds/create", "x-shopify-event-id": "e-1", "x-shopify-webhook-id": "w-1"},
            ("refunds/create", "refunds/create:e-1"),
        ),
        ({"x-shopify-topic": "Refunds/Create ", "x-shopify-webhook-id": "w-1"}, ("refunds/create", "refunds/create:w-1")),
        ({"x-shopify-topic": "orders/updated", "x-shopify-event-id": "e-1"}, ("orders/updated", "orders/updated:e-1")),
        ({"x-shopify-topic": "refunds/create", "x-shopify-event-id": " "}, ("refunds/create", None)),
        ({}, ("unknown", None)),
    ],
)
def test_a_delivery_is_known_by_topic_and_event(rig: ShopRig, headers: dict[str, str], label: tuple[str, str | None]) -> None:
    assert rig.platform.label(headers, b"garbage") == label


# The published payloads


def test_a_refund_outside_any_return_is_read_from_its_body_alone(rig: ShopRig) -> None:
    rig.front.answer = _unreachable  # type: ignore[method-assign]  # nobody needs the API for it
    [fact] = read(rig, "refunds/create", refund()).facts
    assert fact == {
        "fact": "Refunded",
        "merchant": "acme",
        "platform": "shopify",
        "return": "order-820982911946154500",
        "occurred_at": "2022-01-01T00:00:00Z",
        "refund": "890088186047892400",
        "currency": "USD",
        "amount": {"items": "109.98", "tax": "0.00", "shipping": "0.00", "total": "85.00"},
        "method": "original_payment",
        "source_id": "shopify/refund/890088186047892400",
    }


@pytest.mark.parametrize("topic", IGNORED)
def test_what_tells_nothing_of_returns_says_why_it_is_ignored(rig: ShopRig, topic: str) -> None:
    reading = read(rig, topic, IGNORED[topic])
    assert reading.facts == ()
    assert reading.ignored


@pytest.mark.parametrize("topic", FETCHED)
def test_what_has_to_be_fetched_waits_until_the_shop_shows_it(rig: ShopRig, topic: str) -> None:
    reading = read(rig, topic, FETCHED[topic])
    assert reading.facts == ()
    assert reading.waits_for
    assert "API" in reading.waits_for


def test_an_unknown_topic_is_ignored_and_a_missing_one_is_not_understood(rig: ShopRig) -> None:
    assert "products/update" in str(read(rig, "products/update", {"id": 1}).ignored)
    with pytest.raises(NotUnderstood, match="topic"):
        rig.read(rig.platform.label({}, b"{}").topic, b"{}")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"\xff\xfe", b'"text"', b'{"id": 1e3}', b'{"id": 9.5}', b"[" * 9_000, b'{"id": true}']
)
def test_a_body_that_is_no_refund_is_not_understood(rig: ShopRig, body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        rig.read("refunds/create", body)


def test_a_byte_order_mark_is_no_garbage(rig: ShopRig) -> None:
    assert rig.read("refunds/create", b"\xef\xbb\xbf" + json.dumps(refund()).encode()).facts


def test_every_digit_of_an_id_survives(rig: ShopRig) -> None:
    large = 9_223_372_036_854_775_807
    payload = refund(id=large, order_id=large - 2, transactions=[refund_payment(large - 4, "1.00")])
    [fact] = read(rig, "refunds/create", payload | {"return": {"id": large - 6}}).facts
    assert (fact["refund"], fact["return"], fact["transaction"]) == (str(large), str(large - 6), str(large - 4))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"transactions": []}, "no refund transaction"),
        ({"transactions": [refund_payment(1, "5.00", kind="change")]}, "no refund transaction"),
        ({"transactions": [refund_payment(1, "5.00", test=True)]}, "test payment"),
        ({"transactions": [refund_payment(1, "5.00", status="failure"), refund_payment(2, "5.00", status="error")]}, "failed"),
    ],
)
def test_a_refund_without_money_is_ignored_with_the_reason(rig: ShopRig, more: Payload, said: str) -> None:
    reading = read(rig, "refunds/create", refund(**more))
    assert reading.facts == ()
    assert said in str(reading.ignored)


def test_test_payments_count_where_a_development_shop_says_so() -> None:
    rig = shop_rig(settings=connection(transactions={"test": "money"}))
    [fact] = read(rig, "refunds/create", refund(transactions=[refund_payment(1, "5.00", test=True)])).facts
    assert fact["amount"]["total"] == "5.00"


def test_a_calculation_and_a_refund_without_transactions_are_not_understood(rig: ShopRig) -> None:
    for payload, said in ((refund(id=None, admin_graphql_api_id=None), "without its id"), ({"id": 1, "order_id": 2}, "transactions")):
        with pytest.raises(NotUnderstood, match=said):
            read(rig, "refunds/create", payload)


def test_nothing_personal_comes_through(rig: ShopRig) -> None:
    payload = refund(
        note="Jon Smith, 1 High Street", transactions=[refund_payment(1, "5.00", message="jon@example.com", receipt={"name": "Jon"})]
    )
    told = repr(read(rig, "refunds/create", payload))
    assert not [personal for personal in ("Jon", "jon@", "Street", "548380009") if personal in told]


# Money that is on its way


def test_a_refund_is_recorded_when_it_is_paid_and_not_before(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT])
    late = shop.refund(order, units(order, 2), status="pending")
    [body] = [webhook.body for webhook in rig.front.webhooks() if webhook.topic == "refunds/create"]
    first = rig.read("refunds/create", body)
    assert first.facts == ()
    assert "0 of 1 transactions have succeeded" in str(first.waits_for)
    shop.settle(late)
    # The body is frozen; read again, the shop is asked.
    [fact] = rig.read("refunds/create", body).facts
    assert fact["amount"] == {"items": "82.79", "tax": "16.56", "shipping": "0.00", "fees": "0.00", "total": "99.35"}


def test_the_transaction_itself_leads_to_its_refund(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT, COAT])
    late = shop.refund(order, units(order, 0, 1), status="pending")
    rig.front.webhooks()
    shop.settle(late)
    [body] = [webhook.body for webhook in rig.front.webhooks() if webhook.topic == "order_transactions/create"]
    [fact] = rig.read("order_transactions/create", body).facts
    assert fact["refund"] == str(late.id)
    failed = {**json.loads(body), "status": "failure"}
    assert "failed" in str(read(rig, "order_transactions/create", failed).ignored)


def test_a_status_that_nobody_mapped_is_shown_and_waits() -> None:
    payload = refund(transactions=[refund_payment(1, "5.00", status="reversing")])
    rig = shop_rig()
    shop = rig.shop
    order = shop.order([SHIRT])
    made = shop.refund(order, units(order, 1), status="reversing")
    reading = read(rig, "refunds/create", payload | {"id": made.id})
    assert reading.unmapped == (Unmapped("transaction.status", "REVERSING"),)
    assert reading.waits_for
    mapped = shop_rig(settings=connection(transaction_statuses={"reversing": "failed"}))
    assert "failed" in str(read(mapped, "refunds/create", payload).ignored)


def test_books_are_in_shop_money_whatever_the_customer_paid_in(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([COAT], currency="GBP", presentment=("EUR", Fraction(6, 5)))
    shop.refund(order, units(order, 1))
    rig.run()
    [fact] = rig.facts("Refunded")
    assert (fact["currency"], fact["amount"]["total"], fact["amount"]["items"]) == ("GBP", "226.80", "189.00")


def test_shipping_is_told_the_same_before_and_after_2024_10() -> None:
    told = []
    for version in ("2024-07", "2026-04"):
        rig = shop_rig(version=version)
        shop = rig.shop
        order = shop.order([SHIRT], shipping=500, shipping_tax=100)
        shop.refund(order, units(order, 1), shipping=True)
        rig.run()
        told.append(rig.facts("Refunded"))
    assert told[0] == told[1]
    assert told[0][0]["amount"] == {"items": "41.40", "tax": "9.28", "shipping": "5.00", "fees": "0.00", "total": "55.68"}


# Returns


def test_a_return_is_announced_with_what_its_lines_are_worth(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT, COAT], name="#1106")
    back = shop.request_return(order, units(order, 1, 1), exchange=[{"sku": "SHIRT-L", "quantity": 2}])
    rig.run()
    [fact] = rig.facts("Initiated")
    assert fact["return"] == str(back.id)
    assert (fact["order"], fact["currency"], fact["resolution"], fact["exchange"]) == (
        "#1106",
        "GBP",
        "exchange",
        [{"sku": "SHIRT-L", "quantity": 2}],
    )
    shirt, coat = (str(line.id) for line in order.lines)
    assert fact["lines"] == [
        {"line": shirt, "order_line": shirt, "sku": "SHIRT-M", "quantity": 1, "items": "41.40", "tax": "8.28", "reason": "SIZE_TOO_SMALL"},
        {"line": coat, "order_line": coat, "sku": "COAT-38", "quantity": 1, "items": "189.00", "tax": "37.80", "reason": "SIZE_TOO_SMALL"},
    ]


def test_an_empty_body_is_no_dead_end(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT])
    shop.request_return(order, units(order, 2))
    rig.front.webhooks()
    for body in (b"", b"{}"):
        facts = rig.read("returns/process", body, **{"x-shopify-triggered-at": "2026-10-02T09:00:00Z"}).facts
        assert [fact["fact"] for fact in facts] == ["Initiated"]
    rig.clock.advance()
    later = rig.read("returns/process", b"{}", **{"x-shopify-triggered-at": "2026-10-02T09:30:00Z"})
    assert "polling" in str(later.ignored)


def test_units_taken_off_after_the_announcement_are_shown_to_a_person(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT])
    back = shop.request_return(order, units(order, 2))
    rig.run()
    shop.remove(back, order.lines[0].id, 1)
    [body] = [webhook.body for webhook in rig.front.webhooks() if webhook.topic == "returns/update"]
    reading = rig.read("returns/update", body)
    [unmapped] = reading.unmapped
    assert (unmapped.field, unmapped.return_id) == ("return.lines", str(back.id))
    assert unmapped.value.startswith("1 fewer units of line")
    assert reading.facts == ()


GOODS = ("Received", "Inspected", "Restocked")


@pytest.mark.parametrize(
    ("kind", "mapped", "facts"),
    [
        ("RESTOCKED", None, ["Received", "Inspected restockable", "Restocked"]),
        ("RESTOCKED", "restockable", ["Received", "Inspected restockable"]),
        ("NOT_RESTOCKED", None, ["Received", "Inspected quarantine"]),
        ("NOT_RESTOCKED", "damaged", ["Received", "Inspected damaged"]),
        ("PROCESSING_REQUIRED", None, ["Received"]),
        ("MISSING", None, []),
    ],
)
def test_dispositions_tell_what_became_of_the_goods(kind: str, mapped: str | None, facts: list[str]) -> None:
    rig = shop_rig(settings=connection(**({"dispositions": {kind: mapped}} if mapped else {})))
    shop = rig.shop
    order = shop.order([SHIRT])
    back = shop.request_return(order, units(order, 2))
    shop.approve(back)
    rig.clock.advance()
    shop.dispose(back, order.lines[0].id, kind, 2)
    rig.run()
    told = [f"{fact['fact']} {fact['lines'][0].get('disposition', '')}".strip() for fact in rig.facts(*GOODS)]
    assert told == facts
    assert {fact["occurred_at"] for fact in rig.facts(*GOODS)} <= {"2026-10-02T10:00:00Z"}
    assert all(fact["lines"][0]["quantity"] == 2 for fact in rig.facts(*GOODS))


@pytest.mark.parametrize(
    ("mapped", "facts"),
    [
        ({}, ["Received", "Inspected restockable"]),
        ({"RESTOCKED": "saleable, restocked"}, ["Received", "Inspected saleable", "Restocked"]),
    ],
)
def test_where_an_erp_posts_it_is_the_erp_that_restocks(mapped: dict[str, str], facts: list[str]) -> None:
    rig = shop_rig(settings=replace(connection(dispositions=mapped), erp_posts=True))
    order = rig.shop.order([SHIRT])
    rig.shop.process(rig.shop.request_return(order, units(order, 2)))
    rig.run()
    assert [f"{fact['fact']} {fact['lines'][0].get('disposition', '')}".strip() for fact in rig.facts(*GOODS)] == facts


def test_units_disposed_of_twice_came_once(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT])
    back = shop.request_return(order, units(order, 2))
    shop.dispose(back, order.lines[0].id, "PROCESSING_REQUIRED", 2)
    rig.run()
    shop.dispose(back, order.lines[0].id, "RESTOCKED", 1)
    shop.dispose(back, order.lines[0].id, "NOT_RESTOCKED", 1)
    rig.run()
    assert [(fact["fact"], fact["lines"][0]["quantity"]) for fact in rig.facts(*GOODS)] == [
        ("Received", 2),
        ("Inspected", 1),
        ("Restocked", 1),
        ("Inspected", 1),
    ]


def test_a_disposition_or_status_that_nobody_mapped_is_shown(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT])
    back = shop.request_return(order, units(order, 2))
    shop.dispose(back, order.lines[0].id, "RECYCLED", 2)
    back.status = "ARCHIVED"
    reading = rig.read("returns/approve", json.dumps({"id": back.id}).encode())
    assert reading.unmapped == (
        Unmapped("return.status", "ARCHIVED", str(back.id)),
        Unmapped("disposition.type", "RECYCLED", str(back.id)),
    )
    assert [fact["fact"] for fact in reading.facts] == ["Initiated"]


def test_the_return_and_its_money_meet_on_one_return(rig: ShopRig) -> None:
    shop = rig.shop
    order = shop.order([SHIRT])
    back = shop.request_return(order, units(order, 2))
    shop.approve(back)
    shop.process(back)
    rig.run()
    assert {fact["return"] for fact in rig.facts()} == {str(back.id)}
    assert [fact["fact"] for fact in rig.facts()] == ["Initiated", "Received", "Inspected", "Restocked", "Refunded"]


def test_webhooks_about_one_return_are_answered_by_one_look(rig: ShopRig) -> None:
    shop = rig.platform
    assert isinstance(shop, Hinting)

    def subject(topic: str, payload: Any) -> str | None:
        return shop.subject(Delivery("uk-shopify", topic, rig.clock(), {}, json.dumps(payload).encode()))

    assert {subject(topic, payload) for topic, payload in FETCHED.items() if topic.startswith("returns/")} == {"return/123134564567890"}
    assert subject("returns/process", {}) is None
    assert subject("refunds/create", refund()) is None
    assert subject("returns/close", [1]) is None


def _unreachable(request: object) -> Any:
    raise AssertionError("the API was asked")
