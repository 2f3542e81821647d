"""How much is open, counted: per kind, owner, currency and age; never summed across currencies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from domain.money import to_text
from projections.gap_register import GapFilter
from projections.moments import Moment, went_at

# Upper ends of the age buckets, in days; the last one is open.
AGE_BUCKETS = ("0-1 d", "1-3 d", "3-7 d", "7-14 d", "14-30 d", ">30 d")
_BUCKET_ENDS_DAYS = (1, 3, 7, 14, 30)


def summary(conn: Connection[Any], asked: GapFilter, moment: Moment) -> list[dict[str, Any]]:
    """Rows of {kind, owner, currency, age, count, amount, units}, by kind and age; amount is null where a kind has none."""
    return [{name: value for name, value in row.items() if name != "overdue"} for row in counts(conn, asked, moment)]


def counts(conn: Connection[Any], asked: GapFilter, moment: Moment) -> list[dict[str, Any]]:
    """The same, with how many of each row are overdue, or were when they closed: all of it in one reading."""
    # What is open is counted out of an index alone.
    until = "%(clock)s" if asked.status == "open" else f"least({went_at(moment)}, %(clock)s)"
    rows_of, parameters = asked.select(moment, f"kind, owner, currency, opened_at, amount_minor, units, due_at < {until} AS late")
    # A sum of comparisons with instants: width_bucket takes ten times as long, and this is asked of every row.
    parameters |= {f"end_{days}": _before(moment.clock, days) for days in _BUCKET_ENDS_DAYS}
    bucket = " + ".join(f"(opened_at < %(end_{days})s)::int" for days in _BUCKET_ENDS_DAYS)
    statement = f"""
        SELECT kind, owner, currency, {bucket} AS bucket,
               count(*) AS count, count(*) FILTER (WHERE late) AS overdue, sum(amount_minor) AS amount_minor, sum(units) AS units
        FROM ({rows_of}) AS held GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 2, 4"""  # noqa: S608 (values are parameters)
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement, parameters).fetchall()
    return [
        {
            "kind": row["kind"],
            "owner": row["owner"],
            "currency": row["currency"],
            "age": AGE_BUCKETS[row["bucket"]],
            "count": row["count"],
            "overdue": row["overdue"],
            "amount": None
            if row["amount_minor"] is None or row["currency"] is None
            else to_text(int(row["amount_minor"]), row["currency"]),
            "units": None if row["units"] is None else int(row["units"]),
        }
        for row in found
    ]


def _before(clock: datetime, days: int) -> datetime:
    """So many days earlier, or as early as there is."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return clock - timedelta(days=days) if clock - earliest > timedelta(days=days) else earliest
