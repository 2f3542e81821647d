"""Returns that nothing could be decided on: each with what stood in the way, until something can be decided again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, Cursor
from psycopg.rows import dict_row

from adapters.inbox.store import storable
from domain.telling import ReturnKey, write_instant

_MOST_CHARACTERS: Final = 1_000


def keep_undecided(conn: Connection[Any] | Cursor[Any], failed: Mapping[ReturnKey, Exception], now: datetime) -> None:
    for key, error in failed.items():
        said = storable(f"{type(error).__name__}: {error}", _MOST_CHARACTERS)
        conn.execute(_KEEP, {"merchant": key.merchant, "platform": key.platform, "return_id": key.return_id, "error": said, "now": now})


def forget_undecided(conn: Connection[Any] | Cursor[Any], keys: Iterable[ReturnKey]) -> None:
    """Something was decided on these."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    if columns:
        conn.execute(_FORGET, columns)


def undecided_keys(conn: Connection[Any]) -> list[ReturnKey]:
    return [ReturnKey(*row) for row in conn.execute("SELECT merchant, platform, return_id FROM outbox_undecided ORDER BY 1, 2, 3")]


def count_undecided(conn: Connection[Any]) -> int:
    found = conn.execute("SELECT count(*) FROM outbox_undecided").fetchone()
    return int(found[0]) if found else 0


def undecided_rows(conn: Connection[Any], limit: int = 100) -> list[dict[str, Any]]:
    """For people, those that have been so for longest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_ROWS, (limit,)).fetchall()
    return [{name: write_instant(value) if isinstance(value, datetime) else value for name, value in row.items()} for row in rows]


_KEEP = """
    INSERT INTO outbox_undecided (merchant, platform, return_id, error, first_at, last_at)
    VALUES (%(merchant)s, %(platform)s, %(return_id)s, %(error)s, %(now)s, %(now)s)
    ON CONFLICT (merchant, platform, return_id) DO UPDATE SET error = excluded.error, last_at = excluded.last_at"""
_FORGET = """
    DELETE FROM outbox_undecided u USING unnest(%s::text[], %s::text[], %s::text[]) AS told (merchant, platform, return_id)
    WHERE (u.merchant, u.platform, u.return_id) = (told.merchant, told.platform, told.return_id)"""
_ROWS = """
    SELECT merchant, platform, return_id AS return, error, first_at, last_at FROM outbox_undecided ORDER BY first_at, 1, 2, 3 LIMIT %s"""
