"""What Happy Returns posts and answers: events, merged within a minute, over a list with one element for each physical unit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from adapters.files.exact_json import loads
from adapters.vendor.answers import NotUnderstood
from adapters.vendor.shapes import Document, first_instant, first_text, flag, instant, listed, objects, plain, shown, text

# An order line of several units has its units named `{line}-{offset}-{refundable quantity}`.
_SUFFIX: Final = re.compile(r"(.+)-(\d{1,4})-(\d{1,4})\Z")
# Nobody sends that many; more would only be there to do harm.
_MOST_UNITS: Final = 20_000
_IN_A_SHIPMENT: Final = ("departureDate", "shippingBoxBarcode", "palletNumber", "tracking", "destinationAddressID", "poNumber")


class Kind(Enum):
    RETURN = auto()
    SHIPMENT = auto()  # hub → warehouse
    LABEL = auto()


class Event(NamedTuple):
    """`type_id` may be empty."""

    event: str
    type_id: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


@dataclass(frozen=True, slots=True)
class Unit:
    """One physical item. `line` is the order line's own id, `unit` tells it from its likes; `index` of `of_units` where the id says so."""

    return_id: str
    order: str | None
    order_id: str | None
    line: str
    unit: str
    index: int | None
    of_units: int | None
    sku: str | None
    variant: str | None
    express_code: str | None
    item_id: str | None
    reason: str | None
    refund_type: str | None
    exchange: bool
    outcome: str | None
    location: str | None
    destination: str | None
    started_at: datetime | None
    approved_at: datetime | None
    departed_at: datetime | None
    inspected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook, or an answer of `POST /return`, which has the same fields. `nameless` counts elements that name no return."""

    kind: Kind
    retailer: str | None
    events: tuple[Event, ...]
    units: tuple[Unit, ...]
    nameless: int


def parse(body: bytes) -> Any:
    """Raises NotUnderstood for what is no JSON."""
    try:
        return loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise NotUnderstood("the body is no JSON") from None


def topic_of(content: Any) -> str:
    """A name for what came, without understanding it: `webhookType` or `event`, with the `typeID`."""
    if isinstance(content, list) and _is_shipment(objects(content)):
        return "outbound_shipment.asn"
    if not isinstance(content, Mapping):
        return "unknown"
    named = first_text(content, "webhookType", "event")
    type_id = text(content.get("typeID"))
    return shown("/".join(part for part in (named, type_id) if part)) or "unknown"


def read_post(content: Any, *, strip_suffix: bool = True) -> Post:
    """Raises NotUnderstood where there is neither an event nor an item."""
    if isinstance(content, list):
        items = objects(content)
        if not items:
            raise NotUnderstood("the body is a list without items")
        return _post(Kind.SHIPMENT if _is_shipment(items) else Kind.RETURN, {}, (), items, strip_suffix)
    if not isinstance(content, Mapping):
        raise NotUnderstood("the body is neither an object nor a list")
    webhook_type, event = plain(first_text(content, "webhookType") or ""), plain(first_text(content, "event") or "")
    items = objects(listed(content, "items", "shipmentItems", "data"))
    if "label" in webhook_type or event == "returnlabelupdate":
        return _post(Kind.LABEL, content, _events(content), [], strip_suffix)
    if "shipment" in webhook_type or "shipment" in event or (not event and _is_shipment(items)):
        # Box, departure and destination may stand once, over all the items.
        over_all = {name: content[name] for name in _IN_A_SHIPMENT if name in content}
        return _post(Kind.SHIPMENT, content, (), [{**over_all, **item} for item in items], strip_suffix)
    events = _events(content)
    if not events and not items:
        raise NotUnderstood("the body names neither an event nor items")
    return _post(Kind.RETURN, content, events, items, strip_suffix)


def read_units(items: list[Document], *, strip_suffix: bool = True) -> tuple[tuple[Unit, ...], int]:
    """The units, and how many elements name no return."""
    if len(items) > _MOST_UNITS:
        raise NotUnderstood(f"{len(items)} items are more than a post can have")
    seen: Counter[tuple[str, str | None, str]] = Counter()
    units = []
    for item in items:
        return_id, order = text(item.get("happyReturnsReturnID")), first_text(item, "orderNumber", "orderID")
        named = first_text(item, "orderLineItemID", "sku", "happyReturnsItemID")
        if return_id is None or named is None:
            continue
        likes = seen[return_id, order, named]
        seen[return_id, order, named] += 1
        line, index, of_units = _split(named) if strip_suffix and text(item.get("orderLineItemID")) else (named, None, None)
        units.append(
            Unit(
                return_id,
                order,
                text(item.get("orderID")),
                line,
                # The suffix names the unit. Without one a line has one unit; should it come with more, they are told apart by their place.
                named if not likes else f"{named}#{likes}",
                index,
                of_units,
                text(item.get("sku")),
                text(item.get("productVariantID")),
                text(item.get("happyReturnsExpressCode")) or text(item.get("confirmationCode")),
                text(item.get("happyReturnsItemID")),
                first_text(item, "returnReason", "returnReasonID"),
                text(item.get("refundType")),
                flag(item.get("oneClickExchange")) is True,
                text(item.get("inspectionOutcome")),
                first_text(item, "location", "locationMetro"),
                text(item.get("destinationAddressID")),
                instant(item.get("startedDate")),
                instant(item.get("approvedDate")),
                instant(item.get("departureDate")),
                first_instant(item, "inspectedDate", "inspectionDate"),
            )
        )
    return tuple(units), len(items) - len(units)


def _post(kind: Kind, content: Document, events: tuple[Event, ...], items: list[Document], strip_suffix: bool) -> Post:
    units, nameless = read_units(items, strip_suffix=strip_suffix)
    retailer = first_text(content, "retailerID", "happyReturnsRetailerID", "retailer_id")
    if retailer is None and items:
        retailer = first_text(items[0], "retailerID", "happyReturnsRetailerID", "retailer_id")
    return Post(kind, retailer, events, units, nameless)


def _events(content: Document) -> tuple[Event, ...]:
    """The newest first, as they come: the primary one, then those that were merged into it."""
    found = [
        Event(text(each.get("event")) or "", first_text(each, "typeID", "status") or "")
        for each in (content, *objects(content.get("otherEvents")))
    ]
    return tuple(dict.fromkeys(event for event in found if any(event)))


def _split(named: str) -> tuple[str, int | None, int | None]:
    found = _SUFFIX.match(named)
    if found is None or int(found[2]) >= int(found[3]):
        return named, None, None
    return found[1], int(found[2]), int(found[3])


def _is_shipment(items: list[Document]) -> bool:
    return bool(items) and any(name in items[0] for name in _IN_A_SHIPMENT)
