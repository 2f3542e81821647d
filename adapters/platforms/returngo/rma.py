"""An RMA's document, understood: its units and what was found of them, its parcels, and the dates that its record holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from adapters.platforms.returngo.amounts import Priced
from adapters.platforms.returngo.fields import Document, every, first_text, flag, instant, nested, number, text
from adapters.platforms.returngo.mapping import Mappings

Found = Literal["restockable", "not_restockable", "not_returned"]

# A date further ahead than clocks differ is none.
_AHEAD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Unit(Priced):
    """One element of `items[]`. `found` is None until somebody has looked: false, false and no date is how every item begins."""

    sku: str
    parcel: str | None
    found: Found | None
    found_at: datetime | None


class Rma:
    """One RMA as ReturnGO shows it. Reading it raises nothing; what is not there is None."""

    def __init__(self, document: Document, mappings: Mappings) -> None:
        self.document = document
        summary = nested(document, "rmaSummary")
        rma_id = first_text(summary, "rmaId") or first_text(document, "rmaId")
        self.rma_id = rma_id.removeprefix("RMA") if rma_id is not None else None
        self.status_said = first_text(summary, "status") or first_text(document, "status")
        self.status = mappings.meaning("rma_status", self.status_said)
        self.order = (
            first_text(summary, "order_name", "orderName")
            or first_text(nested(document, "orderDetails"), "order_name", "orderName", "orderId")
            or first_text(document, "order_name", "orderName")
        )
        self.units = _units(every(document, "items"))
        # Status as ReturnGO says it, of what comes in; what goes out is none of our business here.
        self.parcels = {
            parcel: text(shipment.get("status"))
            for shipment in every(document, "shipments")
            if (parcel := text(shipment.get("shipmentId"))) is not None and not flag(shipment.get("isOutbound"))
        }
        parcels = {mappings.meaning("shipment_status", status) for status in self.parcels.values()}
        # Is anything still on its way to the warehouse?
        self.awaits_parcels = not parcels <= {"received", "cancelled"}
        self._events = [
            (mappings.meaning("events", text(event.get("eventName"))), at)
            for event in [*every(summary, "events"), *every(document, "events")]
            if (at := instant(event.get("eventDate"))) is not None
        ]

    def first(self, happening: str) -> datetime | None:
        """When the history first shows it."""
        return min((at for what, at in self._events if what == happening), default=None)

    @property
    def is_here(self) -> bool:
        """Does its status say that all of it came?"""
        return self.status in ("received", "validated", "finished")

    @property
    def found_as_a_whole(self) -> bool:
        """Is it validated or done, though nobody has looked at any unit? Where some were looked at, the others' turn is to come."""
        return self.status in ("validated", "finished") and all(unit.found is None for unit in self.units)

    @property
    def created_at(self) -> datetime | None:
        return self.first("created") or instant(self.document.get("createdAt"))

    def latest(self, now: datetime, at_least: datetime | None = None) -> datetime:
        """The last moment that the record shows anything of this RMA, not after `now`.

        `lastUpdated` alone does not do: it stands still while a shipment changes, though the comments tell of it.
        """
        document = self.document
        dates = [at for _, at in self._events]
        dates += [unit.found_at for unit in self.units if unit.found_at is not None]
        dated = [document, *every(document, "comments"), *every(document, "transactions")]
        dates += [at for each in dated for name in ("createdAt", "lastUpdated", "datetime") if (at := instant(each.get(name))) is not None]
        if at_least is not None:
            dates.append(at_least)
        return min(max((at for at in dates if at <= now + _AHEAD), default=now), now)


def _units(items: Sequence[Document]) -> tuple[Unit, ...]:
    """One unit an element. Its line is `returnedItemId`; where that is missing, its order line and its place among that line's units."""
    units: list[Unit] = []
    taken: set[str] = set()
    for item in items:
        order_line = text(item.get("shopLineItemId"))
        line = text(item.get("returnedItemId"))
        if line is None or line in taken:
            stem = line or order_line or "item"
            line = next(name for place in range(1, len(items) + 2) if (name := f"{stem}-{place}") not in taken)
        taken.add(line)
        found, found_at = _found(item)
        variant = text(item.get("variantId"))
        sku = text(item.get("sku")) or (f"variant:{variant}" if variant else f"line:{order_line or line}")
        units.append(Unit(line, order_line, _quantity(item), item, sku, text(item.get("shipmentId")), found, found_at))
    return tuple(units)


def _quantity(item: Document) -> int:
    told = number(item.get("quantity"))
    return int(told) if told is not None and told >= 1 and told == int(told) else 1


def _found(item: Document) -> tuple[Found | None, datetime | None]:
    validation = nested(item, "itemValidationStatusResponse")
    returned, restockable = flag(validation.get("isReturned")), flag(validation.get("isRestockable"))
    at = instant(validation.get("lastValidationDate"))
    if restockable:
        return "restockable", at
    if returned:
        return "not_restockable", at
    if returned is False and text(validation.get("lastValidationDate")) is not None:
        return "not_returned", at
    return None, None
