"""Facts in, and folded: the import end to end, and all projections catching up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.importing import import_file
from tests.benchmarks.conftest import LARGE_RETURNS, OpenHouse, empty_house
from tests.benchmarks.folding import Mark
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
    tell("all projections catching up", f"{rate:,.0f} events/s", f"flat fold {flat_rate:,.0f}/s", ratio, "15,000/s, at most 3")
    assert ratio < 3 * FAR


def test_memory_stays_flat_however_long_the_log_is(house_of: OpenHouse, marks_of: dict[int, list[Mark]]) -> None:
    house_of(LARGE_RETURNS)
    early, end = marks_of[LARGE_RETURNS][0], marks_of[LARGE_RETURNS][-1]
    what = f"memory, after {end.events:,} events at {end.events / end.seconds:,.0f}/s"
    tell(what, f"{end.megabytes} MB", f"{early.megabytes} MB at {early.events:,}", end.megabytes / early.megabytes, "under 300 MB")
    assert end.megabytes < 2 * max(early.megabytes, 300)
