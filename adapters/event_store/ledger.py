"""The ledger as the rest of the house sees it: facts are appended once each, read by return or in order, and waited for."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg import Cursor
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import PoolTimeout

from adapters.event_store.append import Appended, Outcome, append_batch
from adapters.event_store.chain import Verified, verify
from adapters.event_store.datastore import LedgerDatastore
from adapters.event_store.errors import LedgerUnavailable
from adapters.event_store.preparing import Prepared, in_batches
from adapters.event_store.reading import read_after, read_head, read_payments, read_positions, read_streams, read_touched
from adapters.event_store.recorder import LOCK_SECONDS, LedgerRecorder
from domain.returns import Recorded
from domain.telling import ReturnKey, Telling, write_telling

ATTEMPTS = 3
PAUSE_SECONDS = 0.3
POLL_SECONDS = 0.5
Answer = TypeVar("Answer")


class Ledger:
    """The event store of one house. Threads may share it, processes may not.

    Any call may raise LedgerUnavailable and can then be made again.
    """

    def __init__(self, url: str, schema: str, clock: Callable[[], datetime], *, lock_seconds: float = LOCK_SECONDS) -> None:
        """Connects at its first use: make it after a fork, not before. `clock` tells an instant with its offset."""
        self._datastore = LedgerDatastore(url, schema)
        self._recorder = LedgerRecorder(self._datastore, lock_seconds=lock_seconds)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def migrate(self) -> None:
        """Make the schema and its tables where they are missing; processes may race to it."""
        self._patiently(self._recorder.create_table)

    def close(self) -> None:
        self._datastore.close()

    def append(self, prepared: Sequence[Prepared]) -> list[Appended]:
        """Record what is new, in order, in as few transactions as BATCH_BYTES allows, each of them whole or not at all.

        The answers stand in the order of `prepared`. Raises LedgerBusy where another writer holds the log for too long. After any error
        the same call can be made again: what was recorded before it is then known.
        """
        return [one for batch in in_batches(prepared) for one in self._append(batch)]

    def append_with(
        self, choose: Callable[[Cursor[Any]], Sequence[Prepared]], also: Callable[[Cursor[Any], Sequence[Appended]], None]
    ) -> list[Appended]:
        """Record what `choose` gives, and whatever `also` writes beside it, in one transaction, alone at the end of the log.

        What `choose` reads holds until the end of the transaction. Both may be called again after a lost connection, and should take no
        time; if one of them raises, nothing is recorded. Raises BatchTooLarge for more than one transaction may carry.
        """

        def take_turn() -> list[Appended]:
            with self._recorder.turn() as turn:
                appended = append_batch(turn, choose(turn.cursor), self._clock)
                also(turn.cursor, appended)
                turn.wrote = True
                return appended

        return self._patiently(take_turn)

    def touched(self, after: int, limit: int) -> tuple[list[str], int]:
        """The streams that the next `limit` events behind `after` belong to, in order, and the position of the last of them."""
        return self._ask(lambda cursor: read_touched(cursor, after, limit))

    def events(self, stream: str) -> list[Recorded]:
        """One return's events, by version."""
        return self.events_of([stream])[stream]

    def events_of(self, streams: Sequence[str]) -> dict[str, list[Recorded]]:
        """The events of many returns, each by version; a return without any has an empty list."""
        return self._ask(lambda cursor: read_streams(cursor, streams))

    def refunds_paid_by(self, merchant: str, payments: Sequence[str]) -> dict[str, list[tuple[ReturnKey, str]]]:
        """By payment, the merchant's refunds that name it, each with its return. Reads all of the merchant's refunds."""
        return self._ask(lambda cursor: read_payments(cursor, merchant, payments)) if payments else {}

    def notifications(self, after: int, limit: int = 1_000, max_bytes: int = 8_000_000) -> list[Recorded]:
        """The next events behind the position `after`, in order and without gaps.

        As many as `limit` and `max_bytes` of state allow, but one if there is one. Raises UnreadableEvent.
        """
        return self._ask(lambda cursor: read_after(cursor, after, limit, max_bytes))

    def head(self) -> int:
        """The last position; 0 when the log is empty."""
        return self._ask(read_head)

    def wait(self, after: int, timeout: float) -> bool:
        """Wait until there is an event behind `after`: True; or for `timeout` seconds: False. Where NOTIFY does not arrive, it polls."""
        return self._ask(lambda cursor: self._listen(cursor, after, time.monotonic() + timeout))

    def verify_chain(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Verified:
        """Is the log as it was written? `progress` is told (events verified, events in all) from time to time."""
        return self._ask(lambda cursor: verify(cursor, progress))

    def _append(self, batch: Sequence[Prepared]) -> list[Appended]:
        def take_turn() -> list[Appended]:
            with self._recorder.turn() as turn:
                return append_batch(turn, batch, self._clock)

        appended = self._patiently(take_turn)
        to_show = [index for index, one in enumerate(appended) if one.outcome is Outcome.CONFLICT and one.conflict_with is None]
        if to_show:
            # Read when the turn is over: other writers need not wait for it.
            recorded = self._ask(lambda cursor: read_positions(cursor, list({appended[index].position for index in to_show})))
            for index in to_show:
                before = recorded[appended[index].position]
                told = Telling(before.key, before.occurred_at, before.fact, before.source_id, before.by)
                appended[index] = appended[index]._replace(conflict_with=write_telling(told))
        return appended

    def _listen(self, cursor: Cursor[Any], after: int, deadline: float) -> bool:
        connection, channel = cursor.connection, Identifier(self._recorder.channel_name)
        cursor.execute(SQL("LISTEN {}").format(channel))
        try:
            # Looked at first after LISTEN, so that nothing falls between the two.
            while read_head(cursor) <= after:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                for _ in connection.notifies(timeout=min(left, POLL_SECONDS), stop_after=1):
                    pass
            return True
        finally:
            if not connection.closed:
                cursor.execute(SQL("UNLISTEN {}").format(channel))

    def _ask(self, question: Callable[[Cursor[Any]], Answer]) -> Answer:
        def asked() -> Answer:
            with self._datastore.get_connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
                return question(cursor)

        return self._patiently(asked)

    def _patiently(self, work: Callable[[], Answer]) -> Answer:
        """Again after a lost connection: a fact is recorded once however often it is appended, and reading changes nothing."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return work()
            except (InterfaceError, OperationalError) as error:
                if isinstance(error.__cause__, PoolTimeout):  # enough time has passed
                    raise LedgerUnavailable(f"The database cannot be reached: {self._datastore.reason()}") from error
                if attempt == ATTEMPTS:
                    raise LedgerUnavailable(f"The database gave up {ATTEMPTS} times: {error}") from error
                self._datastore.pool.check()  # the other idle connections may be dead, too
                time.sleep(PAUSE_SECONDS * attempt)
        raise AssertionError("unreachable")
