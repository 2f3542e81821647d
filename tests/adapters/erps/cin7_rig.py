"""Cin7 Core behind its simulator, as the contract drives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx

from adapters.erps.cin7_core import Cin7Core, connect
from adapters.erps.port import ErpSettings
from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest
from adapters.sandbox.transport import SandboxTransport
from adapters.simulation.clocks import Clock
from adapters.simulation.lagging import Lagging
from tests.adapters.erps.rig import EVERY_LIST, Rig, SeenNote, SeenOrder, Sold, SteppedClock

CREDENTIALS = {"account_id": "sandbox-account", "application_key": "sandbox-key"}
WRITE_OFF = {"write_off": "404", "adjustment": "403"}


class Cin7Rig(Rig):
    """`kind` of its sales: Advanced takes several credit notes, Simple one. `inclusive`: prices contain their tax."""

    def __init__(
        self,
        front: Callable[..., Front] = Front,
        *,
        kind: str = "Advanced",
        inclusive: bool = False,
        accounts: Mapping[str, str] = WRITE_OFF,
        mappings: Mapping[str, Mapping[str, str]] | None = None,
        **options: Any,
    ) -> None:
        self.clock = SteppedClock()
        self.sandbox = Cin7CoreSandbox(self.clock, **options)
        self.front = front(self.sandbox)
        self.kind, self.inclusive = kind, inclusive
        self.settings = ErpSettings(
            "erp", "cin7_core", "https://sandbox.test/cin7-core/ExternalApi/v2", CREDENTIALS, accounts, mappings or {}
        )
        self.erp: Cin7Core = self.connect()

    def connect(self) -> Cin7Core:
        """Another process, which remembers nothing."""
        return connect(settings=self.settings, http=self.http(), wait_turn=lambda method: None)

    def lag(self, seed: int) -> None:
        def books(sandbox: Cin7CoreSandbox) -> tuple[object, ...]:
            return sandbox.warehouse, sandbox.sales

        def twin(clock: Clock) -> tuple[Cin7CoreSandbox, tuple[object, ...]]:
            made = Cin7CoreSandbox(clock)
            return made, books(made)

        lagging = Lagging(self.sandbox, self.clock, f"{seed}/lists", _is_list, books(self.sandbox), twin)
        lagging.set_level(EVERY_LIST)
        self.front.simulator = lagging

    def http(self) -> httpx.Client:
        return httpx.Client(transport=SandboxTransport(self.front, prefix="/cin7-core"))

    def seed_order(self, reference: str, lines: Sequence[Sold], *, shipping: int = 0, shipping_tax: int = 0, invoiced: bool = True) -> None:
        told = [self._line(sold) for sold in lines]
        net = shipping + shipping_tax if self.inclusive else shipping
        charges = [{"description": "Shipping: standard", "price": _pounds(net), "tax": _pounds(shipping_tax)}] if shipping else []
        order = {"reference": reference, "lines": told, "charges": charges, "type": self.kind, "inclusive": self.inclusive}
        self.front.seed({"orders": [{**order, "invoice": "authorised" if invoiced else "draft"}]})

    def _line(self, sold: Sold) -> dict[str, Any]:
        total = sold.items_minor + (sold.tax_minor if self.inclusive else 0)
        each = (Decimal(total) / 100 / sold.quantity).quantize(Decimal("0.0001"))
        return {"sku": sold.sku, "quantity": sold.quantity, "price": str(each), "total": _pounds(total), "tax": _pounds(sold.tax_minor)}

    def seed_stock(self, sku: str, location: str, units: int) -> None:
        self.front.seed({"stock": [{"sku": sku, "location": location, "quantity": units}]})

    def stock(self, sku: str, location: str) -> int:
        return int(self.sandbox.warehouse.on_hand[sku, location])

    def notes(self, reference: str) -> list[SeenNote]:
        return [
            SeenNote(note["CreditNoteNumber"], int(note["Total"] * 100), _units(note["Lines"]))
            for sale in self.sandbox.sales.documents.values()
            for note in sale["CreditNotes"]
            if sale["CustomerReference"] == reference and note["Status"] == "AUTHORISED"
        ]

    def leftovers(self) -> list[str]:
        warehouse = self.sandbox.warehouse
        documents = [*warehouse.transfers, *warehouse.adjustments, *warehouse.write_offs]
        left = [f"{one['Status']} {one['TaskID']}" for one in documents if one["Status"] not in ("COMPLETED", "VOIDED")]
        for sale in self.sandbox.sales.documents.values():
            left += [f"draft {note['CreditNoteNumber']}" for note in sale["CreditNotes"] if note["Status"] == "DRAFT"]
            if sale["Order"]["Status"] == "NOT AVAILABLE":
                left.append(f"empty sale {sale['Order']['SaleOrderNumber']}")
        return left

    def exchanges(self) -> list[SeenOrder]:
        return [
            SeenOrder(
                sale["Order"]["SaleOrderNumber"],
                sale["Order"]["Status"].lower(),
                int(sale["Order"]["Total"] * 100),
                _units(sale["Order"]["Lines"]),
            )
            for sale in self.sandbox.sales.documents.values()
            if (sale["ExternalID"] or "").startswith("rl-") and sale["Status"] != "VOIDED"
        ]

    def note_by_hand(self, reference: str, sku: str, units: int) -> str:
        made = self.front.seed({"by_hand": [{"credit_note": {"order": reference, "lines": [{"sku": sku, "quantity": units}]}}]})
        return str(made["by_hand"][0])

    def void_by_hand(self, number: str) -> None:
        self.front.seed({"by_hand": [{"void": number}]})

    def sale(self, reference: str) -> dict[str, Any]:
        """The simulator's own document of an order."""
        return next(sale for sale in self.sandbox.sales.documents.values() if sale["CustomerReference"] == reference)


def _is_list(request: SandboxRequest) -> bool:
    """A sale or a task that is asked for by its id is as it is."""
    return request.method == "GET" and request.path.lower().endswith(("list", "ref/productavailability"))


def _units(lines: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, int], ...]:
    counted: Counter[str] = Counter()
    for line in lines:
        counted[line["SKU"]] += int(line["Quantity"])
    return tuple(sorted(counted.items()))


def _pounds(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"
