"""Reveni, simulated: its merchant API as one connector knows it, its unsigned webhooks, and the money it pays by itself.

Reveni publishes no reference: where nothing is known (the list's parameters, prices, refunds in the return), it plays the defaults of the
room. Statuses come in upper case by API and in lower case by webhook.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import md5
from typing import Any, Final

from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse

Document = dict[str, Any]

EVENTS: Final = ("return.created", "return.updated")
CALLS_PER_MINUTE: Final = 120
_STEPS: Final = ("ship", "receive", "review", "validate", "pay", "pay_instantly", "settle", "complete", "expire", "cancel", "hold")
_PREFIX: Final = ["merchants", "v0", "stores"]


class _Refused(Exception):
    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = SandboxResponse.of({"detail": message}, status, headers)


class ReveniSandbox:
    """The methods named in `_STEPS` tell the story of a return; `create` begins one.

    `summaries`: the list shows ids, statuses and dates only. `listing` False: there is no list at all.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        api_key: str = "sandbox-key",
        store_id: str = "sandbox-store",
        listing: bool = True,
        summaries: bool = True,
        webhook_url: str | None = None,
        first: int = 0,
    ) -> None:
        self.documents: dict[str, Document] = {}
        self.calls = 0
        self._clock, self._api_key, self._store, self._listing, self._summaries = clock, api_key, store_id, listing, summaries
        self._events: list[tuple[str, str, str, datetime]] = []
        self._first, self._sent = first, first
        self._subscriptions: dict[str, Document] = {"1": {"id": "1", "url": webhook_url, "event_types": list(EVENTS)}}
        self._minute, self._calls_of_minute = "", 0

    # Stories

    def create(
        self,
        items: list[Mapping[str, Any]],
        order_id: int | str = 5_324_938_444_866,
        kind: str = "refund",
        instant: bool = False,
        currency: str | None = "GBP",
    ) -> str:
        """`items`: `{"sku": "SHIRT-M", "quantity": 2}`, with whatever else the API is to show of them."""
        number = self._first + len(self.documents) + 1
        return_id = md5(f"sandbox/return/{number}".encode(), usedforsecurity=False).hexdigest()
        usual = {"quantity": 1, "return_reason": "too_small", "exchange": None, "status": "pending validation"}
        rows = [{"id": f"{return_id[:8]}-{place}", **usual, **item} for place, item in enumerate(items, start=1)]
        self.documents[return_id] = {
            "id": return_id,
            "status": "IN_PROGRESS",
            "type": kind,
            "mode": "INSTANT" if instant else "NOT_INSTANT",
            "created_at": self._now(),
            "updated_at": self._now(),
            "order": {"external_id": order_id, "customer": {"name": "Ada Lovelace", "email": "ada.lovelace@example.com"}},
            "return_items": rows,
            "refunds": [],
            **({"currency": currency} if currency is not None else {}),
        }
        self._events.append(("return.created", return_id, "IN_PROGRESS", self._clock()))
        return return_id

    def ship(self, return_id: str) -> None:
        self._move(return_id, "SHIPPED")

    def receive(self, return_id: str) -> None:
        self._move(return_id, "RECEIVED")

    def review(self, return_id: str) -> None:
        self._move(return_id, "FOR_REVIEW")

    def validate(self, return_id: str, rejected: Mapping[str, str] | None = None) -> None:
        """`rejected`: reasons by SKU; `*` for all others. Everything else is accepted."""
        rejected = rejected or {}
        items = self.documents[return_id]["return_items"]
        for item in items:
            reason = rejected.get(item["sku"], rejected.get("*"))
            item |= {"status": "accepted"} if reason is None else {"status": "rejected", "reject_reason": reason}
        verdicts = {item["status"] for item in items}
        self._move(return_id, "PARTLY_ACCEPTED" if len(verdicts) > 1 else verdicts.pop().upper())

    def pay(
        self, return_id: str, amount: str | int | float, method: str = "original_payment_method", status: str = "paid", **more: Any
    ) -> str:
        document = self.documents[return_id]
        refund_id = f"rf-{return_id[:8]}-{len(document['refunds']) + 1}"
        document["refunds"].append(
            {"id": refund_id, "amount": amount, "method": method, "status": status, "created_at": self._now(), **more}
            | ({"currency": document["currency"]} if "currency" in document else {})
        )
        self._move(return_id, document["status"])
        return refund_id

    def pay_instantly(self, return_id: str, amount: str | int | float, **more: Any) -> str:
        """Reveni pays by bank transfer, before the goods are back."""
        return self.pay(return_id, amount, "instant bank transfer", **more)

    def settle(self, return_id: str, status: str, refund_id: str | None = None) -> None:
        refunds = self.documents[return_id]["refunds"]
        for refund in refunds if refund_id is None else [one for one in refunds if one["id"] == refund_id]:
            refund["status"] = status
        self._move(return_id, self.documents[return_id]["status"])

    def complete(self, return_id: str) -> None:
        self._move(return_id, "COMPLETED")

    def expire(self, return_id: str) -> None:
        self._move(return_id, "EXPIRED")

    def cancel(self, return_id: str) -> None:
        self._move(return_id, "CANCELLED")

    def hold(self, return_id: str) -> None:
        self._move(return_id, "ON_HOLD")

    # The port

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        try:
            self._admit(request)
            return self._route(request)
        except _Refused as refused:
            return refused.response
        except (TypeError, AttributeError, KeyError, ValueError):
            return SandboxResponse.of({"detail": "The request cannot be read."}, 400)

    def refuse(self, status: int) -> SandboxResponse:
        headers = {"Retry-After": "7"} if status == 429 else None
        return SandboxResponse.of({"detail": "Request was throttled." if status == 429 else "Server error."}, status, headers)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        events, self._events = self._events, []
        return [
            OutgoingWebhook(event, {"content-type": "application/json"}, self._body(event, return_id, status, at), subscription["url"])
            for event, return_id, status, at in events
            for subscription in self._subscriptions.values()
            if event in subscription["event_types"]
        ]

    def state(self) -> dict[str, Any]:
        return {"returns": json.loads(json.dumps(list(self.documents.values()))), "webhooks": list(self._subscriptions.values())}

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """`{"create": {"items": [{"sku": "SHIRT-M"}], "instant": true}, "then": [{"pay_instantly": {"amount": "45.99"}}, "ship"]}` plays a
        story, and `{"return": "…", "then": […]}` goes on with one."""
        if unknown := sorted(set(told) - {"create", "return", "then"}):
            raise ValueError(f"{unknown[0]!r} is not known; a story has create or return, and then")
        try:
            return_id = self.create(**told["create"]) if "create" in told else str(told["return"])
            if return_id not in self.documents:
                raise ValueError(f"there is no return {return_id}")
            for step in told.get("then", ()):
                name, arguments = (step, {}) if isinstance(step, str) else next(iter(dict(step).items()))
                if name not in _STEPS:
                    raise ValueError(f"{name!r} is no step; these are: {', '.join(_STEPS)}")
                getattr(self, name)(return_id, **arguments)
        except (TypeError, KeyError, AttributeError) as wrong:
            raise ValueError(f"the story cannot be played: {type(wrong).__name__} {wrong}") from None
        return {"return": return_id}

    # The API

    def _admit(self, request: SandboxRequest) -> None:
        if request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise _Refused(401, "Authentication credentials were not provided.")
        minute = f"{self._clock():%Y-%m-%dT%H:%M}"
        if minute != self._minute:
            self._minute, self._calls_of_minute = minute, 0
        self._calls_of_minute += 1
        self.calls += 1
        if self._calls_of_minute > CALLS_PER_MINUTE:
            raise _Refused(429, "Request was throttled.", {"Retry-After": str(60 - self._clock().second)})

    def _route(self, request: SandboxRequest) -> SandboxResponse:
        parts = request.path.strip("/").split("/")
        if parts[:3] != _PREFIX or len(parts) < 5:
            raise _Refused(404, "Not found.")
        if parts[3] != self._store:
            raise _Refused(403, "You do not have permission to perform this action.")
        match request.method, parts[4:]:
            case "GET", ["returns"] if self._listing:
                return self._list(request.query)
            case "GET", ["returns", return_id] if return_id in self.documents:
                return SandboxResponse.of(self.documents[return_id])
            case "POST", ["returns", return_id, "partial_validate"] if return_id in self.documents:
                return self._take_verdicts(return_id, request.json())
            case "GET", ["webhooks"]:
                return SandboxResponse.of(list(self._subscriptions.values()))
            case "POST", ["webhooks"]:
                asked = request.json()
                number = str(len(self._subscriptions) + 1)
                self._subscriptions[number] = {"id": number, "url": asked["url"], "event_types": list(asked["event_types"])}
                return SandboxResponse.of(self._subscriptions[number], 201)
            case "DELETE", ["webhooks", number] if number in self._subscriptions:
                del self._subscriptions[number]
                return SandboxResponse(204)
            case _:
                raise _Refused(404, "Not found.")

    def _list(self, query: Mapping[str, str]) -> SandboxResponse:
        since = query.get("updated_after")
        size, page = int(query.get("page_size", "20")), int(query.get("page", "1"))
        found = [
            document
            for document in sorted(self.documents.values(), key=lambda document: (document["updated_at"], document["id"]))
            if since is None or datetime.fromisoformat(document["updated_at"]) >= datetime.fromisoformat(since)
        ]
        rows = found[(page - 1) * size : page * size]
        shown = [{name: row[name] for name in ("id", "status", "updated_at")} for row in rows] if self._summaries else rows
        more = page * size < len(found)
        return SandboxResponse.of({"count": len(found), "next": f"?page={page + 1}&page_size={size}" if more else None, "results": shown})

    def _take_verdicts(self, return_id: str, asked: Document) -> SandboxResponse:
        items = {item["id"]: item for item in self.documents[return_id]["return_items"]}
        for verdict in asked["items"]:
            item = items.get(verdict["item_id"])
            if item is None or verdict["status"] not in ("accepted", "rejected") or verdict["quantity"] != item["quantity"]:
                raise _Refused(400, "Invalid item.")
        for verdict in asked["items"]:
            item = items[verdict["item_id"]]
            item["status"] = verdict["status"]
            if "reject_reason" in verdict:
                item["reject_reason"] = verdict["reject_reason"]
        verdicts = {item["status"] for item in items.values()}
        done = verdicts <= {"accepted", "rejected"}
        self._move(return_id, ("PARTLY_ACCEPTED" if len(verdicts) > 1 else verdicts.pop().upper()) if done else "FOR_REVIEW")
        return SandboxResponse.of(self.documents[return_id])

    # Its habits

    def _move(self, return_id: str, status: str) -> None:
        document = self.documents[return_id]
        document |= {"status": status, "updated_at": self._now()}
        self._events.append(("return.updated", return_id, status, self._clock()))

    def _body(self, event: str, return_id: str, status: str, at: datetime) -> bytes:
        self._sent += 1
        about = {"resource_id": return_id, "status": status.lower()}
        return json.dumps({"id": f"evt-{self._sent}", "created": int(at.timestamp()), "event": event, "data": about}).encode()

    def _now(self) -> str:
        return self._clock().isoformat()
