"""Asks a platform, every so often, for what its webhooks have lost. The cursor moves on only when a page's facts are recorded."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.inbox import fortunes, queue
from adapters.inbox.desk import HouseDesk
from adapters.inbox.judging import judge_reading
from adapters.inbox.recording import AWAY, Kept, keep, understand
from adapters.inbox.schedule import next_try
from adapters.inbox.sealing import Seal
from adapters.inbox.store import FACTS_TOPIC, arrive, store_statement
from adapters.platforms.port import ConnectionSettings, Delivery, Label, Platform, Polled, Reading
from adapters.vendor.answers import VendorError, VendorRefused, VendorTrouble

log = logging.getLogger("returns_ledger")


class Poller:
    """One connection's, for one thread. Each `step` is one page, so that webhooks need not wait for the end of a long poll."""

    def __init__(
        self,
        connection: ConnectionSettings,
        platform: Platform,
        desk: HouseDesk,
        ledger: Ledger,
        pool: ConnectionPool[Connection[Any]],
        seal: Seal,
        clock: Callable[[], datetime],
        every: timedelta,
    ) -> None:
        self._connection, self._platform, self._desk, self._every = connection, platform, desk, every
        self._ledger, self._pool, self._seal, self._clock = ledger, pool, seal, clock
        self._pages: Iterator[Polled] | None = None
        # A record that waits, and cannot stand in the inbox by itself, is polled again: the cursor stays before it.
        self._held = False

    @property
    def under_way(self) -> bool:
        return self._pages is not None

    def due(self) -> bool:
        """Has the time come to begin?"""
        now = self._clock()
        with self._pool.connection() as conn:
            found = conn.execute(_DUE, {"connection": self._connection.name, "now": now}).fetchone()
        return found is None or bool(found[0])

    def step(self) -> bool:
        """Begin, or go on by a page; False once there is nothing more for now. Raises what is in AWAY."""
        try:
            self._desk.begin()
            if self._pages is None:
                self._held = False
                self._pages = self._platform.poll(self._cursor(), self._desk)
            polled = next(self._pages, None)
            if polled is not None:
                self._take(polled)
                return True
            self._finish()
        except VendorError as failure:
            self._fail(failure)
        except AWAY:
            self._pages = None
            raise
        except Exception as broken:  # our mistake, shown with the connection; the others go on
            log.exception("inbox: polling %s broke its platform's room", self._connection.name)
            self._fail(VendorError(f"our mistake: {type(broken).__name__}: {broken}"))
        return False

    def leave(self) -> None:
        """Between two pages: what has been recorded is not polled again."""
        self._pages = None

    def _take(self, polled: Polled) -> None:
        cause = f"poll:{self._connection.name}"
        told = [understand(reading.facts, self._connection.merchant, cause) for reading in polled.readings]
        kept = keep(self._ledger, told)
        now = self._clock()
        with self._pool.connection() as conn, conn.transaction():
            for reading, own in zip(polled.readings, kept, strict=True):
                self._keep_what_is_left(conn, reading, own, now)
            if not self._held:
                cursor = json.dumps(polled.cursor)
                conn.execute(_MOVE_ON, {"connection": self._connection.name, "cursor": cursor, "now": now})

    def _keep_what_is_left(self, conn: Connection[Any], reading: Reading, kept: Kept, now: datetime) -> None:
        """A record that waits, has a value nobody mapped, or facts that were refused, stands in the inbox from now on."""
        if reading.waits_for is not None and reading.delivery is None:
            self._held = True
        elif reading.waits_for is not None or reading.unmapped or kept.refused or kept.conflicts:
            facts = Delivery(self._connection.name, FACTS_TOPIC, now, {}, json.dumps(reading.facts, default=str).encode())
            delivery = reading.delivery or facts
            arrival = arrive(delivery, self._connection.merchant, Label(delivery.topic, None), self._seal)
            new = conn.execute(*store_statement([arrival])).fetchone()
            if new is not None:
                queue.write_back(conn, [judge_reading(int(new[0]), 1, reading, kept, now)], now)

    def _cursor(self) -> dict[str, Any] | None:
        with self._pool.connection() as conn:
            found = conn.execute("SELECT cursor FROM poll_cursors WHERE connection = %s", (self._connection.name,)).fetchone()
        return found[0] if found else None

    def _finish(self) -> None:
        self._pages = None
        now = self._clock()
        with self._pool.connection() as conn:
            conn.execute(_FINISH, {"connection": self._connection.name, "now": now, "next": now + self._every})
            fortunes.went_well(conn, self._connection.name, now)

    def _fail(self, failure: VendorError) -> None:
        self._pages = None
        now, name = self._clock(), self._connection.name
        said = failure.retry_after_seconds if isinstance(failure, VendorTrouble) else None
        error = ("refused: " if isinstance(failure, VendorRefused) else "") + fortunes.shown(failure)
        with self._pool.connection() as conn, conn.transaction():
            found = conn.execute(_FAIL, {"connection": name, "now": now, "error": error}).fetchone()
            next_at = next_try(now, int(found[0]) if found else 1, said)
            conn.execute("UPDATE poll_cursors SET next_at = %s WHERE connection = %s", (next_at, name))
            if said is not None:
                fortunes.pause(conn, name, next_at)


_DUE = """
    SELECT coalesce(p.next_at <= %(now)s, true) AND coalesce(c.paused_until <= %(now)s, true)
    FROM (SELECT %(connection)s::text AS connection) AS asked
    LEFT JOIN poll_cursors p USING (connection) LEFT JOIN connection_state c USING (connection)"""
_MOVE_ON = """
    INSERT INTO poll_cursors (connection, cursor, polled_at) VALUES (%(connection)s, %(cursor)s::jsonb, %(now)s)
    ON CONFLICT (connection) DO UPDATE SET cursor = excluded.cursor, polled_at = excluded.polled_at"""
_FINISH = """
    INSERT INTO poll_cursors (connection, polled_at, next_at) VALUES (%(connection)s, %(now)s, %(next)s)
    ON CONFLICT (connection) DO UPDATE
        SET polled_at = excluded.polled_at, next_at = excluded.next_at, attempts = 0, error = NULL, failing_since = NULL"""
_FAIL = """
    INSERT INTO poll_cursors AS p (connection, attempts, error, failing_since) VALUES (%(connection)s, 1, %(error)s, %(now)s)
    ON CONFLICT (connection) DO UPDATE
        SET attempts = p.attempts + 1, error = excluded.error, failing_since = coalesce(p.failing_since, excluded.failing_since)
    RETURNING attempts"""
