"""Happy Returns' hub, simulated: returns and their items, what becomes of them, and which posts tell of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from adapters.sandbox.port import Clock

Document = dict[str, Any]

METHODS: Final = (
    "return-bar",
    "in-store",
    "mail",
    "mail-nolabel",
    "mail-nobox-nolabel",
    "mail-shopper-provided",
    "home-pickup",
    "other",
)
CONDITIONS: Final = ("damaged", "sellable", "missing", "wrong-item")


@dataclass
class Item:
    """One physical item. Dates as the API writes them; empty while there is none."""

    item_id: str
    order: str
    line_item_id: str
    sku: str
    reason: str
    handed_in: bool = False
    approved_at: str = ""
    outcome: str = ""
    shipment: str = ""


@dataclass
class Return:
    return_id: str
    express_code: str
    method: str
    started_at: str
    items: list[Item]
    status: str = "started"
    location: str = ""


@dataclass
class Shipment:
    shipment_id: str
    departed_at: datetime
    items: list[tuple[str, str]]  # return id, item id


@dataclass
class _Merged:
    """Events of one return within a minute."""

    first_at: datetime
    events: list[tuple[str, str]] = field(default_factory=list)
    item_ids: dict[str, None] = field(default_factory=dict)


class Hub:
    """`start` begins a return's story; `hand_in`, `approve`, `expire`, `cancel`, `ship`, `inspect` and `relabel` go on with it."""

    def __init__(self, clock: Clock, retailer_id: str, merge_seconds: int, first: int = 0) -> None:
        self.returns: dict[str, Return] = {}
        self.shipments: dict[str, Shipment] = {}
        self.approvals: list[Document] = []
        self._clock, self._retailer, self._merge = clock, retailer_id, timedelta(seconds=merge_seconds)
        self._first = first
        self._merging: dict[str, list[_Merged]] = {}
        self._posts: list[tuple[str, Document]] = []

    def start(
        self,
        orders: Mapping[str, list[Mapping[str, Any]]],
        method: str = "return-bar",
        location: str = "Sandbox Return Bar, Sacramento",
    ) -> str:
        """A shopper announces a return of these order lines: `{"1001": [{"line": "9120", "sku": "JKT-M", "quantity": 2}]}`.

        `quantity` units of a line of `of` (as many, where that is not said) get the suffix `-offset-refundable quantity`.
        """
        if method not in METHODS:
            raise ValueError(f"{method!r} is no drop-off method; these are: {', '.join(METHODS)}")
        number = self._first + len(self.returns) + 1
        return_id = str(uuid5(NAMESPACE_URL, f"sandbox/return/{number}"))
        items: list[Item] = []
        for order, lines in orders.items():
            for line in lines:
                quantity = int(line.get("quantity", 1))
                of = int(line.get("of", quantity))
                for offset in range(quantity):
                    suffix = f"-{offset}-{of}" if of > 1 else ""
                    item_id = f"item-{number}-{len(items) + 1}"
                    reason = str(line.get("reason", "too-small"))
                    items.append(Item(item_id, order, f"{line['line']}{suffix}", str(line.get("sku", "")), reason))
        if not items:
            raise ValueError("a return has at least one item")
        code = f"HR{int(hashlib.sha256(return_id.encode()).hexdigest()[:12], 16) % 36**6:06X}"[:8]
        made = Return(return_id, code, method, self._now(), items, location=location if method in ("return-bar", "in-store") else "")
        self.returns[return_id] = made
        self._happened(made, "return_dropoff_method_created", method)
        self._happened(made, "return_status_updated", "started")
        return return_id

    def hand_in(self, return_id: str, item_ids: list[str] | None = None) -> None:
        """At a Return Bar and in a store the scan approves; by mail somebody has to."""
        of = self.of(return_id)
        items = self._items(of, item_ids)
        for item in items:
            item.handed_in = True
        of.status = "dropped-off"
        self._happened(of, "return_status_updated", "dropped-off", items)
        if of.method in ("return-bar", "in-store"):
            self.approve(return_id, [item.item_id for item in items])

    def approve(self, return_id: str, item_ids: list[str] | None = None) -> None:
        """This is where the customer is refunded."""
        of = self.of(return_id)
        items = [item for item in self._items(of, item_ids) if not item.approved_at]
        for item in items:
            item.approved_at = self._now()
            self.approvals.append({"return": return_id, "item": item.item_id, "at": item.approved_at})
        if items:
            of.status = "approved"
            self._happened(of, "return_status_updated", "approved", items)

    def expire(self, return_id: str) -> None:
        of = self.of(return_id)
        of.status = "expired"
        self._happened(of, "return_status_updated", "expired")

    def cancel(self, return_id: str) -> None:
        of = self.of(return_id)
        of.status = "cancelled"
        self._happened(of, "return_status_updated", "cancelled")

    def ship(self, return_id: str | None = None) -> str:
        """A consolidated shipment leaves the hub, with everything (of one return, or of all) that is there."""
        returns = [self.of(return_id)] if return_id is not None else list(self.returns.values())
        shipment = Shipment(f"shipment-{self._first + len(self.shipments) + 1}", self._clock(), [])
        for of in returns:
            for item in of.items:
                if item.handed_in and not item.shipment:
                    item.shipment = shipment.shipment_id
                    shipment.items.append((of.return_id, item.item_id))
        if not shipment.items:
            raise ValueError("nothing has been handed in that could be shipped")
        self.shipments[shipment.shipment_id] = shipment
        body = {"webhookType": "outbound_shipment.asn", "retailerID": self._retailer, "items": self.shipped(shipment)}
        self._posts.append(("outbound_shipment.asn", body))
        return shipment.shipment_id

    def inspect(self, return_id: str, conditions: Mapping[str, str]) -> None:
        """Conditions by item id; `*` for all others. No webhook tells of it: the API shows it."""
        for item in self.of(return_id).items:
            said = conditions.get(item.item_id, conditions.get("*"))
            if said is not None:
                item.outcome = said

    def relabel(self, return_id: str) -> None:
        """A bag's barcode changes."""
        of = self.of(return_id)
        label = {"event": "return_label_update", "typeID": "", "retailerID": self._retailer, "webhookType": "return.label.update"}
        named = {"labelID": "HR2ABCDEFGHI", "happyReturnsReturnID": of.return_id, "happyReturnsExpressCode": of.express_code}
        self._posts.append(("return.label.update", label | named))

    def item_ids(self, return_id: str) -> list[str]:
        return [item.item_id for item in self.of(return_id).items]

    def express_code(self, return_id: str) -> str:
        return self.of(return_id).express_code

    # What it tells

    def take_posts(self) -> list[tuple[str, Document]]:
        """Topic and content; events wait until their minute is over."""
        now = self._clock()
        for return_id, waiting in self._merging.items():
            for merged in [one for one in waiting if now - one.first_at >= self._merge]:
                waiting.remove(merged)
                self._post_merged(self.returns[return_id], merged)
        posts, self._posts = self._posts, []
        return posts

    def found_by(self, key: str, value: str) -> list[Document]:
        """Like the return webhook, with what the API adds: one document for each return and order."""
        found = []
        for of in self.returns.values():
            if key == "happyReturnsExpressCode" and value != of.express_code:
                continue
            for order in dict.fromkeys(item.order for item in of.items):
                if key == "orderNumber" and value.lstrip("#") != order.lstrip("#"):
                    continue
                items = [item for item in of.items if item.order == order]
                found.append(self._document([("return_status_updated", of.status)], of, items, by_api=True))
        return found

    def state(self) -> dict[str, Any]:
        return {
            "returns": [asdict(of) for of in self.returns.values()],
            "shipments": [{"id": one.shipment_id, "items": one.items} for one in self.shipments.values()],
            "approvals": list(self.approvals),
        }

    def _happened(self, of: Return, event: str, type_id: str, items: list[Item] | None = None) -> None:
        now = self._clock()
        waiting = self._merging.setdefault(of.return_id, [])
        if not waiting or now - waiting[-1].first_at >= self._merge:
            waiting.append(_Merged(now))
        waiting[-1].events.append((event, type_id))
        waiting[-1].item_ids |= dict.fromkeys(item.item_id for item in items or of.items)

    def _post_merged(self, of: Return, merged: _Merged) -> None:
        """The newest status first; a drop-off method is never first where there is a status. One post for each order number."""
        newest_first = merged.events[::-1]
        statuses = [event for event in newest_first if event[0] == "return_status_updated"]
        primary = (statuses or newest_first)[0]
        newest_first.remove(primary)
        for order in dict.fromkeys(item.order for item in of.items):
            items = [item for item in of.items if item.order == order and item.item_id in merged.item_ids]
            if items:
                told = self._document([primary, *newest_first], of, items)
                self._posts.append(("return.asn", {"webhookType": "return.asn", **told}))

    def _document(self, events: list[tuple[str, str]], of: Return, items: list[Item], *, by_api: bool = False) -> Document:
        return {
            "event": events[0][0],
            "typeID": events[0][1],
            "retailerID": self._retailer,
            "otherEvents": [{"event": event, "typeID": type_id} for event, type_id in events[1:]],
            "items": [self._item(of, item, by_api=by_api) for item in items],
        }

    def _item(self, of: Return, item: Item, *, by_api: bool) -> Document:
        told = {
            "happyReturnsReturnID": of.return_id,
            "happyReturnsExpressCode": of.express_code,
            "purchasedAt": "2026-09-05T16:26:05-05:00",
            "email": "ada.lovelace@example.com",
            "orderNumber": item.order,
            "orderID": str(5_324_938_444_866 + int("".join(filter(str.isdigit, item.order)) or 0)),
            "orderLineItemID": item.line_item_id,
            "sku": item.sku,
            "upc": "",
            "productVariantID": "",
            "labelBarcode": "",
            "returnReason": item.reason,
            "location": of.location,
        }
        if by_api:
            outcome = {"inspectionOutcome": item.outcome} if item.outcome else {}
            told |= {"happyReturnsItemID": item.item_id, "startedDate": of.started_at, "approvedDate": item.approved_at} | outcome
        return told

    def shipped(self, shipment: Shipment) -> list[Document]:
        departed = {
            "departureDate": shipment.departed_at.isoformat(),
            "shippingBoxBarcode": f"BOX-{shipment.shipment_id}",
            "carrier": "Sandbox Freight",
            "destinationAddressID": "sandbox-warehouse",
        }
        found = []
        for return_id, item_id in shipment.items:
            of = self.returns[return_id]
            item = next(each for each in of.items if each.item_id == item_id)
            found.append({**self._item(of, item, by_api=True), **departed})
        return found

    def of(self, return_id: str) -> Return:
        if return_id not in self.returns:
            raise ValueError(f"there is no return {return_id}")
        return self.returns[return_id]

    def _items(self, of: Return, item_ids: list[str] | None) -> list[Item]:
        return of.items if item_ids is None else [item for item in of.items if item.item_id in item_ids]

    def _now(self) -> str:
        return self._clock().isoformat()
