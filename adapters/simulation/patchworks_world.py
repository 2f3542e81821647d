"""An ERP behind Patchworks in the simulated world: a flow that acts later and acknowledges in one way or another, and people in the ERP."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

import httpx

from adapters.erps.patchworks import connect
from adapters.erps.patchworks.acks import read_acks
from adapters.erps.patchworks.kept_acks import KeptAcks, keep_acks
from adapters.erps.port import Erp, ErpSettings, WaitTurn
from adapters.files.exact_json import loads
from adapters.sandbox.faults import Front
from adapters.sandbox.patchworks import PatchworksSandbox
from adapters.sandbox.port import SandboxRequest
from adapters.simulation.books import BookedNote, Places
from adapters.simulation.clocks import Clock
from adapters.simulation.ground import ERP, Ground
from adapters.simulation.lagging import Lagging
from adapters.simulation.selling import CURRENCY, KIT, PARTS, SKUS, SimulatedOrder
from domain.money import to_text

_HOST: Final = "https://patchworks.test"
# What a callback flow reads out of an index.
_LISTS: Final = ("find", "changes", "levels")


class PatchworksWorld:
    """By chance: which way in, how it acknowledges, whether the flow itself removes duplicates. What it lets through twice then is ours."""

    main = "Main Warehouse"
    goods_in_with_note = False
    void_takes_goods = False
    acknowledged_later = True

    def __init__(self, clock: Clock, rng: Random) -> None:
        self.sandbox = PatchworksSandbox(clock)
        self.lagging = Lagging(self.sandbox, clock, f"{rng.random()}/lists", self._is_list, self._books(), _twin)
        self.front = Front(self.lagging)
        self._clock, self._rng = clock, rng
        self._way = rng.choice(("webhook", "start", "start_raw", "callback"))
        acknowledge = rng.choice(("tracked", "callback", "both"))
        # Where what is posted back may be lost, and no run names the document, the flow can be asked.
        finds = acknowledge == "callback" or rng.random() < 0.6
        flow = {"acknowledge": acknowledge, "finds": finds, "dedupes": rng.random() < 0.5}
        self.sandbox.seed({"flow": {**flow, "run_seconds": rng.choice((1.0, 5.0, 20.0)), "seed": rng.randint(0, 999)}})

    def connect(self, ground: Ground, transport_of: Callable[[Front], httpx.BaseTransport], wait_turn: WaitTurn) -> Erp:
        known = {"webhook_url": _HOST + self.sandbox.webhook_path, "callback_url": _HOST + self.sandbox.callback_path}
        known |= {"api_key": "sandbox-key", "flow_id": "1041"}
        mappings = {"commands": {"by": self._way}}
        settings = ErpSettings(ERP, "patchworks", _HOST, known, {}, mappings)
        http = httpx.Client(transport=transport_of(self.front))
        return connect(settings=settings, http=http, wait_turn=wait_turn, acks=KeptAcks(ground.pool, ERP), clock=ground.clock)

    def deliver(self, ground: Ground) -> None:
        """What the flow posts to the house; what is torn on its way is lost."""
        for webhook in self.front.webhooks():
            try:
                acks = read_acks(loads(webhook.body.decode()))
            except ValueError:
                continue
            with ground.pool.connection() as conn:
                keep_acks(conn, ERP, acks, ground.clock())

    def seed(self, orders: list[SimulatedOrder], stock: Mapping[str, int]) -> None:
        there = [{"sku": sku, "location": self.main, "units": units} for sku, units in stock.items()]
        self.front.seed({"stock": there, "products": [*SKUS, KIT], "orders": [_order(order) for order in orders]})

    # What people do

    def invoice(self, reference: str) -> None:
        self.sandbox.behind.orders[reference]["invoice"] = "authorised"

    def meddle(self) -> str | None:
        """One thing that a person does by hand; what was done, in a few words."""
        notes = [note for note in self.notes() if note.active]
        deed = self._rng.choice(("void", "amend", "note", "note"))
        if deed == "note":
            behind = self.sandbox.behind
            order = self._rng.choice(list(behind.orders.values()))
            line = self._rng.choice(order["lines"])
            each = (Decimal(line["items"]) + Decimal(line["tax"])) / line["quantity"]
            if order["invoice"] != "authorised" or behind.creditable(order) < each + 1:
                return None
            told = {"order_ref": order["order_reference"], "order_line": line["order_line"], "sku": line["sku"], "quantity": 1}
            return f"credits by hand {self.front.seed({'by_hand': {'credit_note': told}})['document']}"
        if not notes:
            return None
        note = self._rng.choice(notes)
        if deed == "void":
            self.front.seed({"by_hand": {"void": note.number}})
            return f"voids {note.number}"
        total = to_text(note.total * 9 // 10, CURRENCY)
        self.front.seed({"by_hand": {"amend": {"number": note.number, "total": total}}})
        return f"changes {note.number}"

    # The books

    def notes(self) -> list[BookedNote]:
        documents = [one for one in self.sandbox.behind.documents if one["kind"] == "credit_note"]
        return [
            BookedNote(one["number"], one["status"] == "active", _minor(one["amount"]["total"]), _ours(one), [], one["order_reference"])
            for one in documents
        ]

    def invoiced(self, reference: str) -> int:
        order = self.sandbox.behind.orders[reference]
        parts = [order["shipping"], order["shipping_tax"], *(line[part] for line in order["lines"] for part in ("items", "tax"))]
        return sum(_minor(part) for part in parts) if order["invoice"] == "authorised" else 0

    def stock(self) -> Places:
        return Counter(self.sandbox.behind.stock)

    def leftovers(self) -> list[str]:
        return []

    def carrying(self) -> Counter[str]:
        return Counter(_ours(one) for one in self.sandbox.behind.documents if one["status"] != "voided" and _ours(one))

    def _is_list(self, request: SandboxRequest) -> bool:
        if request.method == "GET":
            return request.path.rstrip("/").endswith("flow-runs")
        if request.path != self.sandbox.callback_path.partition("?")[0]:
            return False
        return json.loads(request.body).get("command_type") in _LISTS

    def _books(self) -> tuple[object, ...]:
        return self.sandbox.behind, self.sandbox.flow


def _twin(clock: Clock) -> tuple[PatchworksSandbox, tuple[object, ...]]:
    twin = PatchworksSandbox(clock)
    return twin, (twin.behind, twin.flow)


def _order(order: SimulatedOrder) -> dict[str, Any]:
    lines = []
    for one in order.lines:
        line = {"sku": one.sku, "quantity": one.quantity, "items": to_text(one.items, CURRENCY), "tax": to_text(one.tax, CURRENCY)}
        parts = [{"sku": sku, "quantity": units} for sku, units in PARTS.items()]
        lines.append({**line, "kit": parts} if one.sku == KIT else line)
    shipping = {"shipping": to_text(order.shipping, CURRENCY), "shipping_tax": to_text(order.shipping_tax, CURRENCY)}
    return {"order_ref": order.reference, "lines": lines, **shipping, "invoice": "draft" if order.invoiced_at else "authorised"}


def _ours(document: Mapping[str, Any]) -> str:
    return str(document.get("command_id") or "")


def _minor(text: str) -> int:
    return int((Decimal(text) * 100).to_integral_value())
