"""Keys to the HTTP API: a key is told once and kept as a digest, so that whoever reads the database cannot use it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from domain.telling import write_instant

ROLES: Final = ("finance", "auditor", "ops", "admin")
PREFIX: Final = "rl_"
# How exactly the use of a key is told.
USED_EVERY: Final = timedelta(hours=1)
_KEY_BYTES = 32
_ID_BYTES = 6


@dataclass(frozen=True, slots=True)
class NewKey:
    """`key` is shown to its owner now and never again; `id` names it from then on."""

    id: str
    key: str = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever came with a good key."""

    key_id: str
    role: str
    name: str | None


def create(conn: Connection[Any], *, role: str, name: str | None, now: datetime, expires_at: datetime | None = None) -> NewKey:
    """A new key for `role`, good until `expires_at` or for ever. Raises ValueError for an unknown role."""
    if role not in ROLES:
        raise ValueError(f"{role!r} is no role; choose from {', '.join(ROLES)}")
    made = NewKey(f"key_{secrets.token_hex(_ID_BYTES)}", PREFIX + secrets.token_urlsafe(_KEY_BYTES), role)
    conn.execute(
        "INSERT INTO api_keys (id, digest, role, name, created_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s)",
        (made.id, _digest(made.key), role, name, now, expires_at),
    )
    return made


def list_keys(conn: Connection[Any]) -> list[dict[str, str | None]]:
    """Every key there was, the oldest first, with when it was made, expires and was revoked."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT id, role, name, created_at, expires_at, revoked_at FROM api_keys ORDER BY created_at, id",
        ).fetchall()
    return [{column: write_instant(value) if isinstance(value, datetime) else value for column, value in row.items()} for row in found]


def revoke(conn: Connection[Any], key_id: str, now: datetime) -> bool:
    """From now on the key opens nothing. False where there is no such key, or it is revoked already."""
    return conn.execute("UPDATE api_keys SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL", (now, key_id)).rowcount == 1


def find(conn: Connection[Any], key: str, now: datetime) -> Holder | None:
    """Whose key it is; None for one that is unknown, expired or revoked."""
    # Looked up by its digest, the time of the answer tells nothing about any key.
    found = conn.execute(
        "SELECT id, role, name FROM api_keys WHERE digest = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %s)",
        (_digest(key), now),
    ).fetchone()
    return Holder(*found) if found else None


def used(conn: Connection[Any], holder: Holder, now: datetime) -> bool:
    """Keep that the key was used; False where that is known of this hour already, so that not every request writes."""
    return (
        conn.execute(
            "UPDATE api_keys SET used_at = %(now)s WHERE id = %(id)s AND (used_at IS NULL OR used_at <= %(before)s)",
            {"id": holder.key_id, "now": now, "before": now - USED_EVERY},
        ).rowcount
        == 1
    )


def _digest(key: str) -> bytes:
    """A key is random in full, so a plain hash of it cannot be searched; it needs no salt and no slow function."""
    return hashlib.sha256(key.encode()).digest()
