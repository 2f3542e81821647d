"""Locations by name and stock items by SKU: what Linnworks' writes want is ids."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.erps.linnworks.client import LinnworksClient, No
from adapters.erps.port import SKU_UNMATCHED, UNKNOWN_LOCATION
from adapters.vendor.shapes import first_text, listed, objects


class Places:
    """Locations are kept from the first look on; a name or id that is not among them is looked for once more."""

    def __init__(self, client: LinnworksClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def names(self) -> list[str]:
        self._look()
        return sorted(self._ids)

    def id_of(self, name: str) -> str:
        """Exact, but for case and blanks around it. Raises No with the names that exist."""
        found = self._find(name)
        if found is None:
            self._look()
            found = self._find(name)
        if found is None:
            there = ", ".join(sorted(self._ids)) or "none"
            what_to_do = f"make a location {name!r} in Linnworks, or name one of these in the policy: {there}"
            raise No(UNKNOWN_LOCATION, f"Linnworks has no location {name!r}; it has {there}", what_to_do)
        return found

    def name_of(self, location_id: str | None) -> str | None:
        if location_id is None:
            return None
        for _ in range(2):
            for name, known in self._ids.items():
                if known.lower() == location_id.lower():
                    return name
            self._look()
        return None

    def _find(self, name: str) -> str | None:
        if name in self._ids:
            return self._ids[name]
        return next((found for known, found in self._ids.items() if known.strip().casefold() == name.strip().casefold()), None)

    def _look(self) -> None:
        told = objects(listed(self._client.get("Inventory/GetStockLocations"), "Locations", "StockLocations", "Data"))
        places = ((first_text(one, "LocationName"), first_text(one, "StockLocationId")) for one in told)
        self._ids = {name: found for name, found in places if name is not None and found is not None}


def stock_items(client: LinnworksClient, skus: Iterable[str]) -> dict[str, str]:
    """StockItemId by SKU, for those that Linnworks knows by exactly this SKU."""
    asked = sorted(set(skus))
    if not asked:
        return {}
    told = client.ask("Inventory/GetStockItemIdsBySKU", {"request": {"SKUS": asked}})
    found = {first_text(one, "SKU"): first_text(one, "StockItemId") for one in objects(listed(told, "Items"))}
    return {sku: stock_item for sku in asked if (stock_item := found.get(sku)) is not None}


def stock_items_or_no(client: LinnworksClient, skus: Iterable[str]) -> dict[str, str]:
    """The same; raises No where one is unknown."""
    asked = set(skus)
    found = stock_items(client, asked)
    if missing := sorted(asked - set(found)):
        raise No(
            SKU_UNMATCHED,
            f"Linnworks has no stock item with the SKU {', '.join(missing)}",
            "make the item in Linnworks, or say which SKU it is there (resolve … map-sku)",
        )
    return found
