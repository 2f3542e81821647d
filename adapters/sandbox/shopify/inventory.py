"""What may be sold in the simulated shop: a quantity by SKU and location, set by compare-and-set alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.sandbox.shopify.documents import Document, gid, number_of
from adapters.sandbox.shopify.graphql import Connection, Refused

IDEMPOTENT_SINCE: Final = "2026-04"
CHANGE_FROM_SINCE: Final = "2026-01"


@dataclass
class Stock:
    """`items` by SKU; `available` by (item, location). `calls` counts what was set, by idempotency key."""

    items: dict[str, int] = field(default_factory=dict)
    available: dict[tuple[int, int], int] = field(default_factory=dict)
    calls: dict[str, Document] = field(default_factory=dict)

    def put(self, item: int, sku: str, location: int, available: int) -> None:
        self.available[self.items.setdefault(sku, item), location] = available

    def of(self, sku: str, location: int) -> int | None:
        return self.available.get((self.items.get(sku, 0), location))

    def found(self, first: int, query: str = "", after: str | None = None) -> Connection:
        """As the vendor's search is: it also finds what only begins with what was asked for."""
        asked = re.search(r'sku:"?((?:[^"\\]|\\.)*)"?', query)
        wanted = re.sub(r"\\(.)", r"\1", asked[1]).casefold() if asked else ""
        return Connection(self._item(sku, item) for sku, item in self.items.items() if sku.casefold().startswith(wanted))

    def _item(self, sku: str, item: int) -> Document:
        def level(locationId: str) -> Document | None:
            held = self.available.get((item, number_of(locationId)))
            if held is None:
                return None
            return {
                "__typename": "InventoryLevel",
                "id": gid("InventoryLevel", item),
                "quantities": lambda names: [{"__typename": "InventoryQuantity", "name": "available", "quantity": held}],
            }

        return {"__typename": "InventoryItem", "id": gid("InventoryItem", item), "sku": sku, "tracked": True, "inventoryLevel": level}

    def set(self, asked: Mapping[str, Any], version: str, key: str | None) -> Document:
        if key is None and version >= IDEMPOTENT_SINCE:
            raise Refused("The @idempotent directive is required for this mutation but was not provided.", "BAD_REQUEST")
        if key is not None and key in self.calls:
            return self.calls[key]
        wrong = self._wrong(asked, version)
        if wrong is None:
            for each in asked["quantities"]:
                self.available[_place(each)] = each["quantity"]
        errors = [{"code": wrong[0], "field": ["input", "quantities", "0"], "message": wrong[1]}] if wrong else []
        group = {"__typename": "InventoryAdjustmentGroup", "id": gid("InventoryAdjustmentGroup", 1)} if not wrong else None
        made = {"__typename": "Payload", "inventoryAdjustmentGroup": group, "userErrors": errors}
        if key is not None:
            self.calls[key] = made
        return made

    def mutations(self, version: str) -> dict[str, Any]:
        """What a mutation in that version of the API can ask for."""

        def quantities(input: Mapping[str, Any], at_idempotent: Mapping[str, Any] | None = None) -> Document:
            return self.set(input, version, (at_idempotent or {}).get("key"))

        return {"inventorySetQuantities": quantities}

    def _wrong(self, asked: Mapping[str, Any], version: str) -> tuple[str, str] | None:
        if asked.get("name") not in ("available", "on_hand"):
            return "INVALID_NAME", "The quantity name must be either 'available' or 'on_hand'."
        compared = "changeFromQuantity" if version >= CHANGE_FROM_SINCE else "compareQuantity"
        for each in asked["quantities"]:
            held = self.available.get(_place(each))
            if held is None:
                return "ITEM_NOT_STOCKED_AT_LOCATION", "The specified inventory item is not stocked at the location."
            if compared not in each:
                raise Refused(f"{compared} is required", "argumentLiteralsIncompatible")
            if each[compared] is not None and each[compared] != held:
                return "CHANGE_FROM_QUANTITY_STALE", f"The {compared} argument no longer matches the persisted quantity."
        return None


def _place(each: Mapping[str, Any]) -> tuple[int, int]:
    return number_of(each["inventoryItemId"]), number_of(each["locationId"])
