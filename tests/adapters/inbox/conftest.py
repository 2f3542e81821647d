"""A house with one connection to the test's vendor, and hands to put deliveries in and look what became of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.inbox.lines import Inbox, Line
from adapters.inbox.listing import InboxFilter, inbox_page
from adapters.inbox.sealing import Seal, load_seal
from adapters.inbox.store import arrive, store_statement
from adapters.inbox.turnstile import Turnstile
from adapters.platforms.port import ConnectionSettings, Delivery, Label
from api.bootstrap import House
from tests.adapters.inbox.vendor import SECRET, Clock, Vendor, VendorPlatform, served
from tests.api.serving import NO_AUTHORITIES, open_test_house

CONNECTION = ConnectionSettings("uk", "acme", "happy_returns", webhook_secret=SECRET, credentials={"api_key": "k"})


@dataclass
class Bench:
    """One connection's line, and what it works on."""

    house: House
    inbox: Inbox
    vendor: Vendor
    clock: Clock
    seal: Seal
    turnstile: Turnstile
    http: httpx.Client
    stop: threading.Event = field(default_factory=threading.Event)
    connection: ConnectionSettings = CONNECTION

    def line(self, connection: ConnectionSettings | None = None, **other: Any) -> Line:
        settings = replace(connection or self.connection, base_url=self.vendor.url)
        return Line(self.inbox, settings, VendorPlatform(settings, self.http), self.stop, **other)

    def deliver(self, content: Any, *, id_: str | None = None, topic: str = "news", connection: str = "uk") -> int | None:
        """As a webhook would be stored; None where it was known."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        delivery = Delivery(connection, topic, self.clock(), {"x-vendor-topic": topic}, body)
        with self.house.connection() as conn:
            found = conn.execute(*store_statement([arrive(delivery, "acme", Label(topic, id_), self.seal)])).fetchone()
        return int(found[0]) if found else None

    def rows(self) -> list[dict[str, Any]]:
        """The inbox, the oldest first."""
        with self.house.connection() as conn:
            return inbox_page(conn, InboxFilter(), limit=None)[0][::-1]

    def row(self, id_: int | None) -> dict[str, Any]:
        (row,) = [one for one in self.rows() if one["id"] == id_]
        return row

    def later(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)

    def facts(self) -> list[str]:
        return [type(event.fact).__name__ for event in self.house.ledger.notifications(0, 100_000)]


MakeBench = Callable[[], Bench]


@pytest.fixture
def bench(database: str, tmp_path: Path) -> Iterator[Bench]:
    clock = Clock()
    with (
        open_test_house(database, tmp_path) as house,
        served(Vendor()) as vendor,
        Turnstile(house.url, house.schema) as turnstile,
        httpx.Client(timeout=5, verify=NO_AUTHORITIES) as http,
    ):
        seal = load_seal(None, tmp_path)
        inbox = Inbox(house.ledger, house.pool, seal, clock, turnstile, timedelta(days=30))
        yield Bench(house, inbox, vendor, clock, seal, turnstile, http)


def received(return_id: str, **other: Any) -> dict[str, Any]:
    row = {"fact": "Received", "platform": "happy_returns", "return": return_id, "occurred_at": "2026-10-05T08:00:00Z"}
    return {**row, "source_id": f"received/{return_id}", **other}


def initiated(return_id: str, order: str, **other: Any) -> dict[str, Any]:
    lines = [{"line": "1", "sku": "SHIRT", "quantity": 1, "items": "40.00", "tax": "8.00"}]
    row = {"fact": "Initiated", "platform": "happy_returns", "return": return_id, "occurred_at": "2026-10-01T08:00:00Z", "order": order}
    return {**row, "currency": "GBP", "resolution": "refund", "lines": lines, "source_id": f"initiated/{return_id}", **other}


def refunded(return_id: str, refund: str, total: str = "48.00", **other: Any) -> dict[str, Any]:
    row = {"fact": "Refunded", "platform": "happy_returns", "return": return_id, "occurred_at": "2026-10-06T08:00:00Z", "refund": refund}
    return {**row, "currency": "GBP", "amount": {"total": total}, "method": "original_payment", "source_id": f"refund/{refund}", **other}
