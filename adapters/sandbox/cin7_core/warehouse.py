"""Products, locations and stock of a simulated Cin7 Core account, and the documents that move stock."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from adapters.sandbox.cin7_core.amounts import NOTHING, Refused, Row, decimal
from adapters.sandbox.port import Clock

# A document takes a few ids beside its number: an account that begins at a later number has none in common with an earlier one.
IDS_EACH = 100


class Warehouse:
    """`on_hand` by SKU and place; a place is a location's name, or `"<Location>: <Bin>"`."""

    def __init__(self, clock: Clock, seed: str = "cin7", first: int = 0) -> None:
        self.clock = clock
        self.products: dict[str, Row] = {}
        self.locations: list[Row] = []
        self.on_hand: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.allocated: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.transfers: list[Row] = []
        self.adjustments: list[Row] = []
        self.write_offs: list[Row] = []
        self._seed, self._made = seed, first * IDS_EACH
        self._numbers: defaultdict[str, int] = defaultdict(lambda: first)

    def new_id(self) -> str:
        self._made += 1
        return str(uuid5(NAMESPACE_URL, f"{self._seed}/{self._made}"))

    def number(self, prefix: str) -> str:
        self._numbers[prefix] += 1
        return f"{prefix}-{self._numbers[prefix]:05}"

    def now(self) -> datetime:
        return self.clock()

    # What there is

    def add_product(self, sku: str, name: str | None = None, cost: object = "5", kit: Any = (), **fields: Any) -> Row:
        """`kit`: its parts, `{"sku", "quantity", "share"}` each; `fields` are the vendor's own."""
        product: Row = {
            "ID": self.new_id(),
            "SKU": sku,
            "Name": name or sku.title(),
            "Type": "Stock",
            "CostingMethod": "FIFO",
            "UOM": "Item",
            "Barcode": None,
            "AverageCost": Decimal(str(cost)),
            "SaleTaxRule": "Standard",
            "Status": "Active",
            "BillOfMaterial": bool(kit),
            "AutoAssembly": bool(kit),
            "AutoDisassembly": False,
            "QuantityToProduce": 1,
            "BOMType": "Assembly" if kit else "None",
            "BillOfMaterialsProducts": [self._part(part) for part in kit],
            "BillOfMaterialsServices": [],
        }
        self.products[sku] = product | fields
        return self.products[sku]

    def _part(self, part: Row) -> Row:
        component = self.products.get(part["sku"]) or self.add_product(part["sku"])
        return {
            "ComponentProductID": component["ID"],
            "ProductCode": part["sku"],
            "Name": component["Name"],
            "Quantity": Decimal(str(part.get("quantity", 1))),
            "WastagePercent": NOTHING,
            "WastageQuantity": NOTHING,
            "CostPercentage": Decimal(str(part.get("share", 0))),
        }

    def add_location(self, name: str, bins: list[str] | tuple[str, ...] = (), is_default: bool = False) -> None:
        inside = [{"ID": self.new_id(), "Name": each, "IsDeprecated": False, "IsStaging": False} for each in bins]
        self.locations.append(
            {
                "ID": self.new_id(),
                "Name": name,
                "IsDefault": is_default,
                "IsDeprecated": False,
                "Bins": inside or None,
                "ParentID": None,
                "IsStaging": False,
            }
        )

    def product(self, told: Row, code: str = "SKU") -> Row:
        """The product that a line names by ProductID or SKU; both have to agree."""
        by_id = next((one for one in self.products.values() if one["ID"] == told.get("ProductID")), None)
        by_sku = self.products.get(str(told.get(code)))
        found = by_id or by_sku
        if found is None or (by_id and by_sku and by_id is not by_sku):
            raise Refused(f"Product not found: {told.get(code) or told.get('ProductID')}")
        return found

    def place(self, told: Row, name: str, identifier: str) -> tuple[str, str]:
        """(name, id) of the location or bin that is named by either."""
        places = {each: number for each, number in self._places()}
        for each, number in places.items():
            if number == told.get(identifier) or each == told.get(name):
                return each, number
        raise Refused(f"Location not found: {told.get(name) or told.get(identifier)}")

    def _places(self) -> list[tuple[str, str]]:
        places = []
        for location in self.locations:
            places.append((location["Name"], location["ID"]))
            places += [(f"{location['Name']}: {each['Name']}", each["ID"]) for each in location["Bins"] or ()]
        return places

    def move(self, sku: str, place: str, quantity: Decimal) -> None:
        self.on_hand[sku, place] += quantity

    def availability(self) -> list[Row]:
        rows = []
        for (sku, place), on_hand in sorted(self.on_hand.items()):
            location, _, bin_name = place.partition(": ")
            allocated = self.allocated[sku, place]
            rows.append(
                {
                    "ID": self.products[sku]["ID"],
                    "SKU": sku,
                    "Name": self.products[sku]["Name"],
                    "Barcode": None,
                    "Location": location,
                    "Bin": bin_name or None,
                    "Batch": None,
                    "ExpiryDate": None,
                    "OnHand": on_hand,
                    "Allocated": allocated,
                    "Available": on_hand - allocated,
                    "OnOrder": NOTHING,
                    "InTransit": NOTHING,
                    "StockOnHand": on_hand * self.products[sku]["AverageCost"],
                }
            )
        return rows

    # Documents that move it

    def transfer(self, told: Row) -> Row:
        status = _status(told, ("DRAFT", "IN TRANSIT", "COMPLETED"))
        source, target = self.place(told, "FromLocation", "From"), self.place(told, "ToLocation", "To")
        if source == target:
            raise Refused("From and To locations cannot be the same")
        if status == "COMPLETED" and not told.get("CompletionDate"):
            raise Refused("CompletionDate is required")
        lines = []
        for line in _lines(told):
            product, quantity = self.product(line), decimal(line.get("TransferQuantity"), "TransferQuantity")
            if quantity <= 0:
                raise Refused("TransferQuantity must be greater than 0")
            if self.on_hand[product["SKU"], source[0]] < quantity:
                raise Refused(f"Not enough stock of {product['SKU']} in {source[0]}")
            lines.append(
                {"ProductID": product["ID"], "SKU": product["SKU"], "TransferQuantity": quantity, "Comments": line.get("Comments", "")}
            )
        document = {
            "TaskID": self.new_id(),
            "From": source[1],
            "FromLocation": source[0],
            "To": target[1],
            "ToLocation": target[0],
            "Status": status,
            "Number": self.number("TR"),
            "CompletionDate": told.get("CompletionDate"),
            "Reference": told.get("Reference") or "",
            "Lines": lines,
            "SkipOrder": True,
            "_moves": [
                move
                for line in lines
                for move in (
                    (line["SKU"], source[0], -line["TransferQuantity"]),
                    (line["SKU"], target[0], line["TransferQuantity"]),
                )
            ],
        }
        return self._kept(self.transfers, document)

    def adjust(self, told: Row) -> Row:
        status = _status(told, ("DRAFT", "COMPLETED"))
        if not told.get("EffectiveDate"):
            raise Refused("EffectiveDate is required")
        existing, new, moves = [], [], []
        for line in _lines(told):
            product, (place, number) = self.product(line), self.place(line, "Location", "LocationID")
            sku, level = product["SKU"], decimal(line.get("Quantity"), "Quantity")
            cost = decimal(line.get("UnitCost"), "UnitCost")
            if level < 0:
                raise Refused("Quantity must not be negative")
            there, allocated = self.on_hand[sku, place], self.allocated[sku, place]
            if not told.get("UpdateOnHand"):
                level += allocated
            row = {"ProductID": product["ID"], "SKU": sku, "Location": place, "LocationID": number, "Comments": line.get("Comments", "")}
            if there:
                existing.append({**row, "QuantityOnHand": there, "Available": there - allocated, "Adjustment": level})
            else:
                new.append({**row, "Quantity": level, "UnitCost": cost})
            moves.append((sku, place, level - there))
        document = {
            "TaskID": self.new_id(),
            "StocktakeNumber": self.number("ST"),
            "EffectiveDate": told["EffectiveDate"],
            "Status": status,
            "Account": told.get("Account") or "403",
            "Reference": told.get("Reference") or "",
            "Comment": told.get("Comment") or "",
            "ExistingStockLines": existing,
            "NewStockLines": new,
            "Transactions": [],
            "_moves": moves,
        }
        return self._kept(self.adjustments, document)

    def write_off(self, told: Row) -> Row:
        """Lines that fail do not undo the task: it is there as a draft, and its errors stand in a 200."""
        status = _status(told, ("DRAFT", "COMPLETED"))
        place, number = self.place(told, "Location", "LocationID")
        for name in ("Account", *(("EffectiveDate",) if status == "COMPLETED" else ())):
            if not told.get(name):
                raise Refused(f"{name} is required")
        errors, lines, moves = [], [], []
        for line in _lines(told):
            product, quantity = self.product(line, "ProductCode"), decimal(line.get("Quantity"), "Quantity")
            at = f"{place}: {line['Bin']}" if line.get("Bin") and line["Bin"] != place else place
            if self.on_hand[product["SKU"], at] < quantity:
                errors.append(f"Not enough stock of {product['SKU']} in {at}")
            cost = product["AverageCost"]
            lines.append(
                {
                    "ProductID": product["ID"],
                    "ProductCode": product["SKU"],
                    "Name": product["Name"],
                    "Bin": line.get("Bin"),
                    "Quantity": quantity,
                    "Cost": cost,
                    "TotalCost": cost * quantity,
                }
            )
            moves.append((product["SKU"], at, -quantity))
        document = {
            "TaskID": self.new_id(),
            "InventoryWriteOffNumber": self.number("IW"),
            "Location": place,
            "LocationID": number,
            "Account": told["Account"],
            "EffectiveDate": told.get("EffectiveDate"),
            "Notes": told.get("Notes") or "",
            "Status": "DRAFT" if errors else status,
            "Lines": lines,
            "Transactions": [],
            "Errors": errors,
            "_date": self.now(),
            "_moves": moves,
        }
        return self._kept(self.write_offs, document)

    def withdraw(self, documents: list[Row], task: str, void: bool) -> Row:
        """Void takes the movements back for good; undo opens the document again as a draft."""
        document = next((one for one in documents if one["TaskID"] == task), None)
        if document is None:
            raise Refused("Task not found")
        if document["Status"] == "COMPLETED":
            for sku, place, quantity in document["_moves"]:
                self.move(sku, place, -quantity)
        document["Status"] = "VOIDED" if void else "DRAFT"
        return document

    def _kept(self, documents: list[Row], document: Row) -> Row:
        if document["Status"] == "COMPLETED":
            for sku, place, quantity in document["_moves"]:
                self.move(sku, place, quantity)
        documents.append(document)
        return document


def _status(told: Row, allowed: tuple[str, ...]) -> str:
    status = str(told.get("Status", "")).upper()
    if status not in allowed:
        raise Refused(f"Status must be one of: {', '.join(allowed)}")
    return status


def _lines(told: Row) -> list[Row]:
    lines = told.get("Lines")
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise Refused("Lines are required")
    return lines
