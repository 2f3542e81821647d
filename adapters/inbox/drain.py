"""Works the inbox off: takes what is due, has its platform read it, records the facts, and writes back what became of it.

No transaction is open while a vendor is asked. A delivery that was read and recorded, but not written back, is read again: its facts
are known then.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.inbox import fortunes, queue
from adapters.inbox.desk import HouseDesk
from adapters.inbox.judging import Look, judge
from adapters.inbox.queue import Outcome, Taken
from adapters.inbox.recording import AWAY, keep, understand
from adapters.inbox.sealing import Seal, SealError
from adapters.inbox.store import FACTS_TOPIC
from adapters.platforms.port import ConnectionSettings, Delivery, Foreseeing, Hinting, Platform, Reading
from adapters.vendor.answers import NotUnderstood, VendorError, VendorRefused, VendorTrouble

log = logging.getLogger("returns_ledger")

# What is read is recorded at the latest after so long, however much more is due: a crash then costs little.
ROUND_SECONDS: Final = 3.0
# So many calls in vain are enough for one round.
MOST_TROUBLES: Final = 3


@dataclass(slots=True)
class _Group:
    """Deliveries that one look answers; the newest of them is read."""

    taken: list[Taken]
    delivery: Delivery


class Drain:
    """One connection's, for one thread."""

    def __init__(
        self,
        connection: ConnectionSettings,
        platform: Platform,
        desk: HouseDesk,
        ledger: Ledger,
        pool: ConnectionPool[Connection[Any]],
        seal: Seal,
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        self._connection, self._platform, self._desk = connection, platform, desk
        self._ledger, self._pool, self._seal, self._clock, self._stop = ledger, pool, seal, clock, stop
        self._leased: list[int] = []

    def round(self) -> list[Outcome]:
        """Work off what is due, as far as a round goes."""
        now = self._clock()
        with self._pool.connection() as conn:
            paused = fortunes.paused_until(conn, self._connection.name)
            if paused is not None and paused > now:
                return []
            taken = queue.lease(conn, self._connection.name, now)
        return self._work(taken)

    def again(self, ids: Sequence[int]) -> list[Outcome]:
        """Work these off now, whatever became of them before."""
        with self._pool.connection() as conn:
            taken = queue.lease_again(conn, ids, self._clock())
        return self._work(taken, to_the_end=True)

    def let_go(self) -> None:
        """What is taken and not worked off is due again at once. Also for whoever stops this thread."""
        ids, self._leased = self._leased, []
        if ids:
            with self._pool.connection() as conn:
                queue.release(conn, ids, self._clock())

    def _work(self, taken: Sequence[Taken], *, to_the_end: bool = False) -> list[Outcome]:
        if not taken:
            return []
        self._leased = [one.id for one in taken]
        try:
            outcomes = self._record(self._read_all(taken, to_the_end), to_the_end)
        except BaseException:
            with suppress(psycopg.Error):  # else they are due again after the lease
                self.let_go()
            raise
        worked = {outcome.id for outcome in outcomes}
        self._leased = [one.id for one in taken if one.id not in worked]
        self.let_go()
        return outcomes

    def _read_all(self, taken: Sequence[Taken], to_the_end: bool) -> list[tuple[Sequence[Taken], Look]]:
        self._desk.begin()
        read: list[tuple[Sequence[Taken], Look]] = []
        groups, unopened = self._groups(taken)
        read += unopened
        self._foresee(groups)
        ends, troubles = time.monotonic() + ROUND_SECONDS, 0
        for group in groups:
            if self._stop.is_set() or (not to_the_end and time.monotonic() > ends):
                break
            look = self._read(group)
            if isinstance(look, VendorTrouble) and self._stop.is_set():
                break  # it is the house that stops; the vendor has done nothing
            read.append((group.taken, look))
            if isinstance(look, VendorTrouble | VendorRefused):
                troubles += 1
                asked_to_wait = isinstance(look, VendorTrouble) and look.retry_after_seconds is not None
                if not to_the_end and (asked_to_wait or troubles >= MOST_TROUBLES):
                    break
        return read

    def _foresee(self, groups: Sequence[_Group]) -> None:
        """What the ledger holds of the returns that they are about is asked for at once, not for each by itself."""
        if isinstance(self._platform, Foreseeing):
            self._desk.foresee(
                {key for group in groups if group.taken[-1].topic != FACTS_TOPIC for key in self._platform.foresee(group.delivery)}
            )

    def _groups(self, taken: Sequence[Taken]) -> tuple[list[_Group], list[tuple[Sequence[Taken], Look]]]:
        """By what they point at, where the platform says so; beside those that cannot be opened."""
        groups: dict[object, _Group] = {}
        unopened: list[tuple[Sequence[Taken], Look]] = []
        for one in taken:
            try:
                body = self._seal.open(one.sealed or b"")
            except SealError as failure:
                unopened.append(((one,), VendorTrouble(str(failure))))
                continue
            delivery = Delivery(self._connection.name, one.topic, one.received_at, one.headers, body)
            subject: object = self._subject(delivery) or one.id
            if subject in groups:
                groups[subject].taken.append(one)
                groups[subject].delivery = delivery
            else:
                groups[subject] = _Group([one], delivery)
        return list(groups.values()), unopened

    def _subject(self, delivery: Delivery) -> str | None:
        if not isinstance(self._platform, Hinting) or delivery.topic == FACTS_TOPIC:
            return None
        try:
            return self._platform.subject(delivery)
        except Exception:  # then it is read by itself
            log.exception("inbox: %s: what a delivery points at could not be told", self._connection.name)
            return None

    def _read(self, group: _Group) -> Look:
        newest = group.taken[-1]
        cause = f"webhook:{self._connection.name}:{newest.id}"
        try:
            reading = read_facts(group.delivery) if newest.topic == FACTS_TOPIC else self._platform.read(group.delivery, self._desk)
        except VendorError as failure:
            return failure
        except AWAY:
            raise
        except Exception as broken:  # our mistake, shown with the delivery; the others go on
            log.exception("inbox: delivery %d of %s broke its platform's room", newest.id, self._connection.name)
            return NotUnderstood(f"our mistake: {type(broken).__name__}: {broken}")
        told = understand(reading.facts, self._connection.merchant, cause)
        self._desk.learn(told.tellings)
        return reading, told

    def _record(self, read: Sequence[tuple[Sequence[Taken], Look]], last_look: bool) -> list[Outcome]:
        kept = iter(keep(self._ledger, [look[1] for _, look in read if not isinstance(look, VendorError)]))
        now = self._clock()
        outcomes: list[Outcome] = []
        for group, look in read:
            own = None if isinstance(look, VendorError) else next(kept)
            outcomes += judge(group, look, own, now, last_look=last_look)
        problem = next((look for _, look in read if isinstance(look, VendorTrouble | VendorRefused)), None)
        latest = max(one.received_at for group, _ in read for one in group) if read else None
        with self._pool.connection() as conn, conn.transaction():
            queue.write_back(conn, outcomes, now)
            if problem is not None:
                fortunes.went_wrong(conn, self._connection.name, now, problem)
            elif read:
                fortunes.went_well(conn, self._connection.name, now, latest)
        return outcomes


def read_facts(delivery: Delivery) -> Reading:
    """What stands in the inbox as facts."""
    try:
        facts = json.loads(delivery.body)
    except ValueError as failure:
        raise NotUnderstood(f"not JSON: {failure}") from None
    if not isinstance(facts, list) or not all(isinstance(fact, dict) for fact in facts):
        raise NotUnderstood("not a list of facts")
    return Reading(tuple(facts))
