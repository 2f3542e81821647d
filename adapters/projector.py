"""Folds the log into the read models, batch by batch: resumable, and one broken return never stops the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from adapters.bulk import without_collections
from adapters.event_store import Ledger, UnreadableEvent
from adapters.log_batches import Event, LogBatches, Unreadable, in_a_sentence
from domain.decisions import PolicyAdopted
from domain.policy import Policy
from domain.returns import Recorded
from domain.stored import stream_of
from domain.telling import ReturnKey
from domain.timeline import Fold
from projections.folding import learn
from projections.writing import Batch

# A batch is what one transaction takes in: less than a second's work. What opens and closes within a batch is written once, so larger
# ones write less; smaller ones need less memory and keep readers fresher.
BATCH_EVENTS = 8_000
BATCH_BYTES = 4_000_000
# So many returns are kept folded in memory; the others are folded again from the log when they move.
RETURNS_IN_MEMORY = 15_000

PolicyOf = Callable[[ReturnKey], Policy]
_History = Sequence[Recorded] | UnreadableEvent


@dataclass(slots=True)
class _Known:
    return_no: int
    recorded_ats: list[datetime]
    fold: Fold


class Projector:
    """One reader of the log. Several may run: the row of the position is the lock.

    Who finds the position moved, or the read models to be others (rebuilt ones have another generation), forgets what it remembers.
    """

    def __init__(
        self,
        ledger: Ledger,
        conn: Connection[Any],
        policy_of: PolicyOf,
        *,
        returns_in_memory: int = RETURNS_IN_MEMORY,
        batch_events: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._conn = conn
        self._policy_of = policy_of
        self._most = returns_in_memory
        self._batch_events = batch_events
        self._batches = LogBatches(ledger)
        self._known: OrderedDict[ReturnKey, _Known] = OrderedDict()
        self._at: tuple[int, UUID] | None = None
        self._next_return_no = 0

    def catch_up(self, until: int | None = None, progress: Callable[[int], None] | None = None) -> int:
        """Fold everything up to `until` (or the head of the log) in; gives the position reached: less, where the log ends before."""
        goal = self._ledger.head() if until is None else until
        position = self.position()
        while position < goal:
            before = position
            # What is young is looked at after many batches: most of it is gone by then.
            with without_collections():
                for _ in range(50):
                    last, position = position, self.step(until)
                    if position == last:
                        break
                    if progress is not None:
                        progress(position)
            if position == before:
                break
        return position

    def position(self) -> int:
        with self._conn.transaction():
            found = self._conn.execute("SELECT position FROM projection_position").fetchone()
        assert found is not None, "the read models have not been made"
        return int(found[0])

    def step(self, until: int | None = None) -> int:
        """One batch in one transaction, up to `until` at most, which must be a position at which a transaction of the log ended.

        Gives the position after it, which is the one before it where the log has nothing new.
        """
        try:
            try:
                return self._in_transaction(until, alone=False)
            except psycopg.DataError:
                # A figure is beyond what its column holds. Whose it is shows when each return is written by itself.
                self._forget()
                return self._in_transaction(until, alone=True)
        except BaseException:
            # What is remembered may be ahead of what was written.
            self._forget()
            raise

    def _in_transaction(self, until: int | None, *, alone: bool) -> int:
        with without_collections(), self._conn.transaction():
            return self._step(until, alone=alone)

    def _step(self, until: int | None, *, alone: bool) -> int:
        # Losing the last moments in a crash is no loss: they are folded again from the log.
        self._conn.execute("SET LOCAL synchronous_commit = off")
        found = self._conn.execute("SELECT position, generation FROM projection_position FOR UPDATE").fetchone()
        assert found is not None, "the read models have not been made"
        position, generation = int(found[0]), found[1]
        if self._at != (position, generation):
            self._forget()
            highest = self._conn.execute("SELECT coalesce(max(return_no), 0) FROM returns").fetchone()
            assert highest is not None
            self._next_return_no = int(highest[0]) + 1
            self._at = (position, generation)
        events = self._batches.next(position, until, self._batch_events or BATCH_EVENTS, BATCH_BYTES)
        if not events:
            return position
        batch = Batch()
        self._fold(events, batch, alone=alone)
        batch.write(self._conn)
        last = events[-1].position
        self._conn.execute("UPDATE projection_position SET position = %s, folded_at = now()", (last,))
        self._at = (last, generation)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return last

    def _forget(self) -> None:
        self._known.clear()
        self._batches.forget()
        self._at = None

    def _fold(self, events: Sequence[Event], batch: Batch, *, alone: bool) -> None:
        together: dict[ReturnKey, list[Recorded]] = {}
        unreadable: dict[ReturnKey, Unreadable] = {}
        for event in events:
            if isinstance(event, Unreadable):
                unreadable.setdefault(event.key, event)
            elif event.key not in unreadable and not isinstance(event.fact, PolicyAdopted):
                together.setdefault(event.key, []).append(event)
        broken = self._set_aside({*together, *unreadable})
        together = {key: told for key, told in together.items() if key not in broken}
        numbers = self._numbers([key for key, told in together.items() if key not in self._known and told[0].version > 1])
        histories = self._histories([key for key, told in together.items() if self._needs_history(key, told)])
        for key, told in together.items():
            mine = Batch() if alone else batch
            try:
                self._learn(key, told, histories.get(key, ()), numbers.get(key), mine)
                if alone:
                    with self._conn.transaction():
                        mine.write(self._conn)
            except Exception as failure:  # whatever a return's facts do to the fold, the other returns go on
                if isinstance(failure, psycopg.Error) and not isinstance(failure, psycopg.DataError):
                    raise  # the database's trouble, not the return's
                self._known.pop(key, None)
                batch.set_aside(key, told[0].position, _said(failure))
        for key, event in unreadable.items():
            if key not in broken:
                self._known.pop(key, None)
                batch.set_aside(key, event.position, event.error)

    def _learn(self, key: ReturnKey, told: Sequence[Recorded], history: _History, return_no: int | None, batch: Batch) -> None:
        if isinstance(history, UnreadableEvent):
            raise history
        known = self._known.get(key)
        before = [event for event in history if event.version < told[0].version]
        start = known.fold if known is not None else None if before else Fold(key, self._policy_of(key))
        if known is not None:
            return_no = known.return_no
        elif return_no is None:
            return_no = self._next_return_no
            self._next_return_no += 1
        folded, lessons = learn(start, key, self._policy_of(key), told, lambda: before)
        recorded_ats = known.recorded_ats if known is not None else [event.recorded_at for event in before]
        recorded_ats = [*recorded_ats, *(event.recorded_at for event in told)]
        batch.take(key, return_no, folded, lessons, recorded_ats)
        self._known[key] = _Known(return_no, recorded_ats, folded)
        self._known.move_to_end(key)

    def _needs_history(self, key: ReturnKey, told: Sequence[Recorded]) -> bool:
        if told[0].version == 1:
            return False
        known = self._known.get(key)
        if known is None or known.fold.at is None:
            return True
        # A fact from the past makes the whole return be folded again; the past begins with what the facts before it in this batch told.
        latest = known.fold.at
        for _, together in groupby(told, key=lambda event: event.recorded_at):
            occurred = [event.occurred_at for event in together]
            if min(occurred) <= latest:
                return True
            latest = max(occurred)
        return False

    def _histories(self, keys: Sequence[ReturnKey]) -> dict[ReturnKey, _History]:
        """A return with an event that cannot be read has that error for a history: it will be set aside, now or when its turn comes."""
        if not keys:
            return {}
        try:
            found = self._ledger.events_of([stream_of(key) for key in keys])
        except UnreadableEvent as unreadable:
            if len(keys) == 1:
                return {keys[0]: unreadable}
            middle = len(keys) // 2
            return self._histories(keys[:middle]) | self._histories(keys[middle:])
        return {key: found.get(stream_of(key), []) for key in keys}

    def _numbers(self, keys: list[ReturnKey]) -> dict[ReturnKey, int]:
        if not keys:
            return {}
        rows = self._conn.execute(_NUMBERS, [list(column) for column in zip(*keys, strict=True)])
        return {ReturnKey(*row[:3]): row[3] for row in rows}

    def _set_aside(self, keys: set[ReturnKey]) -> set[ReturnKey]:
        rows = self._conn.execute("SELECT merchant, platform, return_id FROM set_aside").fetchall()
        return {ReturnKey(*row) for row in rows} & keys


def _said(failure: Exception) -> str:
    said = in_a_sentence(failure)
    return said if isinstance(failure, UnreadableEvent) else f"{type(failure).__name__}: {said}"


_NUMBERS = """
    SELECT r.merchant, r.platform, r.return_id, r.return_no
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (merchant, platform, return_id)
    JOIN returns r ON r.return_id = k.return_id AND r.platform = k.platform AND r.merchant = k.merchant"""
