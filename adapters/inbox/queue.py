"""Pending deliveries: taken for a while, in order; and what became of each, written back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson
from psycopg import Connection

from adapters.inbox.store import storable
from adapters.platforms.port import Joined, Unmapped

# Whoever takes a delivery and dies leaves it to the next one after so long. The turnstile keeps others away from who only takes longer.
LEASE: Final = timedelta(seconds=10)
MOST_ROWS, MOST_BYTES = 500, 20_000_000

State = Literal["pending", "done", "ignored", "failed"]


@dataclass(frozen=True, slots=True)
class Taken:
    """`attempts`: how often it has been tried before. `sealed` is None where the body has been erased."""

    id: int
    topic: str
    received_at: datetime
    headers: dict[str, str]
    sealed: bytes | None
    attempts: int


@dataclass(slots=True)
class Outcome:
    """What became of a delivery. `next_at` says when a pending one is due again."""

    id: int
    state: State
    next_at: datetime | None = None
    error: str | None = None
    note: str | None = None
    recorded: int = 0
    known: int = 0
    unmapped: tuple[Unmapped, ...] = ()
    joined: tuple[Joined, ...] = ()
    waits_for: str | None = None
    returns: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)


def lease(conn: Connection[Any], connection: str, now: datetime, *, most_rows: int = MOST_ROWS) -> list[Taken]:
    """Those that are due, the longest due first; nobody else gets them for a while."""
    asked = {"connection": connection, "now": now, "until": now + LEASE, "rows": most_rows, "bytes": MOST_BYTES}
    rows = conn.execute(_LEASE, asked, binary=True).fetchall()
    return sorted((Taken(*row) for row in rows), key=lambda taken: taken.id)


def lease_again(conn: Connection[Any], ids: Sequence[int], now: datetime) -> list[Taken]:
    """These, whatever became of them before, as if they had just come; but for those whose body has been erased."""
    rows = conn.execute(_LEASE_AGAIN, {"ids": list(ids), "until": now + LEASE}, binary=True).fetchall()
    return sorted((Taken(*row) for row in rows), key=lambda taken: taken.id)


def release(conn: Connection[Any], ids: Sequence[int], at: datetime) -> None:
    """Not tried after all: due at `at`, as if nobody had taken them."""
    if ids:
        conn.execute("UPDATE inbox SET next_at = %s WHERE id = ANY(%s) AND state = 'pending'", (at, list(ids)))


def write_back(conn: Connection[Any], outcomes: Sequence[Outcome], now: datetime) -> None:
    """In one transaction. What somebody else has brought to its end meanwhile stays as it is."""
    if outcomes:
        conn.execute(_WRITE_BACK, {"outcomes": orjson.dumps([_row(one) for one in outcomes]).decode(), "now": now})


def _row(one: Outcome) -> dict[str, Any]:
    return {
        "id": one.id,
        "state": one.state,
        "next_at": one.next_at,
        "error": None if one.error is None else storable(one.error),
        "note": None if one.note is None else storable(one.note),
        "recorded": one.recorded,
        "known": one.known,
        "unmapped": [_unmapped(value) for value in one.unmapped],
        "joined": [_joined(pair) for pair in one.joined],
        "waits_for": None if one.waits_for is None else storable(one.waits_for),
        "returns": [storable(name) for name in one.returns],
        "orders": [storable(name) for name in one.orders],
    }


def _unmapped(value: Unmapped) -> dict[str, str | None]:
    return {
        "field": storable(value.field),
        "value": storable(str(value.value)),
        "return": None if value.return_id is None else storable(value.return_id),
    }


def _joined(pair: Joined) -> dict[str, Any]:
    return {
        "what": storable(pair.what),
        "return": storable(str(pair.key)),
        "why": storable(pair.why),
        "others": [storable(other) for other in pair.others],
    }


_LEASE = """
    WITH due AS MATERIALIZED (
        SELECT id, next_at, octet_length(body) AS size FROM inbox
        WHERE connection = %(connection)s AND state = 'pending' AND next_at <= %(now)s
        ORDER BY next_at, id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
    ), fitting AS (
        SELECT id, sum(size) OVER w AS upto, row_number() OVER w AS place FROM due WINDOW w AS (ORDER BY next_at, id)
    )
    UPDATE inbox SET next_at = %(until)s FROM fitting
    WHERE inbox.id = fitting.id AND (fitting.place = 1 OR coalesce(fitting.upto, 0) <= %(bytes)s)
    RETURNING inbox.id, topic, received_at, headers, body, attempts"""
_LEASE_AGAIN = """
    UPDATE inbox SET state = 'pending', next_at = %(until)s, attempts = 0, error = NULL, note = NULL, finished_at = NULL
    WHERE id = ANY(%(ids)s) AND body IS NOT NULL
    RETURNING id, topic, received_at, headers, body, attempts"""
_WRITE_BACK = """
    UPDATE inbox i SET
        state = m.state,
        attempts = i.attempts + 1,
        next_at = coalesce(m.next_at, i.next_at),
        error = m.error,
        note = m.note,
        recorded = i.recorded + m.recorded,
        known = m.known,
        unmapped = m.unmapped,
        joined = m.joined,
        waits_for = m.waits_for,
        returns = ARRAY(SELECT DISTINCT name FROM unnest(i.returns || m.returns) AS name ORDER BY 1),
        orders = ARRAY(SELECT DISTINCT name FROM unnest(i.orders || m.orders) AS name ORDER BY 1),
        finished_at = CASE WHEN m.state <> 'pending' THEN %(now)s END
    FROM jsonb_to_recordset(%(outcomes)s::jsonb) AS m (
        id bigint, state text, next_at timestamptz, error text, note text, recorded integer, known integer, unmapped jsonb, joined jsonb,
        waits_for text, returns text[], orders text[]
    )
    WHERE i.id = m.id AND i.state = 'pending'"""
