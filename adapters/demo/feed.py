"""Tells the demo's month before now, once. Its merchants are watched only; the live returns are `playing`'s."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from adapters.demo.stories import CHANNELS, SCENARIOS, Fact, Story
from adapters.event_store import Ledger, prepare
from domain.telling import read_telling

SEED = 2026
MONTH_RETURNS = 420
MONTH = timedelta(days=31)
USUAL_PACE = timedelta(hours=20)
# Runs are numbered by the seconds since then: no run makes as many documents as it has seconds.
_RUNS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


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


def tell_month(ledger: Ledger, now: datetime) -> int:
    """Gives the number of facts told."""
    facts = month(now)
    for start in range(0, len(facts), 500):
        ledger.append([prepare(read_telling(fact), "demo") for fact in facts[start : start + 500]])
    return len(facts)


def knows_month(conn: Any) -> bool:
    """Is anything of the month's merchants in the read models?"""
    merchants = sorted({merchant for merchant, *_ in CHANNELS})
    return bool(conn.execute("SELECT EXISTS (SELECT 1 FROM returns WHERE merchant = ANY(%s))", (merchants,)).fetchone()[0])


def number_of_run(now: datetime) -> int:
    """Where the simulators' ids begin: they forget everything between two runs, and the ledger nothing."""
    return max(1, int((now - _RUNS_SINCE).total_seconds()))
