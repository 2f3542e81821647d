"""One connection to ReturnGO: webhooks are hints, RMAs are read by API, and what is read is told once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.platforms.port import Delivery, Desk, Label, Polled, Reading
from adapters.platforms.returngo.client import ReturnGoClient
from adapters.platforms.returngo.fields import every, text
from adapters.platforms.returngo.mapping import Mappings
from adapters.platforms.returngo.polling import Poll, listed_ids
from adapters.platforms.returngo.reading import RmaReader
from adapters.platforms.returngo.releasing import Release
from adapters.platforms.returngo.rma import Rma
from adapters.platforms.returngo.webhook import Hint, read_hint
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood

# The topic of what polling found; its body is a hint like a webhook's.
POLLED = "poll"
# From which status a shipment may go to which. Setting the status that it has changes nothing.
SHIPMENT_MOVES: dict[str, frozenset[str]] = {
    "Pending": frozenset({"LabelCreated", "Shipped", "Received", "Canceled", "Validated"}),
    "LabelCreated": frozenset({"Shipped", "Received", "Canceled", "Validated"}),
    "Shipped": frozenset({"Received", "Canceled", "Validated"}),
    "Canceled": frozenset({"Received", "Validated"}),
    "Received": frozenset({"Validated"}),
    "Validated": frozenset(),
}


class ReturnGo:
    """The port, for ReturnGO; and what it can be asked to do."""

    def __init__(self, connection_name: str, client: ReturnGoClient, reader: RmaReader, mappings: Mappings) -> None:
        self._connection_name = connection_name
        self._client = client
        self._reader = reader
        self._release = Release(client, mappings)

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """ReturnGO signs nothing: its secret stands in the path, and what it says is read again by API."""
        return True

    def label(self, headers: Mapping[str, str], body: bytes) -> Label:
        hint = read_hint(body)
        if hint is None:
            return Label("unreadable", None)
        topic = (hint.event or "unknown")[:100]
        if hint.event is None or hint.at_said is None or len(hint.rma_ids) != 1:
            return Label(topic, None)
        return Label(topic, "/".join((topic, hint.rma_ids[0], hint.at_said, hint.beside)))

    def subject(self, delivery: Delivery) -> str | None:
        hint = read_hint(delivery.body)
        return hint.rma_ids[0] if hint is not None and len(hint.rma_ids) == 1 else None

    def read(self, delivery: Delivery, desk: Desk) -> Reading:
        hint = read_hint(delivery.body)
        if hint is None:
            raise NotUnderstood("the body is no JSON object; ReturnGO's events are")
        rma_ids = hint.rma_ids or self._led_to(hint)
        if not rma_ids:
            if hint.event is None:
                raise NotUnderstood("the body names neither an event nor an RMA, transaction, order or parcel")
            return Reading(ignored=f"{hint.event[:100]} names no RMA that ReturnGO knows; polling finds what it meant")
        read = [self._read_one(rma_id, desk, hint.at) for rma_id in rma_ids]
        if all(rma is None for _, rma in read):
            raise NotUnderstood(f"ReturnGO has no RMA {', '.join(rma_ids)}")
        return Reading(
            tuple(fact for reading, _ in read for fact in reading.facts),
            unmapped=tuple(unmapped for reading, _ in read for unmapped in reading.unmapped),
        )

    def poll(self, cursor: Mapping[str, Any] | None, desk: Desk) -> Iterator[Polled]:
        return Poll(self._client, self._polled, cursor, desk).pages()

    def check(self) -> str:
        self._client.rmas_of_order("-")
        return f"ReturnGO answers for {self._client.shop}"

    def mark_shipment_received(self, rma_id: str, shipment_id: str) -> Answer:
        """Tell ReturnGO that a parcel is there. Doing it twice does it once."""
        return self.set_shipment_status(rma_id, shipment_id, "Received")

    def set_shipment_status(self, rma_id: str, shipment_id: str, status: str) -> Answer:
        """Asks first where the shipment stands: a move that ReturnGO would refuse is not tried. After Unknown, simply do it again."""
        document = self._client.rma(rma_id)
        shipments = every(document or {}, "shipments")
        stands = next((text(each.get("status")) for each in shipments if text(each.get("shipmentId")) == shipment_id), None)
        if stands is None:
            return Declined("unknown_shipment", f"RMA {rma_id} has no shipment {shipment_id}", "look the shipment up in ReturnGO")
        if stands == status:
            return Accepted(shipment_id)
        if status not in SHIPMENT_MOVES.get(stands, frozenset({status})):
            reason = f"shipment {shipment_id} is {stands} and cannot become {status}"
            return Declined("illegal_move", reason, "nothing, if it has gone further; otherwise mend it in ReturnGO")
        return self._client.put_shipment(shipment_id, status)

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str] | None = None) -> Answer:
        """Move the RMA to the status upon which ReturnGO refunds, where the configuration names one."""
        return self._release.release(return_id)

    def set_transaction_status(self, transaction_id: str, status: str) -> Answer:
        """Tell ReturnGO what became of a refund that was paid elsewhere. It moves no money; setting it twice sets it once."""
        return self._client.put_transaction(transaction_id, status)

    def _led_to(self, hint: Hint) -> tuple[str, ...]:
        """A hint without an RMA may name what leads to one."""
        if hint.transaction_id is not None:
            found = listed_ids(self._client.transaction(hint.transaction_id))
            if found:
                return found
        if hint.tracking_number is not None:
            found = listed_ids(self._client.rmas_of_parcel(hint.tracking_number))
            if found:
                return found
        return listed_ids(self._client.rmas_of_order(hint.order)) if hint.order is not None else ()

    def _read_one(self, rma_id: str, desk: Desk, at_least: datetime | None = None) -> tuple[Reading, Rma | None]:
        document = self._client.rma(rma_id)
        if document is None:
            return Reading(ignored=f"ReturnGO has no RMA {rma_id}"), None
        rma = self._reader.rma(document)
        if rma.rma_id is None:
            raise NotUnderstood(f"ReturnGO's answer for RMA {rma_id} has no rmaId")
        return self._reader.read(rma, desk, at_least), rma

    def _polled(self, rma_id: str, desk: Desk) -> tuple[Reading, Rma | None]:
        """One RMA that nobody can read is set aside with its reason; the round goes on."""
        rma: Rma | None = None
        try:
            reading, rma = self._read_one(rma_id, desk)
        except NotUnderstood as reason:
            reading = Reading(waits_for=str(reason))
        body = json.dumps({"rmaId": rma_id}).encode()
        return replace(reading, delivery=Delivery(self._connection_name, POLLED, desk.now(), {}, body)), rma
