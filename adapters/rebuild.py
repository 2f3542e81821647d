"""Read models folded anew from the log beside the live ones, compared with them if asked, and put in their place while readers go on."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from adapters.differences import Comparison, Difference, compare, tables_of
from adapters.event_store import Ledger
from adapters.projector import PolicyOf, Projector
from adapters.read_models import wait_for_makers
from adapters.side import Progress, RebuildError, Side, Watch, connection_to, open_side, position_of, unwatched
from projections.snapshot import IN_ORDER

SUFFIX = "_next"
# Readers wait at most so long for one attempt at the swap; it is less than the second after which PostgreSQL looks for deadlocks.
_SWAP_MS = 300
_PATIENCE_SECONDS = 600.0
_NOT_NOW = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
# With so little left, or after so many rounds of running after live ones that go on, the rest is folded in while they wait.
_NEAR_EVENTS = 200
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Report:
    """`events` were folded in `seconds`, from `resumed_from` (0: from the beginning) up to `position`. `comparison`: only with verify."""

    position: int
    resumed_from: int
    events: int
    seconds: float
    comparison: Comparison | None

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


def rebuild(
    url: str,
    schema: str,
    ledger: Ledger,
    policy_of: PolicyOf,
    shape: str,
    names: Sequence[str] = (),
    *,
    verify: bool = False,
    watch: Watch = unwatched,
    patience_seconds: float = _PATIENCE_SECONDS,
) -> Report:
    """Fold the log into `{schema}_next` and swap that in. Interrupted at any point, it goes on from there the next time.

    All read models hang together by their numbers, so all of them are swapped; `names` (gaps, returns, journal) says which are compared
    with `verify`. Raises ValueError for an unknown name, RebuildError where nothing could be swapped.
    """
    tables = tables_of(names)
    began = time.monotonic()
    with open_side(url, schema + SUFFIX, ledger, policy_of, shape, anew=False) as side, connection_to(url, schema) as live:
        comparison = None
        if verify:
            fold_to_live(side, live, ledger, policy_of, watch)
            comparison = compare_with_live(url, schema, side, live, tables, watch)
        side.fold(None, watch)
        watch(Progress("indexing", 0, 1))
        side.finish()
        watch(Progress("swapping", 0, 1))
        _swap(side, live, schema, patience_seconds, watch)
        position = position_of(live)
        return Report(position, side.began_at, position - side.began_at, time.monotonic() - began, comparison)


def fold_to_live(side: Side, live: Connection[Any], ledger: Ledger, policy_of: PolicyOf, watch: Watch) -> None:
    """Bring the side near to where the live read models are; live ones that are behind are brought on first."""
    if position_of(live) < side.position():
        Projector(ledger, live, policy_of).catch_up(side.position())
    for _ in range(_ROUNDS):
        goal = position_of(live)
        if side.fold(goal, watch) < goal or position_of(live) - goal <= _NEAR_EVENTS:
            break
    side.analyze()


def compare_with_live(url: str, schema: str, side: Side, live: Connection[Any], tables: Sequence[str], watch: Watch) -> Comparison:
    """Both at the same position, in one snapshot. The live projector waits until the snapshot is taken, not for the comparison."""
    with connection_to(url, schema) as reader, reader.transaction():
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with live.transaction():
            position = _hold_projectors(live)
            side.fold(position, watch)
            # Locked first and looked at afterwards: a look is of the moment of its first query, which a lock is not.
            _lock(reader, schema, "ACCESS SHARE")
            position_of(reader)
        done: list[str] = []

        def tell(table: str) -> None:
            watch(Progress(f"comparing {table}", len(done), len(tables)))
            done.append(table)

        comparison = compare(reader, schema, side.schema, tables, tell)
    if side.position() != position:
        # Events are missing at the end of the log, so that the side cannot come as far.
        comparison.count += 1
        comparison.shown.insert(0, Difference("projection_position", {}, "position", str(position), str(side.position())))
    return comparison


def _swap(side: Side, live: Connection[Any], schema: str, patience_seconds: float, watch: Watch) -> None:
    """In one transaction. A reader waits for a moment at most: whatever is not to be had at once is tried again later."""
    until, pause = time.monotonic() + patience_seconds, 0.1
    while True:
        side.fold(None, watch)
        watch(Progress("swapping", 0, 1))
        with suppress(*_NOT_NOW), live.transaction():
            _swap_now(side, live, schema)
            return
        if time.monotonic() > until:
            raise RebuildError(
                f"The read models are rebuilt in {side.schema}, but somebody has been reading the live ones all the time. "
                "Run the same command again: it goes on from here. The longest reader is the oldest transaction in pg_stat_activity."
            )
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
        pause = min(pause * 2, 10.0)


def _swap_now(side: Side, live: Connection[Any], schema: str) -> None:
    live.execute("SET LOCAL lock_timeout = '10s'")
    wait_for_makers(live, schema)
    # This drives autovacuum away, which would not give way within the time that readers are let wait, and hinders nobody else.
    _lock(live, side.schema, "SHARE UPDATE EXCLUSIVE")
    _lock(live, schema, "SHARE UPDATE EXCLUSIVE")
    position = _hold_projectors(live)
    if side.fold(position) < position:
        raise RebuildError(
            f"The live read models have folded in {position} events, but the log ends at {side.position()}: events are missing from it, "
            "and the live read models are kept as the last trace of them. `returns-ledger verify` tells more."
        )
    live.execute(SQL("SET LOCAL statement_timeout = {}").format(_SWAP_MS))
    _lock(live, schema, "ACCESS EXCLUSIVE")
    live.execute("SET LOCAL statement_timeout = 0")
    for table in IN_ORDER:
        live.execute(SQL("DROP TABLE {}").format(Identifier(schema, table)))
        live.execute(SQL("ALTER TABLE {} SET SCHEMA {}").format(Identifier(side.schema, table), Identifier(schema)))
    live.execute(SQL("DROP SCHEMA {}").format(Identifier(side.schema)))


def _hold_projectors(live: Connection[Any]) -> int:
    """From now on, and until the end of the transaction, the live read models stay at the position given; they can be read all the same."""
    live.execute("LOCK TABLE projection_position IN EXCLUSIVE MODE")
    return position_of(live)


def _lock(conn: Connection[Any], schema: str, mode: LiteralString) -> None:
    tables = SQL(", ").join(Identifier(schema, table) for table in IN_ORDER)
    conn.execute(SQL("LOCK TABLE {} IN {} MODE").format(tables, SQL(mode)))
