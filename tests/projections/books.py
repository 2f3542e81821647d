"""A ledger and its read models in a schema of their own, with a clock that the test winds, and emptied between examples."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from adapters.event_store import Ledger, Outcome, prepare
from adapters.policies import Policies
from adapters.projector import RETURNS_IN_MEMORY, Projector
from adapters.read_models import TABLES, make_read_models
from domain.policy import Policy
from domain.returns import Recorded
from domain.stored import stream_of
from domain.telling import ReturnKey, read_telling
from domain.timeline import Segment, fold
from projections.gap_register import GapFilter, all_gaps
from projections.moments import Moment

NOW = datetime(2026, 11, 21, tzinfo=UTC)
Row = dict[str, Any]


class Books:
    """`tell` records, `catch_up` folds in. The first fact is recorded on 1 November 2026, each batch a second after the one before."""

    def __init__(self, url: str, schema: str, policies: dict[tuple[str, str], Policy] | None = None) -> None:
        self.url, self.schema = url, schema
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.policies = Policies(policies or {})
        self.ledger = Ledger(url, schema, lambda: self.now)
        self.ledger.migrate()
        self.conn = self.connect()
        make_read_models(self.conn, schema, "test")

    def connect(self) -> Connection[Any]:
        conn = psycopg.connect(self.url, autocommit=True)
        conn.execute(SQL("SET search_path TO {}").format(Identifier(self.schema)))
        return conn

    def close(self) -> None:
        self.conn.close()
        self.ledger.close()

    def empty(self) -> None:
        """As if nothing had ever been told. The read models are others from now on, which a projector notices by their generation."""
        with self.conn.transaction():
            for table in ("stored_events", "fact_keys", *TABLES):
                if table != "projection_position":
                    self.conn.execute(SQL("DELETE FROM {}").format(Identifier(table)))
            self.conn.execute("UPDATE projection_position SET position = 0, generation = gen_random_uuid()")

    def tell(self, facts: Iterable[Row]) -> datetime:
        """Record facts in one batch; gives the moment from which they are known. A fact that is in conflict fails the test."""
        self.now += timedelta(seconds=1)
        appended = self.ledger.append([prepare(read_telling(fact), "test") for fact in facts])
        assert Outcome.CONFLICT not in {one.outcome for one in appended}
        return self.now

    def projector(
        self, returns_in_memory: int = RETURNS_IN_MEMORY, conn: Connection[Any] | None = None, batch_events: int | None = None
    ) -> Projector:
        on = conn or self.conn
        return Projector(self.ledger, on, self.policies.policy_of, returns_in_memory=returns_in_memory, batch_events=batch_events)

    def catch_up(self) -> int:
        return self.projector().catch_up()

    def gaps(self, moment: Moment | None = None, **asked: Any) -> list[Row]:
        return list(all_gaps(self.conn, GapFilter(**asked), moment or Moment(NOW)))

    def events(self, known_at: datetime | None = None) -> dict[ReturnKey, list[Recorded]]:
        """The log, by return."""
        found: dict[ReturnKey, list[Recorded]] = {}
        for event in self.ledger.notifications(0, 100_000):
            if known_at is None or event.recorded_at <= known_at:
                found.setdefault(event.key, []).append(event)
        return found

    def table(self, name: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """All rows, sorted, without regard to their order in the table."""
        return sorted(self.conn.execute(f"SELECT {columns} FROM {name}".encode()).fetchall(), key=str)

    def stream(self, key: ReturnKey) -> str:
        return stream_of(key)


@contextmanager
def open_books(url: str, schema: str, policies: dict[tuple[str, str], Policy] | None = None) -> Iterator[Books]:
    books = Books(url, schema, policies)
    try:
        yield books
    finally:
        books.close()


def segments_of(events: dict[ReturnKey, list[Recorded]], policies: Policies) -> dict[ReturnKey, list[Segment]]:
    """The segments that the domain folds out of these events, with evidence numbered as the history counts."""
    found: dict[ReturnKey, list[Segment]] = {}
    for key, told in events.items():
        numbers = {event.version: number for number, event in enumerate(sorted(told, key=Recorded.in_order_of_occurrence), 1)}
        segments = fold(key, told, policies.policy_of(key)).segments()
        found[key] = [one._replace(evidence=tuple(sorted(numbers[version] for version in one.evidence))) for one in segments]
    return found


def without(rows: Sequence[Row], *fields: str) -> list[Row]:
    return [{name: value for name, value in row.items() if name not in fields} for row in rows]
