"""How the register moves: gaps opened and closed by day, and when each feed was last heard of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from psycopg import Connection

from domain.gap import TOLERATED
from projections.finding import each_ended_since

# The feeds are looked for among the returns that moved last.
_MOVED_LAST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Day:
    """In UTC."""

    day: date
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class Feed:
    merchant: str
    platform: str
    last_at: datetime
    last_recorded_at: datetime


def opened_and_closed(conn: Connection[Any], now: datetime, days: int) -> list[Day]:
    """The last days up to now, as it is known now, the oldest first; days on which nothing happened are among them."""
    last = now.astimezone(UTC).date()
    first = date.fromordinal(max(1, last.toordinal() - days + 1))
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    asked = {"since": since, "clock": now, "tolerated": TOLERATED}
    opened: dict[date, int] = {}
    closed: dict[date, int] = {}
    for what, day, count in conn.execute(_TREND, asked):
        (opened if what == "opened" else closed)[day] = count
    every = map(date.fromordinal, range(first.toordinal(), last.toordinal() + 1))
    return [Day(day, opened.get(day, 0), closed.get(day, 0)) for day in every]


def feeds(conn: Connection[Any]) -> list[Feed]:
    """Of each merchant and platform that was heard of lately: when the last event happened, and when it was recorded."""
    return [Feed(*row) for row in conn.execute(_FEEDS, {"limit": _MOVED_LAST})]


# The first row of a gap says when it was opened: later ones only changed its amount. So `valid_from = opened_at`.
_TREND: Final = f"""
    WITH touched AS (
        SELECT opened_at, valid_from, NULL::timestamptz AS closed_at FROM gaps
        WHERE known_to = 'infinity' AND valid_to = 'infinity' AND opened_at >= %(since)s AND valid_from <= %(clock)s
          AND kind <> %(tolerated)s
        UNION ALL
        {each_ended_since("opened_at, valid_from, CASE WHEN closed THEN valid_to END", "kind <> %(tolerated)s AND valid_from <= %(clock)s")}
    )
    SELECT 'opened', (opened_at AT TIME ZONE 'UTC')::date, count(*) FROM touched
    WHERE opened_at >= %(since)s AND valid_from = opened_at GROUP BY 2
    UNION ALL
    SELECT 'closed', (closed_at AT TIME ZONE 'UTC')::date, count(*) FROM touched
    WHERE closed_at >= %(since)s AND closed_at <= %(clock)s GROUP BY 2"""  # noqa: S608 (constants)
_FEEDS: Final = """
    SELECT merchant, platform, max(last_at), max(recorded_ats[array_upper(recorded_ats, 1)])
    FROM (SELECT merchant, platform, last_at, recorded_ats FROM returns ORDER BY last_at DESC, return_no DESC LIMIT %(limit)s) AS moved
    GROUP BY 1, 2 ORDER BY 1, 2"""
