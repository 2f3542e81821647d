"""Patchworks, simulated: webhook and callback triggers, the Start API, and the Core API over the runs of one flow.

A trigger answers at once and the flow runs later, so that 200 says nothing; its address carries the only secret. What the vendor does not
publish (the answer to a wrong signature, the 429, the key of the run's id) is played in one way of many.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adapters.sandbox.patchworks.behind import ErpBehind
from adapters.sandbox.patchworks.flow import FAILURE, PAYLOADS_KEPT, Flow, Run
from adapters.sandbox.port import Clock, OutgoingWebhook, SandboxRequest, SandboxResponse

QUOTAS: Final = {"webhooks": 120, "callbacks": 240, "core": 240}
MOST_BYTES: Final = 8_000_000
_SEEDS: Final = ("order", "orders", "products", "locations", "stock", "by_hand", "flow", "retry")
_STATUS_WORDS: Final = {429: "Too Many Attempts.", 500: "Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 403: "Forbidden"}


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = SandboxResponse.of({"message": message}, status)


class PatchworksSandbox:
    """One company with one flow. `webhook_path` and `callback_path` are its triggers' addresses below the prefix, with their signatures."""

    def __init__(
        self,
        clock: Clock,
        *,
        api_key: str = "sandbox-key",
        company: str = "acme",
        flow_id: str = "1041",
        webhook_id: str = "wh-1041",
        callback_id: str = "cb-1041",
        signature: str = "sandbox-signature",
        first: int = 0,
    ) -> None:
        self.behind = ErpBehind(first=first)
        self.flow = Flow(flow_id, self.behind, first)
        self.calls = 0
        self._clock, self._api_key, self._signature = clock, api_key, signature
        self._webhook, self._callback = f"/api/v1/{company}/{webhook_id}", f"/api/v1/{company}/{callback_id}"
        self._minute, self._counted = "", dict.fromkeys(QUOTAS, 0)

    @property
    def webhook_path(self) -> str:
        return f"{self._webhook}?patchworks_signature={self._signature}"

    @property
    def callback_path(self) -> str:
        return f"{self._callback}?patchworks_signature={self._signature}"

    # The port

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        self.calls += 1
        try:
            self.flow.work(self._clock())
            return self._route(request)
        except _Refused as refused:
            return refused.response
        except (TypeError, AttributeError, KeyError, ValueError):
            return SandboxResponse.of({"message": "The given data was invalid."}, 422)

    def refuse(self, status: int) -> SandboxResponse:
        headers = {"Retry-After": "9"} if status == 429 else None
        return SandboxResponse.of({"message": _STATUS_WORDS.get(status, "Error")}, status, headers)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        self.flow.work(self._clock())
        waiting, self.flow.outgoing = self.flow.outgoing, []
        return waiting

    def state(self) -> dict[str, Any]:
        self.flow.work(self._clock())
        behind = self.behind
        shown = {
            "triggers": {"webhook": self.webhook_path, "callback": self.callback_path, "flow_id": self.flow.flow_id},
            "flow_runs": [self._shown(run, {"trackedData"}) for run in self.flow.runs],
            "orders": [behind.told_order(order) for order in behind.orders.values()],
            "documents": behind.documents,
            "deliveries": behind.deliveries,
            "locations": behind.locations,
            "stock": [{"sku": sku, "location": place, "units": units} for (sku, place), units in sorted(behind.stock.items())],
        }
        copied: dict[str, Any] = json.loads(json.dumps(shown))
        return copied

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """`order` (or `orders`), `products`, `locations`, `stock` ([{"sku", "location", "units"}]), `by_hand`, `flow` (its settings) and
        `retry` (the number of a failed run, begun again as from the dashboard)."""
        if unknown := sorted(set(told) - set(_SEEDS)):
            raise ValueError(f"{unknown[0]!r} is not known; these are: {', '.join(_SEEDS)}")
        # What has had its time was there before.
        self.flow.work(self._clock())
        made: dict[str, Any] = {}
        try:
            behind = self.behind
            orders = [*told.get("orders", ()), *([told["order"]] if "order" in told else [])]
            if orders:
                made["orders"] = [behind.seed_order(order)["order"] for order in orders]
            behind.locations += [str(name) for name in told.get("locations", ()) if name not in behind.locations]
            behind.products |= {str(sku) for sku in told.get("products", ())}
            for row in told.get("stock", ()):
                behind.stock[str(row["sku"]), str(row["location"])] = int(row["units"])
                behind.products.add(str(row["sku"]))
            if "flow" in told:
                self.flow.set(told["flow"])
            if "by_hand" in told:
                made |= behind.by_hand(told["by_hand"], self._clock())
            if "retry" in told:
                made["flow_run"] = self._retry(int(told["retry"])).number
        except (KeyError, TypeError, AttributeError, ArithmeticError) as wrong:
            raise ValueError(f"the seed cannot be read: {type(wrong).__name__} {wrong}") from None
        return made

    def _retry(self, number: int) -> Run:
        run = next((run for run in self.flow.runs if run.number == number and run.status == FAILURE), None)
        if run is None:
            raise ValueError(f"there is no failed run {number}")
        return self.flow.begin("Retry", run.payload, self._clock())

    # The API

    def _route(self, request: SandboxRequest) -> SandboxResponse:
        path = "/" + request.path.strip("/")
        match path.removeprefix("/api/v1").strip("/").split("/"):
            case _ if path == self._webhook:
                return self._triggered(request, "webhooks")
            case _ if path == self._callback:
                return self._triggered(request, "callbacks")
            case ["flows", flow_id, "start", *more] if request.method == "POST":
                return self._started(request, flow_id, raw=more[:1] == ["raw"])
            case ["flows"]:
                self._admit(request)
                return _page([self._shown_flow()], request.query)
            case ["flow-runs"]:
                self._admit(request)
                return self._list(request.query)
            case ["flow-runs", number, "flow-run-logs"]:
                self._admit(request)
                return _page(self._logs(self._run(number)), request.query)
            case ["flow-runs", number]:
                self._admit(request)
                return SandboxResponse.of({"data": self._shown(self._run(number), _included(request.query))})
            case ["payload-metadata", number, "download"]:
                self._admit(request)
                return self._payload(number)
        raise _Refused(404, "Not Found.")

    def _triggered(self, request: SandboxRequest, quota: str) -> SandboxResponse:
        if request.query.get("patchworks_signature") != self._signature:
            raise _Refused(401, "Invalid signature.")
        self._count(quota)
        if not self.flow.enabled or not self.flow.deployed:
            raise _Refused(404, "The flow is not enabled.")
        if len(request.body) > MOST_BYTES:
            raise _Refused(413, "Payload too large.")
        # With a body and parameters, the body wins.
        payload = request.body.decode() or json.dumps({k: v for k, v in request.query.items() if k != "patchworks_signature"})
        if quota == "webhooks":
            self.flow.begin("Webhook", payload, self._clock())
            return SandboxResponse.of({"message": "Flow initialised."})
        return SandboxResponse.of([self._called_back(payload)])

    def _called_back(self, payload: str) -> dict[str, Any]:
        command = json.loads(payload)
        if "query" in command:
            if command["command_type"] == "find" and not self.flow.finds:
                return {"error": "this flow does not know find"}
            return self.behind.answer(command)
        return self.flow.finish(self.flow.begin("Callback", payload, self._clock()), self._clock())

    def _started(self, request: SandboxRequest, flow_id: str, *, raw: bool) -> SandboxResponse:
        self._admit(request)
        if flow_id != self.flow.flow_id:
            raise _Refused(404, "Not Found.")
        if not self.flow.enabled or not self.flow.deployed:
            raise _Refused(422, "The flow has no deployed version.")
        payload = request.body.decode()
        if not raw:
            said = json.loads(payload)
            if not isinstance(said, dict) or not isinstance(said.get("payload"), str):
                raise _Refused(422, "The payload must be a string.")
            payload = said["payload"]
        if not payload.strip():
            raise _Refused(422, "The payload must not be blank.")
        run = self.flow.begin("API", payload, self._clock())
        return SandboxResponse.of({"message": "Flow initialised.", "data": {"flow_run_id": str(run.number)}})

    def _list(self, query: Mapping[str, str]) -> SandboxResponse:
        runs = list(self.flow.runs)
        for name, bound in query.items():
            match name:
                case "filter[status]":
                    runs = [run for run in runs if str(run.status) == bound]
                case "filter[flow_id]":
                    runs = [run for run in runs if self.flow.flow_id == bound]
                case "filter[started_after]":
                    runs = [run for run in runs if run.started_at >= _from_ms(bound)]
                case "filter[started_before]":
                    runs = [run for run in runs if run.started_at <= _from_ms(bound)]
        runs.sort(key=lambda run: (run.started_at, run.number), reverse=query.get("sort") == "-started_at")
        included = _included(query)
        return _page([self._shown(run, included) for run in runs], query)

    def _shown(self, run: Run, included: set[str]) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": run.number,
            "flow_id": self.flow.flow_id,
            "flow_version_id": 7,
            "status": run.status,
            "trigger": run.trigger,
            "summary": None,
            "started_at": run.started_at.isoformat(),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
            "retry_flow_run_id": None,
            "has_warnings": False,
        }
        if "trackedData" in included:
            told["tracked_data"] = [{"name": name, "value": value} for name, value in run.tracked.items()]
        if "flowRunLogs" in included:
            told["flow_run_logs"] = [{"log_level": level, "log_message": message} for level, message in run.logs]
        return told

    def _logs(self, run: Run) -> list[dict[str, Any]]:
        at = run.started_at.isoformat()
        first = {"log_level": "INFO", "log_message": "Flow started", "created_at": at, "flow_step_id": 1, "payload_metadata_id": run.number}
        return [first, *({"log_level": level, "log_message": said, "created_at": at, "flow_step_id": 2} for level, said in run.logs)]

    def _payload(self, number: str) -> SandboxResponse:
        run = self._run(number)
        if self._clock() - run.started_at >= PAYLOADS_KEPT:
            raise _Refused(404, "Not Found.")
        return SandboxResponse(200, {"content-type": "application/octet-stream"}, run.payload.encode())

    def _run(self, number: str) -> Run:
        run = next((run for run in self.flow.runs if str(run.number) == number), None)
        if run is None:
            raise _Refused(404, "Not Found.")
        return run

    def _shown_flow(self) -> dict[str, Any]:
        flow = self.flow
        triggers = {"webhooks": [{"id": self._webhook.rpartition("/")[2]}], "callbacks": [{"id": self._callback.rpartition("/")[2]}]}
        return {"id": flow.flow_id, "name": "Returns Ledger commands", "is_enabled": flow.enabled, "is_deployed": flow.deployed} | triggers

    def _admit(self, request: SandboxRequest) -> None:
        if request.headers.get("authorization") not in (self._api_key, f"Bearer {self._api_key}"):
            raise _Refused(401, "Unauthenticated.")
        self._count("core")

    def _count(self, quota: str) -> None:
        minute = f"{self._clock():%Y-%m-%dT%H:%M}"
        if minute != self._minute:
            self._minute, self._counted = minute, dict.fromkeys(QUOTAS, 0)
        self._counted[quota] += 1
        if self._counted[quota] > QUOTAS[quota]:
            raise _Refused(429, "Too Many Attempts.")


def _page(rows: list[dict[str, Any]], query: Mapping[str, str]) -> SandboxResponse:
    page, size = int(query.get("page", "1")), min(int(query.get("per_page", "15")), 100)
    last = max(1, -(-len(rows) // size))
    links = {"next": f"?page={page + 1}" if page < last else None}
    return SandboxResponse.of(
        {"data": rows[(page - 1) * size : page * size], "meta": {"current_page": page, "last_page": last}, "links": links}
    )


def _included(query: Mapping[str, str]) -> set[str]:
    return set(query.get("include", "").split(","))


def _from_ms(text: str) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))
