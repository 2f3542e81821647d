"""Answers that many pages show: kept for a while after they were found, the longer the harder they were to find."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

# An answer found in 2 ms is kept for 40 ms, one that took half a second for ten.
TIMES_AS_LONG: Final = 20
_MOST_KEPT: Final = 128

Answer = TypeVar("Answer")


class Kept(Generic[Answer]):
    """Of the last questions. Threads may share it; two that ask at once may both look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[Hashable, tuple[float, Answer]] = {}

    def get(self, question: Hashable, find: Callable[[], Answer]) -> Answer:
        begun = self._clock()
        with self._lock:
            until, *known = self._answers.get(question, (begun,))
        if known and begun < until:
            return known[0]
        answer = find()
        found = self._clock()
        with self._lock:
            self._answers.pop(question, None)
            self._answers[question] = (found + TIMES_AS_LONG * (found - begun), answer)
            while len(self._answers) > _MOST_KEPT:
                self._answers.pop(next(iter(self._answers)))
        return answer

    def forget(self) -> None:
        """Somebody changed what is counted, and looks at it next."""
        with self._lock:
            self._answers.clear()
