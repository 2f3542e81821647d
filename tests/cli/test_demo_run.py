"""`run --demo` as somebody watches it: live returns come in from the simulators, the simulated ERPs book them, and gaps close."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from adapters.demo.pairs import PAIRS
from tests.cli.test_inbox_commands import answers, free_port, wait_until
from tests.cli.typing import Terminal

# A machine that runs other tests at the same time needs longer than the minute that it takes otherwise.
PATIENCE_SECONDS = 240
LIVE = {pair.merchant for pair in PAIRS}


@contextmanager
def demo(terminal: Terminal, *more: str) -> Iterator[httpx.Client]:
    port = free_port()
    house = terminal.start("run", "--demo", "--port", str(port), *more)
    try:
        wait_until(lambda: answers(port) or house.poll() is not None, "the demo answers", PATIENCE_SECONDS)
        assert house.poll() is None, house.communicate()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        begun = time.monotonic()
        house.terminate()
        out, err = _ended(house)
    assert time.monotonic() - begun < 6, err
    assert "Traceback" not in err, err
    assert not out


def _ended(house: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return house.communicate(timeout=30)
    finally:
        house.kill()


def rows(client: httpx.Client, path: str, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params={"limit": 1000, **asked})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def notes(client: httpx.Client) -> list[dict[str, Any]]:
    return rows(client, "/api/outbox", kind="post_credit_note", state="done")


def closed(client: httpx.Client) -> list[dict[str, Any]]:
    found = rows(client, "/api/gaps", status="closed", kind="refund_without_credit_note")
    return [row for row in found if row["merchant"] in LIVE]


@pytest.fixture
def watched(terminal: Terminal, database: str, schema: str) -> Iterator[Terminal]:
    """The demo's schema goes with the test's own."""
    yield terminal
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(f"{schema}_demo")))


@pytest.mark.slow
def test_gaps_open_and_close_while_one_watches(watched: Terminal) -> None:
    with demo(watched) as client:
        wait_until(lambda: {row["merchant"] for row in rows(client, "/api/gaps")} - LIVE, "the month's gaps", PATIENCE_SECONDS)
        wait_until(lambda: {row["erp"] for row in notes(client)} >= {"cin7-core", "linnworks", "patchworks"}, "notes", PATIENCE_SECONDS)
        wait_until(lambda: closed(client), "a refund's gap has closed", PATIENCE_SECONDS)
        note = notes(client)[0]
        assert note["merchant"] in LIVE
        events = rows(client, f"/api/returns/{note['merchant']}/{note['platform']}/{note['return']}/events")
        facts = [event["fact"] for event in events]
        assert {"Initiated", "OrderMatched", "InstructionIssued", "InstructionAccepted", "CreditNoted"} <= set(facts), facts
        every = rows(client, "/api/outbox")
        assert {row["merchant"] for row in every} <= LIVE, "nobody posts anything for the told month"
        assert not [row for row in every if row["state"] == "dead"]
        deliveries = rows(client, "/api/inbox", state="failed")
        assert not deliveries, deliveries
        before = len(rows(client, "/api/returns"))
    with demo(watched) as client:
        assert len(rows(client, "/api/returns")) >= before, "a second run goes on with what the first one had"
        seen = {row["id"] for row in notes(client)}
        wait_until(lambda: {row["id"] for row in notes(client)} - seen, "notes of the second run", PATIENCE_SECONDS)
        failed = rows(client, "/api/inbox", state="failed")
        assert not failed, failed
