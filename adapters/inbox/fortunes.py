"""How each connection fares: its last delivery, its last error, and until when its vendor is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from adapters.inbox.schedule import next_try
from adapters.inbox.store import storable
from adapters.vendor.answers import VendorError, VendorRefused, VendorTrouble


def paused_until(conn: Connection[Any], connection: str) -> datetime | None:
    found = conn.execute("SELECT paused_until FROM connection_state WHERE connection = %s", (connection,)).fetchone()
    return found[0] if found else None


def went_well(conn: Connection[Any], connection: str, now: datetime, last_delivery_at: datetime | None = None) -> None:
    conn.execute(_WELL, {"connection": connection, "now": now, "delivery": last_delivery_at})


def went_wrong(conn: Connection[Any], connection: str, now: datetime, trouble: VendorError) -> None:
    """Keep the error. The vendor is left alone for as long as it said."""
    told = {"connection": connection, "now": now, "error": shown(trouble), "refused": isinstance(trouble, VendorRefused)}
    conn.execute(_WRONG, told)
    if isinstance(trouble, VendorTrouble) and trouble.retry_after_seconds is not None:
        pause(conn, connection, next_try(now, 1, trouble.retry_after_seconds))


def pause(conn: Connection[Any], connection: str, until: datetime) -> None:
    conn.execute(_PAUSE, {"connection": connection, "until": until})


def end_pauses(conn: Connection[Any], connections: Sequence[str]) -> None:
    """The house starts anew, perhaps with other credentials: nobody is left alone for what was."""
    conn.execute("UPDATE connection_state SET paused_until = NULL WHERE connection = ANY(%s)", (list(connections),))
    conn.execute("UPDATE poll_cursors SET next_at = NULL, attempts = 0 WHERE attempts > 0 AND connection = ANY(%s)", (list(connections),))


def shown(trouble: Exception) -> str:
    return storable(str(trouble) or type(trouble).__name__, 1_000)


_WELL = """
    INSERT INTO connection_state AS c (connection, last_delivery_at, last_success_at) VALUES (%(connection)s, %(delivery)s, %(now)s)
    ON CONFLICT (connection) DO UPDATE SET
        last_delivery_at = greatest(c.last_delivery_at, excluded.last_delivery_at),
        last_success_at = excluded.last_success_at,
        failing_since = NULL, refused = false, paused_until = NULL"""
_WRONG = """
    INSERT INTO connection_state AS c (connection, last_error, last_error_at, failing_since, refused)
    VALUES (%(connection)s, %(error)s, %(now)s, %(now)s, %(refused)s)
    ON CONFLICT (connection) DO UPDATE SET
        last_error = excluded.last_error,
        last_error_at = excluded.last_error_at,
        failing_since = coalesce(c.failing_since, excluded.failing_since),
        refused = excluded.refused"""
_PAUSE = """
    INSERT INTO connection_state AS c (connection, paused_until) VALUES (%(connection)s, %(until)s)
    ON CONFLICT (connection) DO UPDATE SET paused_until = greatest(c.paused_until, excluded.paused_until)"""
