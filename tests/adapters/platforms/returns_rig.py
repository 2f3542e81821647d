"""What tests of platforms without amounts of their own need: original orders at hand, and facts easily read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from adapters.platforms.port import Order, OrderLine
from adapters.vendor.answers import VendorTrouble
from domain.telling import write_telling
from tests.adapters.platforms.contract import Inbox, MemoryHouse, Rig


@dataclass
class KnownOrders:
    """The port's `Orders`, of a dictionary. `away`: nobody can be reached."""

    orders: list[Order]
    away: bool = False

    def by_name(self, name: str) -> Order | None:
        self._reach()
        return next((order for order in self.orders if order.name.lstrip("#") == name.lstrip("#")), None)

    def by_id(self, order_id: str) -> Order | None:
        self._reach()
        return next((order for order in self.orders if order.order_id == order_id), None)

    def _reach(self) -> None:
        if self.away:
            raise VendorTrouble("the shop is away")


def order_of(number: str, *lines: tuple[str, str, int, int, int], order_id: str | None = None, currency: str = "GBP") -> Order:
    """`lines`: id, SKU, quantity, items and tax in minor units."""
    return Order(order_id or f"53249384{number}", f"#{number}", currency, tuple(OrderLine(*line) for line in lines))


@dataclass
class ReturnsRig(Rig):
    """A rig with an inbox at hand."""

    inbox: Inbox = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.inbox = Inbox(self)

    def go_on(self) -> None:
        """Everything that was sent is read, and an hour goes by."""
        self.clock.advance()
        self.inbox.take(self.front.webhooks())
        self.inbox.work()

    def facts(self, *names: str) -> list[dict[str, Any]]:
        return facts(self.house, *names)


def facts(house: MemoryHouse, *names: str) -> list[dict[str, Any]]:
    """The ledger's facts of these kinds, as the contract writes them, without their source."""
    rows = [write_telling(telling) for telling in house.tellings]
    common = ("merchant", "platform", "source_id")
    return [{name: value for name, value in row.items() if name not in common} for row in rows if not names or row["fact"] in names]
