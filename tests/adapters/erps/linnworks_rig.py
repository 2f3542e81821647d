"""Linnworks behind its simulator, as the contract and its own tests drive it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from adapters.erps.linnworks import connect
from adapters.erps.port import ErpSettings
from adapters.sandbox.faults import Front
from adapters.sandbox.linnworks import SANDBOX_CREDENTIALS, LinnworksSandbox
from adapters.sandbox.linnworks.books import row_of
from adapters.sandbox.port import SandboxRequest
from adapters.sandbox.transport import SandboxTransport
from adapters.simulation.clocks import Clock
from adapters.simulation.lagging import Lagging
from domain.money import to_text
from tests.adapters.erps.rig import EVERY_LIST, Rig, SeenNote, SeenOrder, Sold, SteppedClock

BASE_URL = "https://sandbox.test/linnworks"
# Answered out of an index; an order, or a refund's options, are read from the books.
LISTS = (
    *("ReturnsRefunds/SearchReturnsRefundsPaged", "ReturnsRefunds/GetRefundHeadersByOrderId", "ReturnsRefunds/GetRMAHeadersByOrderId"),
    *("ProcessedOrders/SearchProcessedOrders", "ProcessedOrders/GetReturnsExchanges", "Orders/GetOrderDetailsByReferenceId"),
    *("Stock/GetItemChangesHistory", "Stock/GetStockLevel_Batch", "Inventory/GetScrapHistory"),
)


class LinnworksRig(Rig):
    """The session leads to a server of its own, as Linnworks' does."""

    main = "Default"

    def __init__(self, front: Callable[..., Front] = Front, mappings: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.clock = SteppedClock()
        self.sandbox = LinnworksSandbox(self.clock, server="https://eu-ext.sandbox.test")
        self.front = front(self.sandbox)
        self.asked: list[str] = []
        self.answers: list[httpx.Response] = []
        self.erp = self.connect(mappings)
        self.sandbox.seed({"locations": [self.transit, self.quarantine, self.damaged]})

    def connect(self, mappings: Mapping[str, Mapping[str, str]] | None = None, credentials: Mapping[str, str] = SANDBOX_CREDENTIALS) -> Any:
        settings = ErpSettings("uk-linnworks", "linnworks", BASE_URL, credentials, mappings=mappings or {})
        transport = SandboxTransport(self.front, prefix="/linnworks")
        http = httpx.Client(transport=transport, event_hooks={"response": [self.answers.append]})
        return connect(settings=settings, http=http, wait_turn=self.asked.append)

    def seed_order(self, reference: str, lines: Sequence[Sold], *, shipping: int = 0, shipping_tax: int = 0, invoiced: bool = True) -> None:
        told = [
            {"sku": one.sku, "quantity": one.quantity, "net": to_text(one.items_minor, "GBP"), "tax": to_text(one.tax_minor, "GBP")}
            for one in lines
        ]
        order = {"reference": reference, "lines": told, "shipping": to_text(shipping, "GBP"), "shipping_tax": to_text(shipping_tax, "GBP")}
        self.sandbox.seed({"orders": [{**order, "processed": invoiced}]})

    def seed_stock(self, sku: str, location: str, units: int) -> None:
        self.sandbox.seed({"stock": [{"sku": sku, "location": location, "quantity": units}]})

    def stock(self, sku: str, location: str) -> int:
        books = self.sandbox.books
        return books.level(books.items[sku], books.location(location))

    def notes(self, reference: str) -> list[SeenNote]:
        books = self.sandbox.books
        found = []
        for header in books.refunds.values():
            order = books.orders[header["OrderId"]]
            if header["Actioned"] and order["GeneralInfo"]["ReferenceNum"] == reference:
                skus = {row["RowId"]: row["SKU"] for row in order["Items"]}
                units = sorted((skus[row], line["Quantity"]) for line in header["RefundLines"] if (row := row_of(line)) is not None)
                total = sum((line["Amount"] for line in header["RefundLines"]), Decimal(0))
                found.append(SeenNote(header["ExternalReference"], int(total * 100), tuple(units)))
        return found

    def leftovers(self) -> list[str]:
        books = self.sandbox.books
        open_ones = [f"refund {one['RefundHeaderId']}" for one in books.refunds.values() if not one["Actioned"]]
        open_ones += [f"RMA {one['RMAHeaderId']}" for one in books.rmas.values() if not one["Actioned"]]
        notes = [one["Note"] for one in books.history if "/move" in one["Note"]]
        return open_ones + [f"half a move: {note}" for note in set(notes) if notes.count(note) != 2]

    def exchanges(self) -> list[SeenOrder]:
        found = []
        for order in self.sandbox.books.orders.values():
            general = order["GeneralInfo"]
            if general["SubSource"] == "Returns Ledger" and not general["HoldOrCancel"]:
                status = "authorised" if general["Status"] == 1 and not general["IsParked"] else "draft"
                units = sorted((row["SKU"], row["Quantity"]) for row in order["Items"])
                found.append(SeenOrder(str(order["NumOrderId"]), status, int(order["TotalsInfo"]["TotalCharge"] * 100), tuple(units)))
        return found

    def note_by_hand(self, reference: str, sku: str, units: int) -> str:
        made = self.sandbox.seed({"by_hand": [{"refund": {"order": reference, "sku": sku, "units": units}}]})
        return str(made["by_hand"][0])

    def void_by_hand(self, number: str) -> None:
        self.sandbox.seed({"by_hand": [{"remove_refund": number}]})

    def lag(self, seed: int) -> None:
        def twin(clock: Clock) -> tuple[LinnworksSandbox, tuple[object, ...]]:
            made = LinnworksSandbox(clock, server="https://eu-ext.sandbox.test")
            made._sessions = dict(self.sandbox._sessions)
            return made, (made.books,)

        lagging = Lagging(self.sandbox, self.clock, f"{seed}/lists", _is_list, (self.sandbox.books,), twin)
        lagging.set_level(EVERY_LIST)
        self.front.simulator = lagging

    def by_hand(self, **told: Any) -> Any:
        return self.sandbox.seed({"by_hand": [told]})["by_hand"][0]


def _is_list(request: SandboxRequest) -> bool:
    return request.path.removeprefix("/api/").strip("/") in LISTS
