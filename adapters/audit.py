"""The account of rights used: who signed in, exported, came with a key, or had the house stop, go on or try again. Only ever added to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

from psycopg import Connection
from psycopg.rows import dict_row

from domain.telling import write_instant

What = Literal[
    "sign_in", "sign_in.failed", "sign_out", "sessions.ended", "person.added", "person.disabled", "link.made", "export", "key.used",
    "sending.paused", "sending.resumed", "breaker.reset", "instruction.retried", "delivery.replayed",
]  # fmt: skip
# So many failures from one address within so long, and it has to wait.
MOST_FAILURES: Final = 10
FAILURES_WITHIN: Final = timedelta(minutes=10)
_LONGEST: Final = 2000


def record(
    conn: Connection[Any], what: What, now: datetime, *,
    who: str | None = None, role: str | None = None, address: str | None = None, detail: str | None = None,
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO audit (at, what, who, role, address, detail) VALUES (%s, %s, %s, %s, %s, %s)",
        (now, what, who, role, address, detail[:_LONGEST] if detail else None),
    )


def too_many_failures(conn: Connection[Any], address: str | None, now: datetime) -> bool:
    """Counted in the database: it holds for all web servers of the house together, and after a restart."""
    found = conn.execute(
        "SELECT count(*) FROM audit WHERE what = 'sign_in.failed' AND address IS NOT DISTINCT FROM %s AND at > %s",
        (address, now - FAILURES_WITHIN),
    ).fetchone()
    return found is not None and int(found[0]) >= MOST_FAILURES


def entries(
    conn: Connection[Any], *, limit: int, before: int | None = None,
    what: str | None = None, who: str | None = None, from_: datetime | None = None, to: datetime | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The newest first, between two instants inclusive; `before` is the id of the last one already seen."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT id, at, what, who, role, address, detail FROM audit "
            "WHERE (%(before)s::bigint IS NULL OR id < %(before)s) AND (%(what)s::text IS NULL OR what = %(what)s) "
            "AND (%(who)s::text IS NULL OR who = %(who)s) AND (%(from)s::timestamptz IS NULL OR at >= %(from)s) "
            "AND (%(to)s::timestamptz IS NULL OR at <= %(to)s) ORDER BY id DESC LIMIT %(limit)s",
            {"before": before, "what": what, "who": who, "from": from_, "to": to, "limit": limit},
        ).fetchall()
    return [row | {"at": write_instant(row["at"])} for row in found]
