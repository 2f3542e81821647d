"""A house for the proofs: facts recorded in a ledger of its own, folded into read models."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection, sql

from adapters.event_store import Ledger, prepare
from adapters.policies import Policies
from adapters.projector import Projector
from adapters.read_models import make_read_models
from domain.telling import read_telling

SHAPE = "test"


class ProofHouse:
    """Its clock goes on by a second with each look at it."""

    def __init__(self, url: str, schema: str) -> None:
        self.url, self.schema = url, schema
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.ledger = Ledger(url, schema, self.clock)
        self.policies = Policies({})
        self.ledger.migrate()
        with self.connection() as conn:
            make_read_models(conn, schema, SHAPE)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
            yield conn

    def tell(self, facts: Iterable[dict[str, Any]], batch: int = 50) -> None:
        """Record facts in batches, as several imports would."""
        prepared = [prepare(read_telling(fact), "test") for fact in facts]
        for first in range(0, len(prepared), batch):
            self.ledger.append(prepared[first : first + batch])

    def fold(self) -> int:
        with self.connection() as conn:
            return Projector(self.ledger, conn, self.policies.policy_of).catch_up()

    def ask(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self.connection() as conn:
            cursor = conn.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self.ledger.close()


@contextmanager
def proof_house(url: str, schema: str, facts: Iterable[dict[str, Any]] = ()) -> Iterator[ProofHouse]:
    house = ProofHouse(url, schema)
    try:
        house.tell(facts)
        house.fold()
        yield house
    finally:
        house.close()
