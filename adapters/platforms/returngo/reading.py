"""An RMA → the facts it tells, each once.

A document shows how things stand, hardly ever when they came to stand so. What has no date of its own in the record is dated by the last
moment that the record shows, when it is first seen; that date is kept, because what the ledger has been told already is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from adapters.platforms.port import Desk, RawFact, Reading, Unmapped
from adapters.platforms.returngo.amounts import Unreadable, Worth, side_of, worths
from adapters.platforms.returngo.fields import Document, every, first_text, nested, number, text
from adapters.platforms.returngo.mapping import Mappings
from adapters.platforms.returngo.refunds import refunds
from adapters.platforms.returngo.rma import Rma, Unit
from adapters.platforms.returngo.told import PREFIX, Told
from domain.money import to_text
from domain.refusals import Rejected
from domain.telling import ReturnKey, read_telling, write_instant

PLATFORM = "returngo"
# Who validates a parcel item by item leaves a date on each: that is one inspection.
_ONE_SITTING = timedelta(minutes=10)
_LONGEST_SOURCE = 200


class RmaReader:
    """Reads RMAs of one merchant by one connection's mappings."""

    def __init__(self, merchant: str, mappings: Mappings) -> None:
        self._merchant = merchant
        self._mappings = mappings

    def rma(self, document: Document) -> Rma:
        return Rma(document, self._mappings)

    def read(self, rma: Rma, desk: Desk, at_least: datetime | None = None) -> Reading:
        """`at_least` is an instant at which the vendor says that something happened to the RMA."""
        assert rma.rma_id is not None, "an RMA without an id is nobody's"
        key = ReturnKey(self._merchant, PLATFORM, rma.rma_id)
        return _OneReading(key, self._mappings, rma, Told(desk.told(key)), rma.latest(desk.now(), at_least)).reading()


class _OneReading:
    def __init__(self, key: ReturnKey, mappings: Mappings, rma: Rma, told: Told, latest: datetime) -> None:
        self.key, self.mappings, self.rma, self.told, self.latest = key, mappings, rma, told, latest
        self.facts: list[RawFact] = []
        self.unmapped: list[Unmapped] = []
        self.currency: tuple[str, str] | None = None
        self.worths: dict[str, Worth] = {}

    def reading(self) -> Reading:
        self._price()
        self._initiated()
        self._arrived()
        self._inspected()
        self._paid()
        self._exchanged()
        self._ended()
        return Reading(tuple(self.facts), unmapped=tuple(dict.fromkeys(self.unmapped)))

    def _tell(self, fact: str, source: str, at: datetime, **content: Any) -> None:
        """A fact that the ledger would not take is shown in place of being told: the others need not wait for it."""
        source_id = f"{PREFIX}rma/{self.key.return_id}/{source}"
        if len(source_id) > _LONGEST_SOURCE:
            source_id = f"{PREFIX}rma/{blake2b(source_id.encode(), digest_size=16).hexdigest()}"
        row: RawFact = {
            "fact": fact,
            "merchant": self.key.merchant,
            "platform": self.key.platform,
            "return": self.key.return_id,
            "occurred_at": write_instant(self.told.dates.get(source_id, at)),
            "source_id": source_id,
        }
        row |= {name: value for name, value in content.items() if value is not None}
        try:
            read_telling(row)
        except Rejected as rejected:
            self._miss(f"{fact}.{rejected.field}", rejected.reason)
        else:
            self.facts.append(row)

    def _miss(self, field: str, value: str | None) -> None:
        self.unmapped.append(Unmapped(field, value if value is not None else "missing", self.key.return_id))

    def _meaning(self, table: str, word: str | None) -> str | None:
        meaning = self.mappings.meaning(table, word)
        if meaning is None:
            self._miss(table, word)
        return meaning

    def _price(self) -> None:
        if not self.rma.units:
            self._miss("items", None)
            return
        try:
            self.currency = side_of([nested(unit.item, "paidPrice") for unit in self.rma.units])
            self.worths = worths(self.rma.units, *self.currency)
        except Unreadable as unreadable:
            self._miss(unreadable.field, unreadable.said)

    def _initiated(self) -> None:
        at, resolution = self.rma.created_at, self._resolution()
        if at is None:
            self._miss("createdAt", text(self.rma.document.get("createdAt")))
        if at is None or resolution is None or self.currency is None or not self.worths:
            return
        lines = [
            {
                "line": unit.line,
                "sku": unit.sku,
                "quantity": unit.quantity,
                "items": to_text(self.worths[unit.line].items, self.currency[1]),
                "tax": to_text(self.worths[unit.line].tax, self.currency[1]),
            }
            | {name: said for name, said in (("order_line", unit.order_line), ("reason", text(unit.item.get("returnReason")))) if said}
            for unit in self.rma.units
        ]
        self._tell(
            "Initiated",
            "initiated",
            at,
            order=self.rma.order,
            currency=self.currency[1],
            resolution=resolution,
            lines=lines,
            exchange=self._wanted() if resolution == "exchange" else None,
        )

    def _resolution(self) -> str | None:
        """One for the whole return: an exchange, where any unit is exchanged; store credit, where all of them are paid so."""
        meanings = {self._meaning("resolution_types", first_text(unit.item, "resolutionType", "resolutionName")) for unit in self.rma.units}
        if None in meanings or not meanings:
            return None
        return "exchange" if "exchange" in meanings else meanings.pop() if len(meanings) == 1 else "refund"

    def _wanted(self) -> list[dict[str, Any]] | None:
        by_sku: dict[str, int] = {}
        of_units = [wanted for unit in self.rma.units for wanted in every(unit.item, "exchangeItems")]
        for wanted in of_units or every(self.rma.document, "exchangeItems"):
            sku, variant, quantity = text(wanted.get("sku")), text(wanted.get("variantId")), number(wanted.get("quantity"))
            name = sku or (f"variant:{variant}" if variant else None)
            if name is not None:
                by_sku[name] = by_sku.get(name, 0) + (int(quantity) if quantity is not None and quantity >= 1 else 1)
        return [{"sku": sku, "quantity": quantity} for sku, quantity in sorted(by_sku.items())] or None

    def _arrived(self) -> None:
        """Each unit comes in once: with its parcel, or because the RMA says that all is there, or because somebody has held it in hand."""
        said = {parcel: self._meaning("shipment_status", status) for parcel, status in self.rma.parcels.items()}
        by_parcel = "received" in said.values()
        if self.rma.status is None:
            self._miss("rma_status", self.rma.status_said)
        groups: dict[str | None, list[Unit]] = {}
        for unit in self.rma.units:
            parcel = said.get(unit.parcel) if unit.parcel is not None else None
            if unit.line in self.told.received or unit.found == "not_returned":
                continue
            if parcel == "received":
                groups.setdefault(unit.parcel, []).append(unit)
            # An RMA is received as a whole; where parcels are told one by one, a parcel still on its way is not meant.
            elif unit.found is not None or (self.rma.is_here and not (by_parcel and parcel == "on_the_way")):
                groups.setdefault(None, []).append(unit)
        # A parcel is a receipt, also where two have come by the time we look: it must not matter when we look.
        for units in groups.values():
            self._tell("Received", f"received/{_first(units)}", self._arrival(units), lines=_lines(units))

    def _arrival(self, units: Sequence[Unit]) -> datetime:
        """When the history says so; else no later than it was looked at."""
        seen = [unit.found_at for unit in units if unit.found_at is not None]
        received = self.rma.first("received")
        if received is not None:
            seen.append(received)
        return min(seen, default=None) or self.rma.first("validated") or self.rma.first("done") or self.latest

    def _inspected(self) -> None:
        looked_at: list[tuple[datetime, Unit, str]] = []
        unseen = "not_validated" if self.rma.found_as_a_whole else None
        for unit in self.rma.units:
            found = unit.found or unseen
            # What did not come is no inspection, unless it was said to have come: then somebody has to look for it.
            if found is None or (found == "not_returned" and unit.line not in self.told.received):
                continue
            disposition = self._disposition(unit, found)
            before = self.told.inspected.get(unit.line)
            at = unit.found_at or self.rma.first("validated") or self.rma.first("done") or self.latest
            if before is None:
                looked_at.append((at, unit, disposition))
            elif before.disposition != disposition:
                # Told with the source of the first finding, so that the ledger refuses it and shows both.
                self._tell("Inspected", before.source, at, lines=[{**_line(unit), "disposition": disposition}])
        for sitting in _sittings(looked_at):
            units = [unit for _, unit, _ in sitting]
            lines = [{**_line(unit), "disposition": disposition} for _, unit, disposition in sitting]
            self._tell("Inspected", f"inspected/{_first(units)}", max(at for at, _, _ in sitting), lines=lines)

    def _disposition(self, unit: Unit, found: str) -> str:
        reason = text(nested(unit.item, "itemValidationStatusResponse").get("nonRestockableReason"))
        named = self.mappings.meaning("dispositions", reason) if found == "not_restockable" else None
        disposition = named or self.mappings.meaning("dispositions", found)
        assert disposition is not None, "each finding has a default"
        return disposition

    def _paid(self) -> None:
        found, unmapped = refunds(self.rma, self.mappings, self.told, self.currency, self.worths)
        self.unmapped += [Unmapped(field, said, self.key.return_id) for field, said in unmapped]
        for fact, source, at, content in found:
            self._tell(fact, source, at or self.latest, **content)

    def _exchanged(self) -> None:
        """A draft first, where there was one: it is told also when the order stands already, so that it does not matter when we look."""
        for order in every(self.rma.document, "exchangeOrders"):
            if self.mappings.meaning("exchange_order_types", text(order.get("type"))) == "no_exchange":
                continue
            draft = first_text(order, "draftOrderId")
            order_id, name = first_text(order, "orderId"), first_text(order, "orderName")
            if draft is not None:
                self._tell("ExchangeOrdered", f"exchange/draft/{draft}", self.latest, order=draft, status="draft")
            standing = order_id or name
            if standing is not None and not self.told.knows(f"rma/{self.key.return_id}/exchange/{standing}"):
                self._tell("ExchangeOrdered", f"exchange/{standing}", self.latest, order=name or order_id, status="authorised")

    def _ended(self) -> None:
        if self.rma.status == "cancelled":
            self._tell("Cancelled", "cancelled", self.rma.first("cancelled") or self.latest)


def _line(unit: Unit) -> dict[str, Any]:
    return {"line": unit.line, "quantity": unit.quantity}


def _lines(units: Iterable[Unit]) -> list[dict[str, Any]]:
    return [_line(unit) for unit in units]


def _first(units: Iterable[Unit]) -> str:
    """Names a group of units: no unit is in two groups, so its first line is its own."""
    return min(unit.line for unit in units)


def _sittings(looked_at: list[tuple[datetime, Unit, str]]) -> Iterator[list[tuple[datetime, Unit, str]]]:
    sitting: list[tuple[datetime, Unit, str]] = []
    for looked in sorted(looked_at, key=lambda looked: (looked[0], looked[1].line)):
        if sitting and looked[0] - sitting[0][0] > _ONE_SITTING:
            yield sitting
            sitting = []
        sitting.append(looked)
    if sitting:
        yield sitting
