"""The inbox as people see it: every delivery kept, what became of it, and how each connection fares."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from adapters import audit
from adapters.inbox.sealing import Seal, SealError
from adapters.newest_first import newest_first
from adapters.platforms.port import ConnectionSettings
from domain.telling import write_instant

STATES: Final = ("pending", "done", "ignored", "failed")


class NoSuchDelivery(LookupError):
    """Nothing of that number came, or not to this house."""


@dataclass(frozen=True, slots=True)
class InboxFilter:
    states: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()


def inbox_page(
    conn: Connection[Any], asked: InboxFilter, *, limit: int | None, after: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Deliveries, the newest first, from before `after`; and the number to go on from."""
    among = {"state": asked.states, "connection": asked.connections}
    rows, more = newest_first(conn, f"SELECT {_COLUMNS} FROM inbox", "id", among=among, same={}, limit=limit, after=after)  # noqa: S608
    return [_row(row) for row in rows], more


def show_delivery(conn: Connection[Any], id_: int, seal: Seal) -> dict[str, Any]:
    """One delivery with its headers and its body, decrypted. Raises NoSuchDelivery."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"SELECT {_COLUMNS}, headers, body FROM inbox WHERE id = %s".encode(), (id_,)).fetchone()  # noqa: S608
    if found is None:
        raise NoSuchDelivery(f"There is no delivery {id_}; `returns-ledger inbox list` shows those there are.")
    return _row(found) | {"headers": found["headers"], **_body(found["body"], seal)}


def ids_of_failed(conn: Connection[Any], connections: Sequence[str] = ()) -> list[tuple[int, str]]:
    """Deliveries that failed and can still be read, with their connection, the oldest first."""
    where = "AND connection = ANY(%(connections)s)" if connections else ""
    statement = f"SELECT id, connection FROM inbox WHERE state = 'failed' AND body IS NOT NULL {where} ORDER BY id"  # noqa: S608
    return conn.execute(statement.encode(), {"connections": list(connections)}).fetchall()


def put_back(conn: Connection[Any], id_: int, by: str, now: datetime) -> dict[str, Any]:
    """Have the house work a delivery off once more, as soon as it can. Raises NoSuchDelivery; ValueError where its body is gone."""
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_PUT_BACK.encode(), {"id": id_, "now": now}).fetchone()
        if found is None:
            erased = cursor.execute("SELECT body_erased_at FROM inbox WHERE id = %s", (id_,)).fetchone()
            if erased is None:
                raise NoSuchDelivery(f"There is no delivery {id_}.")
            raise ValueError(
                f"The body of delivery {id_} was erased at {write_instant(erased['body_erased_at'])}: it cannot be read again."
            )
        audit.record(conn, "delivery.replayed", now, who=by, detail=str(id_))
    return _row(found)


def connection_rows(conn: Connection[Any], connections: Iterable[ConnectionSettings]) -> list[dict[str, Any]]:
    """One for each connection; also for those that have deliveries, and are configured no more."""
    with conn.cursor(row_factory=dict_row) as cursor:
        known = {row["connection"]: row for row in cursor.execute(_CONNECTIONS.encode())}
    configured = {connection.name: connection for connection in connections}
    rows = []
    for name in [*configured, *sorted(known.keys() - configured.keys())]:
        found, settings = known.get(name, {}), configured.get(name)
        rows.append(
            {
                "name": name,
                "merchant": settings.merchant if settings else found.get("merchant"),
                "platform": settings.platform if settings else None,
                "state": _fortune(found) if settings else "not configured",
                "last_delivery_at": _instant(found.get("last_delivery_at")),
                "last_poll_at": _instant(found.get("polled_at")),
                "pending": found.get("pending") or 0,
                "failed": found.get("failed") or 0,
                "failing_since": _instant(found.get("failing_since")),
                "error": found.get("error"),
            }
        )
    return rows


def _fortune(found: dict[str, Any]) -> str:
    if found.get("refused"):
        return "refused"
    if found.get("failing_since"):
        return "failing"
    return "ok" if found.get("last_delivery_at") or found.get("polled_at") else "idle"


def _row(found: dict[str, Any]) -> dict[str, Any]:
    return {name: _instant(found[name]) if name.endswith("_at") else found[name] for name in (part.strip() for part in _COLUMNS.split(","))}


def _body(sealed: bytes | None, seal: Seal) -> dict[str, Any]:
    """`body_encoding` says how to read `body`: utf-8, or base64 for what is no text; `erased` and `sealed` where it cannot be shown."""
    if sealed is None:
        return {"body": None, "body_encoding": "erased"}
    try:
        body = seal.open(sealed)
    except SealError:
        return {"body": None, "body_encoding": "sealed"}
    try:
        return {"body": body.decode(), "body_encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "body_encoding": "base64"}


def _instant(at: Any) -> str | None:
    return None if at is None else write_instant(at)


_COLUMNS = (
    "id, connection, merchant, topic, state, error, note, waits_for, attempts, recorded, known, unmapped, joined, returns, orders, "
    "received_at, next_at, finished_at, body_erased_at"
)
_PUT_BACK = f"""
    UPDATE inbox SET state = 'pending', next_at = %(now)s, attempts = 0, error = NULL, note = NULL, finished_at = NULL
    WHERE id = %(id)s AND body IS NOT NULL RETURNING {_COLUMNS}"""  # noqa: S608
_CONNECTIONS = """
    WITH pending AS (
        SELECT connection, max(merchant) AS merchant, count(*) AS count, max(received_at) AS newest
        FROM inbox WHERE state = 'pending' GROUP BY connection
    ), failed AS (
        SELECT connection, max(merchant) AS merchant, count(*) AS count FROM inbox WHERE state = 'failed' GROUP BY connection
    )
    SELECT connection, coalesce(pending.merchant, failed.merchant) AS merchant, pending.count AS pending, failed.count AS failed,
        polls.polled_at,
        greatest(c.last_delivery_at, pending.newest) AS last_delivery_at,
        least(c.failing_since, polls.failing_since) AS failing_since,
        (c.refused AND c.failing_since IS NOT NULL) OR coalesce(polls.error LIKE 'refused:%', false) AS refused,
        coalesce(polls.error, c.last_error) AS error
    FROM connection_state c
    FULL JOIN poll_cursors polls USING (connection)
    FULL JOIN pending USING (connection)
    FULL JOIN failed USING (connection)"""
