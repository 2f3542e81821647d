"""How a figure is taken and told: several runs, the median, and the ratio to the reference of the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

FIGURES: list[str] = []


@dataclass
class Timed:
    """Seconds of several runs of one thing."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * share))]


def timed(work: Callable[[], object], runs: int = 1, warm_up: int = 0) -> Timed:
    for _ in range(warm_up):
        work()
    taken = Timed()
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.seconds.append(time.perf_counter() - began)
    return taken


def tell(what: str, figure: str, reference: str, ratio: float, target: str) -> None:
    """One line of the table that the last benchmark prints."""
    line = f"{what:<74} {figure:>24} {reference:>26} {ratio:>7.2f}   {target}"
    FIGURES.append(line)
    print("\n" + line)
