"""What webhooks lose: returns under way, asked for one by one, and shipments from hub to warehouse, by the time of their departure.

Happy Returns lists no returns. A return whose every webhook was lost is found when its goods leave the hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.files.exact_json import dumps
from adapters.platforms.happy_returns.client import HappyReturnsClient, id_of
from adapters.platforms.happy_returns.posts import Kind, Post, Unit, read_post
from adapters.platforms.happy_returns.reading import Part, PostReader
from adapters.platforms.patience import Patience
from adapters.platforms.port import Delivery, Desk, Polled, Reading
from adapters.platforms.watching import Watch
from adapters.vendor.answers import NotUnderstood, VendorTrouble
from adapters.vendor.shapes import Document, instant, objects, text
from domain.telling import write_instant

POLLED: Final = "poll"
EXPRESS_CODE: Final = "happyReturnsExpressCode"
ORDER_NUMBER: Final = "orderNumber"
WINDOW: Final = timedelta(hours=24)
# A shipment may be listed late, or filed under the time of its making.
OVERLAP: Final = timedelta(hours=24)
FIRST_LOOK_BACK: Final = timedelta(days=14)
LOOKS_A_ROUND: Final = 100
_MOST_SEEN: Final = 1_000


class Poll:
    """One round. The cursor: until when shipments are read, which ones of the overlap are, and the returns under way."""

    def __init__(
        self, connection: str, client: HappyReturnsClient, reader: PostReader, watch: Watch, cursor: Mapping[str, Any] | None, desk: Desk
    ) -> None:
        self._connection, self._client, self._reader, self._watch, self._desk = connection, client, reader, watch, desk
        self._now, self._patience = desk.now(), Patience()
        stored = cursor or {}
        self._until = instant(stored.get("shipments_until")) or self._now - FIRST_LOOK_BACK
        seen = stored.get("shipments_seen")
        self._seen: dict[str, None] = dict.fromkeys(str(each) for each in seen) if isinstance(seen, list) else {}
        watch.learn(stored.get("watched"))

    def pages(self) -> Iterator[Polled]:
        """Trouble with the one does not keep the other from being read. Raises VendorTrouble and VendorRefused."""
        try:
            yield from self._shipments()
        except (VendorTrouble, NotUnderstood) as trouble:
            self._patience.note(trouble)
        yield from self._under_way()
        self._patience.end()

    def _cursor(self) -> dict[str, Any]:
        return {
            "shipments_until": write_instant(self._until),
            "shipments_seen": list(self._seen)[-_MOST_SEEN:],
            "watched": self._watch.written(),
        }

    def _page(self, *readings: Reading) -> Polled:
        return Polled(readings, self._cursor())

    def _under_way(self) -> Iterator[Polled]:
        for return_id, watched in self._watch.due(self._now, LOOKS_A_ROUND):
            # Also where nothing comes of it: who cannot be read does not stand in the others' way.
            self._watch.looked(return_id, self._now)
            try:
                documents = self._client.returns_by(watched.asked_by, watched.value)
                readings = self._readings(documents, by_code=watched.asked_by == EXPRESS_CODE)
            except (VendorTrouble, NotUnderstood) as trouble:
                self._patience.bear(trouble)
            else:
                yield self._page(*readings)

    def _readings(self, documents: list[Document], *, by_code: bool) -> list[Reading]:
        posts: list[tuple[Document, Post | NotUnderstood]] = []
        for document in documents:
            try:
                posts.append((document, read_post(document, strip_suffix=self._reader.strip_suffix)))
            except NotUnderstood as reason:
                posts.append((document, reason))
        if by_code:
            # An express code brings its return with all its orders.
            self._reader.learn(unit for _, post in posts if isinstance(post, Post) for unit in post.units)
        return [self._read(document, post) for document, post in posts]

    def _read(self, document: Mapping[str, Any], post: Post | NotUnderstood) -> Reading:
        delivery = self._delivery(document)
        try:
            if isinstance(post, NotUnderstood):
                raise post
            reading, parts = self._reader.read(post, self._desk, delivery.received_at)
        except NotUnderstood as reason:
            return Reading(waits_for=str(reason), delivery=delivery)
        watch_parts(self._watch, post, parts, self._now)
        return replace(reading, delivery=delivery)

    def _shipments(self) -> Iterator[Polled]:
        start, complete = self._until - OVERLAP, True
        while start < self._now:
            end = min(start + WINDOW, self._now)
            for shipment in self._client.outbound_shipments(start, end):
                shipment_id = id_of(shipment)
                if shipment_id is None or shipment_id in self._seen:
                    continue
                try:
                    for items in self._client.shipped_items(shipment_id):
                        yield from self._shipped([{**_over_all(shipment), **item} for item in items])
                except (VendorTrouble, NotUnderstood) as trouble:
                    complete = False
                    self._patience.bear(trouble)
                else:
                    self._seen[shipment_id] = None
            if complete:
                self._until = max(self._until, end)
            yield self._page()
            start = end

    def _shipped(self, items: list[Document]) -> Iterator[Polled]:
        document = {"webhookType": "outbound_shipment.asn", "items": items}
        post = read_post(document, strip_suffix=self._reader.strip_suffix)
        # Unannounced: no webhook came through. The API still knows all about them.
        unknown: dict[str, Unit] = {}
        for part in self._reader.parts(post, self._desk, self._now):
            if not part.told.announced:
                unknown.setdefault(part.return_id, part.units[0])
        for unit in unknown.values():
            asked_by, value = asked(unit)
            if value is not None:
                yield self._page(*self._readings(self._client.returns_by(asked_by, value), by_code=asked_by == EXPRESS_CODE))
        yield self._page(self._read(document, post))

    def _delivery(self, document: Mapping[str, Any]) -> Delivery:
        body = dumps(_without_e_mail(document)).encode("utf-8", "replace")
        return Delivery(self._connection, POLLED, self._desk.now(), {}, body)


def asked(unit: Unit) -> tuple[str, str | None]:
    """The key to ask for a return by: its express code brings all its orders, an order's number that order."""
    return (EXPRESS_CODE, unit.express_code) if unit.express_code is not None else (ORDER_NUMBER, unit.order)


def watch_parts(watch: Watch, post: Post, parts: list[Part], at: datetime) -> None:
    """Which returns are under way, and which are over: all their goods received and inspected, or nothing more to come."""
    by_return: dict[str, list[Part]] = {}
    for part in parts:
        by_return.setdefault(part.return_id, []).append(part)
    for return_id, of_return in by_return.items():
        asked_by, value = asked(of_return[0].units[0])
        if value is not None:
            watch.see(return_id, asked_by, value, at)
        if post.kind is Kind.RETURN and all(_is_over(part) for part in of_return):
            watch.over(return_id)


def _is_over(part: Part) -> bool:
    if not part.told.announced:
        return False
    if part.told.knows("expired") or part.told.knows("cancelled"):
        return True
    return min(part.told.count("received"), part.told.count("inspected")) >= len(part.units)


def _over_all(shipment: Document) -> dict[str, Any]:
    """What a shipment says once for all its items."""
    return {name: shipment[name] for name in ("departureDate", "destinationAddressID") if text(shipment.get(name)) is not None}


def _without_e_mail(document: Mapping[str, Any]) -> dict[str, Any]:
    items = [{name: value for name, value in item.items() if name != "email"} for item in objects(document.get("items"))]
    return {**{name: value for name, value in document.items() if name != "email"}, "items": items}
