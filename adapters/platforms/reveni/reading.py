"""A return as Reveni's API shows it → the facts it tells, each once.

A status tells of what lies before it as well: goods that were received have been handed in. What others have told of the goods already,
a warehouse say, is not told again. A happening without a date is dated when it is first seen, and keeps that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from adapters.platforms.port import Desk, RawFact, Reading, Unmapped
from adapters.platforms.reveni.document import Item, Return
from adapters.platforms.reveni.pricing import NotPriced, priced
from adapters.platforms.reveni.refunds import Refunds, Row
from adapters.platforms.reveni.told import PREFIX, Told
from adapters.platforms.tables import Tables
from adapters.vendor.shapes import first_text, shown
from domain.telling import ReturnKey, write_instant, write_telling

PLATFORM: Final = "reveni"
_LONGEST_REASON: Final = 80
_GOODS_IN: Final = frozenset({"received", "accepted", "partly_accepted", "done"})
# How far a return has come, for telling an older view of it from a newer one.
RANKS: Final = {
    "open": 0,
    "handed_in": 1,
    "received": 2,
    "accepted": 3,
    "partly_accepted": 3,
    "rejected": 3,
    "done": 3,
    "expired": 3,
    "cancelled": 3,
}


class ReturnReader:
    """Reads returns of one merchant by one connection's tables."""

    def __init__(self, merchant: str, tables: Tables) -> None:
        self._merchant, self.tables = merchant, tables

    def key(self, return_id: str) -> ReturnKey:
        return ReturnKey(self._merchant, PLATFORM, return_id)

    def read(self, of: Return, desk: Desk, seen_at: datetime) -> Reading:
        """`seen_at` dates what has no date."""
        return _OneReading(self.key(of.return_id), of, desk, seen_at, self.tables).reading()

    def known(self, return_id: str, desk: Desk) -> tuple[RawFact, ...]:
        """What this room has told of the return so far."""
        tellings = desk.told(self.key(return_id))
        return tuple(write_telling(telling) for telling in tellings if (telling.source_id or "").startswith(PREFIX))


class _OneReading:
    def __init__(self, key: ReturnKey, of: Return, desk: Desk, seen_at: datetime, tables: Tables) -> None:
        self.key, self.of, self.desk, self.seen_at, self.tables = key, of, desk, seen_at, tables
        self.told = Told(desk.told(key))
        self.facts: list[RawFact] = []
        self.unmapped: dict[Unmapped, None] = {}
        self.waits_for: str | None = None

    def reading(self) -> Reading:
        if self.of.status is None:
            self._not_mapped("status", self.of.status_said or "missing")
        currency = self.told.currency or self._announce()
        found = [(item, self._disposition(item, verdict)) for item in self.of.items if (verdict := self._verdict(item)) is not None]
        looked_at = [(item, disposition) for item, disposition in found if disposition != "nothing"]
        missing = {item.line for item, disposition in found if disposition == "nothing"}
        goods_in = self.of.status in _GOODS_IN or self.of.date("received") is not None
        # Of a rejected return only those goods are in that somebody has looked at.
        came = [item for item in self.of.items if item.line not in missing] if goods_in else [item for item, _ in looked_at]
        if self.of.status == "handed_in" or self.of.date("handed_in") is not None:
            self._units("ScannedAtReturnBar", "handed-in", "scanned", self.of.items, self._at("handed_in"))
        elif came:
            self._units("ScannedAtReturnBar", "handed-in", "scanned", came, self.of.date("received") or self._at("received"))
        self._units("Received", "received", "received", came, self._at("received"))
        self._inspect(looked_at)
        refunds = Refunds(self.key, self.of, self.told, currency, self.desk, self.tables)
        for row in refunds.rows:
            self._tell(row)
        self.unmapped |= dict.fromkeys(refunds.unmapped)
        self._end()
        return Reading(tuple(self.facts), unmapped=tuple(self.unmapped), waits_for=self.waits_for, joined=tuple(refunds.joined))

    def _announce(self) -> str | None:
        """The currency; None where it cannot be announced."""
        resolution = self._resolution()
        if resolution is None:
            return None
        try:
            found = priced(self.of, self.desk.orders, self.tables)
        except NotPriced as lacking:
            self.waits_for = str(lacking)
            return None
        reasons = {item.line: item.reason for item in self.of.items}
        for line in found.lines:
            reason = reasons[line["line"]]
            # One of the shop's words; a text long enough to be the shopper's own could say who he is.
            if reason is not None and len(reason) <= _LONGEST_REASON and "@" not in reason:
                line["reason"] = reason
        wanted = [{"sku": sku, "quantity": quantity} for item in self.of.items for sku, quantity in item.exchange]
        content = {"order": found.order, "currency": found.currency, "resolution": resolution, "lines": found.lines}
        exchange = {"exchange": wanted} if wanted and resolution == "exchange" else {}
        self._tell(Row("Initiated", "initiated", self.of.date("open"), content | exchange))
        return found.currency

    def _resolution(self) -> str | None:
        """None where what is said is not known: nobody guesses what the customer wants."""
        said = first_text(self.of.document, "type", "return_type")
        meaning = self.tables.meaning("types", said)
        if said is not None and meaning is None:
            self._not_mapped("type", said)
            return None
        if any(item.is_exchange for item in self.of.items):
            return "exchange"
        by_method = self.tables.meaning("refund_methods", first_text(self.of.document, "refund_method"))
        return "store_credit" if meaning in (None, "refund") and by_method in ("store_credit", "gift_card") else meaning or "refund"

    def _verdict(self, item: Item) -> str | None:
        """What became of an item: as it says itself, else as the whole return says."""
        of_item = self.tables.meaning("item_status", item.verdict)
        if item.verdict is not None and of_item is None:
            self._not_mapped("item.status", item.verdict)
            return None
        if of_item in ("accepted", "rejected"):
            return of_item
        if self.of.status in ("accepted", "done"):
            return "accepted"
        # A return rejected without a reason: nobody says whether anything came.
        known = item.reject_reason is not None or self.told.any("received")
        return "rejected" if self.of.status == "rejected" and known else None

    def _disposition(self, item: Item, verdict: str) -> str:
        by_reason = self.tables.meaning("dispositions", item.reject_reason) if verdict == "rejected" else None
        return by_reason or self.tables.meaning("dispositions", verdict) or verdict

    def _units(self, fact: str, source: str, step: str, items: Sequence[Item], at: datetime) -> None:
        lines = [{"line": item.line, "quantity": missing} for item in items if (missing := self.told.missing(step, item))]
        if lines:
            self._tell(Row(fact, self._fresh(source), at, {"lines": lines}))

    def _inspect(self, looked_at: Sequence[tuple[Item, str]]) -> None:
        """Units that were found in order once stay so: what a later verdict changes is no unit of its own."""
        lines = [
            {"line": item.line, "quantity": missing, "disposition": disposition}
            for item, disposition in looked_at
            if (missing := self.told.missing("inspected", item))
        ]
        if lines:
            self._tell(Row("Inspected", self._fresh("inspected"), self._at("inspected"), {"lines": lines}))

    def _end(self) -> None:
        for step, fact in (("expired", "Expired"), ("cancelled", "Cancelled")):
            if self.of.status == step and f"{PREFIX}{self.key.return_id}/{step}" not in self.told.sources:
                self._tell(Row(fact, step, self._at(step), {}))

    def _fresh(self, source: str) -> str:
        """A source id of its own for what comes in a second go."""
        before = f"{PREFIX}{self.key.return_id}/{source}"
        goes = sum(1 for told in self.told.sources if told == before or told.startswith(f"{before}/"))
        return f"{source}/{goes + 1}" if goes else source

    def _at(self, step: str) -> datetime:
        """When it happened: as the return dates it, at the latest when it was completed; else when it was first seen."""
        return self.of.date(step) or (self.of.date("done") if step in ("received", "inspected") else None) or self.seen_at

    def _tell(self, row: Row) -> None:
        self.facts.append(
            {
                "fact": row.fact,
                "merchant": self.key.merchant,
                "platform": PLATFORM,
                "return": self.key.return_id,
                "occurred_at": write_instant(row.at or self.seen_at),
                "source_id": f"{PREFIX}{self.key.return_id}/{row.source}",
                **row.content,
            }
        )

    def _not_mapped(self, field: str, said: str) -> None:
        self.unmapped[Unmapped(field, shown(said), self.key.return_id)] = None
