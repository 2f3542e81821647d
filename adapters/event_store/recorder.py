"""The log itself: the eventsourcing library's recorder, with tables and an insertion path of our own.

The stock path hangs once a batch outgrows the socket's buffer (pipeline mode), and without its table lock readers miss events for good.
Here one plain transaction a batch locks, numbers, seals, copies, notifies and commits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from eventsourcing.persistence import InterfaceError, OperationalError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from eventsourcing.utils import retry
from psycopg import Connection, Cursor, Rollback
from psycopg.errors import LockNotAvailable
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier, Literal

from adapters.event_store.datastore import LedgerDatastore
from adapters.event_store.errors import BatchTooLarge, LedgerBusy

MOST_BYTES = 4_000_000
LOCK_SECONDS = 10.0
FIRST_CHAIN = bytes(32)
STATE_OPENS = b'{"recorded_at":"'
INSTANT_LENGTH = len("2026-11-21T03:31:28.123456Z")

_TABLES = Path(__file__).with_name("tables.sql")


class Event(NamedTuple):
    """An event without its place in the log."""

    stream: str
    version: int
    topic: str
    state: bytes


class Head(NamedTuple):
    """The last event of the log; `recorded_at` is None where the log is empty or its last event does not say."""

    position: int
    chain: bytes
    recorded_at: datetime | None


def link(previous: bytes, position: int, event: Event) -> bytes:
    """The seal of an event and all before it. Neither stream nor topic can hold a zero byte, so no two events read alike."""
    place, version = position.to_bytes(8, "big"), event.version.to_bytes(8, "big")
    return sha256(b"".join((previous, place, event.stream.encode(), b"\0", version, event.topic.encode(), b"\0", event.state))).digest()


class Turn:
    """One writer, alone at the end of the log. What it writes is committed when its turn is over."""

    def __init__(self, cursor: Cursor[Any], head: Head) -> None:
        self.cursor = cursor
        self.head = head
        self.wrote = False

    def write(self, events: Sequence[Event]) -> range:
        """The positions the events got. Raises BatchTooLarge; a single event may be of any size, for nobody could split it."""
        size = sum([len(event.state) for event in events])
        if size > MOST_BYTES and len(events) > 1:
            raise BatchTooLarge(
                f"A batch of {len(events)} events has {size} bytes; one transaction takes at most {MOST_BYTES}, so that nobody waits long "
                "for the log. Nothing was recorded: append it in smaller batches."
            )
        position, chain, _ = self.head
        first = position + 1
        with self.cursor.copy(
            "COPY stored_events (originator_id, originator_version, topic, state, notification_id, chain) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["text", "int8", "text", "bytea", "int8", "bytea"])
            for position, event in enumerate(events, first):
                chain = link(chain, position, event)
                copy.write_row((*event, position, chain))
        self.head = Head(position, chain, None)
        self.wrote = self.wrote or bool(events)
        return range(first, position + 1)


class LedgerRecorder(PostgresApplicationRecorder):
    """Select, notifications and subscriptions are the library's; tables and insertion are ours."""

    def __init__(self, datastore: LedgerDatastore, *, lock_seconds: float = LOCK_SECONDS) -> None:
        super().__init__(datastore)
        self._lock_seconds = lock_seconds
        # Channels belong to the whole database: the schema's name keeps two houses in it from waking each other.
        self.channel_name = datastore.schema
        self._take_turn = SQL(
            "SET LOCAL lock_timeout = {milliseconds}; LOCK TABLE append_turn IN EXCLUSIVE MODE; NOTIFY {channel}; "
            "SELECT notification_id, chain, substring(state FROM {start} FOR {length}) FROM stored_events "
            "ORDER BY notification_id DESC LIMIT 1"
        ).format(
            milliseconds=Literal(max(1, round(lock_seconds * 1000))),
            channel=Identifier(self.channel_name),
            start=Literal(len(STATE_OPENS) + 1),
            length=Literal(INSTANT_LENGTH),
        )

    def create_table(self) -> None:
        """Make schema, tables and view where they are not there yet; any number of processes may do so at once."""
        schema = self.datastore.schema
        with self.datastore.get_connection() as connection, connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"returns-ledger: tables of {schema}"])
            # Asked first, for IF NOT EXISTS wants the right to create a schema even where there is nothing to create.
            if not cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone():
                cursor.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))
            if not cursor.execute("SELECT 1 WHERE to_regclass('event_log') IS NOT NULL").fetchone():
                cursor.execute(_TABLES.read_bytes())

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for the log and hold it until the end of the block, which commits what was written. Raises LedgerBusy."""
        with self.datastore.get_connection() as connection, connection.transaction():
            turn = Turn(connection.cursor(row_factory=tuple_row), self._wait_for_head(connection))
            yield turn
            if not turn.wrote:
                raise Rollback  # nothing to tell anybody

    def _wait_for_head(self, connection: Connection[Any]) -> Head:
        cursor = connection.cursor(row_factory=tuple_row)
        try:
            cursor.execute(self._take_turn)
        except LockNotAvailable:
            raise LedgerBusy(
                f"Another writer has held the log for {self._lock_seconds:g} s. Nothing was recorded; try again. If it stays so, "
                "look for the oldest open transaction in pg_stat_activity."
            ) from None
        while cursor.nextset():
            pass  # on to the last of the statements
        row = cursor.fetchone()
        return Head(row[0], row[1], _instant(row[2])) if row else Head(0, FIRST_CHAIN, None)

    @retry((InterfaceError, OperationalError), max_attempts=10, wait=0.2)
    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        """The library's way in. Raises its IntegrityError where a version of a stream is taken, and BatchTooLarge."""
        if not stored_events:
            return []
        events = [Event(str(event.originator_id), event.originator_version, event.topic, event.state) for event in stored_events]
        with self.turn() as turn:
            return list(turn.write(events))


def _instant(text: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(text.decode())
    except ValueError:  # not an event of ours
        return None
