"""The first page: what is open, whose it is, how it moves, and whether the feeds are alive. Every figure leads to its list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from adapters.alerts.listing import count_dead
from adapters.inbox.listing import connection_rows
from api.connecting import settings_of
from api.console.overview import Counted, OfOwner, counted, owners_of
from api.console.rendering import page, tidy
from api.http.asking import MomentAsked
from api.http.auth import Permission, needs
from api.http.reading import Reading, TheHouse, reading
from domain.money import from_canonical, to_text
from domain.policy import GapKind
from projections.gap_register import GapFilter
from projections.moments import Moment
from projections.summary import counts
from projections.tie_out import money_tie_out
from projections.trend import Day, feeds, opened_and_closed

TREND_DAYS: Final = 30
# A feed that said nothing for so long is worth a look.
QUIET_AFTER: Final = timedelta(hours=24)
CHART_HEIGHT, CHART_STEP = 56, 20

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


@dataclass(frozen=True, slots=True)
class Bars:
    """A day of the chart: how high its two bars are, in pixels, and where they stand."""

    day: Day
    x: int
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A feed's line. `word` is ok, quiet, failing, refused or idle."""

    name: str
    merchant: str
    platform: str
    last_at: datetime | str | None
    word: str
    waiting: int
    failed: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything the page counts."""

    counted: Counted
    owners: list[OfOwner]
    exposure: list[tuple[str, int, str]]
    trend: list[Bars]
    opened: int
    closed: int


@router.get("/", dependencies=[needs(Permission.READ)])
def show_home(request: Request, asked: Annotated[MomentAsked, Query()], house: TheHouse) -> Response:
    at = asked.moment()
    with reading(house) as now:
        # Counts may be a few seconds old; each list that they lead to never is.
        seen = request.app.state.counted.get(("home", at.as_of, at.known_at), lambda: _count(now, at))
        heard = [] if at.as_of or at.known_at else _heard(now, house, at.now)
        unsent = count_dead(now.conn) if heard else 0
        money = money_tie_out(now.conn, at)
        return page(request, now, "home.html", at, seen=seen, heard=heard, unsent=unsent, money=money, days=TREND_DAYS)


def _count(now: Reading, at: Moment) -> Seen:
    rows = counts(now.conn, GapFilter(), at)
    days = opened_and_closed(now.conn, at.clock, TREND_DAYS)
    most = max([1, *(max(day.opened, day.closed) for day in days)])
    bars = [
        Bars(day, number * CHART_STEP, round(CHART_HEIGHT * day.opened / most), round(CHART_HEIGHT * day.closed / most))
        for number, day in enumerate(days)
    ]
    opened, closed = sum(day.opened for day in days), sum(day.closed for day in days)
    return Seen(counted(rows), owners_of(rows), _exposure(rows), bars, opened, closed)


def _exposure(rows: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """Money that is out while the goods are not in: by currency, in how many returns and how much."""
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row["kind"] == GapKind.REFUND_BEFORE_RECEIPT and row["amount"] is not None:
            count, minor = sums.get(row["currency"], (0, 0))
            sums[row["currency"]] = (count + row["count"], minor + from_canonical(row["amount"]))
    return [(currency, count, to_text(minor, currency)) for currency, (count, minor) in sorted(sums.items())]


def _heard(now: Reading, house: TheHouse, clock: datetime) -> list[Heard]:
    """The configured connections, then what else facts came from."""
    rows = connection_rows(now.conn, [settings_of(one) for one in house.connections])
    told = {(feed.merchant, feed.platform): feed for feed in feeds(now.conn)}
    heard = []
    for row in rows:
        feed = told.pop((row["merchant"], row["platform"]), None)
        last = max(filter(None, (row["last_delivery_at"], row["last_poll_at"])), default=None)
        heard.append(
            Heard(
                row["name"],
                row["merchant"] or "",
                row["platform"] or "",
                last or (feed.last_at if feed else None),
                row["state"],
                row["pending"],
                row["failed"],
                row["error"],
            )
        )
    for (merchant, platform), feed in told.items():
        word = "quiet" if clock - feed.last_recorded_at > QUIET_AFTER else "ok"
        heard.append(Heard("", merchant, platform, feed.last_recorded_at, word, 0, 0, None))
    return heard
