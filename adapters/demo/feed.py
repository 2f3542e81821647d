"""Plays the demo: the month before now once, then one return after another, in the time of somebody who watches."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from adapters.demo.stories import SCENARIOS, Fact, Story
from adapters.event_store import Ledger, prepare
from domain.telling import read_telling

SEED = 2026
MONTH_RETURNS = 420
MONTH = timedelta(days=31)
USUAL_PACE = timedelta(hours=20)
# A live return takes about a minute from its announcement to the shelf.
LIVE_PACE = timedelta(seconds=7)
LIVE_EVERY = timedelta(seconds=6)
# Later on a return a minute is enough to see that it lives.
LIVE_EVERY_LATER = timedelta(minutes=1)
BUSY_RETURNS = 50
LIVE_PREFIX = "LIVE-"


def month(now: datetime, seed: int = SEED) -> list[Fact]:
    """What happened in the month before `now`, every scenario among it, in order of occurrence; what lies ahead is left out."""
    rng = Random(seed)  # noqa: S311 (a seeded story, no secret)
    every = list(SCENARIOS)
    facts: list[Fact] = []
    for number in range(1, MONTH_RETURNS + 1):
        begins = now - MONTH + MONTH * rng.random()
        # The first ones are old enough for every kind of gap to be open, also those that need a fortnight.
        scenario = every[number - 1] if number <= len(every) else None
        facts += Story(rng, number, now - MONTH if scenario else begins, USUAL_PACE, scenario=scenario).facts
    return sorted((fact for fact in facts if datetime.fromisoformat(fact["occurred_at"]) <= now), key=lambda fact: str(fact["occurred_at"]))


def live(begins: datetime, number: int, seed: int = SEED) -> list[Fact]:
    """The live return of that number, whose steps follow each other within seconds. Most of them end well."""
    rng = Random(f"{seed}/{number}")  # noqa: S311
    return Story(rng, number, begins, LIVE_PACE, prefix=LIVE_PREFIX).facts


class Feed:
    """Tells facts when their time has come. `count_live` says how many live returns the ledger has: a second run goes on behind them."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], count_live: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._number = count_live
        self._due: list[tuple[datetime, int, Fact]] = []
        self._begun = 0
        self._next_at = clock()

    def begin(self) -> int:
        """Tell the month, if the ledger is empty; gives the number of facts told."""
        if self._ledger.head():
            return 0
        facts = month(self._clock())
        self._tell(facts)
        return len(facts)

    def tick(self) -> float:
        """Tell what is due; gives the seconds until there is something to do again."""
        now = self._clock()
        if now >= self._next_at:
            self._number += 1
            self._begun += 1
            for fact in live(now, self._number):
                heapq.heappush(self._due, (datetime.fromisoformat(fact["occurred_at"]), id(fact), fact))
            self._next_at = now + (LIVE_EVERY if self._begun < BUSY_RETURNS else LIVE_EVERY_LATER)
        self._tell(list(self._take(now)))
        next_at = min([self._next_at, *(entry[0] for entry in self._due[:1])])
        return max(0.05, (next_at - self._clock()).total_seconds())

    def _take(self, now: datetime) -> Iterator[Fact]:
        while self._due and self._due[0][0] <= now:
            yield heapq.heappop(self._due)[2]

    def _tell(self, facts: list[Fact]) -> None:
        for start in range(0, len(facts), 500):
            self._ledger.append([prepare(read_telling(fact), "demo") for fact in facts[start : start + 500]])


def count_live(conn: Any) -> int:
    """The highest number among the live returns so far."""
    found = conn.execute(
        "SELECT coalesce(max(right(return_id, 5)::int), 0) FROM returns WHERE return_id LIKE %s", (f"{LIVE_PREFIX}%",)
    ).fetchone()
    return int(found[0])
