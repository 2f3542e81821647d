"""The return board, asked: which returns there are and how far each is; and a return found by what a person types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from domain.money import to_text
from domain.telling import ReturnKey, write_instant


@dataclass(frozen=True, slots=True)
class Found:
    return_no: int
    key: ReturnKey


class NoSuchReturn(LookupError):
    """Nobody told of such a return."""


class AmbiguousReturn(LookupError):
    """Several returns share the id; the message lists their full names."""


def find_return(conn: Connection[Any], typed: str) -> Found:
    """A platform's id, or `merchant/platform/id` where several share it. Raises NoSuchReturn or AmbiguousReturn."""
    parts = typed.split("/")
    tails = ["/".join(parts[start:]) for start in range(2, len(parts))]
    rows = conn.execute(_BY_TEXT, {"typed": typed, "tails": tails}).fetchall()
    found = [Found(row[0], ReturnKey(*row[1:])) for row in rows]
    full = [one for one in found if str(one.key) == typed]
    chosen = full or found
    if not chosen:
        raise NoSuchReturn(
            f"No return {typed!r} is known. Give the platform's id, or merchant/platform/id; `returns-ledger gaps` lists those with gaps."
        )
    if len(chosen) > 1:
        raise AmbiguousReturn(f"{len(chosen)} returns are called {typed!r}. Say which one: " + ", ".join(str(one.key) for one in chosen))
    return chosen[0]


def get_return(conn: Connection[Any], key: ReturnKey) -> Found:
    """By its natural key. Raises NoSuchReturn."""
    row = conn.execute(
        "SELECT return_no FROM returns WHERE return_id = %s AND platform = %s AND merchant = %s",
        (key.return_id, key.platform, key.merchant),
    ).fetchone()
    if row is None:
        raise NoSuchReturn(f"No return {key} is known.")
    return Found(row[0], key)


@dataclass(frozen=True, slots=True)
class BoardFilter:
    merchants: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    order: str | None = None


def board_page(
    conn: Connection[Any], asked: BoardFilter, *, limit: int, after: tuple[str, int] | None = None
) -> tuple[list[dict[str, Any]], tuple[str, int] | None]:
    """Returns, the one that moved last first; and where the next page begins."""
    where, parameters = ["true"], dict[str, Any]()
    for column, values in (
        ("merchant", asked.merchants),
        ("platform", asked.platforms),
        ("currency", asked.currencies),
        ("stage", asked.stages),
    ):
        if values:
            where.append(f"{column} = ANY(%({column})s)")
            parameters[column] = list(values)
    if asked.order is not None:
        where.append("order_ref = %(order)s")
        parameters["order"] = asked.order
    if after is not None:
        where.append("(last_at, return_no) < (%(after)s::timestamptz, %(after_no)s)")
        parameters |= {"after": after[0], "after_no": after[1]}
    order = "ORDER BY last_at DESC, return_no DESC LIMIT %(limit)s"
    statement = f"SELECT *, last_at::text AS sort_value FROM returns WHERE {' AND '.join(where)} {order}"  # noqa: S608
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement, parameters | {"limit": limit + 1}).fetchall()
    rows = found[:limit]
    more = (rows[-1]["sort_value"], rows[-1]["return_no"]) if len(found) > limit else None
    return [_row(row) for row in rows], more


def _row(found: dict[str, Any]) -> dict[str, Any]:
    currency = found["currency"]
    money = {side: to_text(found[f"{side}_minor"], currency) if currency else None for side in ("refunded", "credited")}
    return {
        "merchant": found["merchant"],
        "platform": found["platform"],
        "return": found["return_id"],
        "order": found["order_ref"],
        "erp": found["erp"],
        "currency": currency,
        "resolution": found["resolution"],
        "stage": found["stage"],
        "ended": found["ended"],
        "announced_units": found["announced_units"],
        "units_in": found["units_in"],
        **money,
        "open_gaps": found["open_gaps"],
        "events": found["events"],
        "first_at": write_instant(found["first_at"]),
        "last_at": write_instant(found["last_at"]),
    }


# An id may hold slashes itself, so every tail of what was typed may be the id.
_BY_TEXT = """
    SELECT return_no, merchant, platform, return_id FROM returns
    WHERE return_id = %(typed)s OR (return_id = ANY(%(tails)s) AND merchant || '/' || platform || '/' || return_id = %(typed)s)
    ORDER BY merchant, platform LIMIT 20"""
