"""A year of returns as a house would see it: most go well, some gaps close late, a few stay open; told in order of time."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from adapters.demo.stories import SCENARIOS, Story

BEGINS = datetime(2025, 10, 1, tzinfo=UTC)
LASTS = timedelta(days=365)
PACE = timedelta(hours=20)
# In a thousand. What is not here goes wrong in one of the demo's ways and stays so: about 7 returns in 100 end with an open gap.
MIX = {"clean": 750, "credited_late": 70, "put_away_late": 50, "paid_first": 60}
_GOES_WRONG = {name: share for name, share in SCENARIOS.items() if name != "clean"}


class YearStory(Story):
    """The demo's stories, and those whose gap somebody closed days or weeks later."""

    def _credited_late(self) -> None:
        self.announce()
        self.arrive()
        self.refund(shipping=self.shipping)
        self.put_away()
        self.credit(1 + self.rng.expovariate(1 / 12), shipping=self.shipping)

    def _put_away_late(self) -> None:
        self.announce()
        self.arrive()
        self.refund()
        self.credit()
        self.inspect()
        self.at += self.pace * self.rng.expovariate(1 / 8)
        self.restock()

    def _paid_first(self) -> None:
        self.announce()
        self.refund(0.1, method="platform_instant")
        self.credit()
        self.arrive()
        self.put_away()


def facts(returns: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """The facts of so many returns that begin evenly over the year, in order of occurrence. Memory stays flat."""
    rng = Random(seed)
    waiting: list[tuple[str, int, int, dict[str, Any]]] = []
    scenarios, weights = list(MIX), list(MIX.values())
    wrong, wrong_weights = list(_GOES_WRONG), list(_GOES_WRONG.values())
    scenarios.append("wrong")
    weights.append(1000 - sum(weights))
    for number in range(returns):
        begins = BEGINS + LASTS * (number / returns)
        scenario = rng.choices(scenarios, weights)[0]
        if scenario == "wrong":
            scenario = rng.choices(wrong, wrong_weights)[0]
        story = YearStory(rng, number, begins, PACE, scenario=scenario)
        for step, fact in enumerate(story.facts):
            heapq.heappush(waiting, (fact["occurred_at"], number, step, fact))
        until = begins.isoformat()
        while waiting and waiting[0][0] < until:
            yield heapq.heappop(waiting)[3]
    while waiting:
        yield heapq.heappop(waiting)[3]
