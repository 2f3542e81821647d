"""Decisions on many returns at once, kept: what is planned, how far it has come, and who stopped it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

# Whoever works on a run renews this with each return; should he die, somebody else may go on after it.
LEASE: Final = timedelta(seconds=20)


class NoSuchRun(LookupError):
    """Nothing of that number was planned."""


@dataclass(frozen=True, slots=True)
class Run:
    """`parameters` are the form's fields, the reason among them."""

    id: int
    action: str
    parameters: dict[str, str]
    query: str
    planned_by: str
    planned_at: datetime
    started_at: datetime | None
    cancelled_at: datetime | None
    cancelled_by: str | None
    finished_at: datetime | None
    leased_until: datetime | None

    def state(self, now: datetime) -> str:
        if self.cancelled_at is not None:
            return "cancelled"
        if self.finished_at is not None:
            return "finished"
        if self.started_at is None:
            return "planned"
        return "running" if self.leased_until is not None and self.leased_until > now else "interrupted"


@dataclass(frozen=True, slots=True)
class Item:
    """One return, or one of its gaps. `state`: planned, done or refused; `said` is why."""

    number: int
    merchant: str
    platform: str
    return_id: str
    parameters: dict[str, str]
    currency: str | None
    amount: str | None
    state: str
    said: str | None


def plan(conn: Connection[Any], action: str, parameters: dict[str, str], query: str, by: str, now: datetime, items: Sequence[Item]) -> int:
    with conn.transaction():
        found = conn.execute(
            "INSERT INTO bulk_runs (action, parameters, query, planned_by, planned_at) VALUES (%s, %s, %s, %s, %s) RETURNING id",
            (action, Jsonb(parameters), query, by, now),
        ).fetchone()
        assert found is not None
        with conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO bulk_items VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [(found[0], one.number, one.merchant, one.platform, one.return_id, Jsonb(one.parameters), *_outcome(one)) for one in items],
            )
    return int(found[0])


def _outcome(one: Item) -> tuple[str | None, ...]:
    return one.currency, one.amount, one.state, one.said


def get_run(conn: Connection[Any], run: int) -> Run:
    """Raises NoSuchRun."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        found = cursor.execute("SELECT * FROM bulk_runs WHERE id = %s", (run,)).fetchone()
    if found is None:
        raise NoSuchRun(f"There is no bulk action {run}.")
    return found


def items_of(conn: Connection[Any], run: int) -> list[Item]:
    with conn.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute(f"SELECT {_ITEM} FROM bulk_items WHERE run = %s ORDER BY number", (run,)).fetchall()  # noqa: S608


def take(conn: Connection[Any], run: int, now: datetime) -> bool:
    """Begin, or go on where somebody left off. False where another works on it, or nothing is left to do."""
    return conn.execute(_TAKE, {"run": run, "now": now, "until": now + LEASE}).rowcount == 1


def next_item(conn: Connection[Any], run: int, now: datetime) -> Item | None:
    """The next one to decide; None at the end, or where somebody stopped it."""
    if conn.execute(_RENEW, {"run": run, "until": now + LEASE}).rowcount != 1:
        return None
    with conn.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute(_NEXT, (run,)).fetchone()


def settle(conn: Connection[Any], run: int, number: int, state: str, said: str | None) -> None:
    conn.execute("UPDATE bulk_items SET state = %s, said = %s WHERE run = %s AND number = %s", (state, said, run, number))


def finish(conn: Connection[Any], run: int, now: datetime) -> None:
    conn.execute("UPDATE bulk_runs SET finished_at = %s, leased_until = NULL WHERE id = %s AND cancelled_at IS NULL", (now, run))


def cancel(conn: Connection[Any], run: int, by: str, now: datetime) -> None:
    """What is decided stays; the rest is left alone."""
    conn.execute(
        "UPDATE bulk_runs SET cancelled_at = %s, cancelled_by = %s WHERE id = %s AND finished_at IS NULL AND cancelled_at IS NULL",
        (now, by, run),
    )


_ITEM: Final = "number, merchant, platform, return_id, parameters, currency, amount, state, said"
_TAKE: Final = """
    UPDATE bulk_runs SET started_at = coalesce(started_at, %(now)s), leased_until = %(until)s
    WHERE id = %(run)s AND cancelled_at IS NULL AND finished_at IS NULL AND (leased_until IS NULL OR leased_until <= %(now)s)"""
_RENEW: Final = "UPDATE bulk_runs SET leased_until = %(until)s WHERE id = %(run)s AND cancelled_at IS NULL"
_NEXT: Final = f"SELECT {_ITEM} FROM bulk_items WHERE run = %s AND state = 'planned' ORDER BY number LIMIT 1"  # noqa: S608
