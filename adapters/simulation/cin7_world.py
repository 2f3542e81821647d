"""Cin7 Core in the simulated world: its books seeded, looked into, and changed by people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any

import httpx

from adapters.erps.cin7_core import connect
from adapters.erps.port import Erp, ErpSettings, WaitTurn
from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest
from adapters.simulation.books import BookedNote, Places
from adapters.simulation.clocks import Clock
from adapters.simulation.ground import Ground
from adapters.simulation.lagging import Lagging
from adapters.simulation.selling import KIT, PARTS, SimulatedOrder

_CREDENTIALS = {"account_id": "sandbox-account", "application_key": "sandbox-key"}
_ACCOUNTS = {"write_off": "404", "adjustment": "403"}


class Cin7World:
    """`books` of the simulator, and what people do there. `by_hand` counts units that people moved."""

    main = "Main Warehouse"
    goods_in_with_note = True
    void_takes_goods = True
    acknowledged_later = False

    def __init__(self, clock: Clock, rng: Random) -> None:
        self.sandbox = Cin7CoreSandbox(clock)
        self.lagging = Lagging(self.sandbox, clock, f"{rng.random()}/lists", _is_list, _books(self.sandbox), _twin)
        self.front = Front(self.lagging)
        self.inclusive = rng.random() < 0.5
        # A note that has its refund booked cannot be voided.
        self.accounts = {**_ACCOUNTS, "refund": "140"} if rng.random() < 0.5 else _ACCOUNTS
        self._rng = rng

    def connect(self, ground: Ground, transport_of: Callable[[Front], httpx.BaseTransport], wait_turn: WaitTurn) -> Erp:
        settings = ErpSettings("erp", "cin7_core", "https://cin7.test/ExternalApi/v2", _CREDENTIALS, self.accounts)
        return connect(settings=settings, http=httpx.Client(transport=transport_of(self.front)), wait_turn=wait_turn)

    def deliver(self, ground: Ground) -> None:
        """It posts nothing by itself."""

    def seed(self, orders: list[SimulatedOrder], stock: Mapping[str, int]) -> None:
        told = [{"sku": sku, "location": self.main, "quantity": units} for sku, units in stock.items()]
        kit = {"sku": KIT, "kit": [{"sku": sku, "quantity": units, "share": 50} for sku, units in PARTS.items()]}
        self.front.seed({"stock": told, "products": [kit], "orders": [self._order(order) for order in orders]})

    def _order(self, order: SimulatedOrder) -> dict[str, Any]:
        def priced(net: int, tax: int, quantity: int) -> dict[str, Any]:
            total = Decimal(net + (tax if self.inclusive else 0)) / 100
            price = (total / quantity).quantize(Decimal("0.0001"))
            return {"quantity": quantity, "price": str(price), "total": str(total), "tax": str(Decimal(tax) / 100)}

        lines = [{"sku": one.sku, **priced(one.items, one.tax, one.quantity)} for one in order.lines]
        charges = [{"description": "Shipping", **priced(order.shipping, order.shipping_tax, 1)}] if order.shipping else []
        invoice = "draft" if order.invoiced_at is not None else "authorised"
        return {"reference": order.reference, "lines": lines, "charges": charges, "inclusive": self.inclusive, "invoice": invoice}

    # What people do

    def invoice(self, reference: str) -> None:
        self.front.seed({"by_hand": [{"invoice": reference}]})

    def meddle(self) -> str | None:
        """One thing that a person does by hand; what was done, in a few words."""
        notes = [note for note in self.notes() if note.active]
        deed = self._rng.choice(("void", "amend", "note", "note"))
        try:
            if deed == "note":
                sale = self._rng.choice(list(self.sandbox.sales.documents.values()))
                if not sale["Order"]["Lines"]:
                    return None  # an exchange that is half made: there is nothing to credit
                line = self._rng.choice(sale["Order"]["Lines"])
                told = {"order": sale["ID"], "lines": [{"sku": line["SKU"], "quantity": 1}]}
                return f"credits by hand {self.front.seed({'by_hand': [{'credit_note': told}]})['by_hand'][0]}"
            if not notes:
                return None
            note = self._rng.choice(notes)
            if deed == "void" and not self._has_its_goods(note.number):
                return None  # they have gone on: nobody takes back what is not there
            if deed == "void":
                self.front.seed({"by_hand": [{"void": note.number}]})
                return f"voids {note.number}"
            line = next(one for sale in self.sandbox.sales.documents.values() for one in _lines_of(sale, note.number))
            price = (line["Price"] * (100 - line["Discount"]) / 100 * Decimal("0.9")).quantize(Decimal("0.01"), ROUND_DOWN)
            self.front.seed({"by_hand": [{"amend": {"credit_note": note.number, "price": str(price)}}]})
            return f"changes {note.number}"
        except (ValueError, StopIteration):
            return None  # Cin7 refuses, or there is nothing to be changed

    def _has_its_goods(self, number: str) -> bool:
        warehouse = self.sandbox.warehouse
        notes = [note for sale in self.sandbox.sales.documents.values() for note in sale["CreditNotes"]]
        wanted: Counter[tuple[str, str]] = Counter()
        for line in next(note for note in notes if note["CreditNoteNumber"] == number)["_restock"]:
            wanted[line["SKU"], line["Location"]] += int(line["Quantity"])
        return all(warehouse.on_hand[place] >= units for place, units in wanted.items())

    # The books

    def notes(self) -> list[BookedNote]:
        return [
            BookedNote(
                note["CreditNoteNumber"],
                note["Status"] == "AUTHORISED",
                int(note["Total"] * 100),
                note["Memo"],
                [int(payment["Amount"] * 100) for payment in note["Refunds"]],
                sale["CustomerReference"],
            )
            for sale in self.sandbox.sales.documents.values()
            for note in sale["CreditNotes"]
        ]

    def invoiced(self, reference: str) -> int:
        sales = (sale for sale in self.sandbox.sales.documents.values() if sale["CustomerReference"] == reference)
        return sum(int(invoice["Total"] * 100) for sale in sales for invoice in sale["Invoices"])

    def stock(self) -> Places:
        counted: Places = Counter()
        for (sku, place), units in self.sandbox.warehouse.on_hand.items():
            counted[sku, place] += int(units)
        return counted

    def leftovers(self) -> list[str]:
        warehouse = self.sandbox.warehouse
        documents = [*warehouse.transfers, *warehouse.adjustments, *warehouse.write_offs]
        left = [f"{one['Status']} {one['TaskID']}" for one in documents if one["Status"] not in ("COMPLETED", "VOIDED")]
        for sale in self.sandbox.sales.documents.values():
            left += [f"a draft, {note['CreditNoteNumber']}" for note in sale["CreditNotes"] if note["Status"] == "DRAFT"]
            left += [f"an order without lines, {sale['ID']}" for _ in (1,) if sale["Order"]["Status"] == "NOT AVAILABLE"]
        return left

    def carrying(self) -> Counter[str]:
        """How many documents that stand carry each instruction's id; several of one instruction (other places) count apart."""
        warehouse = self.sandbox.warehouse
        counted: Counter[str] = Counter()
        for one in (*warehouse.transfers, *warehouse.adjustments, *warehouse.write_offs):
            if one["Status"] == "COMPLETED":
                places = one.get("FromLocation", ""), one.get("ToLocation", ""), one.get("Location", "")
                counted[f"{(one.get('Reference') or one.get('Notes') or '')[-20:]} {'StocktakeNumber' in one} {places}"] += 1
        for sale in self.sandbox.sales.documents.values():
            if (sale["ExternalID"] or "").startswith("rl-") and sale["Status"] != "VOIDED":
                counted[sale["ExternalID"]] += 1
            for note in sale["CreditNotes"]:
                if note["Status"] == "AUTHORISED" and "rl-" in note["Memo"]:
                    counted[note["Memo"][-20:]] += 1
        return counted


def _lines_of(sale: Mapping[str, Any], number: str) -> list[dict[str, Any]]:
    return [line for note in sale["CreditNotes"] if note["CreditNoteNumber"] == number for line in note["Lines"]]


def _is_list(request: SandboxRequest) -> bool:
    """Searches and availability; a sale or task that is asked for by its id is as it is."""
    path = request.path.lower()
    return request.method == "GET" and path.endswith(("list", "ref/productavailability"))


def _books(sandbox: Cin7CoreSandbox) -> tuple[object, ...]:
    return sandbox.warehouse, sandbox.sales


def _twin(clock: Clock) -> tuple[Cin7CoreSandbox, tuple[object, ...]]:
    twin = Cin7CoreSandbox(clock)
    return twin, _books(twin)
