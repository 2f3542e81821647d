"""Patchworks against its simulator: what every ERP has to keep, by each way in and each way of acknowledging."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx

from adapters.erps.patchworks import connect
from adapters.erps.patchworks.acks import MemoryAcks, read_acks
from adapters.erps.port import ErpSettings
from adapters.sandbox.faults import Front
from adapters.sandbox.patchworks import PatchworksSandbox
from adapters.sandbox.port import SandboxRequest
from adapters.sandbox.transport import SandboxTransport
from adapters.simulation.clocks import Clock
from adapters.simulation.lagging import Lagging
from domain.money import to_text
from tests.adapters.erps.contract import ErpContract
from tests.adapters.erps.rig import EVERY_LIST, Rig, SeenNote, SeenOrder, Sold, SteppedClock

HOST = "https://patchworks.test"
WEBHOOK, CALLBACK, START = "webhook_url", "callback_url", "flow_id"


class PatchworksRig(Rig):
    """`credentials`: which of the ways in are configured; the flow's settings, and the account's mappings."""

    acknowledged_later = True

    def __init__(
        self,
        front: Callable[..., Front] = Front,
        *,
        credentials: Sequence[str] = (WEBHOOK, CALLBACK, "api_key"),
        flow: Mapping[str, Any] | None = None,
        mappings: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.clock = SteppedClock()
        self.sandbox = PatchworksSandbox(self.clock)
        self.sandbox.seed({"flow": flow or {}})
        self.front = front(self.sandbox)
        self.acks = MemoryAcks()
        known = {
            WEBHOOK: HOST + self.sandbox.webhook_path,
            CALLBACK: HOST + self.sandbox.callback_path,
            START: "1041",
            "api_key": "sandbox-key",
            "ack_secret": "sandbox-acks",
        }
        self.settings = ErpSettings("erp", "patchworks", HOST, {name: known[name] for name in credentials}, mappings=mappings or {})
        self.erp = self.connected()

    def connected(self) -> Any:
        """As one who has just started has it: what was sent and acknowledged is known, the runs seen are not."""
        http = httpx.Client(transport=SandboxTransport(self.front))
        return connect(settings=self.settings, http=http, wait_turn=lambda name: None, acks=self.acks, clock=self.clock)

    def lag(self, seed: int) -> None:
        def books(sandbox: PatchworksSandbox) -> tuple[object, ...]:
            return (sandbox.flow,)

        def twin(clock: Clock) -> tuple[PatchworksSandbox, tuple[object, ...]]:
            made = PatchworksSandbox(clock)
            return made, books(made)

        lagging = Lagging(self.sandbox, self.clock, f"{seed}/lists", _is_list, books(self.sandbox), twin)
        lagging.set_level(EVERY_LIST)
        self.front.simulator = lagging

    def settle(self) -> None:
        for webhook in self.front.webhooks():
            with suppress(ValueError):  # torn
                self.acks.take(read_acks(httpx.Response(200, content=webhook.body).json()))

    def seed_order(self, reference: str, lines: Sequence[Sold], *, shipping: int = 0, shipping_tax: int = 0, invoiced: bool = True) -> None:
        rows = [
            {"sku": one.sku, "quantity": one.quantity, "items": to_text(one.items_minor, "GBP"), "tax": to_text(one.tax_minor, "GBP")}
            for one in lines
        ]
        invoice = "authorised" if invoiced else "none"
        charged = {"shipping": to_text(shipping, "GBP"), "shipping_tax": to_text(shipping_tax, "GBP")}
        self.sandbox.seed({"order": {"order_ref": reference, "invoice": invoice, **charged, "lines": rows}})

    def seed_stock(self, sku: str, location: str, units: int) -> None:
        self.sandbox.seed({"stock": [{"sku": sku, "location": location, "units": units}]})

    def stock(self, sku: str, location: str) -> int:
        return self.sandbox.behind.stock[sku, location]

    def notes(self, reference: str) -> list[SeenNote]:
        return [
            SeenNote(one["number"], _minor(one["amount"]["total"]), _units(one))
            for one in self.sandbox.behind.documents
            if one["kind"] == "credit_note" and one["status"] == "active" and one["order_reference"] == reference
        ]

    def leftovers(self) -> list[str]:
        return []

    def exchanges(self) -> list[SeenOrder]:
        return [
            SeenOrder(one["number"], one["status"], 0, _units(one))
            for one in self.sandbox.behind.documents
            if one["kind"] == "exchange_order"
        ]

    def note_by_hand(self, reference: str, sku: str, units: int) -> str:
        made = self.sandbox.seed({"by_hand": {"credit_note": {"order_ref": reference, "sku": sku, "quantity": units}}})
        return str(made["document"])

    def void_by_hand(self, number: str) -> None:
        self.sandbox.seed({"by_hand": {"void": number}})


class TestByWebhook(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Rig:
        return PatchworksRig(front)


class TestByWebhookWhereShapesFailAndAreRunAgain(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Rig:
        return PatchworksRig(front, flow={"doubling": 0.5, "finds": False})


class TestByStartApiWithTrackedRuns(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Rig:
        return PatchworksRig(
            front, credentials=(START, CALLBACK, "api_key"), flow={"acknowledge": "tracked", "finds": False}, mappings=START_FIRST
        )


class TestByRawStart(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Rig:
        mappings = {"commands": {"by": "start_raw"}}
        return PatchworksRig(front, credentials=(START, CALLBACK, "api_key"), flow={"finds": False}, mappings=mappings)


class TestByCallbackAlone(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Rig:
        return PatchworksRig(front, credentials=(CALLBACK,))


START_FIRST = {"commands": {"by": "start"}}


def _minor(text: str) -> int:
    return int(text.replace(".", ""))


def _units(document: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((line["sku"], line["quantity"]) for line in document["lines"]))


def _is_list(request: SandboxRequest) -> bool:
    return request.path.rstrip("/").endswith("flow-runs")
