"""The composition root: settings → a house with its database, its log and its read models, ready for commands and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.migrations import migrate
from adapters.policies import Policies, adopt_policies, policies_in_force, tell_versions
from adapters.postgres.embedded import open_database
from adapters.projector import Projector
from adapters.read_models import make_read_models
from api.settings import DEMO_HOUSE, Settings
from api.settings import Connection as Account
from projections.moments import Moment

# Raised whenever what is projected changes: read models of another shape are rebuilt from the log at the next start.
PROJECTION_VERSION = 4


def clock() -> datetime:
    return datetime.now(UTC)


class House:
    """One ledger: a schema in a database. `house` is None for the real one, `demo` for the demo."""

    def __init__(self, settings: Settings, url: str, house: str | None, pool_size: int) -> None:
        self.settings = settings
        if house == DEMO_HOUSE:
            from api.demo import demo_settings  # it brings every simulator

            # The accounts that are configured are real ones, and nothing of the demo.
            self.settings = demo_settings(settings)
        self.name = house
        self.schema = settings.schema_of(house)
        self.url = url
        self.policies = Policies({})
        self.ledger = Ledger(url, self.schema, clock)
        self.pool: ConnectionPool[Connection[Any]] = ConnectionPool(
            url, min_size=0, max_size=pool_size, open=False, kwargs={"autocommit": True}, configure=self._configure,
            # The pool waits longer after each failed attempt; begun anew every few seconds, it notices soon that a server is back.
            reconnect_timeout=5.0,
        )  # fmt: skip

    def _configure(self, conn: Connection[Any]) -> None:
        conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))

    def open(self, *, adopt: bool = True) -> None:
        """Make what is missing. Safe beside a running house. Without `adopt` the policies stay those in force, whatever is configured."""
        self.ledger.migrate()
        self.pool.open()
        with self.connection() as conn:
            migrate(conn, self.schema)
            self.policies = adopt_policies(conn, self.settings.policies(), clock()) if adopt else policies_in_force(conn)
            tell_versions(conn, self.ledger)
            make_read_models(conn, self.schema, self.shape())

    def renew_policies(self, conn: Connection[Any], shape: str | None) -> str:
        """Take over what somebody has adopted since; read models of another shape than `shape` are made anew. Gives the shape now."""
        found = policies_in_force(conn)
        if found.digest() != self.policies.digest():
            self.policies = found
        if self.shape() != shape:
            make_read_models(conn, self.schema, self.shape())
        return self.shape()

    def close(self) -> None:
        self.pool.close()
        self.ledger.close()

    @property
    def connections(self) -> tuple[Account, ...]:
        """The platforms' accounts."""
        return self.settings.connections

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        with self.pool.connection() as conn:
            yield conn

    def projector(self, conn: Connection[Any]) -> Projector:
        return Projector(self.ledger, conn, self.policies.policy_of)

    def catch_up(self, progress: Callable[[int], None] | None = None) -> int:
        """Fold what is recorded into the read models, so that an answer counts everything recorded before the question."""
        with self.connection() as conn:
            return self.projector(conn).catch_up(progress=progress)

    def shape(self) -> str:
        """What the read models depend on beside the log: the projection's version and the policies."""
        return f"{PROJECTION_VERSION}-{self.policies.digest()}"


def moment(as_of: datetime | None = None, known_at: datetime | None = None) -> Moment:
    return Moment(clock(), as_of, known_at)


@contextmanager
def open_house(settings: Settings, house: str | None = None, *, pool_size: int = 4, adopt: bool = True) -> Iterator[House]:
    """A house, open as long as the block runs; the embedded server is shared with whoever else has it open.

    Raises EmbeddedError or psycopg.OperationalError where there is no database to be had.
    """
    with open_database(settings.data_dir, settings.database_url) as url:
        opened = House(settings, url, house, pool_size)
        try:
            opened.open(adopt=adopt)
            yield opened
        finally:
            opened.close()


NoDatabase = psycopg.OperationalError
