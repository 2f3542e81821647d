"""Posts of Happy Returns as a test wants them, and what a room makes of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from adapters.platforms.happy_returns import HappyReturns, connect
from adapters.platforms.port import Delivery, Reading
from adapters.sandbox.transport import SandboxTransport
from tests.adapters.platforms.contract import MemoryHouse
from tests.adapters.platforms.returns_rig import KnownOrders, facts, order_of
from tests.adapters.platforms.test_happy_returns import HappyReturnsRig, connection, rig

RETURN = "5035789d-f873-4bad-b2f3-2daca346c111"
CODE = "HRVPBGPR"
LINE = "13377523220546"
ORDERS = [order_of("272034", (LINE, "nomshrts-1", 5, 5_000, 1_000), order_id="5324938444866"), order_of("272035", ("77", "hat", 1, 900, 0))]
STARTED = {
    "event": "return_status_updated",
    "typeID": "started",
    "retailerID": "modern-retailer",
    "otherEvents": [{"event": "return_dropoff_method_created", "typeID": "return-bar"}],
    "items": [
        {
            "happyReturnsReturnID": RETURN,
            "purchasedAt": "2024-01-05T16:26:05-05:00",
            "email": "customer@example.com",
            "orderNumber": "272034",
            "externalRMAID": "RMA20240101A",
            "orderID": "5324938444866",
            "orderLineItemID": f"{LINE}-0-5",
            "sku": "nomshrts-1",
            "upc": "SKDFHWEW-DKFD",
            "productVariantID": "39942123880514",
            "labelBarcode": "SKDFHWEW-DKFD",
        }
    ],
}
LABEL = {
    "event": "return_label_update",
    "typeID": "",
    "retailerID": "modern-retailer",
    "webhookType": "return.label.update",
    "labelID": "HR2ABCDEFGHI",
    "happyReturnsReturnID": "515764c3-2ff3-11eb-b93e-2a27f3aba64d",
    "happyReturnsExpressCode": CODE,
}


class Desk:
    """One platform whose API answers what the test says, and the house it tells."""

    def __init__(self, mappings: Mapping[str, dict[str, str]] | None = None, orders: KnownOrders | None = None) -> None:
        self.rig = rig()
        self.house = MemoryHouse(self.rig.clock, orders if orders is not None else KnownOrders(ORDERS))
        self.asked: list[tuple[str, Any]] = []
        self.answer: httpx.Response | Exception = httpx.Response(204)
        settings = connection(**(mappings or {}))
        settings = replace(settings, credentials={"api_key": "k", "retailer_id": "modern-retailer"}, base_url="https://hr.test/")
        http = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.platform = connect(connection=settings, http=http, wait_turn=lambda: None)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content or b"null")))
        if isinstance(self.answer, Exception):
            raise self.answer
        return httpx.Response(self.answer.status_code, content=self.answer.content)

    def read(self, content: Any, *, after: timedelta = timedelta()) -> Reading:
        delivery = Delivery("uk-happy-returns", "t", self.rig.clock(), {}, json.dumps(content).encode())
        self.rig.clock.advance(after)
        reading = self.platform.read(delivery, self.house)
        self.house.record(reading)
        assert self.house.conflicts == []
        return reading

    def facts(self, *names: str) -> list[dict[str, Any]]:
        return facts(self.house, *names)

    def told(self, *names: str) -> list[tuple[str, str, Any]]:
        return [
            (row["fact"], row["return"], [(line["line"], line["quantity"]) for line in row.get("lines", ())]) for row in self.facts(*names)
        ]


def post(type_id: str, *items: dict[str, Any], others: tuple[str, ...] = (), event: str = "return_status_updated") -> dict[str, Any]:
    merged = [{"event": "return_status_updated", "typeID": other} for other in others]
    return {"event": event, "typeID": type_id, "retailerID": "modern-retailer", "otherEvents": merged, "items": list(items)}


def item(line: str = f"{LINE}-0-5", order: str = "272034", **more: Any) -> dict[str, Any]:
    return {
        "happyReturnsReturnID": RETURN,
        "happyReturnsExpressCode": CODE,
        "orderNumber": order,
        "orderLineItemID": line,
        "email": "customer@example.com",
        **more,
    }


def rig_platform(of: HappyReturnsRig) -> HappyReturns:
    http = httpx.Client(transport=SandboxTransport(of.front))
    return HappyReturns(connection(), http, lambda: of.clock.advance(timedelta(seconds=2)))
