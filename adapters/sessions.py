"""Visits to the console: kept in the database as digests, ended by people, by idleness, by age, or with the key they came with."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from psycopg import Connection
from psycopg.rows import dict_row

from adapters.people import digest
from domain.telling import write_instant

# How exactly `seen_at` is known: a page that asks ten times a second writes once a minute.
SEEN_EVERY: Final = timedelta(minutes=1)
_TOKEN_BYTES, _ID_BYTES = 32, 6


@dataclass(frozen=True, slots=True)
class Session:
    """Whoever came with a good cookie."""

    id: str
    role: str
    name: str
    person: str | None
    form_token: str = field(repr=False)


def begin(
    conn: Connection[Any], how: Literal["link", "oidc", "key"], now: datetime, lifetime: timedelta, *,
    person: str | None = None, key_id: str | None = None, address: str | None = None, agent: str | None = None,
) -> str:  # fmt: skip
    """The cookie of a new visit, which lasts `lifetime` at most."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    conn.execute(
        "INSERT INTO sessions (id, digest, person, key_id, how, address, agent, created_at, seen_at, expires_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            f"visit_{secrets.token_hex(_ID_BYTES)}", digest(token), person, key_id, how, address, agent[:200] if agent else None,
            now, now, now + lifetime,
        ),
    )  # fmt: skip
    return token


def find(conn: Connection[Any], token: str, now: datetime, idle: timedelta) -> Session | None:
    """Whose visit it is, with the role of this very moment; None for one that is unknown, ended, too old, or idle for too long."""
    found = conn.execute(
        "SELECT s.id, coalesce(p.role, k.role), coalesce(p.name, k.name, k.id), s.person, s.seen_at FROM sessions AS s "
        "LEFT JOIN people AS p ON p.id = s.person AND p.disabled_at IS NULL "
        "LEFT JOIN api_keys AS k ON k.id = s.key_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %(now)s) "
        "WHERE s.digest = %(digest)s AND s.ended_at IS NULL AND s.expires_at > %(now)s AND s.seen_at > %(idle)s "
        "AND (p.id IS NOT NULL OR k.id IS NOT NULL)",
        {"digest": digest(token), "now": now, "idle": now - idle},
    ).fetchone()
    if found is None:
        return None
    if now - found[4] > SEEN_EVERY:
        conn.execute("UPDATE sessions SET seen_at = %s WHERE id = %s AND seen_at < %s", (now, found[0], now))
    return Session(found[0], found[1], found[2], found[3], form_token(token))


def form_token(token: str) -> str:
    """What a form of this visit carries: nobody can make it without the cookie, and it does not tell the cookie."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def of_same_visitor(conn: Connection[Any], session_id: str, now: datetime) -> list[dict[str, Any]]:
    """All open visits of whoever this one belongs to, the latest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f"SELECT other.id, other.how, other.address, other.agent, other.created_at, other.seen_at, other.id = mine.id AS this {_SAME} "
            "ORDER BY other.seen_at DESC LIMIT 100",
            {"id": session_id, "now": now},
        ).fetchall()


def end(conn: Connection[Any], session_id: str, other_id: str, now: datetime) -> int:
    """End one of one's own visits."""
    return conn.execute(
        f"UPDATE sessions SET ended_at = %(now)s WHERE id IN (SELECT other.id {_SAME} AND other.id = %(other)s)",  # noqa: S608 (our own text)
        {"id": session_id, "other": other_id, "now": now},
    ).rowcount


def end_all(conn: Connection[Any], session_id: str, now: datetime) -> int:
    """Sign out everywhere: how many visits that were."""
    return conn.execute(
        f"UPDATE sessions SET ended_at = %(now)s WHERE id IN (SELECT other.id {_SAME})",  # noqa: S608 (our own text)
        {"id": session_id, "now": now},
    ).rowcount


def open_ones(conn: Connection[Any], now: datetime) -> list[dict[str, Any]]:
    """For whoever keeps the house: all open visits."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT s.id, coalesce(p.name, k.name, k.id) AS name, coalesce(p.role, k.role) AS role, s.how, s.address, "
            "s.created_at, s.seen_at, s.expires_at FROM sessions AS s "
            "LEFT JOIN people AS p ON p.id = s.person LEFT JOIN api_keys AS k ON k.id = s.key_id "
            "WHERE s.ended_at IS NULL AND s.expires_at > %s ORDER BY s.seen_at DESC",
            (now,),
        ).fetchall()
    return [{column: write_instant(value) if isinstance(value, datetime) else value for column, value in row.items()} for row in found]


def end_by_keeper(conn: Connection[Any], now: datetime, *, session_id: str | None = None, name: str | None = None) -> int:
    """End one visit by its id, or all of somebody by name."""
    return conn.execute(
        "UPDATE sessions AS s SET ended_at = %(now)s WHERE s.ended_at IS NULL AND s.expires_at > %(now)s AND (s.id = %(id)s "
        "OR s.person IN (SELECT id FROM people WHERE name = %(name)s) OR s.key_id IN (SELECT id FROM api_keys WHERE name = %(name)s))",
        {"now": now, "id": session_id, "name": name},
    ).rowcount


_SAME: Final = (
    "FROM sessions AS mine JOIN sessions AS other ON other.person = mine.person OR other.key_id = mine.key_id "
    "WHERE mine.id = %(id)s AND other.ended_at IS NULL AND other.expires_at > %(now)s"
)
