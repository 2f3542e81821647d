"""Facts in, and folded: the import end to end, and all projections catching up."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.importing import import_file
from tests.benchmarks.conftest import LARGE_RETURNS, empty_house
from tests.benchmarks.measuring import Timed, tell, timed
from tests.benchmarks.references import flat_fold, raw_copy

pytestmark = pytest.mark.benchmark

IMPORTED_RETURNS = min(LARGE_RETURNS, 15_000)
RUNS = 3
# So far from the target that noise cannot reach it: a benchmark tells, it does not flake.
FAR = 4


def test_bulk_import_against_a_raw_copy(database: str, facts_file: Callable[[int], Path]) -> None:
    path = facts_file(IMPORTED_RETURNS)
    lines = path.read_bytes().splitlines()
    house, raw = Timed(), Timed()
    for _ in range(RUNS):
        with empty_house(database) as opened:
            house.seconds += timed(lambda opened=opened: import_file(opened.ledger, path, "facts", None)).seconds  # type: ignore[misc]
        with empty_house(database) as opened, opened.connection() as conn:
            raw.seconds += timed(lambda conn=conn: raw_copy(conn, lines)).seconds  # type: ignore[misc]
    rate, raw_rate = len(lines) / house.median, len(lines) / raw.median
    ratio = house.median / raw.median
    tell("bulk import of facts, end to end", f"{rate:,.0f} facts/s", f"raw COPY {raw_rate:,.0f}/s", ratio, "10,000/s, at most 4")
    assert ratio < 4 * FAR


def test_all_projections_against_a_hand_written_fold(database: str, facts_file: Callable[[int], Path]) -> None:
    path = facts_file(IMPORTED_RETURNS)
    house, flat, events = Timed(), Timed(), 0
    for _ in range(RUNS):
        with empty_house(database) as opened:
            import_file(opened.ledger, path, "facts", None)
            events = opened.ledger.head()
            house.seconds += timed(opened.catch_up).seconds
            with opened.connection() as conn:
                flat.seconds += timed(lambda conn=conn: flat_fold(conn)).seconds  # type: ignore[misc]
    rate, flat_rate = events / house.median, events / flat.median
    ratio = house.median / flat.median
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    target = f"15,000/s, at most 3 ({memory} MB at most)"
    tell("all projections catching up", f"{rate:,.0f} events/s", f"flat fold {flat_rate:,.0f}/s", ratio, target)
    assert ratio < 3 * FAR
