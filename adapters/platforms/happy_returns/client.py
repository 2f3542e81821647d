"""Happy Returns' partner API: the calls that this house makes, each after its turn in a quota of one in two seconds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.vendor.answers import Answer
from adapters.vendor.http import Api
from adapters.vendor.shapes import Document, first_text, following, listed, objects, text

BASE_URL: Final = "https://partner.happyreturns.com"
MOST_CONTENTS: Final = 1000
_PAGE_ITEMS: Final = 1000
_MOST_PAGES: Final = 200
_BUCKET: Final = re.compile(r"leaky bucket size\D{0,3}(\d{1,5}(?:\.\d{1,6})?)", re.IGNORECASE)


class HappyReturnsClient:
    """Raises VendorTrouble, VendorRefused, and NotUnderstood for a request that is refused. ValueError for missing credentials."""

    def __init__(self, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> None:
        for name in ("api_key", "retailer_id"):
            if not connection.credentials.get(name):
                raise ValueError(
                    f"connections.{connection.name}.credentials.{name} is missing; Happy Returns needs api_key and retailer_id"
                )
        self.retailer = connection.credentials["retailer_id"]
        headers = {"X-Hr-Apikey": connection.credentials["api_key"]}
        self._api = Api("Happy Returns", http, connection.base_url or BASE_URL, headers, wait_turn, wait_said)

    def returns_by(self, key: str, value: str) -> list[Document]:
        """Documents with the fields of the return webhook. `key` is `happyReturnsExpressCode`, `orderNumber` or nothing else: the API
        takes exactly one. None found: an empty list."""
        found: list[Document] = []
        asked: dict[str, Any] = {"happyReturnsRetailerID": self.retailer, key: value}
        for _ in range(_MOST_PAGES):
            page = self._api.read("POST", "/return", json=asked)
            if page is None:
                break
            found += _documents(page)
            cursor = first_text(page, "cursor", "nextCursor") if isinstance(page, Mapping) else None
            if cursor is None or cursor == asked.get("cursor"):
                break
            asked["cursor"] = cursor
        return found

    def outbound_shipments(self, start: datetime, end: datetime) -> list[Document]:
        """Consolidated shipments that left a hub in that time. The API's own default is the last 24 hours."""
        params = {"retailerID": self.retailer, "startDateTime": _written(start), "endDateTime": _written(end)}
        page = self._api.read("GET", "/outbound-shipments", params=params)
        rows = listed(page, "outboundShipments", "outbound_shipments", "shipments", "items", "data", "results")
        return [row if isinstance(row, Mapping) else {"id": row} for row in rows]

    def shipped_items(self, shipment_id: str) -> Iterator[list[Document]]:
        """The items of a shipment, page by page."""
        after = None
        for _ in range(_MOST_PAGES):
            params = {"retailerID": self.retailer, "page[size]": str(_PAGE_ITEMS)} | ({"page[after]": after} if after else {})
            page = self._api.read("GET", f"/outbound-shipment/{quote(shipment_id, safe='')}", params=params)
            items = objects(listed(page, "items", "shipmentItems", "data", "results"))
            if items:
                yield items
            before, after = after, following(page)
            if not items or after is None or after == before:
                return

    def webhooks(self) -> int:
        """How many subscriptions there are: integrators test a connection by it."""
        return len(listed(self._api.read("GET", "/webhooks"), "webhooks", "items", "data"))

    def approve(self, rma: str, returning: Sequence[Mapping[str, Any]]) -> Answer:
        what_to_do = "look at the return in Happy Returns' dashboard; it may have been approved, or have expired"
        path = f"/rma/{quote(rma, safe='')}/approve"
        return self._api.command("POST", path, json={"returning": list(returning)}, reference=rma, what_to_do=what_to_do)

    def return_contents(self, items: Sequence[Mapping[str, Any]], reference: str) -> Answer:
        body = [{"happyReturnsRetailerID": self.retailer, "items": list(items)}]
        what_to_do = "compare the items with the shipment in Happy Returns' dashboard; no money depends on it"
        return self._api.command("POST", "/return-contents", json=body, reference=reference, what_to_do=what_to_do)


def wait_said(response: httpx.Response) -> float | None:
    """Happy Returns says how long to wait in a sentence: `limit 0.500000 requests/sec, leaky bucket size X`; X are seconds."""
    found = _BUCKET.search(response.text[:2000])
    return float(found[1]) if found else None


def _documents(page: Any) -> list[Document]:
    """One return, or several, or a list of items: the API promises only the webhook's fields."""
    if isinstance(page, Mapping):
        inner = listed(page, "returns", "data", "results")
        return objects(inner) if inner else [page] if page.get("items") else []
    rows = objects(page)
    return rows if any("items" in row for row in rows) else [{"items": rows}] if rows else []


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def id_of(shipment: Document) -> str | None:
    found = first_text(shipment, "id", "shipmentID", "outboundShipmentID", "outbound_shipment_id", "shipmentId")
    return found if found is not None else text(shipment.get("ID"))
