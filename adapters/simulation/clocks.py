"""Time that goes on only when the simulation says so, and the death of a process, which may come whenever somebody asks for the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

BEGINS = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)


class Killed(BaseException):
    """kill -9: nothing that this process still meant to do is done. No `except Exception` stops it."""


class VirtualClock:
    def __init__(self, at: datetime = BEGINS) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by

    def to(self, at: datetime) -> None:
        self.at = max(self.at, at)


class Mortal:
    """The clock of a process that may be killed: by chance, at any moment at which it looks at the time."""

    def __init__(self, clock: VirtualClock, rng: Random, chance: float) -> None:
        self._clock, self._rng, self._chance = clock, rng, chance

    def __call__(self) -> datetime:
        self.maybe_die()
        return self._clock()

    def maybe_die(self) -> None:
        if self._chance and self._rng.random() < self._chance:
            raise Killed

    def immortal(self) -> None:
        self._chance = 0.0


Clock = Callable[[], datetime]
