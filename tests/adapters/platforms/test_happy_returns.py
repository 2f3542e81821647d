"""Happy Returns against its simulator: what every platform has to keep, over returns that go all the way to the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import httpx

from adapters.platforms.happy_returns.platform import HappyReturns
from adapters.platforms.happy_returns.reading import ASK_WITHIN
from adapters.platforms.port import ConnectionSettings
from adapters.sandbox.faults import Front
from adapters.sandbox.happy_returns import HappyReturnsSandbox
from adapters.sandbox.happy_returns_hub import Hub
from adapters.sandbox.transport import SandboxTransport
from tests.adapters.platforms.contract import MERCHANT, PlatformContract, SteppedClock, Story
from tests.adapters.platforms.returns_rig import KnownOrders, ReturnsRig, order_of

SHIRT = {"line": "13377523220546123456", "sku": "SHIRT-M", "quantity": 2}
COAT = {"line": "13377523220547123456", "sku": "COAT-38"}
SOCKS = {"line": "13377523220999123456", "sku": "SOCKS", "quantity": 1, "of": 3}
ORDERS = [
    order_of("272034", ("13377523220546123456", "SHIRT-M", 2, 7_665, 1_533), ("13377523220547123456", "COAT-38", 1, 18_900, 3_780)),
    order_of("272099", ("13377523220999123456", "SOCKS", 3, 1_000, 200)),
]
# Happy Returns dates next to nothing: what a webhook tells is dated when it comes.
UNDATED = frozenset({"Initiated", "ScannedAtReturnBar", "Received", "Inspected", "Expired", "Cancelled"})


@dataclass
class HappyReturnsRig(ReturnsRig):
    """A rig whose hub can be told what to do."""

    sandbox: HappyReturnsSandbox | None = None

    @property
    def hub(self) -> Hub:
        assert self.sandbox is not None
        return self.sandbox.hub


def connection(**mappings: dict[str, str]) -> ConnectionSettings:
    credentials = {"api_key": "sandbox-key", "retailer_id": "sandbox-retailer"}
    return ConnectionSettings(
        "uk-happy-returns", MERCHANT, "happy_returns", webhook_secret="sandbox-secret", credentials=credentials, mappings=mappings
    )


def rig(
    settings: ConnectionSettings | None = None, ask_within: timedelta = ASK_WITHIN, orders: KnownOrders | None = None
) -> HappyReturnsRig:
    clock = SteppedClock()
    sandbox = HappyReturnsSandbox(clock)
    front = Front(sandbox)

    def wait_turn() -> None:
        clock.advance(timedelta(seconds=2))

    http = httpx.Client(transport=SandboxTransport(front))
    platform = HappyReturns(settings or connection(), http, wait_turn, ask_within)

    def large_ids() -> list[str]:
        items = [item for of in sandbox.hub.returns.values() for item in of.items]
        return sorted({item.line_item_id.partition("-")[0] for item in items})

    return HappyReturnsRig(
        clock,
        front,
        platform,
        stories_of(sandbox.hub),
        orders=orders if orders is not None else KnownOrders(ORDERS),
        undated=UNDATED,
        large_ids=large_ids,
        sandbox=sandbox,
    )


def stories_of(hub: Hub) -> dict[str, Story]:
    def scanned_and_shipped() -> Iterator[None]:
        of = hub.start({"272034": [SHIRT, COAT]})
        yield
        hub.hand_in(of)
        yield
        hub.ship()
        yield
        hub.inspect(of, {"*": "sellable", hub.item_ids(of)[2]: "damaged"})
        yield

    def within_a_minute() -> Iterator[None]:
        of = hub.start({"272034": [SHIRT]})
        hub.hand_in(of)
        hub.relabel(of)
        yield
        hub.ship()
        hub.inspect(of, {"*": "wrong-item", hub.item_ids(of)[0]: "missing"})
        yield

    def two_orders() -> Iterator[None]:
        of = hub.start({"272034": [SHIRT, COAT], "272099": [SOCKS]})
        yield
        hub.hand_in(of)
        yield
        hub.ship()
        hub.inspect(of, {"*": "sellable"})
        yield

    def by_mail() -> Iterator[None]:
        of = hub.start({"272034": [COAT]}, method="mail")
        other = hub.start({"272099": [SOCKS]}, method="home-pickup")
        yield
        hub.hand_in(of)
        yield
        hub.hand_in(other)
        hub.ship(of)
        yield
        hub.inspect(of, {"*": "damaged"})
        hub.approve(of)
        hub.ship(other)
        yield
        hub.inspect(other, {"*": "sellable"})
        hub.approve(other)
        yield

    return {
        "scanned_and_shipped": scanned_and_shipped,
        "within_a_minute": within_a_minute,
        "two_orders": two_orders,
        "by_mail": by_mail,
    }


class TestHappyReturnsKeepsTheContract(PlatformContract):
    story_names: ClassVar[tuple[str, ...]] = ("scanned_and_shipped", "within_a_minute", "two_orders", "by_mail")

    def rig(self, seed: int = 0) -> HappyReturnsRig:
        # On a bad day the API is asked for as long as it takes: which of two orders comes first must not matter.
        return rig(ask_within=timedelta(days=3))
