"""Answers out: the same questions of a small house and of one ten times its size, in the database and over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import cycle

import httpx
import pytest

from api.bootstrap import House
from api.http.app import make_app
from domain.replay import replay
from domain.stored import stream_of
from projections.board import find_return
from projections.gap_register import GapFilter, gap_page
from projections.moments import Moment
from projections.summary import summary
from projections.tie_out import money_tie_out, unit_tie_out
from tests.api.serving import served
from tests.benchmarks.conftest import LARGE_RETURNS, SMALL_RETURNS, OpenHouse
from tests.benchmarks.measuring import tell, timed

pytestmark = pytest.mark.benchmark

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 4, 1, tzinfo=UTC)
LISTS: dict[str, tuple[GapFilter, Moment]] = {
    "all": (GapFilter(), Moment(NOW)),
    "a kind": (GapFilter(kinds=("credit_note_mismatch",)), Moment(NOW)),
    "a merchant and owner": (GapFilter(merchants=("kumo-shop",), owners=("finance",)), Moment(NOW)),
    "a currency, overdue": (GapFilter(currencies=("JPY",), overdue=True), Moment(NOW)),
    "closed": (GapFilter(status="closed"), Moment(NOW)),
    "as of half a year ago": (GapFilter(), Moment(NOW, as_of=MIDDLE)),
    "a kind, as of half a year ago": (GapFilter(kinds=("duplicate_credit_note",)), Moment(NOW, as_of=MIDDLE)),
    "as of and known at": (GapFilter(), Moment(NOW, as_of=MIDDLE, known_at=NOW + timedelta(days=365))),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_first_page_takes_the_same_time_at_any_size(house_of: OpenHouse, name: str) -> None:
    asked, moment = LISTS[name]
    milliseconds = []
    for returns in (SMALL_RETURNS, LARGE_RETURNS):
        with house_of(returns).connection() as conn:
            milliseconds.append(timed(lambda conn=conn: gap_page(conn, asked, moment, limit=50), runs=30, warm_up=8).median * 1000)  # type: ignore[misc]
    small, large = milliseconds
    tell(f"gaps, first page: {name}", f"{large:.1f} ms", f"at {SMALL_RETURNS:,}: {small:.1f} ms", large / small, "the same")
    assert large < 250


def test_summary_and_tie_out(house_of: OpenHouse) -> None:
    house = house_of(LARGE_RETURNS)
    with house.connection() as conn:
        counted = timed(lambda: summary(conn, GapFilter(), Moment(NOW)), runs=9, warm_up=6).median * 1000
        money = timed(lambda: money_tie_out(conn, Moment(NOW)), runs=9, warm_up=6).median * 1000
        units = timed(lambda: unit_tie_out(conn, Moment(NOW)), runs=9, warm_up=6).median * 1000
    tell("summary", f"{counted:.1f} ms", "60 ms", counted / 60, "at most 1 at 200,000 returns")
    tell("tie-out, money and units", f"{money + units:.1f} ms", "60 ms", (money + units) / 60, "at most 1 at 200,000 returns")
    assert counted < 2_000


def test_replay_of_one_return(house_of: OpenHouse) -> None:
    house = house_of(LARGE_RETURNS)
    with house.connection() as conn:
        names = cycle([row[0] for row in conn.execute("SELECT return_id FROM returns ORDER BY return_no LIMIT 200").fetchall()])

        def one() -> None:
            key = find_return(conn, next(names)).key
            replay(key, house.ledger.events(stream_of(key)), house.policies.policy_of(key))

        taken = timed(one, runs=200, warm_up=20)
    tell("replay of one return", f"{taken.median * 1000:.2f} ms", "5 ms", taken.median / 0.005, "at most 1")
    assert taken.median < 0.1


@pytest.mark.parametrize("question", ["", "?kind=credit_note_mismatch", "?as_of=2026-04-01T00:00:00Z", "?owner=finance&overdue=true"])
def test_gaps_over_http(house_of: OpenHouse, question: str) -> None:
    house: House = house_of(LARGE_RETURNS)
    with served(make_app(house, demo=True, keys_needed=False)) as address, httpx.Client(base_url=address) as client:

        def ask() -> None:
            client.get(f"/api/gaps{question}").raise_for_status()

        taken = timed(ask, runs=200, warm_up=20)
    slowest = taken.percentile(0.99) * 1000
    tell(
        f"GET /api/gaps{question}", f"p50 {taken.median * 1000:.1f} ms", f"p99 {slowest:.1f} ms", slowest / 20, "p99 under 20 ms: at most 1"
    )
    assert taken.median < 1
