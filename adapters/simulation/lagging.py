"""Lists that lag behind: for some seconds after a write, an ERP's searches and lists may still show what was there before it."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.sandbox.port import OutgoingWebhook, SandboxRequest, SandboxResponse, Simulator
from adapters.simulation.clocks import Clock

# Less than what the outbox waits before "it is not there" counts.
LONGEST: Final = timedelta(seconds=15)
_CHANCE: Final = 0.4
# Of the objects that hold a simulator's books: what is no book, or another of them.
_NO_BOOKS: Final = ("clock", "warehouse", "behind", "_numbers", "_counted")


class Lagging:
    """Stands before a simulator. What is asked for by its own id is always as it is, and writes meet the books as they stand.

    `is_list`: is a request answered out of an index that is written later than the books? `books` are the objects that hold them;
    `twin` makes a simulator like this one, and gives it with the objects that hold its books. Its time stands still: what the real one
    does later, such as a flow that runs, it must not do by itself, or it would tell of documents that there never are.
    """

    def __init__(
        self,
        simulator: Simulator,
        clock: Clock,
        seed: str,
        is_list: Callable[[SandboxRequest], bool],
        books: Iterable[object],
        twin: Callable[[Clock], tuple[Simulator, Iterable[object]]],
    ) -> None:
        self._simulator, self._clock, self._rng = simulator, clock, Random(seed)
        self._is_list, self._books, self._twin = is_list, tuple(books), twin
        self._chance = 0.0
        self._kept: deque[tuple[datetime, bytes]] = deque()
        # How many lists were told as they were no longer.
        self.stale = 0

    def set_level(self, level: float) -> None:
        """From 0, where every list is as fresh as the books, to 1."""
        self._chance = _CHANCE * level
        self._kept.clear()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        if not self._is_list(request):
            if request.method != "GET":
                self._keep()
            return self._simulator.handle(request)
        live = self._simulator.handle(request)
        if live.status != 200 or self._rng.random() >= self._chance:
            return live
        seen = self._clock() - LONGEST * self._rng.random()
        kept = next((one for one in self._kept if one[0] >= seen), None)
        if kept is None:
            return live
        old = self._as_it_was(*kept).handle(request)
        self.stale += old.body != live.body
        return old

    def refuse(self, status: int) -> SandboxResponse:
        return self._simulator.refuse(status)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        return self._simulator.take_webhooks()

    def state(self) -> dict[str, Any]:
        return self._simulator.state()

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        self._keep()
        return self._simulator.seed(told)

    def _keep(self) -> None:
        """The books as they are before something is written."""
        now = self._clock()
        while self._kept and now - self._kept[0][0] > LONGEST:
            self._kept.popleft()
        if self._chance and (not self._kept or self._kept[-1][0] < now):
            told = [{name: held for name, held in vars(book).items() if name not in _NO_BOOKS} for book in self._books]
            self._kept.append((now, pickle.dumps(told)))

    def _as_it_was(self, at: datetime, kept: bytes) -> Simulator:
        simulator, books = self._twin(lambda: at)
        for book, held in zip(books, pickle.loads(kept), strict=True):  # noqa: S301 - our own, of a moment ago
            vars(book).update(held)
        return simulator
