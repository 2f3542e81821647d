"""Answers out: the same questions of a small house and of one ten times its size, in the database and over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import httpx
import pytest
from psycopg import Connection

from api.http.app import make_app
from domain.replay import replay
from domain.stored import stream_of
from projections.board import find_return
from projections.gap_register import GapFilter, gap_page
from projections.moments import Moment
from projections.summary import summary
from projections.tie_out import differs, money_tie_out, unit_tie_out
from tests.api.serving import served
from tests.benchmarks.conftest import LARGE_RETURNS, SMALL_RETURNS, OpenHouse
from tests.benchmarks.measuring import tell, timed

pytestmark = pytest.mark.benchmark

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 4, 1, tzinfo=UTC)
FILTERS = {
    "all": GapFilter(),
    "a kind": GapFilter(kinds=("credit_note_mismatch",)),
    "a rare kind": GapFilter(kinds=("exchange_not_ordered",)),
    "an owner": GapFilter(owners=("cx",)),
    "a platform": GapFilter(platforms=("reveni",)),
    "a merchant and owner": GapFilter(merchants=("kumo-shop",), owners=("finance",)),
    "a currency, overdue": GapFilter(currencies=("JPY",), overdue=True),
    "two kinds, a merchant, a currency": GapFilter(kinds=("over_refund", "received_short"), merchants=("northwind",), currencies=("GBP",)),
    "what there is not": GapFilter(merchants=("kumo-shop",), currencies=("EUR",)),
    "one return": GapFilter(return_nos=(1_234,)),
    "closed": GapFilter(status="closed"),
    "a kind, open or closed": GapFilter(status="all", kinds=("uninspected_items",)),
}
# Seconds in which a page that is as slow as that would be found slow by anybody.
FAR = 0.25


@pytest.mark.parametrize("when", ["now", "as of half a year ago", "as known in the middle of the import", "both"])
@pytest.mark.parametrize("name", FILTERS)
def test_the_first_page_takes_the_same_time_at_any_size(house_of: OpenHouse, name: str, when: str) -> None:
    seconds = []
    for returns in (SMALL_RETURNS, LARGE_RETURNS):
        with house_of(returns).connection() as conn:
            moment = _moment(conn, when)
            seconds.append(timed(lambda conn=conn, moment=moment: gap_page(conn, FILTERS[name], moment), runs=25, warm_up=8).median)  # type: ignore[misc]
    small, large = seconds
    what = f"gaps, first page: {name}{'' if when == 'now' else ', ' + when}"
    tell(what, f"{large * 1000:.1f} ms", f"at {SMALL_RETURNS:,}: {small * 1000:.1f} ms", large / small, "the same")
    assert large < FAR


@pytest.mark.parametrize("when", ["now", "as of last month's end", "as of half a year ago"])
def test_summary_and_tie_out(house_of: OpenHouse, when: str) -> None:
    with house_of(LARGE_RETURNS).connection() as conn:
        moment = _moment(conn, when)
        for what, ask in (("summary", lambda: summary(conn, GapFilter(), moment)), ("tie-out", lambda: _tie_out(conn, moment))):
            taken = timed(ask, runs=9, warm_up=6).median
            tell(f"{what}, {when}", f"{taken * 1000:.1f} ms", "60 ms", taken / 0.06, "at most 1 at 200,000 returns")
            assert taken < 8 * FAR


def _tie_out(conn: Connection[Any], moment: Moment) -> None:
    assert not [row for row in (*money_tie_out(conn, moment), *unit_tie_out(conn, moment)) if differs(row)]


def _moment(conn: Connection[Any], when: str) -> Moment:
    middle = conn.execute("SELECT min(known_from) + (max(known_from) - min(known_from)) / 2 FROM gaps").fetchone()
    assert middle is not None
    match when:
        case "now":
            return Moment(NOW)
        case "as of half a year ago":
            return Moment(NOW, as_of=MIDDLE)
        case "as of last month's end":
            return Moment(NOW, as_of=datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC))
        case "both":
            return Moment(NOW, as_of=MIDDLE, known_at=middle[0])
        case _:
            return Moment(NOW, known_at=middle[0])


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


@pytest.mark.parametrize(
    "question",
    [
        "gaps",
        "gaps?kind=credit_note_mismatch",
        "gaps?owner=finance&overdue=true",
        "gaps?as_of=2026-04-01T00:00:00Z",
        "gaps?status=closed&merchant=kumo-shop",
        "summary",
    ],
)
def test_over_http(house_of: OpenHouse, question: str) -> None:
    taken = []
    for returns in (SMALL_RETURNS, LARGE_RETURNS):
        app = make_app(house_of(returns), demo=True, keys_needed=False)
        with served(app) as address, httpx.Client(base_url=address) as client:

            def ask(client: httpx.Client = client) -> None:
                client.get(f"/api/{question}").raise_for_status()

            taken.append(timed(ask, runs=200, warm_up=20))
    small, large = taken
    figure = f"p50 {large.median * 1000:.1f} ms, p99 {large.percentile(0.99) * 1000:.1f} ms"
    target = f"p99 under {60 if question == 'summary' else 20} ms"
    tell(f"GET /api/{question}", figure, f"at {SMALL_RETURNS:,}: p50 {small.median * 1000:.1f} ms", large.median / small.median, target)
    assert large.median < 4 * FAR
