"""Reveni against its simulator: what every platform has to keep, over instant refunds, verdicts, exchanges and what ends a return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.reveni import Reveni, connect
from adapters.sandbox.faults import Front
from adapters.sandbox.reveni import ReveniSandbox
from adapters.sandbox.transport import SandboxTransport
from tests.adapters.platforms.contract import MERCHANT, PlatformContract, SteppedClock, Story
from tests.adapters.platforms.returns_rig import KnownOrders, ReturnsRig, order_of

ORDER_ID = 9_007_199_254_741_999_123
SHIRT_LINE, COAT_LINE = 9_007_199_254_740_993_001, 9_007_199_254_740_993_003
SHIRT = {"sku": "SHIRT-M", "quantity": 2, "external_id": SHIRT_LINE}
COAT = {"sku": "COAT-38", "external_id": COAT_LINE}
# As the one connector sees it: no prices, no ids of lines.
NARROW = {"sku": "SOCKS"}
ORDERS = [
    order_of(
        "1001",
        (str(SHIRT_LINE), "SHIRT-M", 2, 7_665, 1_533),
        (f"gid://shopify/LineItem/{COAT_LINE}", "COAT-38", 1, 18_900, 3_780),
        ("33", "SOCKS", 3, 1_000, 200),
        order_id=str(ORDER_ID),
    )
]
# The documents have a date of their making and one of their last change.
UNDATED = frozenset({"ScannedAtReturnBar", "Received", "Inspected", "Expired", "Cancelled", "RefundReversed"})


@dataclass
class ReveniRig(ReturnsRig):
    """A rig whose vendor can be told what to do."""

    sandbox: ReveniSandbox | None = None


def connection(refunds_from: str | None = None, **mappings: dict[str, str]) -> ConnectionSettings:
    credentials = {"api_key": "sandbox-key", "store_id": "sandbox-store"}
    return ConnectionSettings("es-reveni", MERCHANT, "reveni", credentials=credentials, mappings=mappings, refunds_from=refunds_from)


def platform_of(front: Front, settings: ConnectionSettings | None = None) -> Reveni:
    return connect(connection=settings or connection(), http=httpx.Client(transport=SandboxTransport(front)), wait_turn=lambda: None)


def rig(
    settings: ConnectionSettings | None = None, *, listing: bool = True, summaries: bool = True, orders: KnownOrders | None = None
) -> ReveniRig:
    clock = SteppedClock()
    sandbox = ReveniSandbox(clock, listing=listing, summaries=summaries)
    front = Front(sandbox)
    return ReveniRig(
        clock,
        front,
        platform_of(front, settings),
        stories_of(sandbox),
        orders=orders if orders is not None else KnownOrders(ORDERS),
        undated=UNDATED,
        large_ids=lambda: [str(SHIRT_LINE), str(COAT_LINE)],
        sandbox=sandbox,
    )


def stories_of(reveni: ReveniSandbox) -> dict[str, Story]:
    def instant_and_rejected_later() -> Iterator[None]:
        of = reveni.create([SHIRT, COAT], order_id=ORDER_ID, instant=True)
        reveni.pay_instantly(of, "311.28", fees=[{"amount": "4.50"}, {"amount": 3}])
        yield
        reveni.ship(of)
        yield
        reveni.receive(of)
        yield
        reveni.validate(of, {"*": "defect"})
        yield

    def accepted_and_refunded() -> Iterator[None]:
        of = reveni.create([SHIRT], order_id=ORDER_ID)
        yield
        reveni.hold(of)
        yield
        reveni.ship(of)
        yield
        reveni.receive(of)
        reveni.review(of)
        yield
        reveni.validate(of)
        reveni.pay(of, 91.98, status="pending")
        yield
        reveni.settle(of, "paid")
        yield
        reveni.complete(of)
        yield

    def partly_accepted_and_paid_in_parts() -> Iterator[None]:
        of = reveni.create([SHIRT, NARROW], order_id=ORDER_ID)
        yield
        reveni.validate(of, {"SOCKS": "missing"})
        yield
        reveni.pay(of, "50", "store credit", bonus="5.00")
        yield
        reveni.pay(of, 41.98, "original payment method", external_refund_id="98765")
        reveni.pay(of, "1.25", "bank transfer")
        yield

    def exchanged_and_done_at_once() -> Iterator[None]:
        of = reveni.create([COAT | {"exchange": {"sku": "COAT-40"}}], order_id=str(ORDER_ID), kind="exchange", currency=None)
        yield
        reveni.complete(of)
        yield

    def called_off() -> Iterator[None]:
        first = reveni.create([NARROW], order_id=ORDER_ID)
        second = reveni.create([NARROW], order_id=f"gid://shopify/Order/{ORDER_ID}")
        yield
        reveni.expire(first)
        reveni.cancel(second)
        yield

    return {
        "instant_and_rejected_later": instant_and_rejected_later,
        "accepted_and_refunded": accepted_and_refunded,
        "partly_accepted_and_paid_in_parts": partly_accepted_and_paid_in_parts,
        "exchanged_and_done_at_once": exchanged_and_done_at_once,
        "called_off": called_off,
    }


STORIES = (
    "instant_and_rejected_later",
    "accepted_and_refunded",
    "partly_accepted_and_paid_in_parts",
    "exchanged_and_done_at_once",
    "called_off",
)


class TestReveniKeepsTheContract(PlatformContract):
    story_names: ClassVar[tuple[str, ...]] = STORIES

    def rig(self, seed: int = 0) -> ReveniRig:
        return rig()


class TestReveniWithWholeDocumentsInItsListKeepsTheContract(PlatformContract):
    story_names: ClassVar[tuple[str, ...]] = STORIES[:3]

    def rig(self, seed: int = 0) -> ReveniRig:
        return rig(connection(polling={"since": "", "page": "", "size": ""}), summaries=False)
