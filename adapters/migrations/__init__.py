"""Numbered SQL for what cannot be derived from the log: policies and API keys. Each file runs once, in order."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from psycopg import Connection

_MIGRATING = 7_310_561


def migrate(conn: Connection[Any], schema: str) -> list[str]:
    """Bring `schema` (first on the search path) up to date; gives the names of the files that ran. Safe to run from several processes."""
    with conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_MIGRATING, schema))
        conn.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, ran_at timestamptz NOT NULL DEFAULT now())")
        ran = {row[0] for row in conn.execute("SELECT name FROM migrations")}
        todo = [name for name in names() if name not in ran]
        for name in todo:
            conn.execute(files(__package__).joinpath(name).read_bytes())
            conn.execute("INSERT INTO migrations (name) VALUES (%s)", (name,))
        return todo


def pending(conn: Connection[Any]) -> list[str]:
    """The files that have not run yet."""
    ran = {row[0] for row in conn.execute("SELECT name FROM migrations")}
    return [name for name in names() if name not in ran]


def names() -> list[str]:
    return sorted(entry.name for entry in files(__package__).iterdir() if entry.name.endswith(".sql"))
