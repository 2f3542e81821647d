"""What people change in an ERP, read back page by page: each document becomes facts on the return it belongs to, or stands for itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import Cursor

from adapters.erps.port import Changes, Erp, ErpDocument
from adapters.event_store import Appended, LedgerError, Prepared, UnreadableEvent
from adapters.inbox.schedule import next_try
from adapters.outbox import accounts
from adapters.outbox.early import Start, forget, remember, start_of
from adapters.outbox.places import Place, keep
from adapters.outbox.reading import Reader, Told
from adapters.outbox.shop import Shop
from adapters.outbox.terms import erp_account
from adapters.outbox.vanished import Vanished, mark_seen
from adapters.outbox.worker import SETTLE
from adapters.vendor.answers import VendorError, VendorTrouble

log = logging.getLogger("returns_ledger")


class Drift:
    """One ERP's, for one thread. `merchants` post to it; a document that names no return belongs to the first of them."""

    def __init__(self, shop: Shop, name: str, erp: Erp, merchants: Sequence[str], every: timedelta, settle: timedelta = SETTLE) -> None:
        self._shop, self._name, self._erp, self._every = shop, name, erp, every
        self._account = erp_account(name)
        self._reader = Reader(shop.ledger, shop.pool, name, merchants)
        self._vanished = Vanished(shop, name, self._account, erp, settle)
        self._pages: Iterator[tuple[Changes, bool]] | None = None
        self._began, self._start = shop.clock(), Start(None)

    @property
    def under_way(self) -> bool:
        return self._pages is not None

    def due(self) -> bool:
        now = self._shop.clock()
        with self._shop.pool.connection() as conn:
            found = conn.execute("SELECT coalesce(poll_at <= %s, true) FROM outbox_accounts WHERE account = %s", (now, self._account))
            row = found.fetchone()
            return (row is None or bool(row[0])) and accounts.may_try(conn, self._account, now)

    def step(self) -> bool:
        """Begin, or go on by a page; False once there is nothing more for now."""
        try:
            if self._pages is None:
                self._began = self._shop.clock()
                self._start = self._where()
                self._pages = self._read(self._start)
            found = next(self._pages, None)
            if found is not None:
                self._take(*found)
                return True
            self._vanished.look(self._began)
            self._finish()
        except VendorError as failure:
            self._fail(failure)
        except (LedgerError, psycopg.Error):
            self._pages = None
            raise
        except Exception as broken:  # our mistake, shown with the ERP; its instructions go on
            log.exception("outbox: reading %s back broke its room", self._name)
            self._fail(VendorTrouble(f"our mistake: {type(broken).__name__}: {broken}"))
        return False

    def _read(self, start: Start) -> Iterator[tuple[Changes, bool]]:
        """Pages, and of each whether the account's cursor moves on with it. Read once more is only what was told too early: what else
        is listed may be gone already, and only the account's own cursor knows that it was there."""
        if start.again:
            for page in self._erp.changes(start.before, self._began):
                theirs = tuple(one for one in page.documents if one.instruction in start.again)
                yield replace(page, documents=theirs), False
        for page in self._erp.changes(start.cursor, self._began):
            yield page, True

    def _take(self, page: Changes, moves: bool) -> None:
        facts: list[Prepared] = []
        places: list[tuple[Place, str | None]] = []
        early: set[str] = set()
        for document in page.documents:
            told = self._told(document)
            facts += told.facts
            places += told.places
            early |= {told.early} if told.early is not None else set()

        def also(cursor: Cursor[Any], _: Sequence[Appended]) -> None:
            for place, order in places:
                keep(cursor, place, order)
            mark_seen(cursor, self._account, page.documents, self._shop.clock())
            remember(cursor, early, self._start.cursor if moves else self._start.before, self._shop.clock())
            if moves:
                cursor.execute(_MOVE_ON, (json.dumps(page.cursor), self._shop.clock(), self._account))

        if facts:
            self._shop.ledger.append_with(lambda _: facts, also)
        else:
            with self._shop.pool.connection() as conn, conn.transaction(), conn.cursor() as cursor:
                also(cursor, [])

    def _told(self, document: ErpDocument) -> Told:
        try:
            return self._reader.read(document, self._shop.clock())
        except UnreadableEvent as unreadable:
            log.warning("outbox: %s: %s cannot be placed: %s", self._name, document.number, unreadable)
        except (LedgerError, psycopg.Error):
            raise
        except Exception:  # one document that nobody thought of must not end the reading for good
            log.exception("outbox: %s: %s could not be read", self._name, document.number)
        return Told([], [])

    def _where(self) -> Start:
        with self._shop.pool.connection() as conn:
            return start_of(conn, self._account)

    def _finish(self) -> None:
        self._pages = None
        now = self._shop.clock()
        with self._shop.pool.connection() as conn, conn.transaction():
            accounts.went_well(conn, self._account, now)
            conn.execute(_FINISH, (now, now + self._every, self._account))
            forget(conn.cursor(), self._start.again)

    def _fail(self, failure: VendorError) -> None:
        self._pages = None
        now = self._shop.clock()
        said = failure.retry_after_seconds if isinstance(failure, VendorTrouble) else None
        with self._shop.pool.connection() as conn, conn.transaction():
            accounts.went_wrong(conn, self._account, now, failure)
            found = conn.execute(_FAIL, (self._account,)).fetchone()
            next_at = next_try(now, int(found[0]) if found else 1, said)
            conn.execute("UPDATE outbox_accounts SET poll_at = %s WHERE account = %s", (next_at, self._account))


_MOVE_ON = "UPDATE outbox_accounts SET cursor = %s::jsonb, polled_at = %s WHERE account = %s"
_FINISH = "UPDATE outbox_accounts SET polled_at = %s, poll_at = %s, poll_attempts = 0 WHERE account = %s"
_FAIL = "UPDATE outbox_accounts SET poll_attempts = poll_attempts + 1 WHERE account = %s RETURNING poll_attempts"
