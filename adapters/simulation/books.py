"""What an ERP's books show of a simulated world, whichever ERP it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import httpx

from adapters.erps.port import Erp, WaitTurn
from adapters.sandbox.faults import Front
from adapters.simulation.ground import Ground
from adapters.simulation.lagging import Lagging
from adapters.simulation.selling import SimulatedOrder

# Units on hand by SKU and place.
Places = Counter[tuple[str, str]]


class BookedNote(NamedTuple):
    """A credit note. `memo` carries the instruction's id where it is ours; `paid` are the refunds booked on it."""

    number: str
    active: bool
    total: int
    memo: str
    paid: list[int]
    order: str


class World(Protocol):
    """One ERP behind its simulator, seeded and changed by people."""

    main: str
    goods_in_with_note: bool
    # A note that is voided takes back the goods that it brought.
    void_takes_goods: bool
    # What became of an instruction is told some time after it was sent.
    acknowledged_later: bool
    front: Front
    lagging: Lagging

    def connect(self, ground: Ground, transport_of: Callable[[Front], httpx.BaseTransport], wait_turn: WaitTurn) -> Erp: ...

    def deliver(self, ground: Ground) -> None:
        """What it posts to the house by itself."""

    def seed(self, orders: list[SimulatedOrder], stock: Mapping[str, int]) -> None: ...

    def invoice(self, reference: str) -> None: ...

    def meddle(self) -> str | None: ...

    def notes(self) -> list[BookedNote]: ...

    def invoiced(self, reference: str) -> int: ...

    def stock(self) -> Places: ...

    def leftovers(self) -> list[str]: ...

    def carrying(self) -> Counter[str]: ...
