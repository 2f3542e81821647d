"""The outbox as it is typed: a house that runs against a simulated Cin7 Core, is killed, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Front
from adapters.sandbox.happy_returns import HappyReturnsSandbox
from adapters.sandbox.serving import sandbox_app
from tests.api.serving import served
from tests.cli.test_inbox_commands import answers, free_port, nobody_there, wait_until
from tests.cli.typing import Terminal

ORDERS = 6


@contextmanager
def cin7() -> Iterator[tuple[str, Front]]:
    front = Front(Cin7CoreSandbox(lambda: datetime.now(UTC), calls_per_minute=10_000))
    lines = [{"sku": "SHIRT", "quantity": 3, "price": "40.00", "tax": "24.00"}]
    front.seed({"orders": [{"reference": f"#{n}", "lines": lines, "invoice": "authorised"} for n in range(ORDERS)]})
    with served(sandbox_app({"cin7-core": front})) as address:  # type: ignore[arg-type]  # any ASGI application will do
        yield f"{address}/cin7-core/ExternalApi/v2", front


def configure(terminal: Terminal, erp_url: str) -> None:
    (terminal.where / "returns-ledger.toml").write_text(
        f"""
        [[connections]]
        name = "uk"
        merchant = "acme"
        platform = "returngo"
        base_url = "{nobody_there()}"
        poll = "off"
        credentials = {{ api_key = "k", shop = "s" }}
        erp = "uk-cin7"

        [[erps]]
        name = "uk-cin7"
        kind = "cin7_core"
        base_url = "{erp_url}"
        credentials = {{ account_id = "sandbox-account", application_key = "sandbox-key" }}
        poll = "2s"
        rate = "6000/min"
        """
    )


def tell(terminal: Terminal) -> None:
    facts: list[dict[str, Any]] = []
    for n in range(ORDERS):
        row = {"merchant": "acme", "platform": "returngo", "return": f"R-{n}", "occurred_at": "2026-11-01T08:00:00Z"}
        lines = [{"line": "1", "sku": "SHIRT", "quantity": 1, "items": "40.00", "tax": "8.00"}]
        facts += [
            {**row, "fact": "Initiated", "order": f"#{n}", "currency": "GBP", "resolution": "refund", "lines": lines},
            {**row, "fact": "Received"},
        ]
    assert terminal.type("import", terminal.facts_file("facts.jsonl", facts), "--as", "facts").code == 0


def start(terminal: Terminal, port: int) -> subprocess.Popen[str]:
    return terminal.start("run", "--no-demo", "--port", str(port))


def notes(front: Front) -> int:
    return sum(len(sale["CreditNotes"]) for sale in front.state()["sales"])


@pytest.mark.slow
def test_a_house_posts_is_killed_and_goes_on(terminal: Terminal) -> None:
    with cin7() as (address, front):
        configure(terminal, address)
        tell(terminal)
        assert terminal.type("outbox", "pause", "uk-cin7", "--by", "mira", "--reason", "stocktaking").code == 0
        port = free_port()
        house = start(terminal, port)
        try:
            wait_until(lambda: answers(port), "the house answers")
            (row,) = [row for row in terminal.type("connections", "--json").rows if row["name"] == "uk-cin7"]
            assert (row["state"], row["paused_by"]) == ("paused", "mira")
            assert terminal.type("outbox", "resume", "uk-cin7").code == 0
            wait_until(lambda: terminal.type("outbox", "list", "--state", "done", "--json").rows, "something is done")
        finally:
            os.kill(house.pid, signal.SIGKILL)
            house.communicate(timeout=30)
        port, begun = free_port(), time.monotonic()
        house = start(terminal, port)
        try:
            wait_until(lambda: answers(port), "the house answers again")
            assert time.monotonic() - begun < 30
            wait_until(lambda: all_done(terminal), "all is done", 90)
            doctor = {row["check"]: row for row in terminal.type("doctor", "--json").rows}
            assert doctor["erp uk-cin7"]["ok"], doctor
        finally:
            begun = time.monotonic()
            house.terminate()
            house.communicate(timeout=30)
            assert time.monotonic() - begun < 6
    assert notes(front) == ORDERS
    shown = terminal.type("outbox", "list", "--kind", "post_credit_note", "--json").rows
    assert {(row["state"], row["amount"], row["currency"]) for row in shown} == {("done", "48.00", "GBP")}
    assert terminal.type("outbox", "show", shown[0]["id"], "--json").rows[0] == shown[0]
    assert shown[0]["document"] in terminal.type("outbox", "list").out
    assert terminal.type("outbox", "retry", shown[0]["id"]).code == 1


def all_done(terminal: Terminal) -> bool:
    rows = terminal.type("outbox", "list", "--json").rows
    return len([row for row in rows if row["kind"] == "post_credit_note"]) == ORDERS and {row["state"] for row in rows} == {"done"}


@pytest.mark.slow
def test_an_erp_that_cannot_be_reached_keeps_nobody_from_anything(terminal: Terminal) -> None:
    configure(terminal, nobody_there())
    tell(terminal)
    port = free_port()
    house = start(terminal, port)
    try:
        wait_until(lambda: answers(port), "the house answers")
        wait_until(lambda: state_of(terminal) == "failing", "the ERP is shown as failing")
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        assert len(terminal.type("gaps", "--json").rows) >= 1
    finally:
        house.terminate()
        house.communicate(timeout=30)
    assert terminal.type("outbox", "reset", "uk-cin7", "--json").rows[0]["breaker"] == "closed"


def state_of(terminal: Terminal) -> str:
    return next(str(row["state"]) for row in terminal.type("connections", "--json").rows if row["name"] == "uk-cin7")


def test_an_erp_that_cannot_be_used_is_refused_with_its_key(terminal: Terminal) -> None:
    configure(terminal, nobody_there())
    path = terminal.where / "returns-ledger.toml"
    path.write_text(path.read_text().replace('application_key = "sandbox-key"', 'password = "x"'))
    refused = terminal.type("run", "--no-demo")
    assert (refused.code, "erps.uk-cin7.credentials" in refused.err) == (1, True)
    wrong = terminal.type("outbox", "pause", "nobody")
    assert (wrong.code, "no ERP and no connection" in wrong.err) == (1, True)


@pytest.mark.slow
def test_happy_returns_to_cin7_core_with_amounts_out_of_the_erp(terminal: Terminal) -> None:
    front = Front(Cin7CoreSandbox(lambda: datetime.now(UTC), calls_per_minute=10_000))
    lines = [{"sku": "SHIRT", "quantity": 3, "price": "40.00", "tax": "24.00"}]
    front.seed({"orders": [{"reference": "#1001", "lines": lines, "invoice": "authorised"}]})
    returns = Front(HappyReturnsSandbox(lambda: datetime.now(UTC)))
    with served(sandbox_app({"cin7-core": front, "happy-returns": returns})) as address:  # type: ignore[arg-type]
        (terminal.where / "returns-ledger.toml").write_text(
            f"""
            [[connections]]
            name = "us"
            merchant = "acme"
            platform = "happy_returns"
            base_url = "{address}/happy-returns"
            webhook_secret = "sandbox-secret"
            poll = "2s"
            rate = "600/min"
            credentials = {{ api_key = "sandbox-key", retailer_id = "sandbox-retailer" }}
            erp = "uk-cin7"
            [connections.policy.dispositions]
            sellable = {{ action = "restock", location = "Main Warehouse" }}

            [[erps]]
            name = "uk-cin7"
            kind = "cin7_core"
            base_url = "{address}/cin7-core/ExternalApi/v2"
            credentials = {{ account_id = "sandbox-account", application_key = "sandbox-key" }}
            poll = "2s"
            rate = "6000/min"
            """
        )
        begun = {"orders": {"1001": [{"line": "9120", "sku": "SHIRT"}]}}
        story = {"start": begun, "then": ["hand_in", "ship", {"inspect": {"*": "sellable"}}]}
        port = free_port()
        house = start(terminal, port)
        try:
            wait_until(lambda: answers(port), "the house answers")
            told = {"webhooks_to": f"http://127.0.0.1:{port}/webhooks/us", "seed": story}
            assert httpx.post(f"{address}/happy-returns/_control", json=told).is_success
            wait_until(lambda: notes(front) == 1, "a credit note", 90)
            wait_until(lambda: "restock" in {row["kind"] for row in done(terminal)}, "the goods are put away", 90)
        finally:
            house.terminate()
            house.communicate(timeout=30)
    (note,) = [row for row in done(terminal) if row["kind"] == "post_credit_note"]
    assert (note["amount"], note["order"]) == ("48.00", "1001")


def done(terminal: Terminal) -> list[dict[str, Any]]:
    return terminal.type("outbox", "list", "--state", "done", "--json").rows
