"""A simulated ReturnGO: its API with keys, quota, paging and filters, its webhooks, and its habit of changing types."""

from __future__ import annotations

import copy
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse
from adapters.sandbox.returngo_rmas import Document, Event, IllegalMove, Rmas

QUOTA_PER_DAY = 2000
EVENTS = (
    "RMA_CREATED",
    "RMA_STATUS_UPDATED",
    "SHIPMENT_CREATED",
    "SHIPMENT_STATUS_UPDATED",
    "SHIPMENT_TRACKER_STATUS_UPDATED",
    "TRANSACTION_CREATED",
    "REFUND_CREATED",
)
_DATE = re.compile(r"(lt|lte|gt|gte|eq|neq):(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\Z")
_COMPARED: dict[str, Callable[[datetime, datetime], bool]] = {
    "lt": lambda at, limit: at < limit,
    "lte": lambda at, limit: at <= limit,
    "gt": lambda at, limit: at > limit,
    "gte": lambda at, limit: at >= limit,
    "eq": lambda at, limit: at == limit,
    "neq": lambda at, limit: at != limit,
}
_STEPS = ("approve", "ship", "move_shipment", "receive", "validate", "refund", "settle", "exchange", "finish", "reject", "cancel")
_SHAPES = 4


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = SandboxResponse.of({"message": message}, status)


class ReturnGoSandbox:
    """`rmas` tells the story. `drift` (a seed) makes documents come with other types, missing and unknown fields at every reading."""

    def __init__(
        self,
        clock: Clock,
        *,
        api_key: str = "sandbox-key",
        shop: str = "sandbox.myshopify.com",
        quota_per_day: int = QUOTA_PER_DAY,
        drift: int | None = None,
        currency: str = "GBP",
        customer_currency: str | None = None,
        rate: str = "1",
        first: int = 0,
    ) -> None:
        self.rmas = Rmas(clock, currency, customer_currency, rate, first)
        self.calls_today = 0
        self._clock, self._api_key, self._shop, self._quota_per_day = clock, api_key, shop, quota_per_day
        self._today: date | None = None
        self._drift = Random(f"{drift}/drift") if drift is not None else None
        self._shape = Random(f"{drift}/shape") if drift is not None else None
        # One event name a subscription. Without a URL a webhook goes where the sender sends everything.
        self._subscriptions: dict[str, Document] = {
            str(number): {"id": str(number), "url": None, "eventName": name} for number, name in enumerate(EVENTS, start=1)
        }

    # The port

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        try:
            self._admit(request)
            return self._route(request)
        except _Refused as refused:
            return refused.response

    def refuse(self, status: int) -> SandboxResponse:
        return SandboxResponse.of({"message": "Too Many Requests" if status == 429 else "Internal server error"}, status)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        return [
            OutgoingWebhook(event.name, {"content-type": "application/json"}, self._body(event), subscription["url"])
            for event in self.rmas.take_events()
            for subscription in self._subscriptions.values()
            if subscription["eventName"] == event.name
        ]

    def state(self) -> dict[str, Any]:
        return {
            "rmas": copy.deepcopy(list(self.rmas.documents.values())),
            "webhooks": list(self._subscriptions.values()),
            "calls_today": self.calls_today,
            "quota_per_day": self._quota_per_day,
        }

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """`{"create": {"items": […], "order": "#1001"}, "then": ["approve", {"refund": {"amount": "45.99"}}]}` plays a story, and
        `{"rma": "9856537", "then": […]}` goes on with one. Steps are the methods of `Rmas`."""
        if unknown := sorted(set(told) - {"create", "rma", "then"}):
            raise ValueError(f"{unknown[0]!r} is not known; a story has create or rma, and then")
        try:
            rma_id = self.rmas.create(**told["create"]) if "create" in told else str(told["rma"])
            if rma_id not in self.rmas.documents:
                raise ValueError(f"there is no RMA {rma_id}")
            for step in told.get("then", ()):
                name, arguments = (step, {}) if isinstance(step, str) else next(iter(dict(step).items()))
                if name not in _STEPS:
                    raise ValueError(f"{name!r} is no step; these are: {', '.join(_STEPS)}")
                of = {} if name in ("move_shipment", "settle") else {"rma_id": rma_id}
                getattr(self.rmas, name)(**of, **_places(arguments))
        except (TypeError, KeyError, ArithmeticError) as wrong:
            raise ValueError(f"the story cannot be played: {type(wrong).__name__} {wrong}") from None
        return {"rma": rma_id}

    # The API

    def _admit(self, request: SandboxRequest) -> None:
        today = self._clock().astimezone(UTC).date()
        if today != self._today:
            self._today, self.calls_today = today, 0
        if request.headers.get("x-api-key") != self._api_key:
            raise _Refused(401, "Unauthorized")
        if request.headers.get("x-shop-name") != self._shop:
            raise _Refused(403, "Forbidden")
        self.calls_today += 1
        if self.calls_today > self._quota_per_day:
            raise _Refused(429, "Limit Exceeded")
        for name in ("rma_created_at", "rma_updated_at", "created_at", "updated_at"):
            if name in request.query and _limit(request.query[name]) is None:
                raise _Refused(400, f"Invalid {name}")

    def _route(self, request: SandboxRequest) -> SandboxResponse:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["rmas"]:
                rows = [document for document in self.rmas.documents.values() if self._wanted(document, request.query)]
                return self._page("rmas", [(_of_rma(document, request.query), document["rmaSummary"]) for document in rows], request.query)
            case "GET", ["rma", rma_id]:
                return SandboxResponse.of(self._drifted(self._document(rma_id)))
            case "GET", ["transactions"]:
                return self._page("transactions", self._transactions(request.query), request.query)
            case "PUT", ["shipment", shipment_id]:
                return self._put_shipment(shipment_id, _object(request))
            case "PUT", ["transaction", transaction_id]:
                try:
                    self.rmas.settle(transaction_id, str(_object(request)["status"]))
                except KeyError:
                    raise _Refused(404, "Transaction not found") from None
                return SandboxResponse.of({"id": transaction_id})
            case "PUT", ["rma", rma_id, "status"]:
                self._document(rma_id)
                self.rmas.set_status(rma_id, str(_object(request).get("status")))
                return SandboxResponse.of({"rmaId": rma_id})
            case "GET", ["webhooks"]:
                return SandboxResponse.of(list(self._subscriptions.values()))
            case "POST", ["webhook"]:
                return self._subscribe(str(len(self._subscriptions) + 1), _object(request))
            case "PUT", ["webhook", number] if number in self._subscriptions:
                return self._subscribe(number, _object(request))
            case "DELETE", ["webhook", number] if number in self._subscriptions:
                return SandboxResponse.of(self._subscriptions.pop(number))
            case _:
                raise _Refused(404, "Not Found")

    def _document(self, rma_id: str) -> Document:
        if not rma_id.isdecimal():
            raise _Refused(400, "Invalid RMA id")
        if rma_id not in self.rmas.documents:
            raise _Refused(404, "RMA not found")
        return self.rmas.documents[rma_id]

    def _wanted(self, document: Document, query: Mapping[str, str]) -> bool:
        summary = document["rmaSummary"]
        tracked = {shipment["trackingNumber"] for shipment in document["shipments"]}
        return (
            ("status" not in query or summary["status"] in query["status"].split(","))
            and ("order_name" not in query or summary["order_name"] in query["order_name"].split(","))
            and ("tracking_numbers" not in query or bool(tracked & set(query["tracking_numbers"].split(","))))
            and _within(document["createdAt"], query, "rma_created_at")
            and _within(document["lastUpdated"], query, "rma_updated_at")
        )

    def _transactions(self, query: Mapping[str, str]) -> list[tuple[str, Document]]:
        found = [(rma_id, each) for rma_id, document in self.rmas.documents.items() for each in document["transactions"]]
        return [
            (f"{each['lastUpdated']}/{each['id']}", {"rmaId": rma_id, **each})
            for rma_id, each in found
            if ("ids" not in query or each["id"] in query["ids"].split(","))
            and ("rma_ids" not in query or rma_id in query["rma_ids"].split(","))
            and ("statuses" not in query or each["status"] in query["statuses"].split(","))
            and ("types" not in query or each["type"] in query["types"].split(","))
            and _within(each["createdAt"], query, "created_at")
            and _within(each["lastUpdated"], query, "updated_at")
        ]

    def _page(self, name: str, rows: list[tuple[str, Document]], query: Mapping[str, str]) -> SandboxResponse:
        """Keyset paging: a row that is updated while somebody turns pages moves to the end, and none is left out."""
        size = query.get("pagesize", "")
        if not size.isdecimal() or not 1 <= int(size) <= 500:
            raise _Refused(400, "pagesize must be a number from 1 to 500")
        sort_by = query.get("sort_by", "+rma_updated_at")
        if sort_by[:1] not in ("+", "-") or sort_by[1:] not in ("rma_created_at", "rma_updated_at"):
            raise _Refused(400, "Invalid sort_by")
        backwards = sort_by.startswith("-")
        rows = sorted(rows, key=lambda row: row[0], reverse=backwards)
        if "cursor" in query:
            try:
                after = b64decode(query["cursor"], validate=True).decode()
            except ValueError:
                raise _Refused(400, "Invalid cursor") from None
            rows = [row for row in rows if (row[0] < after if backwards else row[0] > after)]
        page, more = rows[: int(size)], rows[int(size) :]
        next_cursor = b64encode(page[-1][0].encode()).decode() if more else None
        return SandboxResponse.of({name: [row for _, row in page], "next_cursor": next_cursor})

    def _put_shipment(self, shipment_id: str, content: Document) -> SandboxResponse:
        try:
            _, shipment = self.rmas.shipment(shipment_id)
            if "status" in content:
                self.rmas.move_shipment(shipment_id, str(content["status"]))
        except KeyError:
            raise _Refused(404, "Shipment not found") from None
        except IllegalMove as illegal:
            raise _Refused(400, str(illegal)) from None
        shipment |= {name: content[name] for name in ("carrierName", "trackingNumber", "trackingURL", "labelURL") if name in content}
        return SandboxResponse.of(shipment)

    def _subscribe(self, number: str, content: Document) -> SandboxResponse:
        if content.get("eventName") not in EVENTS:
            raise _Refused(400, "Invalid eventName")
        self._subscriptions[number] = {"id": number, "url": content.get("url"), "eventName": content["eventName"]}
        return SandboxResponse.of(self._subscriptions[number])

    # Its habits

    def _body(self, event: Event) -> bytes:
        """The bodies are not published, so with drift they come in every shape that has been thought of."""
        rma_id: str | int = event.rma_id
        match self._shape.randrange(_SHAPES) if self._shape is not None else 0:
            case 0:
                body: Document = {"eventName": event.name, "eventDate": event.at, "rmaId": rma_id, **event.about}
            case 1:
                body = {"eventName": event.name, "eventDate": event.at, "data": {**event.about, "rmaId": int(rma_id)}}
            case 2:
                body = {"eventName": event.name, "eventDate": event.at, "rma": {"id": f"RMA{rma_id}"}, "newField": [event.about]}
            case _:
                body = {"webhook": {"eventName": event.name, "eventDate": event.at}, "payload": {"rmaSummary": {"rmaId": rma_id}}}
        return json.dumps(body).encode()

    def _drifted(self, document: Document) -> Document:
        if self._drift is None:
            return document
        rng, document = self._drift, copy.deepcopy(document)
        document["isOutOfPolicy"] = rng.choice((0, 1, False))
        document[f"field{rng.randrange(1000)}"] = {"nobody": ["knows", None, 1.5]}
        for item in document["items"]:
            item["isAutoApprove"] = rng.choice((0, 1, True))
            item["taxIncluded"] = rng.choice((item["taxIncluded"], int(item["taxIncluded"]), str(item["taxIncluded"]).lower()))
            validation = item["itemValidationStatusResponse"]
            for name in ("isReturned", "isRestockable"):
                validation[name] = rng.choice((validation[name], int(validation[name])))
            validation.pop("returnedItemId", None)
            for name in ("variantName", "barcode", "followUpQuestions"):
                if rng.random() < 0.5:
                    item.pop(name, None)
            item["returnReason"] = rng.choice(("", " > ")) + item["returnReason"]
            item["shopLineItemId"] = rng.choice((item["shopLineItemId"], int(item["shopLineItemId"])))
            item["paidPrice"] = {name: rng.choice((each, str(each))) for name, each in item["paidPrice"].items()}
        for transaction in document["transactions"]:
            transaction["id"] = rng.choice((transaction["id"], int(transaction["id"])))
        for event in document["rmaSummary"]["events"]:
            event["userDetails"] = rng.choice((None, event["userDetails"]))
        return document


def _of_rma(document: Document, query: Mapping[str, str]) -> str:
    by = "createdAt" if query.get("sort_by", "").endswith("created_at") else "lastUpdated"
    return f"{document[by]}/{document['rmaSummary']['rmaId']}"


def _within(at: str, query: Mapping[str, str], name: str) -> bool:
    if name not in query:
        return True
    asked = _limit(query[name])
    assert asked is not None, "checked on the way in"
    compared, limit = asked
    return _COMPARED[compared](datetime.fromisoformat(at), limit)


def _limit(said: str) -> tuple[str, datetime] | None:
    """`gte:2026-10-01T00:00:00` → how a date is compared, and with which; None where that is no comparison or no date."""
    found = _DATE.match(said)
    try:
        return (found[1], datetime.fromisoformat(found[2]).replace(tzinfo=UTC)) if found else None
    except ValueError:
        return None


def _object(request: SandboxRequest) -> Document:
    try:
        content = request.json()
    except ValueError:
        raise _Refused(400, "Invalid body") from None
    if not isinstance(content, dict):
        raise _Refused(400, "Invalid body")
    return content


def _places(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no numbers as names: `{"found": {"0": "damaged"}}` means the first unit."""
    return {
        name: {int(place): how for place, how in value.items()} if name == "found" and isinstance(value, dict) else value
        for name, value in arguments.items()
    }
