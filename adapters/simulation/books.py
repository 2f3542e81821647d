"""What an ERP's books show of a simulated world, whichever ERP it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import httpx

from adapters.erps.port import Erp, WaitTurn
from adapters.sandbox.faults import Front
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
    front: Front
    lagging: Lagging

    def connect(self, transport_of: Callable[[Front], httpx.BaseTransport], wait_turn: WaitTurn) -> Erp: ...

    def seed(self, orders: list[SimulatedOrder], stock: Mapping[str, int]) -> None: ...

    def invoice(self, reference: str) -> None: ...

    def meddle(self) -> str | None: ...

    def notes(self) -> list[BookedNote]: ...

    def invoiced(self, reference: str) -> int: ...

    def stock(self) -> Places: ...

    def leftovers(self) -> list[str]: ...

    def carrying(self) -> Counter[str]: ...
