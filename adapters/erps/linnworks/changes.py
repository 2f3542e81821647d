"""What changed in Linnworks: refunds and returns actioned, changed or gone since the last look, by hand or not, and exchanges sent out.

The history search lists what was actioned in the last days. What it shows of each order is remembered in the cursor by a short mark: an
order that is new, looks different or is gone is read again in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.documents import credit_notes, returned_goods
from adapters.erps.linnworks.orders import Orders
from adapters.erps.linnworks.places import Places
from adapters.erps.linnworks.searching import SLACK, History, search
from adapters.erps.linnworks.sent_out import exchanges_sent
from adapters.erps.port import Changes, ErpDocument
from adapters.vendor.shapes import Document, first_text, instant, mark, nested

# How far back each look goes: a refund that is changed or deleted later than that is not noticed any more.
WATCHED: Final = timedelta(days=14)
_ORDERS_A_PAGE: Final = 20
_HISTORIES: Final[tuple[History, ...]] = ("REFUNDS", "RETURNS")
_SHOWN: Final = (
    *("pkRefundRowId", "Amount", "RefundStatus", "RefundReference", "ActionDate"),
    *("pkReturnId", "RowType", "ReturnQty", "ScrapQty", "fkReturnLocationId", "LastDate"),
)


class Look:
    """One poll. The cursor: `since`, and `seen` by history and order: its mark, the order's reference, and its documents' numbers and
    instructions."""

    def __init__(self, client: LinnworksClient, orders: Orders, places: Places, sub_source: str) -> None:
        self._client, self._orders, self._places, self._sub_source = client, orders, places, sub_source

    def pages(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        began = instant((cursor or {}).get("since"))
        since = min(began or now, now) - WATCHED
        seen: dict[str, dict[str, Any]] = {name: dict(((cursor or {}).get("seen") or {}).get(name) or {}) for name in _HISTORIES}
        kept = began.isoformat() if began is not None else None
        for history in _HISTORIES:
            told = self._told(history, since, now)
            before = seen[history]
            again = [order for order in (*told, *before) if before.get(order, [None])[0] != _mark(told.get(order, []))]
            again = list(dict.fromkeys(again))
            for start in range(0, len(again), _ORDERS_A_PAGE):
                documents: list[ErpDocument] = []
                for order_id in again[start : start + _ORDERS_A_PAGE]:
                    rows = told.get(order_id, [])
                    documents += self._read(history, order_id, rows, before, now - WATCHED)
                yield Changes(tuple(documents), {"since": kept, "seen": {name: dict(orders) for name, orders in seen.items()}})
        sent = tuple(exchanges_sent(self._client, self._sub_source, (began or now - WATCHED) - SLACK, now + SLACK))
        yield Changes(sent, {"since": now.isoformat(), "seen": seen})

    def _told(self, history: History, since: datetime, now: datetime) -> dict[str, list[Document]]:
        told: dict[str, list[Document]] = defaultdict(list)
        for page in search(self._client, history, since, now + SLACK):
            for row in page:
                if (order_id := first_text(row, "pkOrderID", "pkOrderId")) is not None:
                    told[order_id].append(row)
        return told

    def _read(
        self, history: History, order_id: str, rows: list[Document], seen: dict[str, Any], watched_since: datetime
    ) -> list[ErpDocument]:
        """The order's documents, and those that were there and are no longer; remembered in `seen` as they are now."""
        before = seen.get(order_id)
        named = next((said for row in rows if (said := first_text(row, "ReferenceNum")) is not None), None)
        reference = named or (before[1] if before else None) or self._reference(order_id)
        if not rows and before is not None and (instant(before[2]) or watched_since) <= watched_since + SLACK:
            # It is older than what is watched: gone from the search, not from Linnworks.
            del seen[order_id]
            return []
        if history == "REFUNDS":
            found = credit_notes(self._client, order_id, reference, rows)
        else:
            found = returned_goods(self._client, self._places, order_id, reference)
        gone = [one for one in (before[3] if before else []) if one[0] not in {document.number for document in found}]
        at = max((document.at for document in found), default=None)
        told = list(found)
        for number, instruction in gone if history == "REFUNDS" else []:
            told.append(ErpDocument("credit_note", number, "voided", at or watched_since + WATCHED, order_id, reference, instruction))
        if rows:
            active = [[document.number, document.instruction] for document in found if document.status == "active"]
            first = min((document.at for document in found), default=watched_since + WATCHED)
            seen[order_id] = [_mark(rows), reference, first.isoformat(), active]
        else:
            seen.pop(order_id, None)
        return told

    def _reference(self, order_id: str) -> str | None:
        order = self._orders.by_id(order_id)
        return first_text(nested(order, "GeneralInfo"), "ReferenceNum") if order is not None else None


def _mark(rows: list[Document]) -> str | None:
    if not rows:
        return None
    return mark(repr(sorted([str(row.get(name)) for name in _SHOWN] for row in rows)), 6)
