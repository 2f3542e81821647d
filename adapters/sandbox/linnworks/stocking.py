"""Stock of a simulated Linnworks: levels, deltas that are applied as often as they are sent, history and scrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.sandbox.linnworks.books import Books, Document, Refused

Request = Mapping[str, Any]


class TornChange(Exception):
    """A change of several levels broke off after the first: the server fails, and says nothing of it."""


def locations(books: Books) -> list[Document]:
    return [
        {"StockLocationId": known, "LocationName": name, "LocationTag": "", "IsFulfillmentCenter": False, "IsWarehouseManaged": False}
        for known, name in books.locations.items()
    ]


def ids_by_sku(books: Books, told: Request) -> Document:
    known = [books.items[sku] for sku in told.get("SKUS") or [] if sku in books.items]
    return {"Items": [{"StockItemId": one.stock_item_id, "SKU": one.sku} for one in known]}


def compositions(books: Books, stock_item_id: object) -> list[Document]:
    parts = [(books.items[sku], each) for sku, each in books.item_by_id(stock_item_id).parts]
    return [
        {
            "LinkedStockItemId": one.stock_item_id,
            "ItemTitle": one.title,
            "SKU": one.sku,
            "Quantity": each,
            "PurchasePrice": one.purchase_price,
            "StockItemId": str(stock_item_id),
        }
        for one, each in parts
    ]


def levels(books: Books, told: Request) -> list[Document]:
    answer = []
    for stock_item_id in told.get("StockItemIds") or []:
        found = [one for one in books.items.values() if one.stock_item_id == str(stock_item_id).lower()]
        if found:
            shown = [_level(books, found[0].sku, place) for place in books.locations]
            answer.append({"pkStockItemId": found[0].stock_item_id, "StockItemLevels": shown})
    return answer


def change(books: Books, told: Request, *, absolute: bool = False) -> list[Document]:
    """Every SKU and location is checked before anything changes."""
    changes = told.get("stockLevels") or []
    checked = []
    for one in changes:
        units = one.get("Level")
        if isinstance(units, bool) or not isinstance(units, int):
            raise Refused("Level must be a whole number")
        checked.append((books.item_by_sku(one.get("SKU")), books.known_location(one.get("LocationId")), units))
    for item, place, units in checked:
        books.change(item, place, units - books.level(item, place) if absolute else units, str(told.get("changeSource") or ""))
        if books.tears_next_change:
            books.tears_next_change = False
            raise TornChange
    return [_level(books, item.sku, place) for item, place, _ in checked]


def history(books: Books, query: Mapping[str, str]) -> Document:
    item, place = query.get("stockItemId", "").lower(), query.get("locationId", "").lower()
    found = [one for one in books.history if one["StockItemId"] == item and place in ("", one["LocationId"])]
    rows = [{name: one[name] for name in one if name != "LocationId"} for one in reversed(found)]
    return paged(rows, int(query.get("pageNumber", "1")), int(query.get("entriesPerPage", "100")))


def scrap(books: Books, told: Request) -> Document:
    asked, place = told.get("ScrapItem") or {}, books.known_location(told.get("LocationId"))
    item, units = books.item_by_id(asked.get("StockItemId")), asked.get("Quantity")
    if isinstance(units, bool) or not isinstance(units, int) or units < 1:
        raise Refused("Quantity must be a whole number of at least 1")
    if asked.get("CategoryName") not in books.scrap_categories:
        raise Refused(f"Scrap category {asked.get('CategoryName')} does not exist")
    if books.level(item, place) < units:
        raise Refused("There is not enough stock to scrap")
    books.change(item, place, -units, f"Scrapped: {asked.get('ScrapReason') or ''}")
    scrapped = {
        "Id": books.new_id("scrap"),
        "StockItemId": item.stock_item_id,
        "ItemNumber": item.sku,
        "ItemTitle": item.title,
        "Quantity": units,
        "CategoryName": asked["CategoryName"],
        "ScrapReason": str(asked.get("ScrapReason") or ""),
        "TotalCost": item.purchase_price * units,
        "UserName": "sandbox",
        "CreatedDate": books.now(),
        "StockLocationId": place,
    }
    books.scraps.append(scrapped)
    return {"ScrapItem": scrapped}


def scrap_history(books: Books, told: Request) -> Document:
    return {"ScrapHistory": paged(list(reversed(books.scraps)), int(told.get("PageNumber") or 1), int(told.get("EntriesPerPage") or 100))}


def paged(rows: list[Document], number: int, size: int) -> Document:
    size = max(1, min(size, 200))
    pages = -(-len(rows) // size)
    shown = rows[(number - 1) * size : number * size]
    return {"PageNumber": number, "EntriesPerPage": size, "TotalEntries": len(rows), "TotalPages": pages, "Data": shown}


def _level(books: Books, sku: str, place: str) -> Document:
    item = books.items[sku]
    units = books.level(item, place)
    return {
        "Location": {"StockLocationId": place, "LocationName": books.locations[place], "IsFulfillmentCenter": False},
        "StockLevel": units,
        "StockValue": item.purchase_price * units,
        "MinimumLevel": 0,
        "InOrderBook": 0,
        "InOrders": 0,
        "Due": 0,
        "Available": units,
        "UnitCost": item.purchase_price,
        "SKU": sku,
        "StockItemId": item.stock_item_id,
    }
