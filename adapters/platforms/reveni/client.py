"""Reveni's merchant API: the calls that this house makes. It is not published; paths are a connector's, and the list is configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.tables import Tables
from adapters.vendor.answers import Answer, VendorTrouble
from adapters.vendor.http import Api
from adapters.vendor.shapes import Document, following, listed, objects

BASE_URL: Final = "https://api.reveni.io"
_BELOW: Final = "/merchants/v0"
PAGE_ROWS: Final = 100
_MOST_PAGES: Final = 500
_ROWS: Final = ("results", "returns", "items", "data")


class ReveniClient:
    """Raises VendorTrouble, VendorRefused, and NotUnderstood for a request that Reveni refuses. ValueError for missing credentials."""

    def __init__(self, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None], tables: Tables) -> None:
        for name in ("api_key", "store_id"):
            if not connection.credentials.get(name):
                raise ValueError(f"connections.{connection.name}.credentials.{name} is missing; Reveni needs api_key and store_id")
        self.store = connection.credentials["store_id"]
        self._tables = tables
        base_url = (connection.base_url or BASE_URL).rstrip("/").removesuffix(_BELOW)
        headers = {"Authorization": f"Bearer {connection.credentials['api_key']}"}
        self._api = Api("Reveni", http, f"{base_url}{_BELOW}/stores/{quote(self.store, safe='')}", headers, wait_turn)

    def one(self, return_id: str) -> Document | None:
        """One return with its refunds and summary; None where there is none of that id."""
        found = self._api.read("GET", f"/returns/{quote(return_id, safe='')}", params={"include_summary": "true"})
        if found is None:
            return None
        if isinstance(found, Mapping):
            for name in ("data", "return"):
                if "status" not in found and isinstance(found.get(name), Mapping):
                    return dict(found[name])
            return found
        raise VendorTrouble("Reveni answered with JSON that is no object")

    def updated_since(self, since: datetime) -> Iterator[list[Document]]:
        """Returns that were updated since, page by page, however the list is turned; nothing where there is no list."""
        path = f"/{(self._option('path') or 'returns').strip('/')}"
        asked = {"size": str(PAGE_ROWS), "page": "1", "since": since.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}
        params = {name: value for key, value in asked.items() if (name := self._option(key))}
        first_rows: Sequence[Document] = ()
        for page in range(1, _MOST_PAGES + 1):
            found = self._api.read("GET", path, params=params)
            rows = objects(listed(found, *_ROWS))
            if not rows or rows == first_rows:
                # A list that knows no pages gives the same one for ever.
                return
            first_rows = first_rows or rows
            yield rows
            onward = following(found)
            if onward is None and (len(rows) < PAGE_ROWS or not self._option("page")):
                return
            params = self._turned(params, page + 1, onward)

    def partial_validate(self, return_id: str, items: Sequence[Mapping[str, Any]]) -> Answer:
        what_to_do = "look at the return in Reveni's dashboard; it may have been validated, or have ended"
        path = f"/returns/{quote(return_id, safe='')}/partial_validate"
        return self._api.command("POST", path, json={"items": list(items)}, reference=return_id, what_to_do=what_to_do)

    def _option(self, name: str) -> str:
        return self._tables.meaning("polling", name) or ""

    def _turned(self, params: dict[str, str], page: int, onward: str | None) -> dict[str, str]:
        """The next page's parameters: the answer's own, where it says them, as an address, a number or a cursor."""
        if onward is None or onward.isdigit():
            return {**params, self._option("page") or "page": onward or str(page)}
        if "?" in onward or "://" in onward:
            return params | dict(parse_qsl(urlsplit(onward).query))
        return {**params, "cursor": onward}
