"""Goods that are written off: scrap items whose reason carries our id, one for each SKU and location."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from adapters.erps.linnworks.client import LinnworksClient, No
from adapters.erps.linnworks.levels import on_hand
from adapters.erps.linnworks.paging import recent_rows
from adapters.erps.linnworks.places import Places, Skus
from adapters.erps.port import REFUSED, FoundTwice, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, NotUnderstood
from adapters.vendor.shapes import first_text, listed, nested, objects

SLACK: Final = timedelta(days=1)
_PAGE_ROWS: Final = 100
_USUAL_CATEGORY: Final = "Damaged"


class Scrap:
    """`out`: units by SKU and location."""

    def __init__(
        self, client: LinnworksClient, places: Places, skus: Skus, work: Work, out: dict[tuple[str, str], int], category: str | None
    ) -> None:
        self._client, self._places, self._skus = client, places, skus
        self._work, self._out, self._category = work, out, category
        name = work.issued.instruction
        self._marks = {f"{name}/scrap {place}/{len(out)}": key for place, key in enumerate(out, start=1)}

    def look(self) -> Accepted | Unfinished | NotThere:
        found = self._found()
        if not found:
            return NotThere("the scrap history")
        if len(found) < len(self._marks):
            return Unfinished(self._work.issued.instruction)
        return Accepted(self._work.issued.instruction)

    def check(self) -> None:
        """Raises No where a place does not hold what is to be scrapped."""
        items = self._skus.ids_or_no({sku for sku, _ in self._out})
        held = on_hand(self._client, items.values())
        for (sku, location), units in self._out.items():
            there = held.get((items[sku].lower(), self._places.id_of(location).lower()))
            if there is not None and there < units:
                reason = f"Linnworks has {there} of {sku} at {location}; {units} are to be written off"
                raise No(REFUSED, reason, "look where the goods are in Linnworks; move or count them there, then retry")

    def do(self) -> Accepted:
        found = self._found()
        if not found:
            self.check()
        items = self._skus.ids_or_no({sku for sku, _ in self._out})
        category = self._chosen_category()
        for mark, (sku, location) in self._marks.items():
            if mark in found:
                continue
            scrapped = {
                "StockItemId": items[sku],
                "Quantity": self._out[sku, location],
                "CategoryName": category,
                "ScrapReason": f"{mark} {self._work.key.return_id} {self._work.reference}",
            }
            content = {"ScrapItem": scrapped, "LocationId": self._places.id_of(location), "IgnoreConsumption": False}
            self._client.write("Inventory/AddScrapItem", {"request": content})
        return Accepted(self._work.issued.instruction)

    def _found(self) -> set[str]:
        def page(number: int) -> object:
            told = self._client.ask("Inventory/GetScrapHistory", {"request": {"PageNumber": number, "EntriesPerPage": _PAGE_ROWS}})
            return nested(told, "ScrapHistory") or told

        reasons = [first_text(row, "ScrapReason") or "" for row in recent_rows(page, self._work.issued_at - SLACK, "CreatedDate")]
        found: set[str] = set()
        for mark in self._marks:
            times = sum(f"{mark} " in f"{reason} " for reason in reasons)
            if times > 1:
                raise FoundTwice(f"the scrap history has {mark} {times} times")
            if times:
                found.add(mark)
        return found

    def _chosen_category(self) -> str:
        """The one that is set, where Linnworks has it; otherwise one for damaged goods, or the first."""
        try:
            told = objects(listed(self._client.get("Inventory/GetScrapCategories"), "ScrapCategories"))
        except NotUnderstood:
            told = []
        names = [name for one in told if (name := first_text(one, "CategoryName")) is not None]
        wanted = self._category or _USUAL_CATEGORY
        exact = next((name for name in names if name.casefold() == wanted.casefold()), None)
        if exact is None and self._category is not None and names:
            what_to_do = f"name one of these in accounts.write_off: {', '.join(sorted(names))}"
            raise No(REFUSED, f"Linnworks has no scrap category {self._category!r}", what_to_do)
        alike = next((name for name in names if "damage" in name.casefold()), None)
        return exact or alike or (names[0] if names else wanted)
