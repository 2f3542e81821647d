"""Who may sign in: people with a role, and the one-time links and outside identities by which they are known."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from adapters.keys import ROLES
from domain.telling import write_instant

LINK_LIFETIME: Final = timedelta(hours=24)
FIRST_ADMIN: Final = "admin"
_ID_BYTES, _LINK_BYTES = 6, 32


class NameTaken(ValueError):
    """There is somebody of this name already."""


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    role: str


def add(conn: Connection[Any], name: str, role: str, now: datetime, *, issuer: str | None = None, subject: str | None = None) -> Person:
    """Raises ValueError for a role there is not, NameTaken for a name that is somebody else's."""
    if role not in ROLES:
        raise ValueError(f"{role!r} is no role; choose from {', '.join(ROLES)}")
    if not 1 <= len(name) <= 120 or not name.isprintable() or name != name.strip():
        raise ValueError("a name is printable text of 1 to 120 characters")
    made = Person(f"person_{secrets.token_hex(_ID_BYTES)}", name, role)
    try:
        with conn.transaction():
            conn.execute(
                "INSERT INTO people (id, name, role, issuer, subject, created_at) VALUES (%s, %s, %s, %s, %s, %s)",
                (made.id, name, role, issuer, subject, now),
            )
    except UniqueViolation:
        raise NameTaken(f"there is somebody named {name!r} already; `returns-ledger user list` shows everybody") from None
    return made


def named(conn: Connection[Any], name: str) -> Person | None:
    """Somebody who may sign in, by name."""
    found = conn.execute("SELECT id, name, role FROM people WHERE name = %s AND disabled_at IS NULL", (name,)).fetchone()
    return Person(*found) if found else None


def known_outside(conn: Connection[Any], issuer: str, subject: str, name: str, role: str, now: datetime) -> Person | None:
    """Whoever the provider says has come, with the role that it says; None for somebody who was shut out here.

    The subject is the identity: a name or a mail address may pass to somebody else.
    """
    row = conn.execute(
        "UPDATE people SET role = %s WHERE issuer = %s AND subject = %s RETURNING id, name, role, disabled_at", (role, issuer, subject)
    ).fetchone()
    if row is not None:
        return None if row[3] is not None else Person(*row[:3])
    for tried in (name, f"{name} ({subject})"[:120]):
        try:
            return add(conn, tried, role, now, issuer=issuer, subject=subject)
        except NameTaken:
            continue
    return None


def disable(conn: Connection[Any], name: str, now: datetime) -> bool:
    """From now on nobody signs in by this name, and whoever is in is out."""
    found = conn.execute("UPDATE people SET disabled_at = %s WHERE name = %s AND disabled_at IS NULL RETURNING id", (now, name)).fetchone()
    if found is None:
        return False
    conn.execute("UPDATE sessions SET ended_at = %s WHERE person = %s AND ended_at IS NULL", (now, found[0]))
    conn.execute("UPDATE sign_in_links SET used_at = %s WHERE person = %s AND used_at IS NULL", (now, found[0]))
    return True


def make_link(conn: Connection[Any], person: Person, now: datetime) -> str:
    """What stands in the link. One that was made before and not used is of no use any more."""
    token = secrets.token_urlsafe(_LINK_BYTES)
    conn.execute("UPDATE sign_in_links SET used_at = %s WHERE person = %s AND used_at IS NULL", (now, person.id))
    conn.execute(
        "INSERT INTO sign_in_links (digest, person, created_at, expires_at) VALUES (%s, %s, %s, %s)",
        (digest(token), person.id, now, now + LINK_LIFETIME),
    )
    return token


def use_link(conn: Connection[Any], token: str, now: datetime) -> Person | None:
    """Whose link it is; it is used up by this. None for one that is unknown, used or too old."""
    found = conn.execute(
        "UPDATE sign_in_links AS link SET used_at = %(now)s FROM people WHERE link.digest = %(digest)s AND link.used_at IS NULL "
        "AND link.expires_at > %(now)s AND people.id = link.person AND people.disabled_at IS NULL "
        "RETURNING people.id, people.name, people.role",
        {"now": now, "digest": digest(token)},
    ).fetchone()
    return Person(*found) if found else None


def first_admin(conn: Connection[Any], now: datetime) -> str | None:
    """A link for the first admin, as long as nobody has come in, was let in or shut out, and no admin's key is there; None afterwards."""
    taken = conn.execute(
        "SELECT EXISTS (SELECT FROM people WHERE name <> %(name)s OR disabled_at IS NOT NULL) OR EXISTS (SELECT FROM sessions) "
        "OR EXISTS (SELECT FROM api_keys WHERE role = 'admin' AND revoked_at IS NULL)",
        {"name": FIRST_ADMIN},
    ).fetchone()
    if taken is None or taken[0]:
        return None
    person = named(conn, FIRST_ADMIN) or add(conn, FIRST_ADMIN, "admin", now)
    return make_link(conn, person, now)


def listed(conn: Connection[Any], now: datetime) -> list[dict[str, Any]]:
    """Everybody, with how many visits are open."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT name, role, issuer, created_at, disabled_at, (SELECT count(*) FROM sessions "
            "WHERE person = people.id AND ended_at IS NULL AND expires_at > %s) AS sessions FROM people ORDER BY name",
            (now,),
        ).fetchall()
    return [{column: write_instant(value) if isinstance(value, datetime) else value for column, value in row.items()} for row in found]


def digest(token: str) -> bytes:
    """What opens a door here is random in full: a plain hash of it cannot be searched."""
    return hashlib.sha256(token.encode()).digest()
