"""Goods from place to place: deltas that are not idempotent, so each leg is looked for in the item's history before it is sent.

Both legs of a move go in one call. The change source carries our id and stands in the note of each change [A]; a leg that is there is not
sent again, so a pair that was torn apart is finished.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from adapters.erps.linnworks.client import LinnworksClient, No
from adapters.erps.linnworks.levels import on_hand
from adapters.erps.linnworks.paging import recent_rows
from adapters.erps.linnworks.places import Places, Skus
from adapters.erps.port import REFUSED, FoundTwice, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted
from adapters.vendor.shapes import Document, first_text, number

# Clocks differ.
SLACK: Final = timedelta(days=1)
_PAGE_ROWS: Final = 100
Leg = tuple[str, str | None]


class Move:
    """`legs`: units by SKU and location; None: where the order shipped from (`ships_from`)."""

    def __init__(
        self, client: LinnworksClient, places: Places, skus: Skus, work: Work, legs: dict[Leg, int], ships_from: str | None
    ) -> None:
        self._client, self._places, self._skus, self._work = client, places, skus, work
        self._legs, self._ships_from = legs, ships_from
        self._mark = f"{work.issued.instruction}/move"
        self._looks = 0

    def look(self) -> Accepted | Unfinished | NotThere:
        missing = self._missing()
        if not missing:
            return Accepted(self._work.issued.instruction)
        if len(missing) < len(self._legs):
            return Unfinished(self._work.issued.instruction)
        return NotThere("the items' stock history")

    def check(self) -> None:
        """Raises No where a place does not hold what is to leave it."""
        items = self._items()
        leaving = {leg: -units for leg, units in self._legs.items() if units < 0}
        if not leaving:
            return
        held = on_hand(self._client, {items[sku] for sku, _ in leaving})
        for (sku, location), units in leaving.items():
            there = held.get((items[sku].lower(), self._location(location).lower()))
            if there is not None and there < units:
                reason = f"Linnworks has {there} of {sku} at {location}; {units} are to be moved"
                raise No(REFUSED, reason, "look where the goods are in Linnworks; move or count them there, then retry")

    def do(self) -> Accepted:
        missing = self._missing()
        if len(missing) == len(self._legs):
            self.check()
        # What leaves goes first: units are never for sale in two places.
        changes: list[dict[str, Any]] = [
            {"SKU": sku, "LocationId": self._location(location), "Level": self._legs[sku, location]}
            for sku, location in sorted(missing, key=lambda leg: (self._legs[leg] > 0, str(leg)))
        ]
        if changes:
            source = f"{self._mark} {self._work.key.return_id} {self._work.reference}"
            self._client.write("Stock/UpdateStockLevelsBySKU", {"stockLevels": changes, "changeSource": source})
        return Accepted(self._work.issued.instruction)

    def _missing(self) -> list[Leg]:
        """Legs that no change of the item's history carries our mark for. What leaves and what comes are told apart by their sign, too."""
        items, missing = self._items(), []
        for (sku, location), units in self._legs.items():
            rows = self._history(items[sku], self._location(location))
            found = [
                row for row in rows if self._mark in (first_text(row, "Note") or "") and (number(row.get("ChangeQty")) or 0) * units >= 0
            ]
            if len(found) > 1:
                raise FoundTwice(f"the stock history of {sku} at {location} has {self._mark} {len(found)} times")
            if not found:
                missing.append((sku, location))
        return missing

    def _history(self, stock_item: str, location: str) -> list[Document]:
        # Each look asks in other words, so that nothing that answers by address alone (a cache) says what was true before.
        self._looks += 1
        rows = _PAGE_ROWS + self._looks % _PAGE_ROWS

        def page(place: int) -> object:
            return self._client.get(
                "Stock/GetItemChangesHistory", stockItemId=stock_item, locationId=location, entriesPerPage=str(rows), pageNumber=str(place)
            )

        return list(recent_rows(page, self._work.issued_at - SLACK, "Date"))

    def _items(self) -> dict[str, str]:
        return self._skus.ids_or_no({sku for sku, _ in self._legs})

    def _location(self, location: str | None) -> str:
        if location is not None:
            return self._places.id_of(location)
        if self._ships_from is None:
            raise No(REFUSED, "the order in Linnworks does not say where it shipped from", "name the location in the policy, then retry")
        return self._ships_from
