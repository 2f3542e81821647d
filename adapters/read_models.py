"""Makes the read models, and makes them anew where they have another shape than the program expects."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from psycopg import Connection, sql

TABLES = (
    "gaps", "returns", "money_moves", "unit_moves", "money_balances", "unit_balances", "money_days", "unit_days",
    "set_aside", "projection_position",
)  # fmt: skip
# Any number will do, as long as it is always the same: who makes tables waits for whoever is making them.
_MAKING = 7_310_562


def make_read_models(conn: Connection[Any], schema: str, shape: str) -> bool:
    """Tables and indexes in `schema`, which is first on the search path. True where they were made (anew): the log must be folded in."""
    with conn.transaction():
        wait_for_makers(conn, schema)
        found = conn.execute("SELECT to_regclass(%s)", (f"{schema}.projection_position",)).fetchone()
        if found is not None and found[0] is not None:
            known = conn.execute("SELECT shape FROM projection_position").fetchone()
            if known is not None and known[0] == shape:
                return False
        drop_read_models(conn)
        create_tables(conn, shape)
        create_indexes(conn)
        return True


def wait_for_makers(conn: Connection[Any], schema: str) -> None:
    """Be the only one to make or replace the read models of `schema`, until the end of the transaction."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_MAKING, schema))


def create_tables(conn: Connection[Any], shape: str) -> None:
    conn.execute(_statements("tables.sql"))
    conn.execute("INSERT INTO projection_position (shape) VALUES (%s)", (shape,))


def create_indexes(conn: Connection[Any]) -> None:
    conn.execute(_statements("indexes.sql"))


def drop_read_models(conn: Connection[Any]) -> None:
    for table in TABLES:
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))


def _statements(name: str) -> bytes:
    return files("projections").joinpath(name).read_bytes()
