"""A Reveni of few words: what it answers is what a test wrote, and what a room makes of that."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from adapters.platforms.port import ConnectionSettings, Delivery, Reading
from adapters.platforms.reveni import Reveni, connect
from domain.telling import Telling, read_telling
from tests.adapters.platforms.contract import MERCHANT, MemoryHouse
from tests.adapters.platforms.returns_rig import KnownOrders, facts, order_of
from tests.adapters.platforms.test_reveni import connection

RETURN = "5b0c6d3e9c9a4b21a7a9ce3b6b1f0a11"
ORDERS = [order_of("1001", ("11", "SHIRT-M", 2, 7_665, 1_533), ("12", "HAT", 1, 900, 180), order_id="450789469")]


class Vendor:
    """Reveni as a test says it answers, and the house it tells."""

    def __init__(self, settings: ConnectionSettings | None = None, orders: KnownOrders | None = None) -> None:
        self.at = datetime(2026, 10, 2, 9, 0, tzinfo=UTC)
        self.house = MemoryHouse(lambda: self.at, orders if orders is not None else KnownOrders(ORDERS))
        self.asked: list[httpx.Request] = []
        self.answers: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(404)
        self.platform: Reveni = connect(
            connection=settings or connection(), http=httpx.Client(transport=httpx.MockTransport(self._answer)), wait_turn=lambda: None
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers(request)

    def read(self, document: dict[str, Any] | str, *, status: str = "in_progress", event: str = "return.updated", **hint: Any) -> Reading:
        """A webhook comes, and the API shows this document (or says this)."""
        content = document if isinstance(document, str) else json.dumps(document)
        self.answers = lambda request: httpx.Response(200, content=content.encode())
        return self.hint({"event": event, "data": {"resource_id": RETURN, "status": status}, "id": "evt-1", **hint})

    def hint(self, content: Any) -> Reading:
        delivery = Delivery("es-reveni", "t", self.at, {}, json.dumps(content).encode())
        reading = self.platform.read(delivery, self.house)
        self.house.record(reading)
        return reading

    def tell(self, **fact: Any) -> Telling:
        """Somebody else tells of it."""
        raw = {"merchant": MERCHANT, "platform": "reveni", "return": RETURN, "occurred_at": "2026-10-01T00:00:00Z", **fact}
        self.house.record(Reading((raw,)))
        return read_telling(raw)

    def facts(self, *names: str) -> list[dict[str, Any]]:
        return facts(self.house, *names)

    def names(self) -> list[str]:
        return [row["fact"] for row in self.facts()]


Rows = list[dict[str, Any]]


def document(status: str = "IN_PROGRESS", *refunds: dict[str, Any], items: Rows | None = None, **more: Any) -> dict[str, Any]:
    """What the one connector reads, and no more; refunds where a test is about them."""
    usual = [{"sku": "SHIRT-M", "quantity": 2, "return_reason": "too_small", "exchange": False}]
    of = {"id": RETURN, "status": status, "order": {"external_id": 450789469}, "type": "refund", "return_items": items or usual}
    return {**of, **({"refunds": list(refunds)} if refunds else {}), **more}


def refund(amount: Any = "91.98", method: str | None = "original payment method", **more: Any) -> dict[str, Any]:
    return {"id": "rf-1", "amount": amount, "currency": "GBP", "method": method, "status": "completed", "created_at": 1_790_000_000, **more}
