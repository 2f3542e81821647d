"""Notes of ours that were gone before anybody read the ERP back: its feed never told of them, so each is asked for once by its id."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Cursor

from adapters.erps.port import Erp, ErpDocument, FoundTwice, NotThere, Unfinished
from adapters.event_store import Prepared
from adapters.outbox.folding import fold_one, told
from adapters.outbox.looking import work_of
from adapters.outbox.shop import Shop
from domain.facts import CreditNoteVoided
from domain.telling import ReturnKey

log = logging.getLogger("returns_ledger")

# Asked for at each read-back; more wait for the next one.
MOST_ASKED: Final = 20


class Vanished:
    """One ERP's. `settle`: how long after it was written a note may not show yet."""

    def __init__(self, shop: Shop, name: str, account: str, erp: Erp, settle: timedelta) -> None:
        self._shop, self._name, self._account, self._erp, self._settle = shop, name, account, erp, settle

    def look(self, began: datetime) -> None:
        """After a read-back that began then: what was done long enough before, and was not told of. Raises VendorError."""
        with self._shop.pool.connection() as conn:
            rows = conn.execute(_UNSEEN, (self._account, began - self._settle, MOST_ASKED)).fetchall()
        for instruction, document, *key in rows:
            self._ask(ReturnKey(*key), instruction, document)

    def _ask(self, key: ReturnKey, instruction: str, document: str) -> None:
        state = fold_one(self._shop.ledger, key)
        issued, name = state.work.issued.get(instruction), (self._name, document)
        facts: list[Prepared] = []
        if issued is not None and name in state.notes and name not in state.voided and name not in state.work.moved_away:
            try:
                found = self._erp.find(work_of(state, issued, state.work.issued_at[instruction], None))
            except FoundTwice:
                log.info("outbox: %s: several notes carry %s; the read-back tells of each", self._name, instruction)
            else:
                if isinstance(found, NotThere) or (isinstance(found, Unfinished) and not found.stands):
                    log.warning("outbox: %s: credit note %s of %s is gone", self._name, document, key)
                    gone = CreditNoteVoided(credit_note=document, erp=self._name)
                    facts = [told(key, self._shop.clock(), gone, f"poll:{self._name}")]

        def also(cursor: Cursor[Any]) -> None:
            cursor.execute("UPDATE outbox SET read_back_at = %s WHERE id = %s", (self._shop.clock(), instruction))

        if facts:
            self._shop.ledger.append_with(lambda _: facts, lambda cursor, _: also(cursor))
        else:
            with self._shop.pool.connection() as conn, conn.transaction(), conn.cursor() as cursor:
                also(cursor)


def mark_seen(cursor: Cursor[Any], account: str, documents: Iterable[ErpDocument], now: datetime) -> None:
    """The feed told of these."""
    numbers = [one.number for one in documents if one.kind == "credit_note" and one.status in ("active", "voided")]
    if numbers:
        cursor.execute(_SEEN, (now, account, numbers))


_UNSEEN = """
    SELECT id, document, merchant, platform, return_id FROM outbox
    WHERE account = %s AND kind = 'post_credit_note' AND state = 'done' AND read_back_at IS NULL AND document IS NOT NULL
      AND finished_at <= %s
    ORDER BY finished_at LIMIT %s"""
_SEEN = """
    UPDATE outbox SET read_back_at = %s
    WHERE account = %s AND kind = 'post_credit_note' AND state = 'done' AND read_back_at IS NULL AND document = ANY(%s)"""
