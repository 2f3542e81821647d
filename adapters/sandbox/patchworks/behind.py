"""The ERP that stands behind the simulated flow: orders, stock and documents, changed by commands and by people.

It knows the commands' published envelope and nothing else. What it refuses, it refuses in words of that envelope.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

Document = dict[str, Any]

LOCATIONS: Final = ("Main Warehouse", "In transit", "Quarantine", "Damaged")
_PREFIXES: Final = {"credit_note": "CN", "exchange_order": "SO", "goods": "MV"}
_CENT: Final = Decimal("0.01")


class Refused(Exception):
    """The ERP says no, for good."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class ErpBehind:
    """`dedupes`: a command that was done is not done again, as the flow's de-dupe shape has it."""

    def __init__(self, *, dedupes: bool = True, first: int = 0) -> None:
        self.dedupes, self._first = dedupes, first
        self.locations: list[str] = list(LOCATIONS)
        self.products: set[str] = set()
        self.orders: dict[str, Document] = {}
        self.stock: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.documents: list[Document] = []
        self.deliveries: list[str] = []

    # Commands

    def do(self, command: Mapping[str, Any], now: datetime) -> Document:
        """Carry out one command; the document. Raises Refused."""
        command_id = str(command["command_id"])
        self.deliveries.append(command_id)
        if self.dedupes and (done := self.found(command_id)) is not None:
            return done
        match command["command_type"]:
            case "post_credit_note":
                return self._credit(command, now)
            case "book_in" | "move" | "restock" | "write_off":
                self._move(command)
                return self._made("goods", command, now, lines=[dict(one) for one in command["goods"]])
            case "order_exchange":
                return self._exchange(command, now)
            case "authorise_exchange":
                return self._authorise(command, now)
            case unknown:
                raise Refused("refused", f"this flow does not know {unknown}")

    def found(self, command_id: str) -> Document | None:
        """The document that a command made, or changed last."""
        return next((one for one in reversed(self.documents) if command_id in (one["command_id"], one.get("authorised_by"))), None)

    def _credit(self, command: Mapping[str, Any], now: datetime) -> Document:
        order = self._order(command["source"]["order_ref"])
        if order["invoice"] != "authorised":
            raise Refused("order_not_invoiced", f"order {order['order']} is not invoiced")
        credited = self.credited(order)
        lines = {line["order_line"]: line for line in order["lines"]}
        for one in command["money"]:
            line = lines.get(one["order_line"]) or next((line for line in order["lines"] if line["sku"] == one["sku"]), None)
            if line is None:
                raise Refused("sku_unmatched", f"order {order['order']} has no {one['sku']}")
            if one.get("component") is None and credited[line["order_line"]] + one["quantity"] > line["quantity"]:
                raise Refused("over_credit", f"{credited[line['order_line']]} of {line['quantity']} {one['sku']} are credited already")
        total = Decimal(command["amount"]["total"])
        if total > self.creditable(order):
            raise Refused("over_credit", f"the invoice allows {self.creditable(order)}, and the note would credit {total}")
        self._move(command)
        lines_of_note = [
            {"order_line": one["order_line"], "sku": one["sku"], "quantity": one["quantity"], "items": one["items"], "tax": one["tax"]}
            for one in command["money"]
        ]
        return self._made("credit_note", command, now, lines=lines_of_note, amount=dict(command["amount"]), order=order)

    def _exchange(self, command: Mapping[str, Any], now: datetime) -> Document:
        self._known([one["sku"] for one in command["exchange"]])
        lines = [{"sku": one["sku"], "quantity": one["quantity"]} for one in command["exchange"]]
        return self._made("exchange_order", command, now, lines=lines, status=command.get("status") or "authorised")

    def _authorise(self, command: Mapping[str, Any], now: datetime) -> Document:
        draft = next((one for one in self.documents if one["number"] == command["document"]), None)
        if draft is None or draft["status"] == "voided":
            raise Refused("refused", f"there is no draft {command['document']}")
        draft |= {"status": "authorised", "authorised_by": command["command_id"], "at": _written(now)}
        return draft

    def _move(self, command: Mapping[str, Any]) -> None:
        """All of it or nothing."""
        goods = command["goods"]
        self._known([one["sku"] for one in goods])
        for place in [place for one in goods for place in (one["from_location"], one["to_location"])]:
            if place is not None and place not in self.locations:
                raise Refused("unknown_location", f"there is no location {place}")
        for one in goods:
            here = self.stock[one["sku"], one["from_location"]] if one["from_location"] is not None else None
            if here is not None and here < one["quantity"]:
                raise Refused("refused", f"{one['from_location']} holds {here} of {one['sku']}, not {one['quantity']}")
        for one in goods:
            to_location = one["to_location"] or (self.locations[0] if command["command_type"] in ("restock", "book_in") else None)
            if one["from_location"] is not None:
                self.stock[one["sku"], one["from_location"]] -= one["quantity"]
            if to_location is not None:
                self.stock[one["sku"], to_location] += one["quantity"]

    # Questions

    def answer(self, command: Mapping[str, Any]) -> Document:
        """What a callback flow is asked."""
        query: Mapping[str, Any] = command["query"]
        match command["command_type"]:
            case "match_order":
                order = self.orders.get(str(query["reference"]))
                return {"order": self.told_order(order) if order is not None else None}
            case "find":
                document = self.found(str(query["command_id"]))
                return self.acknowledgement(str(query["command_id"]), document) if document is not None else {"found": False}
            case "changes":
                since = str(query["since"])
                return {"documents": [self.told(one) for one in self.documents if one["at"] >= since], "cursor": None, "more": False}
            case "levels":
                wanted = set(query["skus"])
                rows = [(sku, place, units) for (sku, place), units in sorted(self.stock.items()) if sku in wanted]
                return {"levels": [{"sku": sku, "location": place, "available": n, "on_hand": n} for sku, place, n in rows]}
            case unknown:
                return {"error": f"this flow does not know {unknown}"}

    def acknowledgement(self, command_id: str, document: Mapping[str, Any]) -> Document:
        told = {"command_id": command_id, "status": "accepted", "document": document["number"], "at": document["at"]}
        amount = document.get("amount")
        return told | ({"currency": document["currency"], "amount": amount} if amount else {})

    def told(self, document: Mapping[str, Any]) -> Document:
        fields = ("kind", "number", "status", "at", "order", "order_reference", "command_id", "currency", "amount", "lines")
        return {name: document[name] for name in fields if document.get(name) is not None}

    def told_order(self, order: Mapping[str, Any]) -> Document:
        credited = self.credited(order, by_hand=True)
        lines = [line | {"credited": credited[line["order_line"]]} for line in order["lines"]]
        return {**order, "lines": lines, "creditable": str(self.creditable(order))}

    # People

    def by_hand(self, told: Mapping[str, Any], now: datetime) -> Document:
        """`{"credit_note": {"order_ref": "#1001", "sku": "SHIRT-M", "quantity": 1}}` (and the `order_line`, where two have the SKU),
        `{"void": "CN-1"}`, `{"amend": {"number": "CN-1", "total": "12.00"}}`, `{"move": {"sku": …, "quantity": …,
        "from_location": …, "to_location": …}}`."""
        match next(iter(told.items()), None):
            case ("void", number):
                self._named(str(number)).update(status="voided", at=_written(now))
                return {"document": number}
            case ("amend", dict(change)):
                document = self._named(str(change["number"]))
                document.update(amount={"total": str(change["total"])}, at=_written(now))
                return {"document": document["number"]}
            case ("credit_note", dict(note)):
                return {"document": self._note_by_hand(note, now)["number"]}
            case ("move", dict(one)):
                self._move({"command_type": "move", "goods": [{"from_location": None, "to_location": None, **one}]})
                return {}
            case _:
                raise ValueError("by_hand has credit_note, void, amend or move")

    def _note_by_hand(self, note: Mapping[str, Any], now: datetime) -> Document:
        reference, units = str(note["order_ref"]), int(note["quantity"])
        order = self.orders.get(reference)
        wanted = [line for line in (order or {"lines": []})["lines"] if line["sku"] == note["sku"]]
        line = next((line for line in wanted if line["order_line"] == note.get("order_line", line["order_line"])), None)
        if line is None:
            items = tax = Decimal(str(note.get("total", "0")))
            tax = Decimal(0)
        else:
            items, tax = (Decimal(line[part]) * units / line["quantity"] for part in ("items", "tax"))
        items, tax = items.quantize(_CENT), tax.quantize(_CENT)
        lines = [
            {
                "order_line": line["order_line"] if line else None,
                "sku": note["sku"],
                "quantity": units,
                "items": str(items),
                "tax": str(tax),
            }
        ]
        amount = {"total": str(items + tax), "items": str(items), "tax": str(tax)}
        command = {"command_id": None, "currency": (order or {}).get("currency", "GBP"), "source": {"order_ref": reference}}
        return self._made("credit_note", command, now, lines=lines, amount=amount, order=order)

    def seed_order(self, told: Mapping[str, Any]) -> Document:
        """`{"order_ref": "#1001", "currency": "GBP", "invoice": "authorised", "shipping": "5.00", "lines": [{"sku", "quantity", "items",
        "tax"}]}`: amounts are decimal strings, for the whole quantity."""
        number = f"SO-{self._first + 1000 + len(self.orders) + 1}"
        lines = [
            {"order_line": f"{number}/{place}", "tax": "0.00", **line} | {"items": str(line["items"]), "quantity": int(line["quantity"])}
            for place, line in enumerate(told["lines"], start=1)
        ]
        self.products |= {str(line["sku"]) for line in lines} | {str(part["sku"]) for line in lines for part in line.get("kit") or ()}
        order: Document = {
            "order": number,
            "number": number,
            "order_reference": str(told["order_ref"]),
            "currency": told.get("currency", "GBP"),
            "invoice": told.get("invoice", "authorised"),
            "shipping": str(told.get("shipping", "0.00")),
            "shipping_tax": str(told.get("shipping_tax", "0.00")),
            "lines": lines,
        }
        self.orders[order["order_reference"]] = order
        return order

    def credited(self, order: Mapping[str, Any], *, by_hand: bool = False) -> defaultdict[str, int]:
        """Units of each line that active notes credit; `by_hand`: those of people only."""
        units: defaultdict[str, int] = defaultdict(int)
        for note in self._notes(order):
            for line in note["lines"] if not by_hand or note["command_id"] is None else ():
                units[line["order_line"]] += line["quantity"]
        return units

    def creditable(self, order: Mapping[str, Any]) -> Decimal:
        whole = sum((Decimal(line["items"]) + Decimal(line["tax"]) for line in order["lines"]), Decimal(0))
        whole += Decimal(order["shipping"]) + Decimal(order["shipping_tax"])
        return whole - sum((Decimal(note["amount"]["total"]) for note in self._notes(order)), Decimal(0))

    def _notes(self, order: Mapping[str, Any]) -> list[Document]:
        return [
            one for one in self.documents if one["kind"] == "credit_note" and one["status"] == "active" and one["order"] == order["order"]
        ]

    def _order(self, reference: str) -> Document:
        order = self.orders.get(reference)
        if order is None:
            raise Refused("order_not_found", f"there is no order {reference}")
        return order

    def _known(self, skus: list[str]) -> None:
        for sku in skus:
            if self.products and sku not in self.products:
                raise Refused("sku_unmatched", f"there is no product {sku}")

    def _named(self, number: str) -> Document:
        document = next((one for one in self.documents if one["number"] == number), None)
        if document is None:
            raise ValueError(f"there is no document {number}")
        return document

    def _made(
        self, kind: str, command: Mapping[str, Any], now: datetime, *, order: Mapping[str, Any] | None = None, **more: Any
    ) -> Document:
        document = {
            "kind": kind,
            "number": f"{_PREFIXES[kind]}-{self._first + len(self.documents) + 1:05}",
            "status": "active",
            "at": _written(now),
            "command_id": command["command_id"],
            "command_type": command.get("command_type"),
            "order": order["order"] if order else None,
            "order_reference": command["source"]["order_ref"],
            "currency": command["currency"],
            **more,
        }
        self.documents.append(document)
        return document


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
