"""What a simulated Linnworks account holds: locations, stock with its history, orders, refunds and RMAs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import NAMESPACE_DNS, uuid5

from adapters.sandbox.port import Clock

Document = dict[str, Any]
# The id of every account's first location.
DEFAULT_LOCATION: Final = "00000000-0000-0000-0000-000000000000"
NOTHING: Final = "00000000-0000-0000-0000-000000000000"
CENT: Final = Decimal("0.01")


class Refused(Exception):
    """The vendor's own 400."""


@dataclass(slots=True)
class Item:
    stock_item_id: str
    sku: str
    title: str
    purchase_price: Decimal
    # (SKU, units in one) of a composite.
    parts: list[tuple[str, int]] = field(default_factory=list)


class Books:
    """Stock of a composite is its parts'. Nothing here knows of HTTP."""

    def __init__(self, clock: Clock, begins_at: int = 0) -> None:
        self.clock = clock
        self.locations: dict[str, str] = {DEFAULT_LOCATION: "Default"}
        self.items: dict[str, Item] = {}
        self.levels: dict[tuple[str, str], int] = defaultdict(int)
        self.history: list[Document] = []
        self.scraps: list[Document] = []
        self.scrap_categories: list[str] = ["Damaged", "Lost"]
        self.orders: dict[str, Document] = {}
        self.refunds: dict[int, Document] = {}
        self.rmas: dict[int, Document] = {}
        # Money that went out through a sales channel: (order id, refund header).
        self.paid_by_channel: list[tuple[str, int]] = []
        # Orders whose channel pays what is refunded here.
        self.paying: set[str] = set()
        # The next change of several levels breaks off after the first.
        self.tears_next_change = False
        self._counted: dict[str, int] = defaultdict(lambda: begins_at)

    def next_number(self, what: str, first: int = 1) -> int:
        self._counted[what] += 1
        return first - 1 + self._counted[what]

    def new_id(self, what: str) -> str:
        return str(uuid5(NAMESPACE_DNS, f"linnworks.sandbox/{what}/{self.next_number(what)}"))

    def now(self) -> str:
        return shown(self.clock())

    # Locations and items

    def location(self, name: str) -> str:
        """The id of a location, which is made where there is none of that name."""
        found = next((known for known, called in self.locations.items() if called == name), None)
        if found is None:
            found = self.new_id("location")
            self.locations[found] = name
        return found

    def item(self, sku: str, title: str | None = None, purchase_price: str = "5.00") -> Item:
        """The item of a SKU, which is made where there is none."""
        if sku not in self.items:
            self.items[sku] = Item(self.new_id("item"), sku, title or sku, Decimal(purchase_price))
        return self.items[sku]

    def item_by_id(self, stock_item_id: object) -> Item:
        found = next((one for one in self.items.values() if one.stock_item_id == str(stock_item_id).lower()), None)
        if found is None:
            raise Refused(f"Stock item {stock_item_id} does not exist")
        return found

    def item_by_sku(self, sku: object) -> Item:
        if sku not in self.items:
            raise Refused(f"SKU {sku} does not exist")
        return self.items[str(sku)]

    def known_location(self, location_id: object) -> str:
        if str(location_id).lower() not in self.locations:
            raise Refused(f"Location {location_id} does not exist")
        return str(location_id).lower()

    # Stock

    def change(self, item: Item, location_id: str, units: int, note: str) -> None:
        for one, each in self._stocked(item):
            key = (one.stock_item_id, location_id)
            self.levels[key] += units * each
            self.history.append(
                {
                    "StockItemId": one.stock_item_id,
                    "LocationId": location_id,
                    "Date": self.now(),
                    "Level": self.levels[key],
                    "StockValue": one.purchase_price * self.levels[key],
                    "Note": note,
                    "ChangeQty": units * each,
                    "ChangeValue": one.purchase_price * units * each,
                }
            )

    def level(self, item: Item, location_id: str) -> int:
        if item.parts:
            return min(self.level(self.items[sku], location_id) // each for sku, each in item.parts)
        return self.levels[item.stock_item_id, location_id]

    def _stocked(self, item: Item) -> Iterator[tuple[Item, int]]:
        if not item.parts:
            yield item, 1
        for sku, each in item.parts:
            for one, of_part in self._stocked(self.items[sku]):
                yield one, each * of_part

    # Orders

    def order(self, order_id: object) -> Document:
        found = self.orders.get(str(order_id).lower())
        if found is None:
            raise Refused(f"Order {order_id} does not exist")
        return found

    def by_reference(self, reference: str) -> list[Document]:
        fields = ("ReferenceNum", "SecondaryReference")
        return [one for one in self.orders.values() if reference in [one["GeneralInfo"][name] for name in fields]][:50]

    def rows(self, order: Document) -> dict[str, Document]:
        """Rows of an order and of its kits' parts, by id."""
        return {row["RowId"]: row for item in order["Items"] for row in (item, *item["CompositeSubItems"])}

    def refunded(self, order_id: str, row: str | None, unit: str) -> Decimal:
        """What refunds that were not deleted give back of a row, or of shipping."""
        return sum(
            (line["Amount"] for line in self._refund_lines(order_id) if (row_of(line), line["RefundedUnit"]) == (row, unit)), Decimal(0)
        )

    def refunded_in_all(self, order_id: str) -> Decimal:
        return sum((line["Amount"] for line in self._refund_lines(order_id)), Decimal(0))

    def _refund_lines(self, order_id: str) -> Iterator[Document]:
        for header in self.refunds.values():
            if header["OrderId"] == order_id:
                yield from header["RefundLines"]

    def returned(self, order_id: str, row: str) -> int:
        headers = [one for one in self.rmas.values() if one["OrderId"] == order_id]
        return sum(line["ReturnQuantity"] for header in headers for line in header["RMALines"] if line["OrderItemRowId"] == row)


def row_of(line: Mapping[str, Any]) -> str | None:
    return (line["RefundedItem"] or {}).get("OrderItemRowId")


def shown(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def status(header: str, tag: str = "") -> Document:
    detail = {
        "StatusTag": tag or header,
        "StatusDescription": header.title(),
        "Actionable": header == "OPEN",
        "ActionDescription": "",
        "EditableFields": [],
    }
    return {"StatusHeader": header, "StatusDetail": detail}


def plain(value: Any) -> Any:
    """As JSON: money is a double."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value
