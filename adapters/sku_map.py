"""SKUs that people matched, remembered by merchant and ERP: every other return that waits with such a SKU is freed by a fact of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection, Cursor

from adapters.event_store import Ledger, Outcome, Prepared, prepare
from domain.erp_facts import SkuMatched
from domain.policy import GapKind, Policy
from domain.telling import ReturnKey, Telling

PolicyOf = Callable[[ReturnKey], Policy]
_TICK = timedelta(microseconds=1)


def remember(cursor: Cursor[Any], merchant: str, erp: str, matched: SkuMatched, by: str, at: datetime) -> None:
    """From here on it goes for every return of the merchant at this ERP. The newest decision counts."""
    cursor.execute(
        """
        INSERT INTO sku_map (merchant, erp, sku, to_sku, decided_by, decided_at) VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (merchant, erp, sku) DO UPDATE
            SET to_sku = excluded.to_sku, decided_by = excluded.decided_by, decided_at = excluded.decided_at
            WHERE sku_map.decided_at < excluded.decided_at
        """,
        (merchant, erp, matched.sku, matched.to, by, at),
    )


class SkuMap:
    """Frees what waits. One for each process: what it has told once it does not tell again, helped or not."""

    def __init__(self, ledger: Ledger, policy_of: PolicyOf) -> None:
        self._ledger, self._policy_of = ledger, policy_of
        self._told: set[str] = set()

    def free_waiting(self, conn: Connection[Any], now: datetime) -> list[ReturnKey]:
        """Tell every return whose open gap is a SKU that the map knows; gives those that were told. As fresh as the read models are."""
        telling: list[Prepared] = []
        for merchant, platform, return_id, erp, sku, to_sku, by, decided_at in conn.execute(_WAITING):
            key = ReturnKey(merchant, platform, return_id)
            terms = self._policy_of(key).erp
            source = f"sku-map/{hashlib.sha256(repr((key, erp, sku, to_sku, decided_at)).encode()).hexdigest()[:32]}"
            if terms is None or terms.name != erp or source in self._told:
                continue
            self._told.add(source)
            # By its source id it is recorded once, whichever process tells it.
            fact = SkuMatched(sku=sku, to=to_sku)
            telling.append(prepare(Telling(key, max(now, decided_at + _TICK), fact, source, by), f"person:{by}"))
        appended = self._ledger.append(telling)
        return [one.telling.key for one, what in zip(telling, appended, strict=True) if what.outcome is Outcome.RECORDED]


_WAITING = f"""
    SELECT g.merchant, g.platform, g.return_id, m.erp, m.sku, m.to_sku, m.decided_by, m.decided_at
    FROM sku_map m JOIN gaps g ON g.merchant = m.merchant AND g.sku = m.sku
    WHERE g.kind = '{GapKind.SKU_UNMATCHED}' AND g.known_to = 'infinity' AND g.valid_to = 'infinity'
    ORDER BY g.gap_no LIMIT 1000"""  # noqa: S608 - a constant
