"""ReturnGO's HTTP API: the calls that this house makes, each after its turn in a quota of 2,000 a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.returngo.fields import Document, every, text
from adapters.vendor.answers import Answer, VendorTrouble
from adapters.vendor.http import Api

BASE_URL = "https://api.returngo.ai"
PAGE_ROWS = 100


class Page(NamedTuple):
    """A page of a list, and where the next one begins; None after the last."""

    rows: list[Document]
    next_cursor: str | None


class ReturnGoClient:
    """Raises VendorTrouble, VendorRefused, and NotUnderstood for a request that ReturnGO refuses. ValueError for missing credentials."""

    def __init__(self, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> None:
        for name in ("api_key", "shop"):
            if not connection.credentials.get(name):
                raise ValueError(f"connections.{connection.name}.credentials.{name} is missing; ReturnGO needs api_key and shop")
        self.shop = connection.credentials["shop"]
        headers = {"x-api-key": connection.credentials["api_key"], "x-shop-name": self.shop}
        self._api = Api("ReturnGO", http, connection.base_url or BASE_URL, headers, wait_turn)

    def rma(self, rma_id: str) -> Document | None:
        """One RMA with everything in it; None where there is none of that id. The id goes without the letters RMA before it."""
        found = self._api.read("GET", f"/rma/{quote(rma_id, safe='')}")
        return _document(found) if found is not None else None

    def rmas_updated(self, since: datetime, cursor: str | None = None) -> Page:
        """RMAs whose `lastUpdated` is at or after `since`, the oldest update first. Summaries only."""
        return self._list("/rmas", {"sort_by": "+rma_updated_at", "rma_updated_at": _since(since)}, cursor)

    def rmas_of_order(self, order: str) -> list[Document]:
        return self._list("/rmas", {"order_name": order}).rows

    def rmas_of_parcel(self, tracking_number: str) -> list[Document]:
        return self._list("/rmas", {"tracking_numbers": tracking_number}).rows

    def transactions_updated(self, since: datetime) -> Iterator[Page]:
        cursor = None
        while True:
            page = self._list("/transactions", {"updated_at": _since(since)}, cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    def transaction(self, transaction_id: str) -> list[Document]:
        return self._list("/transactions", {"ids": transaction_id}).rows

    def put_shipment(self, shipment_id: str, status: str, **tracking: str) -> Answer:
        what_to_do = "look at the shipment in ReturnGO; its status may have gone further, or nobody there knows it any more"
        return self._put(f"/shipment/{quote(shipment_id, safe='')}", {"status": status, **tracking}, shipment_id, what_to_do)

    def put_transaction(self, transaction_id: str, status: str) -> Answer:
        # That this call exists is published, its body is not.
        what_to_do = "set the status of the transaction in ReturnGO by hand"
        return self._put(f"/transaction/{quote(transaction_id, safe='')}", {"status": status}, transaction_id, what_to_do)

    def put_rma_status(self, rma_id: str, status: str) -> Answer:
        # That this call exists is published, its body is not.
        what_to_do = "set the status of the RMA in ReturnGO by hand, or release the refund there"
        return self._put(f"/rma/{quote(rma_id, safe='')}/status", {"status": status}, rma_id, what_to_do)

    def _put(self, path: str, content: dict[str, Any], reference: str, what_to_do: str) -> Answer:
        return self._api.command("PUT", path, json=content, reference=reference, what_to_do=what_to_do)

    def _list(self, path: str, filters: dict[str, str], cursor: str | None = None) -> Page:
        params = {"pagesize": str(PAGE_ROWS), **filters} | ({"cursor": cursor} if cursor is not None else {})
        found = _document(self._api.read("GET", path, params=params, absent=204) or {})
        return Page(every(found, path.strip("/")), text(found.get("next_cursor")))


def _document(answered: Any) -> Document:
    if not isinstance(answered, dict):
        raise VendorTrouble("ReturnGO answered with JSON that is no object")
    return answered


def _since(at: datetime) -> str:
    """ReturnGO's filters take no offset, though its dates have one; both are in UTC."""
    return f"gte:{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
