"""What platforms may ask of the house while they read: answers count every fact recorded so far, folded in already or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.inbox.store import storable
from adapters.platforms.port import Orders
from adapters.vendor.answers import VendorTrouble
from domain.facts import Fact, Initiated, Refunded
from domain.returns import Recorded
from domain.stored import stream_of
from domain.telling import ReturnKey, Telling

# Further behind than that, the read models are being made anew: it is better to wait for them.
MOST_BEHIND_EVENTS: Final = 200_000
WAIT_SECONDS: Final = 10.0
_AT_ONCE = 2_000


@dataclass(slots=True)
class _Lately:
    """What was told of one merchant behind `position` of the log, and what has been read but not recorded yet."""

    position: int
    of_order: dict[str, dict[ReturnKey, None]] = field(default_factory=dict)
    of_refund: dict[str, ReturnKey] = field(default_factory=dict)

    def learn(self, key: ReturnKey, fact: Fact) -> None:
        match fact:
            case Initiated():
                self.of_order.setdefault(fact.order, {})[key] = None
            case Refunded():
                self.of_refund.setdefault(fact.refund, key)
            case _:
                pass

    def learn_all(self, tellings: Sequence[Telling]) -> None:
        for telling in tellings:
            self.learn(telling.key, telling.fact)


class HouseDesk:
    """The desk of one connection, for one thread. `begin` before each batch, `learn` after each reading."""

    def __init__(
        self,
        ledger: Ledger,
        pool: ConnectionPool[Connection[Any]],
        merchant: str,
        clock: Callable[[], datetime],
        orders: Orders | None = None,
        refunds_for: Iterable[str] = (),
    ) -> None:
        self._ledger, self._pool, self._merchant, self._clock, self._orders = ledger, pool, merchant, clock, orders
        self._refunds_for = frozenset(refunds_for)
        self._lately: _Lately | None = None
        self._fresh = False
        self._read: list[Telling] = []
        # By return, for as long as a batch lasts: what the ledger holds, and what was read of it in this batch.
        self._held: dict[ReturnKey, list[Telling]] = {}
        self._read_of: dict[ReturnKey, list[Telling]] = {}

    @property
    def orders(self) -> Orders | None:
        return self._orders

    @property
    def refunds_for(self) -> frozenset[str]:
        return self._refunds_for

    def now(self) -> datetime:
        return self._clock()

    def begin(self) -> None:
        """From here on answers count everything that is recorded by now."""
        self._fresh = False
        self._read.clear()
        self._held.clear()
        self._read_of.clear()

    def foresee(self, keys: Iterable[ReturnKey]) -> None:
        """These will be asked about: they are looked up together."""
        streams = {stream_of(key): key for key in keys if key not in self._held}
        if streams:
            found = self._ledger.events_of(list(streams))
            self._held |= {key: _tellings(found[stream]) for stream, key in streams.items()}

    def learn(self, tellings: Sequence[Telling]) -> None:
        """What has been read in this batch counts, too, before it is recorded."""
        self._read += tellings
        for telling in tellings:
            self._read_of.setdefault(telling.key, []).append(telling)
        if self._fresh and self._lately is not None:
            self._lately.learn_all(tellings)

    def returns_of_order(self, order: str) -> list[ReturnKey]:
        lately = self._refresh()
        found = {ReturnKey(*row): None for row in self._ask(_OF_ORDER, order)}
        return list(found | lately.of_order.get(order, {}))

    def return_of_refund(self, refund: str) -> ReturnKey | None:
        lately = self._refresh()
        found = self._ask(_OF_REFUND, refund)
        return ReturnKey(*found[0]) if found else lately.of_refund.get(refund)

    def announced(self, key: ReturnKey) -> bool:
        return any(isinstance(telling.fact, Initiated) for telling in self.told(key))

    def told(self, key: ReturnKey) -> Sequence[Telling]:
        self.foresee([key])
        return [*self._held[key], *self._read_of.get(key, ())]

    def _ask(self, question: str, name: str) -> list[tuple[Any, ...]]:
        if storable(name) != name:
            return []  # no fact can hold it
        with self._pool.connection() as conn:
            return conn.execute(question.encode(), {"merchant": self._merchant, "name": name}).fetchall()

    def _refresh(self) -> _Lately:
        """Read what the log has behind the read models; what they have taken in meanwhile is forgotten."""
        lately = self._lately
        if self._fresh and lately is not None:
            return lately
        with self._pool.connection() as conn:
            found = conn.execute("SELECT position FROM projection_position").fetchone()
        folded, head = int(found[0]) if found else 0, self._ledger.head()
        if lately is None or folded >= lately.position:
            lately = _Lately(folded)
        if head - lately.position > MOST_BEHIND_EVENTS:
            raise VendorTrouble(f"the read models are {head - folded} events behind the log; waiting for them", WAIT_SECONDS)
        while lately.position < head:
            events = self._ledger.notifications(lately.position, _AT_ONCE)
            if not events:
                break
            for event in events:
                if event.key.merchant == self._merchant:
                    lately.learn(event.key, event.fact)
            lately.position = events[-1].position
        lately.learn_all(self._read)
        self._lately, self._fresh = lately, True
        return lately


def _tellings(recorded: Iterable[Recorded]) -> list[Telling]:
    return [Telling(event.key, event.occurred_at, event.fact, event.source_id, event.by) for event in recorded]


_OF_ORDER = """
    SELECT merchant, platform, return_id FROM returns
    WHERE order_ref = %(name)s AND merchant = %(merchant)s ORDER BY return_no"""
_OF_REFUND = """
    SELECT r.merchant, r.platform, r.return_id FROM money_moves m JOIN returns r USING (return_no)
    WHERE m.document = %(name)s AND m.side = 'refunded' AND m.merchant = %(merchant)s ORDER BY m.return_no LIMIT 1"""
