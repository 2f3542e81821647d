"""Stock levels by item and location."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adapters.erps.linnworks.client import LinnworksClient
from adapters.vendor.shapes import first_text, listed, nested, number, objects

_AT_ONCE = 100


class StockLevel(NamedTuple):
    """`available` is what is on hand less what open orders hold."""

    stock_item: str
    sku: str | None
    location_id: str | None
    location: str | None
    on_hand: int
    available: int


def levels_of(client: LinnworksClient, stock_item_ids: Iterable[str]) -> Iterator[StockLevel]:
    """Nothing is said of items and locations that Linnworks leaves out."""
    asked = sorted(set(stock_item_ids))
    for start in range(0, len(asked), _AT_ONCE):
        told = client.ask("Stock/GetStockLevel_Batch", {"request": {"StockItemIds": asked[start : start + _AT_ONCE]}})
        if told is None:
            one_by_one = {item: client.get("Stock/GetStockLevel", stockItemId=item) for item in asked[start : start + _AT_ONCE]}
            told = [{"pkStockItemId": item, "StockItemLevels": levels} for item, levels in one_by_one.items()]
        for item in objects(listed(told, "Items", "Data")):
            of_item = first_text(item, "pkStockItemId", "StockItemId")
            for level in objects(item.get("StockItemLevels")):
                stock_item = of_item or first_text(level, "StockItemId")
                hand = _whole(level.get("StockLevel"))
                if stock_item is None or hand is None:
                    continue
                held = _whole(level.get("InOrders")) or _whole(level.get("InOrderBook")) or 0
                available = _whole(level.get("Available"))
                where = nested(level, "Location")
                yield StockLevel(
                    stock_item,
                    first_text(level, "SKU"),
                    first_text(where, "StockLocationId"),
                    first_text(where, "LocationName"),
                    hand,
                    hand - held if available is None else available,
                )


def on_hand(client: LinnworksClient, stock_item_ids: Iterable[str]) -> dict[tuple[str, str], int]:
    """Stock levels by stock item and location id, both in lower case, as far as Linnworks tells them."""
    return {
        (level.stock_item.lower(), level.location_id.lower()): level.on_hand
        for level in levels_of(client, stock_item_ids)
        if level.location_id is not None
    }


def _whole(value: object) -> int | None:
    read = number(value)
    return int(read) if read is not None else None
