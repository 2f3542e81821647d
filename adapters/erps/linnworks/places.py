"""Locations by name and stock items by SKU: what Linnworks' writes want is ids."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.erps.linnworks.client import LinnworksClient, No
from adapters.erps.port import SKU_UNMATCHED, UNKNOWN_LOCATION
from adapters.vendor.shapes import first_text, listed, objects

_AT_ONCE = 100


class Places:
    """Locations are kept from the first look on; a name or id that is not among them is looked for once more."""

    def __init__(self, client: LinnworksClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def names(self) -> list[str]:
        self._look()
        return sorted(self._ids)

    def id_of(self, name: str) -> str:
        """Exact. Raises No with the names that exist."""
        if name not in self._ids:
            self._look()
        if name not in self._ids:
            there = ", ".join(sorted(self._ids)) or "none"
            what_to_do = f"make a location {name!r} in Linnworks, or name one of these in the policy: {there}"
            raise No(UNKNOWN_LOCATION, f"Linnworks has no location {name!r}; it has {there}", what_to_do)
        return self._ids[name]

    def name_of(self, location_id: str | None) -> str | None:
        if location_id is None:
            return None
        for _ in range(2):
            for name, known in self._ids.items():
                if known.lower() == location_id.lower():
                    return name
            self._look()
        return None

    def _look(self) -> None:
        told = objects(listed(self._client.get("Inventory/GetStockLocations"), "Locations", "StockLocations", "Data"))
        places = ((first_text(one, "LocationName"), first_text(one, "StockLocationId")) for one in told)
        self._ids = {name: found for name, found in places if name is not None and found is not None}


class Skus:
    """Stock items by SKU. An item keeps its id, so what was found once is not asked again."""

    def __init__(self, client: LinnworksClient) -> None:
        self._client = client
        self._found: dict[str, str] = {}

    def ids(self, skus: Iterable[str]) -> dict[str, str]:
        """StockItemId by SKU, for those that Linnworks knows by exactly this SKU."""
        asked = set(skus)
        missing = sorted(asked - set(self._found))
        for start in range(0, len(missing), _AT_ONCE):
            self._look(missing[start : start + _AT_ONCE])
        return {sku: self._found[sku] for sku in sorted(asked) if sku in self._found}

    def ids_or_no(self, skus: Iterable[str]) -> dict[str, str]:
        """The same; raises No where one is unknown."""
        asked = set(skus)
        found = self.ids(asked)
        if missing := sorted(asked - set(found)):
            raise No(
                SKU_UNMATCHED,
                f"Linnworks has no stock item with the SKU {', '.join(missing)}",
                "make the item in Linnworks, or say which SKU it is there (resolve … map-sku)",
            )
        return found

    def _look(self, skus: list[str]) -> None:
        told = self._client.ask("Inventory/GetStockItemIdsBySKU", {"request": {"SKUS": skus}})
        if told is None:
            told = [self._client.get("Inventory/GetInventoryItem", sKU=sku) for sku in skus]
        for one in objects(listed(told, "Items")):
            sku, stock_item = first_text(one, "SKU", "ItemNumber"), first_text(one, "StockItemId")
            if sku in skus and stock_item is not None:
                self._found[sku] = stock_item
