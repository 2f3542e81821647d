"""Places and products by the names that the policy and the orders use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from adapters.erps.port import SKU_UNMATCHED, UNKNOWN_LOCATION
from adapters.erps.tryton.client import No, Row, TrytonClient
from adapters.erps.tryton.mapping import TrytonMapping

_TYPES: Final = ("warehouse", "storage", "lost_found", "view")
_FIELDS: Final = ("name", "code", "type", "storage_location", "input_location", "waste_locations", "parent")


class Places:
    def __init__(self, client: TrytonClient, mapping: TrytonMapping) -> None:
        self._client, self._mapping = client, mapping
        self._rows: dict[int, Row] = {}

    def id_of(self, name: str) -> int:
        """The place of that name or code; of a warehouse, its storage. Raises No where it is not there or not alone."""
        wanted = self._mapping.locations.get(name, name)
        for anew in (False, True):
            rows = self._all(anew=anew)
            for field in ("name", "code"):
                found = [row for row in rows.values() if row[field] == wanted]
                # A warehouse and its storage may be called alike.
                found = [row for row in found if row["type"] != "warehouse"] or found
                if len(found) == 1:
                    row = found[0]
                    return int(row["storage_location"] if row["type"] == "warehouse" else row["id"])
                if found:
                    raise No(UNKNOWN_LOCATION, f"Tryton has {len(found)} locations called {wanted}", "give each location a name of its own")
        what_to_do = f"make the location {wanted} in Tryton, or name another in the policy or under mappings.locations"
        raise No(UNKNOWN_LOCATION, f"Tryton has no location {wanted}", what_to_do)

    def name_of(self, place: int | None) -> str | None:
        """As the policy calls it, where the mapping says so."""
        row = self._all().get(place or 0) or self._all(anew=True).get(place or 0)
        if row is None:
            return None
        named = {self._mapping.locations.get(name, name): name for name in self._mapping.locations}
        return named.get(str(row["name"])) or named.get(str(row["code"])) or str(row["name"])

    def storage(self) -> list[tuple[int, str]]:
        """Places that goods can lie at."""
        return [(row_id, self.name_of(row_id) or "") for row_id, row in self._all(anew=True).items() if row["type"] == "storage"]

    def warehouse_of(self, place: int) -> Row:
        """The warehouse that a place is in; the only one, where it is in none."""
        rows = self._all()
        row = rows.get(place)
        while row is not None:
            if row["type"] == "warehouse":
                return row
            row = rows.get(row["parent"])
        houses = [row for row in rows.values() if row["type"] == "warehouse"]
        if len(houses) != 1:
            reason = f"which of Tryton's {len(houses)} warehouses is meant cannot be told"
            raise No(UNKNOWN_LOCATION, reason, "put the location below a warehouse in Tryton")
        return houses[0]

    def scrap(self, warehouse: Row) -> int:
        """Where what is written off goes."""
        if self._mapping.scrap is not None:
            return self.id_of(self._mapping.scrap)
        if warehouse["waste_locations"]:
            return int(min(warehouse["waste_locations"]))
        reason = f"the warehouse {warehouse['name']} has no waste location in Tryton"
        raise No(UNKNOWN_LOCATION, reason, "give the warehouse a waste location, or name a place under mappings.goods.scrap")

    def _all(self, *, anew: bool = False) -> Mapping[int, Row]:
        if anew or not self._rows:
            rows = self._client.rows("stock.location", [["type", "in", list(_TYPES)]], *_FIELDS)
            self._rows = {row["id"]: row for row in rows}
        return self._rows


class Products:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client

    def by_skus(self, skus: Iterable[str]) -> dict[str, Row]:
        wanted = sorted(set(skus))
        rows = self._client.rows("product.product", [["code", "in", wanted]], "code", "type", "default_uom", "list_price") if wanted else []
        return {str(row["code"]): row for row in rows}

    def by_skus_or_no(self, skus: Iterable[str]) -> dict[str, Row]:
        wanted = set(skus)
        found = self.by_skus(wanted)
        if missing := sorted(wanted - set(found)):
            raise No(SKU_UNMATCHED, f"Tryton has no product with the code {missing[0]}", "say which SKU it is (resolve … map-sku)")
        return found
