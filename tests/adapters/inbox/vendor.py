"""A small vendor behind a socket, and its platform: honest HTTP, with faults on demand. The real platforms have tests of their own.

A body is JSON: `{"record": id}` says where to look, `{"facts": […]}` tells by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from adapters.platforms.port import ConnectionSettings, Delivery, Desk, Joined, Label, Polled, Reading, Unmapped
from adapters.vendor.answers import NotUnderstood, VendorRefused, VendorTrouble
from domain.telling import ReturnKey

SECRET = "shared secret"
SIGNATURE = "x-vendor-signature"
PAGE = 2


@dataclass
class Vendor:
    """`records` in the order of their change. Each answer that waits in `faults` is given once, in place of the right one."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    url: str = ""
    guard: threading.Lock = field(default_factory=threading.Lock)
    # Set, an answer is held back until it is cleared.
    silent: threading.Event = field(default_factory=threading.Event)

    def tell(self, id_: str, *facts: Mapping[str, Any], **other: Any) -> None:
        with self.guard:
            self.records.pop(id_, None)
            self.records[id_] = {"id": id_, "facts": list(facts), **other}

    def answer(self, path: str) -> tuple[int, dict[str, str], Any]:
        with self.guard:
            self.calls.append(path)
            if self.faults:
                status, headers = self.faults.pop(0)
                return status, headers, {"error": "a fault"}
            if path.startswith("/records/"):
                found = self.records.get(path.removeprefix("/records/"))
                return (200, {}, found) if found is not None else (404, {}, {})
            since = int(path.removeprefix("/changes/"))
            return 200, {}, {"records": list(self.records.values())[since : since + PAGE]}


@contextmanager
def served(vendor: Vendor) -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            while vendor.silent.is_set():
                threading.Event().wait(0.02)
            status, headers, content = vendor.answer(self.path)
            body = json.dumps(content).encode()
            self.send_response(status)
            for name, text in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield vendor
    finally:
        vendor.silent.clear()
        server.shutdown()
        server.server_close()


class VendorPlatform:
    """The port, for this vendor."""

    def __init__(self, connection: ConnectionSettings, http: httpx.Client) -> None:
        self._connection, self._http = connection, http

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        secret = self._connection.webhook_secret or ""
        return hmac.compare_digest(sign(body, secret), headers.get(SIGNATURE, ""))

    def label(self, headers: Mapping[str, str], body: bytes) -> Label:
        return Label(headers.get("x-vendor-topic", "news"), headers.get("x-vendor-id"))

    def subject(self, delivery: Delivery) -> str | None:
        try:
            return str(json.loads(delivery.body)["record"])
        except (ValueError, KeyError, TypeError):
            return None

    def read(self, delivery: Delivery, desk: Desk) -> Reading:
        try:
            told = json.loads(delivery.body)
        except ValueError:
            raise NotUnderstood("the body is no JSON") from None
        if not isinstance(told, dict):
            raise NotUnderstood("the body is no JSON object")
        match told:
            case {"record": str(id_)}:
                return self.of_record(self._get(f"/records/{id_}"), id_, desk)
            case {"facts": list(facts)}:
                return Reading(tuple(facts), joined=(Joined("this", ReturnKey("acme", "test", "R"), "it fits", ("that",)),))
            case {"ask": str(order)}:
                keys = desk.returns_of_order(order)
                return Reading(ignored=", ".join(map(str, keys)))
            case {"break": _}:
                raise KeyError("a mistake in the room")
        return Reading(ignored="nothing of ours")

    def of_record(self, record: dict[str, Any] | None, id_: str, desk: Desk, delivery: Delivery | None = None) -> Reading:
        if record is None:
            return Reading(waits_for=f"record {id_}", delivery=delivery)
        facts = []
        for fact in record["facts"]:
            key = ReturnKey("acme", fact["platform"], fact["return"])
            if "undated" in fact and any(told.source_id == fact["source_id"] for told in desk.told(key)):
                continue  # the first sight has dated it
            facts.append({name: value for name, value in fact.items() if name != "undated"})
        unmapped = tuple(Unmapped("condition", value, None) for value in record.get("conditions", ()) if value not in self._mapped())
        return Reading(tuple(facts), unmapped=unmapped, waits_for=record.get("waits_for"), delivery=delivery)

    def poll(self, cursor: Mapping[str, Any] | None, desk: Desk) -> Iterator[Polled]:
        since = int(cursor["since"]) if cursor else 0
        while True:
            records = self._get(f"/changes/{since}")["records"]
            if not records:
                return
            since += len(records)
            yield Polled(tuple(self.of_record(one, one["id"], desk, self._delivery(one, desk)) for one in records), {"since": since})

    def check(self) -> str:
        self._get("/changes/0")
        return "the vendor answers"

    def _delivery(self, record: dict[str, Any], desk: Desk) -> Delivery | None:
        if record.get("nameless"):
            return None
        body = json.dumps({"record": record["id"], "conditions": record.get("conditions")}).encode()
        return Delivery(self._connection.name, "poll", desk.now(), {}, body)

    def _mapped(self) -> Mapping[str, str]:
        return self._connection.mappings.get("conditions", {})

    def _get(self, path: str) -> Any:
        try:
            response = self._http.get(f"{self._connection.base_url}{path}", headers={"x-key": self._connection.credentials["api_key"]})
        except httpx.HTTPError as failure:
            raise VendorTrouble(f"no answer: {failure}") from failure
        if response.status_code in (401, 403):
            raise VendorRefused(f"{response.status_code}")
        if response.status_code == 429 or response.status_code >= 500:
            wait = response.headers.get("retry-after")
            raise VendorTrouble(f"answered {response.status_code}", float(wait) if wait else None)
        return None if response.status_code == 404 else response.json()


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Clock:
    """Stands still until it is moved on."""

    def __init__(self, at: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at
