"""Happy Returns, simulated: its partner API with quota and error shapes, and its signed webhooks, merged within a minute.

Built from the vendor's documents; where they are silent (names of event types, shapes of lists), it plays the defaults of the room.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.sandbox.happy_returns_hub import CONDITIONS, Document, Hub, Return
from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse

RATE_PER_SECOND: Final = 0.5
BUCKET_CALLS: Final = 5
MERGE_SECONDS: Final = 60
_KEYS: Final = ("orderNumber", "email", "happyReturnsExpressCode")
_STEPS: Final = ("hand_in", "approve", "expire", "cancel", "ship", "inspect", "relabel")


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = SandboxResponse.of({"ErrorMessage": message}, status)


class HappyReturnsSandbox:
    """`hub` tells the stories."""

    def __init__(
        self,
        clock: Clock,
        *,
        api_key: str = "sandbox-key",
        retailer_id: str = "sandbox-retailer",
        webhook_secret: str = "sandbox-secret",  # noqa: S107 (everybody may know it)
        merge_seconds: int = MERGE_SECONDS,
        first: int = 0,
        calls_per_second: float = RATE_PER_SECOND,
    ) -> None:
        self.hub = Hub(clock, retailer_id, merge_seconds, first)
        self._clock, self._api_key, self._retailer, self._secret = clock, api_key, retailer_id, webhook_secret
        self._per_second = calls_per_second
        self._contents: list[Document] = []
        self._level, self._level_at = 0.0, clock()

    # The port

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        try:
            self._admit(request)
            return self._route(request)
        except _Refused as refused:
            return refused.response
        except (TypeError, AttributeError, KeyError):
            return SandboxResponse.of({"ErrorMessage": "the request cannot be read"}, 400)

    def refuse(self, status: int) -> SandboxResponse:
        if status == 429:
            said = f"too many requests: limit {RATE_PER_SECOND:.6f} requests/sec, leaky bucket size {BUCKET_CALLS}"
            return SandboxResponse.of({"ErrorMessage": said}, 429)
        return SandboxResponse.of({"ErrorMessage": "internal error"}, status)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        return [self._signed(topic, json.dumps(content).encode()) for topic, content in self.hub.take_posts()]

    def state(self) -> dict[str, Any]:
        return {**self.hub.state(), "return_contents": list(self._contents)}

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """`{"start": {"orders": {"1001": [{"line": "9120", "sku": "JKT-M"}]}}, "then": ["hand_in", "ship"]}` plays a story, and
        `{"return": "…", "then": [{"inspect": {"*": "sellable"}}]}` goes on with one. Steps are the methods of `Hub`."""
        if unknown := sorted(set(told) - {"start", "return", "then"}):
            raise ValueError(f"{unknown[0]!r} is not known; a story has start or return, and then")
        try:
            return_id = self.hub.start(**told["start"]) if "start" in told else self.hub.of(str(told["return"])).return_id
            for step in told.get("then", ()):
                name, argument = (step, None) if isinstance(step, str) else next(iter(dict(step).items()))
                if name not in _STEPS:
                    raise ValueError(f"{name!r} is no step; these are: {', '.join(_STEPS)}")
                getattr(self.hub, name)(*([return_id] if argument is None else [return_id, argument]))
        except (TypeError, KeyError, AttributeError) as wrong:
            raise ValueError(f"the story cannot be played: {type(wrong).__name__} {wrong}") from None
        return {"return": return_id, "express_code": self.hub.express_code(return_id)}

    # The API

    def _admit(self, request: SandboxRequest) -> None:
        if request.headers.get("x-hr-apikey") != self._api_key:
            raise _Refused(401, "unauthorized")
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._level_at).total_seconds() * self._per_second)
        self._level_at = now
        if self._level + 1 > BUCKET_CALLS:
            raise _Refused(429, f"too many requests: limit {RATE_PER_SECOND:.6f} requests/sec, leaky bucket size {BUCKET_CALLS}")
        self._level += 1

    def _route(self, request: SandboxRequest) -> SandboxResponse:
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["return"]:
                return self._find(_object(request))
            case "GET", ["outbound-shipments"]:
                return self._list_shipments(request.query)
            case "GET", ["outbound-shipment", shipment_id] if shipment_id in self.hub.shipments:
                return self._page(self.hub.shipped(self.hub.shipments[shipment_id]), request.query)
            case "POST", ["rma", rma, "approve"]:
                return self._take_approval(self._by_code(rma), _object(request))
            case "POST", ["rma", rma, "expire"]:
                of = self._by_code(rma)
                if of.status not in ("started", "expired"):
                    raise _Refused(409, "the RMA is in a final state")
                if of.status == "started":
                    self.hub.expire(of.return_id)
                return SandboxResponse.of({})
            case "POST", ["return-contents"]:
                return self._take_contents(request)
            case "GET", ["webhooks"]:
                return SandboxResponse.of(
                    [{"webhookType": each} for each in ("return.asn", "return.label.update", "outbound_shipment.asn")]
                )
            case _:
                raise _Refused(404, "not found")

    def _find(self, asked: Document) -> SandboxResponse:
        if asked.get("happyReturnsRetailerID") != self._retailer:
            raise _Refused(403, "the key does not cover this retailer")
        keys = [key for key in _KEYS if asked.get(key)]
        if len(keys) != 1:
            raise _Refused(400, f"exactly one of {', '.join(_KEYS)} is needed")
        value = str(asked[keys[0]])
        found = self.hub.found_by(keys[0], value)
        return SandboxResponse.of({"returns": found}) if found else SandboxResponse(204)

    def _list_shipments(self, query: Mapping[str, str]) -> SandboxResponse:
        now = self._clock()
        try:
            start = datetime.fromisoformat(query["startDateTime"]) if "startDateTime" in query else now - timedelta(hours=24)
            end = datetime.fromisoformat(query["endDateTime"]) if "endDateTime" in query else now
        except ValueError:
            raise _Refused(400, "startDateTime and endDateTime are ISO 8601") from None
        if query.get("retailerID") != self._retailer:
            raise _Refused(403, "the key does not cover this retailer")
        rows = [
            {"id": one.shipment_id, "departureDate": one.departed_at.isoformat(), "carrier": "Sandbox Freight"}
            for one in self.hub.shipments.values()
            if start <= one.departed_at <= end
        ]
        return SandboxResponse.of({"outboundShipments": rows})

    def _page(self, items: list[Document], query: Mapping[str, str]) -> SandboxResponse:
        size = query.get("page[size]", "50")
        if not size.isdecimal() or not 1 <= int(size) <= 1000:
            raise _Refused(400, "page[size] must be from 1 to 1000")
        after = int(query["page[after]"]) if query.get("page[after]", "").isdecimal() else 0
        last = after + int(size)
        return SandboxResponse.of({"items": items[after:last], "page": {"after": str(last) if last < len(items) else None}})

    def _take_approval(self, of: Return, asked: Document) -> SandboxResponse:
        for each in asked.get("returning") or []:
            item = next((item for item in of.items if item.item_id == each.get("happyReturnsItemID")), None)
            if item is None or ("condition" in each and each["condition"] not in CONDITIONS):
                raise _Refused(400, "unknown item or condition")
            if "condition" in each:
                item.outcome = each["condition"]
            if each.get("approve") is True:
                # A second approval is a second refund: the sandbox counts what the vendor would pay.
                if item.approved_at:
                    self.hub.approvals.append({"return": of.return_id, "item": item.item_id, "at": self._clock().isoformat()})
                item.handed_in = True
                self.hub.approve(of.return_id, [item.item_id])
        return SandboxResponse.of({})

    def _take_contents(self, request: SandboxRequest) -> SandboxResponse:
        try:
            content = request.json()
        except ValueError:
            raise _Refused(400, "the body is no JSON") from None
        rows = [row for each in content if isinstance(each, dict) for row in each.get("items", [])] if isinstance(content, list) else []
        if not rows or len(rows) > 1000:
            raise _Refused(400, "from 1 to 1000 items are needed")
        self._contents += rows
        return SandboxResponse.of({})

    def _signed(self, topic: str, body: bytes) -> OutgoingWebhook:
        signature = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
        return OutgoingWebhook(topic, {"content-type": "application/json", "X-Hr-Signature": signature}, body)

    def _by_code(self, rma: str) -> Return:
        found = next((of for of in self.hub.returns.values() if of.express_code == rma), None)
        if found is None:
            raise _Refused(404, "not found")
        return found


def _object(request: SandboxRequest) -> Document:
    try:
        content = request.json()
    except ValueError:
        raise _Refused(400, "the body is no JSON") from None
    if not isinstance(content, dict):
        raise _Refused(400, "the body is no object")
    return content
