"""Linnworks in the simulated world: its books seeded, looked into, and changed by people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any

import httpx

from adapters.erps.linnworks import connect
from adapters.erps.port import Erp, ErpSettings, WaitTurn
from adapters.sandbox.faults import Front
from adapters.sandbox.linnworks import SANDBOX_CREDENTIALS, LinnworksSandbox
from adapters.sandbox.port import SandboxRequest
from adapters.simulation.books import BookedNote, Places
from adapters.simulation.clocks import Clock
from adapters.simulation.ground import Ground
from adapters.simulation.lagging import Lagging
from adapters.simulation.selling import CURRENCY, KIT, PARTS, SimulatedOrder
from domain.money import to_text

_OURS = "rl-"
# What is answered out of an index; an order or a refund's options are read from the books.
_LISTS = (
    "ReturnsRefunds/SearchReturnsRefundsPaged",
    "ReturnsRefunds/GetRefundHeadersByOrderId",
    "ReturnsRefunds/GetRMAHeadersByOrderId",
    "ProcessedOrders/SearchProcessedOrders",
    "ProcessedOrders/GetReturnsExchanges",
    "Orders/GetOrderDetailsByReferenceId",
    "Stock/GetItemChangesHistory",
    "Stock/GetStockLevel_Batch",
    "Inventory/GetScrapHistory",
)


class LinnworksWorld:
    """A refund that is actioned is final there; its support can take it out."""

    main = "Default"
    goods_in_with_note = False
    void_takes_goods = False
    acknowledged_later = False

    def __init__(self, clock: Clock, rng: Random) -> None:
        self.sandbox = LinnworksSandbox(clock, server="https://eu-ext.linnworks.test")
        self.lagging = Lagging(self.sandbox, clock, f"{rng.random()}/lists", _is_list, (self.sandbox.books,), self._twin)
        self.front = Front(self.lagging)
        self._clock, self._rng = clock, rng
        # Notes that were there when somebody looked before: one that is gone before the first poll leaves no trace at all.
        self._known: set[str] = set()

    def _twin(self, clock: Clock) -> tuple[LinnworksSandbox, tuple[object, ...]]:
        """Its sessions are those of the day."""
        twin = LinnworksSandbox(clock, server="https://eu-ext.linnworks.test")
        twin._sessions = dict(self.sandbox._sessions)
        return twin, (twin.books,)

    def connect(self, ground: Ground, transport_of: Callable[[Front], httpx.BaseTransport], wait_turn: WaitTurn) -> Erp:
        settings = ErpSettings("erp", "linnworks", "https://linnworks.test", SANDBOX_CREDENTIALS)
        return connect(settings=settings, http=httpx.Client(transport=transport_of(self.front)), wait_turn=wait_turn)

    def deliver(self, ground: Ground) -> None:
        """It posts nothing by itself."""

    def seed(self, orders: list[SimulatedOrder], stock: Mapping[str, int]) -> None:
        places = ["In transit", "Quarantine", "Damaged"]
        there = [{"sku": sku, "location": self.main, "quantity": units} for sku, units in stock.items()]
        kit = {"sku": KIT, "parts": [{"sku": sku, "quantity": units} for sku, units in PARTS.items()]}
        self.front.seed({"locations": places, "stock": there, "kits": [kit], "orders": [_order(order) for order in orders]})

    # What people do

    def invoice(self, reference: str) -> None:
        self.front.seed({"by_hand": [{"process": reference}]})

    def meddle(self) -> str | None:
        """One thing that a person does by hand; what was done, in a few words."""
        try:
            return self._meddle()
        except (ValueError, LookupError):
            return None  # Linnworks refuses, or there is nothing to be changed
        finally:
            self._known = {note.number for note in self.notes()}

    def _meddle(self) -> str | None:
        books, deed = self.sandbox.books, self._rng.choice(("remove", "edit", "refund", "refund"))
        if deed == "refund":
            order = self._rng.choice(list(books.orders.values()))
            reference, row = order["GeneralInfo"]["ReferenceNum"], self._rng.choice(order["Items"])
            credited = sum(note.total for note in self.notes() if note.order == reference)
            if credited + int(row["CostIncTax"] * 100) > self.invoiced(reference):
                return None
            told = {"order": reference, "sku": row["SKU"], "units": 1}
            return f"refunds by hand {self.front.seed({'by_hand': [{'refund': told}]})['by_hand'][0]}"
        number = self._rng.choice([note.number for note in self.notes() if note.active])
        if deed == "remove" and number not in self._known:
            return None
        if deed == "remove":
            self.front.seed({"by_hand": [{"remove_refund": number}]})
            return f"removes {number}"
        header = next(one for one in books.refunds.values() if one["ExternalReference"] == number)
        amount = (header["RefundLines"][0]["Amount"] * Decimal("0.9")).quantize(Decimal("0.01"))
        self.front.seed({"by_hand": [{"edit_refund": {"refund": number, "amount": str(amount)}}]})
        return f"changes {number}"

    # The books

    def notes(self) -> list[BookedNote]:
        books = self.sandbox.books
        return [
            BookedNote(
                header["ExternalReference"],
                header["Actioned"],
                int(sum((line["Amount"] for line in header["RefundLines"]), Decimal(0)) * 100),
                next((line["ExternalReference"] for line in header["RefundLines"] if line.get("ExternalReference")), ""),
                [],
                books.orders[header["OrderId"]]["GeneralInfo"]["ReferenceNum"],
            )
            for header in books.refunds.values()
        ]

    def invoiced(self, reference: str) -> int:
        orders = (one for one in self.sandbox.books.orders.values() if one["GeneralInfo"]["ReferenceNum"] == reference)
        return sum(int(order["TotalsInfo"]["TotalCharge"] * 100) for order in orders)

    def stock(self) -> Places:
        books = self.sandbox.books
        counted: Places = Counter()
        for sku, item in books.items.items():
            for place, name in books.locations.items() if not item.parts else ():
                counted[sku, name] += books.level(item, place)
        return counted

    def leftovers(self) -> list[str]:
        books = self.sandbox.books
        left = [f"refund {one['RefundHeaderId']}" for one in books.refunds.values() if not one["Actioned"]]
        left += [f"RMA {one['RMAHeaderId']}" for one in books.rmas.values() if not one["Actioned"]]
        notes = [one["Note"] for one in books.history if "/move" in one["Note"]]
        return left + [f"half a move: {note}" for note in set(notes) if notes.count(note) % 2]

    def carrying(self) -> Counter[str]:
        return Counter(note.memo for note in self.notes() if note.active and note.memo.startswith(_OURS))


def _order(order: SimulatedOrder) -> dict[str, Any]:
    lines = [{"sku": one.sku, "quantity": one.quantity, "net": _pounds(one.items), "tax": _pounds(one.tax)} for one in order.lines]
    shipping = {"shipping": _pounds(order.shipping), "shipping_tax": _pounds(order.shipping_tax)}
    return {"reference": order.reference, "lines": lines, **shipping, "processed": order.invoiced_at is None}


def _pounds(minor: int) -> str:
    return to_text(minor, CURRENCY)


def _is_list(request: SandboxRequest) -> bool:
    return request.path.removeprefix("/api/").strip("/") in _LISTS
