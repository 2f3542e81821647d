"""Posting batches prove themselves: the sum that the ERP has booked, read back note by note, is the sum that the log tells."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from adapters.erps.port import Erp, FoundTwice
from adapters.outbox import accounts
from adapters.outbox.folding import fold_one
from adapters.outbox.looking import work_of
from adapters.outbox.shop import Shop
from adapters.outbox.terms import erp_account
from adapters.vendor.answers import Accepted, VendorError, VendorRefused, VendorTrouble
from domain.money import to_text
from domain.telling import ReturnKey, write_instant

log = logging.getLogger("returns_ledger")

# A batch that did not prove itself is read again: a note may have shown late, or somebody mended it.
AGAIN: Final = timedelta(hours=1)


class _Note(NamedTuple):
    id: str
    key: ReturnKey
    document: str | None
    currency: str
    booked_minor: int | None


class Proof:
    """One ERP's, for one thread. Each `step` asks for one note at most."""

    def __init__(self, shop: Shop, name: str, erp: Erp) -> None:
        self._shop, self._name, self._erp = shop, name, erp
        self._account = erp_account(name)

    def step(self) -> bool:
        """False where no batch is to be looked at now."""
        now = self._shop.clock()
        with self._shop.pool.connection() as conn:
            asked = {"account": self._account, "now": now, "again": now - AGAIN}
            found = conn.execute(_NEXT_BATCH, asked).fetchone()
            if found is None or not accounts.may_try(conn, self._account, now):
                return False
            batch, again = found
            if again:
                conn.execute("UPDATE outbox SET booked_minor = NULL WHERE batch = %s", (batch,))
                conn.execute("UPDATE outbox_batches SET looked_at = NULL, proved = NULL WHERE id = %s", (batch,))
            rows = conn.execute(_NOTES, (batch,)).fetchall()
        notes = [_Note(row[0], ReturnKey(*row[1:4]), *row[4:]) for row in rows]
        unread = next((note for note in notes if note.booked_minor is None), None)
        if unread is not None:
            return self._read(unread)
        self._close(batch, notes)
        return True

    def _read(self, note: _Note) -> bool:
        state = fold_one(self._shop.ledger, note.key)
        issued = state.work.issued[note.id]
        now = self._shop.clock()
        try:
            found = self._erp.find(work_of(state, issued, state.work.issued_at[note.id], None))
        except FoundTwice:
            booked = -1
        except (VendorTrouble, VendorRefused) as failure:
            with self._shop.pool.connection() as conn, conn.transaction():
                accounts.went_wrong(conn, self._account, now, failure)
            return False
        except VendorError as failure:
            log.warning("outbox: %s: note %s could not be read back: %s", self._name, note.document, failure)
            booked = -1
        else:
            # -1 stands for what is not there as it was told: no sum comes out right with it.
            booked = found.amount.total if isinstance(found, Accepted) and found.amount and found.reference == note.document else -1
        with self._shop.pool.connection() as conn:
            conn.execute("UPDATE outbox SET booked_minor = %s WHERE id = %s", (booked, note.id))
        return True

    def _close(self, batch: str, notes: list[_Note]) -> None:
        told, booked = Counter[str](), Counter[str]()
        off = []
        for note in notes:
            state = fold_one(self._shop.ledger, note.key)
            name = (self._name, note.document or "")
            total = state.note(name).amount.total if name in state.notes and name not in state.voided else 0
            told[note.currency] += total
            booked[note.currency] += max(0, note.booked_minor or 0)
            if total != note.booked_minor:
                off.append(note.document or note.id)
        proved = not off
        said = None if proved else f"the ERP shows another amount, or no such note: {', '.join(off[:10])}"
        with self._shop.pool.connection() as conn:
            conn.execute(_CLOSE, (len(notes), _written(told), _written(booked), proved, said, self._shop.clock(), batch))
        log.info("outbox: batch %s: %d notes, %s", batch, len(notes), "proved" if proved else said)


def _written(totals: Counter[str]) -> str:
    return json.dumps({currency: to_text(total, currency) for currency, total in sorted(totals.items())})


def batch_rows(conn: Any, limit: int = 100) -> list[dict[str, Any]]:
    """The newest batches, for people."""
    rows = conn.execute(_BATCHES, (limit,)).fetchall()
    names = ("id", "account", "post_at", "waiting", "notes", "told", "booked", "proved", "looked_at", "note")
    return [{name: _shown(value) for name, value in zip(names, row, strict=True)} for row in rows]


def _shown(value: Any) -> Any:
    return write_instant(value) if isinstance(value, datetime) else value


# Posted, none of its notes on the way any more, and not looked at since the last of them was done. What waits behind something that a
# person has to decide on is not on the way: the others prove themselves without it.
_NEXT_BATCH = """
    SELECT b.id, b.proved IS FALSE FROM outbox_batches b
    WHERE b.account = %(account)s AND b.post_at <= %(now)s
      AND NOT EXISTS (
        SELECT FROM outbox o WHERE o.batch = b.id AND o.state = 'pending' AND (o.sent_at IS NOT NULL OR NOT EXISTS (
            SELECT FROM outbox e WHERE e.merchant = o.merchant AND e.platform = o.platform AND e.return_id = o.return_id
              AND e.number < o.number AND e.state IN ('waiting', 'dead') AND e.kind <> 'match_order' AND e.lanes && o.lanes)))
      AND EXISTS (SELECT FROM outbox o WHERE o.batch = b.id AND o.state = 'done')
      AND (b.looked_at IS NULL OR (b.proved IS FALSE AND b.looked_at <= %(again)s)
        OR EXISTS (SELECT FROM outbox o WHERE o.batch = b.id AND o.state = 'done' AND o.finished_at > b.looked_at))
    ORDER BY b.post_at LIMIT 1"""
_NOTES = """
    SELECT id, merchant, platform, return_id, document, currency, booked_minor FROM outbox
    WHERE batch = %s AND state = 'done' ORDER BY number"""
_CLOSE = """
    UPDATE outbox_batches SET notes = %s, told = %s::jsonb, booked = %s::jsonb, proved = %s, note = %s, looked_at = %s WHERE id = %s"""
_BATCHES = """
    SELECT id, account, post_at, (SELECT count(*) FROM outbox o WHERE o.batch = b.id AND o.state NOT IN ('done', 'abandoned')) AS waiting,
        notes, told, booked, proved, looked_at, note
    FROM outbox_batches b ORDER BY post_at DESC, id LIMIT %s"""
