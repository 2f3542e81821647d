"""When something that did not work is tried again: soon at first, then ever more rarely, and never all at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Final

FIRST_SECONDS: Final = 8.0
LONGEST_SECONDS: Final = 3600.0
# A vendor that asks for longer than that is asked again all the same.
MOST_PATIENCE_SECONDS: Final = 86_400.0
# Any part of the last quarter, so that what failed together does not come back together.
_SPREAD = 0.25
_MOST_DOUBLINGS = 20
# Nobody else draws from it: whoever plays a day again by its seed has the same tries again.
JITTER: Final = Random()  # noqa: S311 (spreads load, guards nothing)


def next_try(now: datetime, attempts: int, retry_after_seconds: float | None = None) -> datetime:
    """`attempts`: how often it has been tried, the last time included. What the vendor asks for goes before."""
    if retry_after_seconds is not None:
        return now + timedelta(seconds=min(max(retry_after_seconds, 0.0), MOST_PATIENCE_SECONDS))
    longest = min(FIRST_SECONDS * 2.0 ** min(max(attempts - 1, 0), _MOST_DOUBLINGS), LONGEST_SECONDS)
    return now + timedelta(seconds=longest * (1 - JITTER.random() * _SPREAD))
