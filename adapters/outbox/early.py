"""Documents that an ERP told of before the outcome of their instruction was known: told again once it is.

An acknowledgement may come hours after the document was made. Whatever a person did to it meanwhile was read back when nobody knew
whose it was, and the ERP does not tell of it again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection, Cursor


class Start(NamedTuple):
    """Where a read-back begins; `again`: the instructions on whose account it goes back that far."""

    cursor: dict[str, Any] | None
    again: tuple[str, ...] = ()


def start_of(conn: Connection[Any], account: str) -> Start:
    """At the account's own cursor, or before it: at the first one at which something was told too early."""
    conn.execute("INSERT INTO outbox_accounts (account) VALUES (%s) ON CONFLICT DO NOTHING", (account,))
    told = conn.execute(_TOLD_EARLY, (account,)).fetchall()
    if told:
        return Start(told[0][1]["cursor"], tuple(row[0] for row in told))
    found = conn.execute("SELECT cursor FROM outbox_accounts WHERE account = %s", (account,)).fetchone()
    return Start(found[0] if found else None)


def remember(cursor: Cursor[Any], instructions: Iterable[str], began_at: Mapping[str, Any] | None, now: datetime) -> None:
    """A read-back that began there told of them; the first one counts."""
    if ids := sorted(instructions):
        cursor.execute(_REMEMBER, (json.dumps({"cursor": began_at}), now, ids))


def forget(cursor: Cursor[Any], instructions: Iterable[str]) -> None:
    """They were told of once more."""
    if ids := sorted(instructions):
        cursor.execute("UPDATE outbox SET read_early = NULL, read_early_at = NULL WHERE id = ANY(%s)", (ids,))


_TOLD_EARLY = """
    SELECT id, read_early FROM outbox WHERE account = %s AND read_early IS NOT NULL AND state = 'done' ORDER BY read_early_at, number"""
_REMEMBER = """
    UPDATE outbox SET read_early = %s::jsonb, read_early_at = %s WHERE id = ANY(%s) AND read_early IS NULL"""
