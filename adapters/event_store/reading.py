"""What the log is read with: one return's events, many returns' events, the events after a position."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson
from psycopg import Cursor

from adapters.event_store.errors import UnreadableEvent
from domain.returns import Recorded
from domain.stored import from_stored, key_of
from domain.telling import ReturnKey

_PAYMENTS = """
    SELECT paid.originator_id, told.fact ->> 'transaction', told.fact ->> 'refund'
    FROM stored_events paid CROSS JOIN LATERAL (SELECT convert_from(paid.state, 'UTF8')::jsonb -> 'fact' AS fact) AS told
    WHERE paid.originator_id >= %(first)s AND paid.originator_id < %(beyond)s
      AND paid.topic = 'return.refunded' AND told.fact ->> 'transaction' = ANY(%(payments)s::text[])
      AND NOT EXISTS (
        SELECT FROM stored_events back WHERE back.originator_id = paid.originator_id AND back.topic = 'return.refund_reversed'
          AND convert_from(back.state, 'UTF8')::jsonb #>> '{fact,refund}' = told.fact ->> 'refund')
    ORDER BY paid.notification_id"""
_COLUMNS = "originator_id, originator_version, notification_id, topic, state"


def read_streams(cursor: Cursor[Any], streams: Sequence[str]) -> dict[str, list[Recorded]]:
    """Each stream's events by version; a stream that nobody wrote to has none."""
    events: dict[str, list[Recorded]] = {stream: [] for stream in streams}
    # LATERAL holds the planner to the primary key, however many streams are asked for at once.
    cursor.execute(
        f"""
        SELECT {_COLUMNS} FROM unnest(%b::text[]) AS asked (stream)
        CROSS JOIN LATERAL (SELECT * FROM stored_events WHERE originator_id = asked.stream ORDER BY originator_version) AS told
        ORDER BY originator_version
        """,  # noqa: S608 - a constant
        [list(events)],
        binary=True,
    )
    for row in cursor:
        events[row[0]].append(_read(*row))
    return events


def read_after(cursor: Cursor[Any], after: int, limit: int, max_bytes: int) -> list[Recorded]:
    """At most `limit` events behind the position `after`, and no more than `max_bytes` of state, but always one if there is one."""
    cursor.execute(
        f"""
        SELECT {_COLUMNS} FROM (
            SELECT *, sum(octet_length(state)) OVER (ORDER BY notification_id) - octet_length(state) AS bytes_before
            FROM (SELECT * FROM stored_events WHERE notification_id > %b ORDER BY notification_id LIMIT %b) AS next_ones
        ) AS counted
        WHERE bytes_before < %b ORDER BY notification_id
        """,  # noqa: S608 - a constant
        [after, limit, max_bytes],
        binary=True,
    )
    return [_read(*row) for row in cursor]


def read_touched(cursor: Cursor[Any], after: int, limit: int) -> tuple[list[str], int]:
    """Each stream once, by the first of its events; without an event behind `after` that position itself."""
    cursor.execute(
        """
        SELECT originator_id, max(notification_id) FROM (
            SELECT originator_id, notification_id FROM stored_events WHERE notification_id > %b ORDER BY notification_id LIMIT %b
        ) AS next_ones
        GROUP BY originator_id ORDER BY min(notification_id)
        """,
        [after, limit],
        binary=True,
    )
    found = cursor.fetchall()
    return [row[0] for row in found], max((row[1] for row in found), default=after)


def read_positions(cursor: Cursor[Any], positions: Sequence[int]) -> dict[int, Recorded]:
    cursor.execute(f"SELECT {_COLUMNS} FROM stored_events WHERE notification_id = ANY(%b)", [list(positions)], binary=True)  # noqa: S608 - a constant
    return {row[2]: _read(*row) for row in cursor}


def read_payments(cursor: Cursor[Any], merchant: str, payments: Sequence[str]) -> dict[str, list[tuple[ReturnKey, str]]]:
    """The merchant's refunds that name one of the payments, each with its return; those taken back are left out."""
    found: dict[str, list[tuple[ReturnKey, str]]] = {}
    # A slash ends the merchant's part of a stream's name, and in the collation of bytes a zero comes right behind it.
    prefix = f"return/{quote(merchant, safe='')}"
    cursor.execute(_PAYMENTS, {"first": f"{prefix}/", "beyond": f"{prefix}0", "payments": list(payments)})
    for stream, payment, refund in cursor:
        found.setdefault(payment, []).append((key_of(stream), refund))
    return found


def read_head(cursor: Cursor[Any]) -> int:
    """The last position; 0 when the log is empty."""
    cursor.execute("SELECT coalesce(max(notification_id), 0) FROM stored_events", binary=True)
    return int(cursor.fetchone()[0])  # type: ignore[index]


def read_versions(cursor: Cursor[Any], streams: Sequence[str]) -> dict[str, int]:
    """The last version of each stream that has any."""
    cursor.execute(
        """
        SELECT stream, version FROM unnest(%b::text[]) AS asked (stream)
        CROSS JOIN LATERAL (
            SELECT originator_version AS version FROM stored_events
            WHERE originator_id = asked.stream ORDER BY originator_version DESC LIMIT 1
        ) AS told
        """,
        [list(streams)],
        binary=True,
    )
    return dict(cursor.fetchall())


def _read(stream: str, version: int, position: int, topic: str, state: bytes) -> Recorded:
    try:
        return from_stored(key_of(stream), version, position, topic, orjson.loads(state))
    except (ValueError, LookupError, TypeError) as unreadable:  # tampered with, or written by a newer program
        raise UnreadableEvent(position, stream, unreadable) from unreadable
