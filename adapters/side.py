"""Read models in a schema of their own beside the live ones, folded from the log from its beginning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql

from adapters.event_store import Ledger
from adapters.projector import PolicyOf, Projector
from adapters.read_models import create_indexes, create_tables

# Any number will do, as long as it is always the same: one process at a time works on a side.
_WORKING = 7_310_563
# Whoever was killed lets go of the lock once the server notices.
_LOCK_SECONDS = 15.0


class RebuildError(Exception):
    """Nothing was swapped. The message is a sentence for whoever runs the house."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`phase` in a word or two, `done` of `of` events or tables; `seconds_left` is None where nobody can know."""

    phase: str
    done: int
    of: int
    seconds_left: float | None = None


Watch = Callable[[Progress], None]


def unwatched(_: Progress) -> None:
    """For whoever does not want to know how far it is."""


def position_of(conn: Connection[Any]) -> int:
    """How far the read models of the connection's search path are."""
    found = conn.execute("SELECT position FROM projection_position").fetchone()
    assert found is not None, "the read models have not been made"
    return int(found[0])


@contextmanager
def connection_to(url: str, schema: str) -> Iterator[Connection[Any]]:
    """A connection that finds its tables in `schema`, and takes the time it needs."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        conn.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0")
        conn.execute("SET work_mem = '64MB'; SET maintenance_work_mem = '128MB'")
        yield conn


class Side:
    """The second set; `schema` is where it stands. Made by `open_side`."""

    def __init__(self, conn: Connection[Any], schema: str, ledger: Ledger, policy_of: PolicyOf) -> None:
        self.conn = conn
        self.schema = schema
        self._ledger = ledger
        self._projector = Projector(ledger, conn, policy_of)
        self.began_at = position_of(conn)
        self._began = time.monotonic()

    def position(self) -> int:
        return position_of(self.conn)

    def fold(self, until: int | None, watch: Watch = unwatched) -> int:
        """Fold in what is recorded up to `until` (or all of it); gives the position reached, which is less where the log ends before."""
        goal = self._ledger.head() if until is None else until

        def tell(position: int) -> None:
            folded, seconds = position - self.began_at, time.monotonic() - self._began
            watch(Progress("folding", position, goal, (goal - position) * seconds / folded if folded else None))

        return self._projector.catch_up(goal, tell)

    def finish(self) -> None:
        """Indexes for those who will ask, and statistics for the planner."""
        with self.conn.transaction():
            made = self.conn.execute("SELECT to_regclass(%s)", (f"{self.schema}.gaps_open_due",)).fetchone()
            if made is None or made[0] is None:
                create_indexes(self.conn)
        self.analyze()

    def analyze(self) -> None:
        self.conn.execute("ANALYZE returns, gaps, money_moves, unit_moves, money_balances, unit_balances, money_days, unit_days, set_aside")

    def drop(self) -> None:
        self.conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema)))


@contextmanager
def open_side(url: str, schema: str, ledger: Ledger, policy_of: PolicyOf, shape: str, *, anew: bool) -> Iterator[Side]:
    """The side in `schema`: what a process that was killed has left there is gone on with, if it has the shape, and not `anew`.

    Raises RebuildError where another process is at it, or where the database does not let us have a schema.
    """
    with connection_to(url, schema) as conn:
        _wait_for_turn(conn, schema)
        if anew or not _usable(conn, schema, shape, ledger.head()):
            _make(conn, schema, shape)
        yield Side(conn, schema, ledger, policy_of)


def _wait_for_turn(conn: Connection[Any], schema: str) -> None:
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        found = conn.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_WORKING, schema)).fetchone()
        if found is not None and found[0]:
            return
        if time.monotonic() > until:
            raise RebuildError(f"Another process works on the read models in {schema}: let it finish, or end it, and try again.")
        time.sleep(0.1)


def _usable(conn: Connection[Any], schema: str, shape: str, head: int) -> bool:
    found = conn.execute("SELECT to_regclass(%s)", (f"{schema}.projection_position",)).fetchone()
    if found is None or found[0] is None:
        return False
    row = conn.execute("SELECT shape, position FROM projection_position").fetchone()
    # Beyond the head: it was left by another log.
    return row is not None and row[0] == shape and row[1] <= head


def _make(conn: Connection[Any], schema: str, shape: str) -> None:
    try:
        with conn.transaction():
            conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
            conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            create_tables(conn, shape)
    except psycopg.errors.InsufficientPrivilege as denied:
        raise RebuildError(
            f"The schema {schema} cannot be made: {str(denied).strip()}. Read models are rebuilt in a schema of their own; "
            "the database's owner can allow it with GRANT CREATE ON DATABASE … TO …."
        ) from None
