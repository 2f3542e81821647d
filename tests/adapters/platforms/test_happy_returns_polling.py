"""What Happy Returns' webhooks lost is asked for: cursors, pages, quotas, returns that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from adapters.platforms.happy_returns import HappyReturns
from adapters.platforms.happy_returns.client import wait_said
from adapters.sandbox.transport import SandboxTransport
from adapters.vendor.answers import VendorRefused, VendorTrouble
from tests.adapters.platforms.happy_returns_desk import rig_platform
from tests.adapters.platforms.returns_rig import KnownOrders, order_of
from tests.adapters.platforms.test_happy_returns import COAT, SOCKS, connection, rig

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
