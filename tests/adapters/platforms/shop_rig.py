"""A simulated shop with the platform before it, for tests of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.platforms.port import ConnectionSettings, Delivery, Reading
from adapters.platforms.shopify import Shopify, connect
from adapters.sandbox.faults import Front
from adapters.sandbox.shopify import ShopifySimulator
from adapters.sandbox.shopify.shop import Order, Shop
from adapters.sandbox.transport import SandboxTransport
from domain.telling import write_telling
from tests.adapters.platforms.contract import MERCHANT, Inbox, MemoryHouse, Rig, SteppedClock, Story

SHIRT = {"sku": "SHIRT-M", "quantity": 2, "price": 4_599, "discount": 919, "tax": 1_656}
COAT = {"sku": "COAT-38", "quantity": 1, "price": 18_900, "tax": 3_780}
SOCKS = {"sku": "SOCKS", "quantity": 3, "price": 1_000, "discount": 1, "tax": 600}


def connection(**mappings: dict[str, str]) -> ConnectionSettings:
    credentials = {"access_token": "shpat_sandbox", "shop": "sandbox.myshopify.com"}
    return ConnectionSettings("uk-shopify", MERCHANT, "shopify", webhook_secret="shpss_sandbox", credentials=credentials, mappings=mappings)


def platform_of(front: Front, settings: ConnectionSettings | None = None) -> Shopify:
    return connect(connection=settings or connection(), http=httpx.Client(transport=SandboxTransport(front)), wait_turn=lambda: None)


@dataclass
class ShopRig(Rig):
    """A rig whose shop can be told what to do."""

    sandbox: ShopifySimulator | None = None
    inbox: Inbox = field(init=False)

    @property
    def shop(self) -> Shop:
        assert self.sandbox is not None, "made with one"
        return self.sandbox.shop

    def __post_init__(self) -> None:
        super().__post_init__()
        self.inbox = Inbox(self)

    def run(self) -> None:
        """Everything that was sent is read, and an hour goes by."""
        self.inbox.take(self.front.webhooks())
        self.inbox.work()
        self.clock.advance()

    def poll(self) -> None:
        self.front.webhooks()
        self.inbox.poll()
        self.clock.advance()

    def facts(self, *names: str) -> list[dict[str, Any]]:
        rows = [write_telling(telling) for telling in self.house.tellings]
        return [row for row in rows if row["fact"] in names or not names]

    def read(self, topic: str, body: bytes, **headers: str) -> Reading:
        return self.platform.read(Delivery("uk-shopify", topic, self.clock(), headers, body), self.house)


def shop_rig(
    *, version: str = "2026-04", refunds_for: frozenset[str] = frozenset(), settings: ConnectionSettings | None = None, points: float = 1e6
) -> ShopRig:
    clock = SteppedClock()
    sandbox = ShopifySimulator(clock, version=version, points=points)
    front = Front(sandbox)

    def large_ids() -> list[str]:
        shop = sandbox.shop
        paid = [each.id for each in shop.refunds.values() if any(one.status == "success" for one in each.transactions)]
        return [str(number) for number in (*paid, *shop.returns)]

    rig = ShopRig(clock, front, platform_of(front, settings), stories_of(sandbox), large_ids=large_ids, sandbox=sandbox)
    rig.house = MemoryHouse(clock, refunds_for=refunds_for)
    return rig


def units(order: Order, *quantities: int) -> dict[int, int]:
    return {line.id: quantity for line, quantity in zip(order.lines, quantities, strict=False) if quantity}


def stories_of(sandbox: ShopifySimulator) -> dict[str, Story]:
    shop = sandbox.shop

    def refunds_outside_of_returns() -> Iterator[None]:
        order = shop.order([SHIRT, SOCKS], shipping=395)
        yield
        shop.refund(order, units(order, 1), shipping=True)
        yield
        shop.refund(order, units(order, 0, 1), kept=50)
        shop.refund(order, units(order, 0, 1))
        yield
        shop.refund(order, units(order, 0, 1))
        yield

    def paid_later() -> Iterator[None]:
        order = shop.order([SHIRT, COAT])
        late = shop.refund(order, units(order, 2), status="pending")
        yield
        fails = shop.refund(order, units(order, 0, 1), status="pending")
        yield
        shop.settle(late)
        shop.settle(fails, "failure")
        yield

    def several_ways_to_pay() -> Iterator[None]:
        order = shop.order([SHIRT, COAT], gateway="paypal")
        shop.refund(order, units(order, 2), gateways=("gift_card", "paypal"))
        yield
        shop.refund(order, units(order, 0, 1), gateways=("shopify_store_credit",))
        yield

    def step_by_step() -> Iterator[None]:
        order = shop.order([SHIRT, COAT], shipping=500, shipping_tax=100)
        yield
        back = shop.request_return(order, units(order, 2, 1))
        yield
        shop.approve(back)
        yield
        shop.dispose(back, order.lines[0].id, "RESTOCKED", 1)
        shop.dispose(back, order.lines[0].id, "NOT_RESTOCKED", 1)
        yield
        shop.dispose(back, order.lines[1].id, "PROCESSING_REQUIRED", 1)
        shop.refund(order, units(order, 2, 1), shop_return=back, shipping=True)
        yield
        shop.dispose(back, order.lines[1].id, "RESTOCKED", 1)
        shop.close(back)
        yield

    def processed_at_once() -> Iterator[None]:
        order = shop.order([SHIRT], taxes_included=True)
        back = shop.request_return(order, units(order, 2))
        shop.approve(back)
        yield
        shop.process(back)
        yield
        shop.close(back)
        shop.reopen(back)
        yield

    def exchanged() -> Iterator[None]:
        order = shop.order([SHIRT, COAT])
        back = shop.request_return(order, units(order, 1), exchange=[{"sku": "SHIRT-L"}])
        shop.approve(back)
        yield
        shop.process(back, refund=False)
        yield

    def declined_and_cancelled() -> Iterator[None]:
        order = shop.order([SHIRT, COAT])
        shop.decline(shop.request_return(order, units(order, 1)))
        again = shop.request_return(order, units(order, 0, 1))
        yield
        shop.approve(again)
        yield
        shop.cancel(again)
        yield

    def never_came() -> Iterator[None]:
        order = shop.order([SHIRT])
        back = shop.request_return(order, units(order, 2))
        shop.approve(back)
        shop.dispose(back, order.lines[0].id, "MISSING", 2)
        yield

    def paid_out() -> Iterator[None]:
        order = shop.order([SHIRT, COAT], shipping=395)
        back = shop.request_return(order, units(order, 1))
        shop.approve(back)
        shop.process(back)
        yield
        shop.pay_out()
        yield
        late = shop.refund(order, units(order, 0, 1), status="pending")
        yield
        shop.settle(late)
        shop.pay_out()
        yield

    stories = (
        refunds_outside_of_returns,
        paid_later,
        several_ways_to_pay,
        step_by_step,
        processed_at_once,
        exchanged,
        declined_and_cancelled,
        never_came,
        paid_out,
    )
    return {story.__name__: story for story in stories}
