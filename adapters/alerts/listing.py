"""Notices as people see them: what was told to whom, what did not go through and why, and each channel's standing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from adapters.alerts.terms import Channel
from adapters.newest_first import newest_first
from domain.telling import write_instant

STATES: Final = ("pending", "sent", "dead")


class NoSuchNotice(LookupError):
    """No notice has that number, in this house."""


def notice_page(
    conn: Connection[Any], states: tuple[str, ...], channels: tuple[str, ...], *, limit: int, after: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Notices, the newest first, from before `after`; and the number to go on from."""
    among = {"state": states, "channel": channels}
    rows, more = newest_first(conn, f"SELECT {_COLUMNS} FROM notices", "id", among=among, same={}, limit=limit, after=after)  # noqa: S608
    return [_row(row) for row in rows], more


def channel_rows(conn: Connection[Any], configured: Mapping[str, Channel]) -> list[dict[str, Any]]:
    """How each channel fares; also those that are not configured any more and have notices left."""
    with conn.cursor(row_factory=dict_row) as cursor:
        known = {row["channel"]: row for row in cursor.execute(_CHANNELS)}
    left = (name for name, row in known.items() if name not in configured and (row["pending"] or row["dead"]))
    rows = []
    for name in [*configured, *sorted(left)]:
        row = known.get(name, {"pending": 0, "dead": 0, "last_sent_at": None, "error": None})
        channel = configured.get(name)
        word = "ok" if not row["error"] else "failing"
        rows.append(
            _row(row)
            | {
                "name": name,
                "kind": channel.kind if channel else None,
                "to": ", ".join(channel.to) if channel else "",
                "state": "not configured" if channel is None else word if row["last_sent_at"] or row["error"] else "idle",
            }
        )
    return rows


def count_dead(conn: Connection[Any]) -> int:
    """Notices that nobody got and that are not tried any more."""
    found = conn.execute("SELECT count(*) FROM notices WHERE state = 'dead'").fetchone()
    return int(found[0]) if found else 0


def try_again(conn: Connection[Any], number: int, now: datetime) -> None:
    """Send it in the next round. Raises NoSuchNotice; ValueError where it was sent."""
    found = conn.execute("SELECT state FROM notices WHERE id = %s FOR UPDATE", (number,)).fetchone()
    if found is None:
        raise NoSuchNotice(f"There is no notice {number}.")
    if found[0] == "sent":
        raise ValueError(f"Notice {number} was sent: there is nothing left to try.")
    conn.execute("UPDATE notices SET state = 'pending', attempts = 0, next_at = %s WHERE id = %s", (now, number))


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: write_instant(value) if isinstance(value, datetime) else value for name, value in found.items()}


_COLUMNS = "id, channel, about, subject, body, made_at, next_at, attempts, state, sent_at, error"
# The error is the last one's of what is still to be sent, or never will be.
_CHANNELS = """
    SELECT channel, count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'dead') AS dead,
        max(sent_at) AS last_sent_at,
        (array_agg(error ORDER BY id DESC) FILTER (WHERE error IS NOT NULL AND state <> 'sent'))[1] AS error
    FROM notices GROUP BY channel"""
