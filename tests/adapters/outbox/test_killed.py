"""Killed at the moment after an ERP has written, and before anybody is told: each ERP, over real HTTP, by SIGKILL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.outbox.queue import LEASE
from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.sandbox.serving import sandbox_app
from api.bootstrap import House
from api.settings import Settings
from tests.adapters.outbox.test_bad_lines import notes_there
from tests.adapters.outbox.test_pairs import CREDENTIALS, MAKERS, Pair
from tests.api.serving import served

ROOT = Path(__file__).parents[3]
# What writes the note, or takes the command that does.
WRITES = {"cin7_core": "sale/creditnote", "linnworks": "ReturnsRefunds/ActionRefund", "patchworks": "/wh-"}


class Deadly(Front):
    """Once `victim` is named, it dies in the moment after the request that counts was carried out."""

    victim: int | None = None
    word = ""

    def answer(self, request: SandboxRequest) -> SandboxResponse:
        answered = super().answer(request)
        if self.victim is not None and request.method == "POST" and self.word in request.path:
            os.kill(self.victim, 9)
            self.victim = None
        return answered


@contextmanager
def at_work(url: str, settings: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.adapters.outbox.working_house", url, json.dumps(settings)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(MAKERS))
def test_whoever_dies_between_writing_and_recording_is_followed_by_one_who_asks(
    database: str, schema: str, tmp_path: Path, kind: str
) -> None:
    made, told = MAKERS[kind]()
    front = Deadly(made.simulator)
    front.word = WRITES[kind]
    with served(sandbox_app({kind.replace("_", "-"): front})) as address:  # type: ignore[arg-type]  # any ASGI application will do
        credentials = {name: address + said if said.startswith("/") else said for name, said in told["credentials"].items()}
        erp = {"name": "erp", "kind": kind, "base_url": address + told["base_url"], "credentials": credentials, "settle": "3s"}
        connection = {
            "name": "uk",
            "merchant": "acme",
            "platform": "returngo",
            "credentials": CREDENTIALS["returngo"],
            "erp": "erp",
            "policy": {"move_on": "never"},
        }
        settings = {"data_dir": str(tmp_path), "schema": schema, "connections": [connection], "erps": [{**erp, "rate": "6000/min"}]}
        house = House(Settings.model_validate(settings), database, None, 8)
        house.open()
        try:
            pair = Pair(house, "returngo", kind, front)
            with at_work(database, settings) as process:
                front.victim = process.pid
                lines = [{"line": "1", "sku": "SHIRT", "quantity": 1, "items": "40.00", "tax": "8.00"}]
                pair.tell("Initiated", order="#1001", currency="GBP", resolution="refund", lines=lines)
                pair.tell("Received")
                assert process.wait(120) == -9
            assert pair.state().notes == {}, "nobody was told"
            with house.connection() as conn:
                # Time flies: the lease of the dead one runs out.
                conn.execute("UPDATE outbox SET lease_until = lease_until - %s, sent_at = sent_at - %s", (LEASE, LEASE))
            with at_work(database, settings):
                state = pair.wait(lambda state: bool(state.active_notes()), "the note is found, or finished")
            assert [note.amount.total for note in state.active_notes()] == [4800]
            assert notes_there(pair) == 1
        finally:
            house.close()
