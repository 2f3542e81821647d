"""What may be sold of a SKU at one of the shop's locations, set by compare-and-set: nobody's change is written over unseen.

The vendor's `inventorySetQuantities` with the name `available` takes absolute quantities, so that saying it twice is saying it once. From
2026-01 on it compares with `changeFromQuantity`, before that with `compareQuantity`; from 2026-04 on it wants an idempotency key.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from adapters.files.shopify_amounts import objects
from adapters.platforms.shopify import queries
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.shapes import gid
from adapters.vendor.answers import Accepted, Answer, Declined, VendorTrouble

CHANGE_FROM_SINCE: Final = "2026-01"
IDEMPOTENT_SINCE: Final = "2026-04"
# So often it is read afresh where somebody else was faster; then it waits for a quieter moment.
MOST_TRIES: Final = 3
_STALE: Final = ("no longer matches", "stale", "compare")
_IN_SHOPIFY: Final = "look at the product's inventory in Shopify: one variant with this SKU, tracked, and stocked at the location"


class Inventory:
    """Needs the scopes read_inventory and write_inventory."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    def publish(self, sku: str, location: str, available: int) -> Answer:
        """Accepted also where it was so already. Raises VendorTrouble and VendorRefused where it is certain that nothing was done."""
        for _ in range(MOST_TRIES):
            found = self._level(sku, location)
            if isinstance(found, Declined):
                return found
            item, before = found
            if before == available:
                return Accepted(item)
            answer = self._set(item, location, before, available)
            if not isinstance(answer, Declined) or not any(word in answer.reason.casefold() for word in _STALE):
                return answer
        raise VendorTrouble(f"the stock of {sku} in Shopify keeps changing while it is set", 30)

    def _level(self, sku: str, location: str) -> tuple[str, int] | Declined:
        """The inventory item, and what may be sold of it at the location. The search is not exact, so the SKU is compared."""
        search = 'sku:"' + sku.replace("\\", "\\\\").replace('"', '\\"') + '"'
        found = self._admin.ask(queries.INVENTORY_OF_SKU, search=search, location=gid("Location", location))
        items = [each for each in objects(found.get("inventory_items")) if each.get("sku") == sku]
        if len(items) != 1:
            said = "no variant" if not items else f"{len(items)} variants"
            return Declined("sku_unmatched", f"the shop has {said} with the SKU {sku}", _IN_SHOPIFY)
        level = items[0].get("inventory_level")
        quantities: list[dict[str, Any]] = objects(level.get("quantities")) if isinstance(level, dict) else []
        before = next((each.get("quantity") for each in quantities if each.get("name") == "available"), None)
        if items[0].get("tracked") is not True or not isinstance(before, int) or isinstance(before, bool):
            return Declined("unknown_location", f"{sku} is not tracked at location {location} of the shop", _IN_SHOPIFY)
        return str(items[0].get("id")), before

    def _set(self, item: str, location: str, before: int, available: int) -> Answer:
        version = self._admin.version
        compared = "changeFromQuantity" if version >= CHANGE_FROM_SINCE else "compareQuantity"
        quantity = {"inventoryItemId": item, "locationId": gid("Location", location), "quantity": available, compared: before}
        content = {"name": "available", "reason": "restock", "quantities": [quantity]}
        if version >= IDEMPOTENT_SINCE:
            # A key of its own for each call: the comparison already makes one of two, and the same step may rightly come again.
            return self._admin.command(
                queries.SET_AVAILABLE_ONCE, "inventorySetQuantities", item, _IN_SHOPIFY, input=content, key=str(uuid4())
            )
        return self._admin.command(queries.SET_AVAILABLE, "inventorySetQuantities", item, _IN_SHOPIFY, input=content)
