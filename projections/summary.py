"""How much is open, counted: per kind, owner, currency and age; never summed across currencies."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from domain.money import to_text
from projections.gap_register import GapFilter
from projections.moments import Moment

# Upper ends of the age buckets, in days; the last one is open.
AGE_BUCKETS = ("0-1 d", "1-3 d", "3-7 d", "7-14 d", "14-30 d", ">30 d")
_BUCKET_ENDS_DAYS = (1, 3, 7, 14, 30)


def summary(conn: Connection[Any], asked: GapFilter, moment: Moment) -> list[dict[str, Any]]:
    """Rows of {kind, owner, currency, age, count, amount, units}, by kind and age; amount is null where a kind has none."""
    rows_of, parameters = asked.select(moment, "kind, owner, currency, opened_at, amount_minor, units")
    ends = "ARRAY[" + ", ".join(f"%(clock)s::timestamptz - interval '{days * 24} hours'" for days in reversed(_BUCKET_ENDS_DAYS)) + "]"
    statement = f"""
        SELECT kind, owner, currency, {len(_BUCKET_ENDS_DAYS)} - width_bucket(opened_at, {ends}) AS bucket,
               count(*) AS count, sum(amount_minor) AS amount_minor, sum(units) AS units
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
            "amount": None
            if row["amount_minor"] is None or row["currency"] is None
            else to_text(int(row["amount_minor"]), row["currency"]),
            "units": None if row["units"] is None else int(row["units"]),
        }
        for row in found
    ]
