"""What may be sold of a SKU after goods moved at the ERP, told to the shop: Available, not on hand, and absolute.

It is no instruction of a return, and no fact: the figure is the ERP's, read afresh before each telling, and telling it twice is telling it
once. So a death, a lost answer or two movements close together need nothing more than another look.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection, Cursor
from psycopg.rows import dict_row

from adapters.erps.port import Erp
from adapters.inbox.schedule import next_try
from adapters.inbox.store import storable
from adapters.outbox.shop import Shop
from adapters.platforms.port import Stocking
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorError, VendorTrouble
from adapters.vendor.quota import QuotaSpent
from domain.erp_facts import InstructionIssued
from domain.telling import write_instant

log = logging.getLogger("returns_ledger")

# What a person has to see to is tried again after so long.
BARRED: Final = timedelta(hours=1)


class Publisher:
    """For the returns of these connections, which post to one ERP and sell in one shop. `places`: the ERP's location → the shop's id."""

    def __init__(
        self, shop: Shop, connections: Sequence[str], erp: Erp, stocking: Stocking, places: Mapping[str, str], settle: timedelta
    ) -> None:
        self._shop, self._connections, self._erp, self._stocking = shop, list(connections), erp, stocking
        self._places, self._settle = dict(places), settle

    def step(self) -> bool:
        """One SKU that is due; False where there is none."""
        now = self._shop.clock()
        with self._shop.pool.connection() as conn:
            # Lists of an ERP may be older than what was just written there.
            row = conn.execute(_DUE, (self._connections, now, now - self._settle)).fetchone()
        if row is None:
            return False
        connection, sku, changed_at, attempts = row
        told: dict[str, int] = {}
        error: str | None = None
        next_at: datetime | None = None
        try:
            told = self._levels(sku)
            for place, available in sorted(told.items()):
                match self._stocking.publish_available(sku, place, available):
                    case Accepted():
                        pass
                    case Declined(_, reason, what_to_do):
                        error, next_at = f"{reason}: {what_to_do}", now + BARRED
                    case Unknown(reason):
                        error, next_at = reason, next_try(now, attempts + 1)
        except QuotaSpent as spent:
            error, next_at = str(spent), now + timedelta(seconds=spent.retry_after_seconds or 1)
        except VendorTrouble as trouble:
            error, next_at = str(trouble), next_try(now, attempts + 1, trouble.retry_after_seconds)
        except VendorError as refused:
            error, next_at = str(refused), now + BARRED
        except Exception as broken:  # our mistake with one SKU; the others go on
            log.exception("outbox: what may be sold of %s could not be told", sku)
            error, next_at = f"our mistake: {type(broken).__name__}: {broken}", next_try(now, attempts + 1)
        content = {"connection": connection, "sku": sku, "changed_at": changed_at, "now": now, "told": json.dumps(told)}
        content |= {"error": None if error is None else storable(error, 1_000), "next_at": next_at}
        with self._shop.pool.connection() as conn:
            conn.execute(_TOLD, content)
        return True

    def _levels(self, sku: str) -> dict[str, int]:
        """By the shop's location: all of the ERP's that are sold there, their bins as well. Raises VendorTrouble."""
        levels = [level for level in self._erp.levels([sku]) if level.sku == sku]
        if not levels:
            raise VendorTrouble(f"the ERP tells no level of {sku}")
        found = Counter[str](dict.fromkeys(self._places.values(), 0))
        for level in levels:
            place = self._places.get(level.location) or self._places.get(level.location.partition(": ")[0])
            if place is not None:
                found[place] += level.available
        return {place: max(0, available) for place, available in found.items()}


def want_told(cursor: Cursor[Any], connection: str, issued: InstructionIssued, now: datetime) -> None:
    """The instruction moved goods: what may be sold of them is to be told."""
    for sku in sorted({goods.sku for goods in issued.goods}):
        cursor.execute(_WANT, (connection, sku, now, now))


def availability_rows(conn: Connection[Any], limit: int = 100) -> list[dict[str, Any]]:
    """For people: what is still to be told first, then what was told last."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_ROWS, (limit,)).fetchall()
    return [{name: write_instant(value) if isinstance(value, datetime) else value for name, value in row.items()} for row in rows]


_WANT = """
    INSERT INTO outbox_availability (connection, sku, changed_at, next_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (connection, sku) DO UPDATE SET changed_at = excluded.changed_at, next_at = excluded.next_at, attempts = 0"""
_DUE = """
    SELECT connection, sku, changed_at, attempts FROM outbox_availability
    WHERE connection = ANY(%s) AND next_at <= %s AND changed_at <= %s ORDER BY next_at, sku LIMIT 1"""
# Whatever changed since it was read is told once more.
_TOLD = """
    UPDATE outbox_availability SET next_at = %(next_at)s, error = %(error)s, told = %(told)s::jsonb,
        attempts = CASE WHEN %(error)s::text IS NULL THEN 0 ELSE attempts + 1 END,
        published_at = CASE WHEN %(error)s::text IS NULL THEN %(now)s ELSE published_at END
    WHERE connection = %(connection)s AND sku = %(sku)s AND changed_at = %(changed_at)s"""
_ROWS = """
    SELECT connection, sku, changed_at, next_at, attempts, published_at, told, error FROM outbox_availability
    ORDER BY next_at NULLS LAST, published_at DESC, 1, 2 LIMIT %s"""
