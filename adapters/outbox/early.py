"""Documents that an ERP told of before the outcome of their instruction was known: told again once it is.

An acknowledgement may come hours after the document was made. Whatever a person did to it meanwhile was read back when nobody knew
whose it was, and the ERP does not tell of it again by itself. The account's own cursor never goes back: it may hold what was seen, by
which the next read-back knows what is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection, Cursor

from adapters.erps.port import FOUND_TWICE


class Start(NamedTuple):
    """Where a read-back begins. `again`: instructions on whose account the ERP is read once more from `before` on, first."""

    cursor: dict[str, Any] | None
    before: dict[str, Any] | None = None
    again: tuple[str, ...] = ()


def start_of(conn: Connection[Any], account: str) -> Start:
    conn.execute("INSERT INTO outbox_accounts (account) VALUES (%s) ON CONFLICT DO NOTHING", (account,))
    found = conn.execute("SELECT cursor FROM outbox_accounts WHERE account = %s", (account,)).fetchone()
    told = conn.execute(_TOLD_EARLY, (account, FOUND_TWICE)).fetchall()
    return Start(found[0] if found else None, told[0][1]["cursor"] if told else None, tuple(row[0] for row in told))


def remember(cursor: Cursor[Any], instructions: Iterable[str], before: Mapping[str, Any] | None, now: datetime) -> None:
    """A read-back that began there told of them; the first one counts, or None, which is further back than any."""
    if ids := sorted(instructions):
        cursor.execute(_REMEMBER, {"before": json.dumps({"cursor": before}), "now": now, "ids": ids, "first": before is None})


def forget(cursor: Cursor[Any], instructions: Iterable[str]) -> None:
    """They were told of once more."""
    if ids := sorted(instructions):
        cursor.execute("UPDATE outbox SET read_early = NULL, read_early_at = NULL WHERE id = ANY(%s)", (ids,))


_TOLD_EARLY = """
    SELECT id, read_early FROM outbox WHERE account = %s AND read_early IS NOT NULL AND (state = 'done' OR waits_for = %s)
    ORDER BY read_early <> '{"cursor": null}'::jsonb, read_early_at, number"""
_REMEMBER = """
    UPDATE outbox SET read_early = %(before)s::jsonb, read_early_at = %(now)s
    WHERE id = ANY(%(ids)s) AND (read_early IS NULL OR %(first)s)"""
