"""What the simulated house stands on: the real log, outbox and read models in a schema of their own, with a clock of the simulation's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.migrations import migrate
from adapters.outbox.folding import fold
from adapters.policies import Policies, adopt_policies
from adapters.projector import Projector
from adapters.read_models import make_read_models
from adapters.simulation.clocks import VirtualClock
from domain.policy import Policy
from domain.returns import Recorded, ReturnState
from domain.telling import ReturnKey

MERCHANT, PLATFORM, ERP = "acme", "returngo", "erp"
CONNECTION = "uk-returns"


@dataclass(slots=True)
class Ground:
    url: str
    schema: str
    clock: VirtualClock
    ledger: Ledger
    pool: ConnectionPool[Connection[Any]]
    policies: Policies

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.pool.connection() as conn:
            return conn.execute(statement.encode(), parameters).fetchall()

    def project(self) -> None:
        """Fold what is recorded into the read models."""
        with self.pool.connection() as conn:
            Projector(self.ledger, conn, self.policies.policy_of).catch_up()

    def states(self) -> dict[ReturnKey, ReturnState]:
        """Every return and document of the log, folded."""
        histories: dict[ReturnKey, list[Recorded]] = {}
        position = 0
        while events := self.ledger.notifications(position):
            for event in events:
                histories.setdefault(event.key, []).append(event)
            position = events[-1].position
        return {key: fold(key, events) for key, events in histories.items()}


@contextmanager
def open_ground(url: str, schema: str, clock: VirtualClock, policy: Policy) -> Iterator[Ground]:
    """In an empty schema, which stays: whoever gave it throws it away."""

    def configure(conn: Connection[Any]) -> None:
        conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))

    # Nothing here outlives the server: no need to wait for the disk.
    url = make_conninfo(url, options="-c synchronous_commit=off")
    with Ledger(url, schema, clock) as ledger:
        ledger.migrate()
        with ConnectionPool[Connection[Any]](url, min_size=1, max_size=4, kwargs={"autocommit": True}, configure=configure) as pool:
            with pool.connection() as conn:
                migrate(conn, schema)
                policies = adopt_policies(conn, {(MERCHANT, PLATFORM): policy}, clock())
                make_read_models(conn, schema, policies.digest())
            yield Ground(url, schema, clock, ledger, pool, policies)
