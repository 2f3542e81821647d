"""What changed in Linnworks: refunds and returns actioned, changed or gone since the last look, by hand or not, and exchanges sent out.

The history search lists what was actioned in the last days. What it shows of each order is remembered in the cursor by a short mark: an
order that is new, looks different or is gone is read again in full.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.documents import OfOrder, credit_notes, returned_goods
from adapters.erps.linnworks.orders import Orders
from adapters.erps.linnworks.places import Places
from adapters.erps.linnworks.searching import SLACK, History, search
from adapters.erps.linnworks.sent_out import exchanges_sent
from adapters.erps.port import Changes, ErpDocument
from adapters.vendor.shapes import Document, first_text, instant, mark, nested

# How far back each look goes. A refund that is changed or deleted later than that is not noticed any more; returns are final.
WATCHED: Final[Mapping[History, timedelta]] = {"REFUNDS": timedelta(days=14), "RETURNS": SLACK}
_ORDERS_A_PAGE: Final = 50
# Before a mark that was seen once.
_ONCE: Final = "?"
_SHOWN: Final = (
    *("pkRefundRowId", "Amount", "RefundStatus", "RefundReference", "ActionDate"),
    *("pkReturnId", "RowType", "ReturnQty", "ScrapQty", "fkReturnLocationId", "LastDate"),
)


class _Seen(NamedTuple):
    """Of one order, as the cursor keeps it: what the search showed, the day of its first document, and (number, instruction) of each."""

    mark: str | None
    day: int
    documents: list[list[str | None]]


class Look:
    """One poll. The cursor has `since`, and by history and order what was `seen`."""

    def __init__(self, client: LinnworksClient, orders: Orders, places: Places, sub_source: str) -> None:
        self._client, self._orders, self._places, self._sub_source = client, orders, places, sub_source

    def pages(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        began = instant((cursor or {}).get("since"))
        kept = (cursor or {}).get("seen") or {}
        seen: dict[str, dict[str, _Seen]] = {
            history: {order: _Seen(*told) for order, told in (kept.get(history) or {}).items()} for history in WATCHED
        }
        for history, watched in WATCHED.items():
            since = min(began or now - WATCHED["REFUNDS"], now) - watched
            told, before = self._told(history, since, now), seen[history]
            again = [
                order
                for order in dict.fromkeys((*told, *before))
                if _mark(told.get(order)) != (before[order].mark if order in before else None)
            ]
            for start in range(0, len(again), _ORDERS_A_PAGE):
                documents: list[ErpDocument] = []
                for order_id in again[start : start + _ORDERS_A_PAGE]:
                    documents += self._read(history, order_id, told.get(order_id, []), before, since, now)
                yield Changes(tuple(documents), _cursor(began, seen))
        sent = exchanges_sent(self._client, self._sub_source, (began or now - WATCHED["REFUNDS"]) - SLACK, now + SLACK)
        yield Changes(tuple(sent), _cursor(now, seen))

    def _told(self, history: History, since: datetime, now: datetime) -> dict[str, list[Document]]:
        told: dict[str, list[Document]] = defaultdict(list)
        for page in search(self._client, history, since, now + SLACK):
            for row in page:
                if (order_id := first_text(row, "pkOrderID", "pkOrderId")) is not None:
                    told[order_id].append(row)
        return told

    def _read(
        self, history: History, order_id: str, rows: list[Document], seen: dict[str, _Seen], since: datetime, now: datetime
    ) -> list[ErpDocument]:
        """The order's documents, and those that were there and are no longer; remembered in `seen` as they are now."""
        before = seen.get(order_id)
        if not rows and before is not None and before.day <= (since + SLACK).toordinal():
            # It is older than what is watched: gone from the search, not from Linnworks.
            del seen[order_id]
            return []
        of = self._of_order(order_id, rows, now)
        if history == "RETURNS":
            found = returned_goods(self._client, self._places, of)
            gone = []
        else:
            found = credit_notes(self._client, of, rows)
            there = {document.number for document in found}
            gone = [one for one in (before.documents if before is not None else []) if one[0] not in there]
        for number, instruction in gone:
            found.append(ErpDocument("credit_note", str(number), "voided", now, order_id, of.reference, instruction))
        active = [document for document in found if document.status == "active"]
        if rows or active:
            # A search that has nothing of what is still there lags behind: it will show it again.
            shown = _mark(rows) if rows or before is None else before.mark
            if shown is not None and (before is None or before.mark not in (shown, _ONCE + shown)):
                # The order's own list may lag behind the search: it is read once more at the next look.
                shown = _ONCE + shown
            day = min((document.at for document in active), default=now).toordinal()
            numbers = [[document.number, document.instruction] for document in active] if history == "REFUNDS" else []
            seen[order_id] = _Seen(shown, day, numbers)
        else:
            seen.pop(order_id, None)
        return found

    def _of_order(self, order_id: str, rows: list[Document], now: datetime) -> OfOrder:
        reference, currency = (
            next((said for row in rows if (said := first_text(row, name))), None) for name in ("ReferenceNum", "cCurrency")
        )
        if reference is None or currency is None:
            order = self._orders.by_id(order_id) or {}
            reference = reference or first_text(nested(order, "GeneralInfo"), "ReferenceNum")
            currency = currency or first_text(nested(order, "TotalsInfo"), "Currency")
        return OfOrder(order_id, reference, currency, now)


def _cursor(since: datetime | None, seen: Mapping[str, Mapping[str, _Seen]]) -> dict[str, Any]:
    shown = {history: {order: list(told) for order, told in orders.items()} for history, orders in seen.items()}
    return {"since": since.isoformat() if since is not None else None, "seen": shown}


def _mark(rows: list[Document] | None) -> str | None:
    return mark(repr(sorted([str(row.get(name)) for name in _SHOWN] for row in rows)), 6) if rows else None
