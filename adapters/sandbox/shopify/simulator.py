"""Shopify behind the sandbox's port: the Admin API of one shop, with its quota and its ways of refusing, and its webhooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse
from adapters.sandbox.shopify.documents import instant, root
from adapters.sandbox.shopify.graphql import Query, Refused, objects_in
from adapters.sandbox.shopify.inventory import Stock
from adapters.sandbox.shopify.processing import mutations
from adapters.sandbox.shopify.rest import rest_document
from adapters.sandbox.shopify.shop import Order, Shop
from adapters.sandbox.shopify.stories import play
from adapters.sandbox.shopify.webhooks import body_of, signed

_PATH = re.compile(r"/admin/api/(\d{4}-\d\d|unstable)/(.+)\Z")
SCOPE_OF: Final = {"returnProcess": "write_returns", "inventoryItems": "read_inventory", "inventorySetQuantities": "write_inventory"}
MOST_POINTS_A_QUERY: Final = 1_000
SCOPES: Final = (
    *("read_orders", "read_all_orders", "read_returns", "write_returns", "read_shopify_payments_payouts"),
    *("read_inventory", "write_inventory"),
)


class ShopifySimulator:
    """`points` and `points_a_second` are the leaky bucket of GraphQL; `version` is that of the webhook subscriptions.

    The bucket refills by the simulator's clock. Verbs of the shop (`simulator.shop.refund(…)`) queue their webhooks.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        access_token: str = "shpat_sandbox",  # noqa: S107 (the sandbox's own)
        secret: str = "shpss_sandbox",  # noqa: S107
        domain: str = "sandbox.myshopify.com",
        version: str = "2026-04",
        points: float = 2_000.0,
        points_a_second: float = 100.0,
        scopes: tuple[str, ...] = SCOPES,
        first: int = 0,
    ) -> None:
        self.shop = Shop(clock, self._tell, first)
        self.stock = Stock()
        self.version = version
        self._clock, self._token, self._secret, self._domain, self._scopes = clock, access_token, secret, domain, list(scopes)
        self._largest, self._restored = points, points_a_second
        self._points, self._counted_at = points, clock()
        self._events = first
        self._waiting: list[OutgoingWebhook] = []

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        if request.headers.get("x-shopify-access-token") != self._token:
            return _errors("[API] Invalid API key or access token (unrecognized login or wrong password)", 401)
        path = _PATH.match(request.path)
        if path is None:
            return _errors("Not Found", 404)
        if path[2] == "graphql.json" and request.method == "POST":
            return self._graphql(request, path[1])
        found = rest_document(self.shop, path[2], request.query) if request.method == "GET" else None
        return _errors("Not Found", 404) if found is None else SandboxResponse.of(found)

    def refuse(self, status: int) -> SandboxResponse:
        if status == 429:
            said = "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."
            return _errors(said, 429, {"retry-after": "2.0"})
        return SandboxResponse(status, {"content-type": "text/html"}, b"<html><body>Something went wrong</body></html>")

    def take_webhooks(self) -> list[OutgoingWebhook]:
        taken, self._waiting = self._waiting, []
        return taken

    def state(self) -> dict[str, Any]:
        shop = self.shop
        return {
            "orders": [
                {"id": each.id, "name": each.name, "currency": each.currency, "lines": _lines(each)} for each in shop.orders.values()
            ],
            "refunds": [
                {"id": each.id, "order": each.order.name, "transactions": [f"{one.gateway} {one.status}" for one in each.transactions]}
                for each in shop.refunds.values()
            ],
            "returns": [{"id": each.id, "order": each.order.name, "status": each.status} for each in shop.returns.values()],
            "payouts": [
                {"id": each.id, "date": each.date, "amount": each.amount, "currency": each.currency} for each in shop.payouts.values()
            ],
            "points": self._available(),
            "webhooks_waiting": len(self._waiting),
        }

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """`{"orders": [{name, lines: [{sku, quantity, price, discount, tax}], …}]}` in minor units; `{"refund": {order, units, …}}` of an
        order by its name; `{"stories": 20, "seed": 7}` plays returns and refunds from beginning to end; `{"pay_out": true}`;
        `{"stock": [{sku, location, available}]}`."""
        unknown = sorted(set(told) - {"orders", "refund", "stories", "seed", "pay_out", "stock"})
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not known; a shop is seeded with orders, refund, stock, stories (and seed) or pay_out")
        made: dict[str, Any] = {}
        try:
            if "orders" in told:
                orders = [
                    self.shop.order(**{"order_id" if name == "id" else name: value for name, value in each.items()})
                    for each in told["orders"]
                ]
                made["orders"] = [{"id": each.id, "name": each.name, "lines": _lines(each)} for each in orders]
            for each in told.get("stock", ()):
                self.stock.put(self.shop.new_id(), str(each["sku"]), int(each["location"]), int(each["available"]))
            if "refund" in told:
                made["refund"] = self._refund(**told["refund"])
            if "stories" in told:
                made["stories"] = play(self.shop, Random(int(told.get("seed", 0))), int(told["stories"]))
        except (TypeError, KeyError) as wrong:
            raise ValueError(f"cannot be put into the shop: {wrong}") from None
        if told.get("pay_out"):
            payout = self.shop.pay_out()
            made["payout"] = payout.id if payout else None
        return made

    def _refund(self, order: str, units: Mapping[str, int] | None = None, **more: Any) -> dict[str, Any]:
        """Of everything that was ordered, where no units are named; units go by SKU."""
        found = next((each for each in self.shop.orders.values() if each.name == order), None)
        if found is None:
            raise ValueError(f"there is no order {order!r}")
        of_lines = {line.id: (line.quantity if units is None else units.get(str(line.sku), 0)) for line in found.lines}
        return {"id": self.shop.refund(found, of_lines, **more).id}

    def _graphql(self, request: SandboxRequest, path_version: str) -> SandboxResponse:
        try:
            asked = request.json()
            query = Query(asked["query"], asked.get("variables") or {})
            cost = query.cost()
            if cost > MOST_POINTS_A_QUERY:
                raise Refused(f"Query cost is {cost}, which exceeds the single query max cost limit (1000).", "MAX_COST_EXCEEDED")
            available = self._available()
            if cost > available:
                return SandboxResponse.of({"errors": [_error("Throttled", "THROTTLED")], "extensions": self._cost(cost, None)})
            for field in query.selection:
                scope = SCOPE_OF.get(field.name)
                if scope is not None and scope not in self._scopes:
                    said = f"Access denied for {field.name} field. Required access: `{scope}` access scope."
                    raise Refused(said, "ACCESS_DENIED")
            read, written = root(self.shop, self._domain, self._scopes), mutations(self.shop) | self.stock.mutations(path_version)
            answer = query.answer(written if query.is_mutation else read | {"inventoryItems": self.stock.found})
        except Refused as refused:
            return SandboxResponse.of({"errors": [_error(str(refused), refused.code)]})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as wrong:
            return SandboxResponse.of({"errors": [_error(f"Query has an invalid value: {wrong}", "argumentLiteralsIncompatible")]})
        actual = objects_in(answer)
        self._points = available - actual
        return SandboxResponse.of({"data": answer, "extensions": self._cost(cost, actual)})

    def _available(self) -> float:
        now = self._clock()
        self._points = min(self._largest, self._points + max((now - self._counted_at).total_seconds(), 0.0) * self._restored)
        self._counted_at = now
        return self._points

    def _cost(self, requested: int, actual: int | None) -> dict[str, Any]:
        status = {"maximumAvailable": self._largest, "currentlyAvailable": self._points, "restoreRate": self._restored}
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}

    def _tell(self, topic: str, about: Any) -> None:
        body = body_of(topic, about, self.version)
        if body is None:
            return
        self._events += 1
        at = instant(self._clock())
        assert at is not None, "a clock shows a time"
        self._waiting.append(signed(topic, body, self._events, self._secret, self._domain, self.version, at))


def _lines(order: Order) -> list[dict[str, Any]]:
    return [{"id": line.id, "sku": line.sku, "quantity": line.quantity, "paid": line.paid, "tax": line.tax} for line in order.lines]


def _error(message: str, code: str) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}}


def _errors(said: str, status: int, headers: Mapping[str, str] | None = None) -> SandboxResponse:
    return SandboxResponse.of({"errors": said}, status, headers)
