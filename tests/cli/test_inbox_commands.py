"""The inbox as it is typed: a house that runs against a simulated ReturnGO, and the commands beside it and without it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.sandbox.faults import Front
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.serving import sandbox_app
from tests.api.serving import served
from tests.cli.typing import Terminal

STORY = {
    "create": {"order": "#1001", "items": [{"sku": "SHIRT", "price": "48.00", "tax": "8.00"}]},
    "then": ["approve"],
}


@contextmanager
def sandbox(targets: dict[str, str] | None = None) -> Iterator[str]:
    app = sandbox_app({"returngo": Front(ReturnGoSandbox(lambda: datetime.now(UTC)))}, targets)
    with served(app) as address:  # type: ignore[arg-type]  # any ASGI application will do
        yield address


def configure(terminal: Terminal, base_url: str, **other: str) -> None:
    told = {"poll": '"off"', "credentials": '{ api_key = "sandbox-key", shop = "sandbox.myshopify.com" }', "webhook_secret": '"s3"'} | other
    lines = [f"{name} = {value}" for name, value in told.items() if value]
    head = f'[[connections]]\nname = "uk"\nmerchant = "acme"\nplatform = "returngo"\nbase_url = "{base_url}"\n'
    (terminal.where / "returns-ledger.toml").write_text(head + "\n".join(lines) + "\n")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(terminal: Terminal, port: int) -> Iterator[subprocess.Popen[str]]:
    house = terminal.start("run", "--no-demo", "--port", str(port))
    try:
        wait_until(lambda: answers(port), "the house answers")
        yield house
    finally:
        house.send_signal(signal.SIGTERM)
        out, err = house.communicate(timeout=30)
        assert "Traceback" not in out + err, err


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    except httpx.TransportError:
        return False


def wait_until(done: Callable[[], Any], what: str, seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.5)  # a command that is typed is work for this machine, too
    return found


def nobody_there() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.mark.slow
def test_a_house_takes_in_what_a_platform_tells(terminal: Terminal) -> None:
    port = free_port()
    with sandbox({"returngo": f"http://127.0.0.1:{port}/webhooks/uk/s3"}) as address:
        configure(terminal, f"{address}/returngo")
        with running(terminal, port) as house:
            made = httpx.post(f"{address}/returngo/_control", json={"seed": STORY}).json()
            rma = made["made"]["rma"]
            replayed = wait_until(lambda: terminal.type("replay", rma, "--json").rows, "the return is told")
            assert replayed[0]["fact"] == "Initiated"
            assert replayed[0]["cause"].startswith("webhook:uk:")
            # Every webhook counts, however many of them tell the same.
            rows = wait_until(lambda: all_done(terminal), "all is worked off")
            assert {row["connection"] for row in rows} == {"uk"}
            assert sum(row["recorded"] for row in rows) == len(replayed)
            shown = terminal.type("inbox", "show", str(rows[-1]["id"]))
            assert rma in shown.out
            assert "Headers, without secrets" in shown.out
            (row,) = terminal.type("connections", "--json").rows
            assert (row["name"], row["state"], row["pending"], row["failed"]) == ("uk", "ok", 0, 0)
            assert row["last_delivery_at"]
            # A replay beside the running house records nothing twice.
            again = terminal.type("inbox", "replay", str(rows[0]["id"]), "--json")
            assert (again.code, again.rows[0]["state"]) == (0, "done")
            assert len(terminal.type("replay", rma, "--json").rows) == len(replayed)
            begun = time.monotonic()
            house.terminate()
            house.wait(10)
            assert time.monotonic() - begun < 5
    forgotten = terminal.type("forget", "--order", "#1001", "--merchant", "acme", "--by", "dpo", "--reason", "request", "--json")
    assert (forgotten.code, forgotten.rows[0]["returns"]) == (0, [f"acme/returngo/{rma}"])
    assert forgotten.rows[0]["erased"] == len(rows)
    assert forgotten.rows[0]["facts"] == len(replayed)
    assert "it has been erased" in terminal.type("inbox", "show", str(rows[0]["id"])).out
    gone = terminal.type("inbox", "replay", str(rows[0]["id"]))
    assert (gone.code, "has been erased" in gone.err) == (1, True)


@pytest.mark.slow
def test_polling_alone_finds_it_too(terminal: Terminal) -> None:
    with sandbox() as address:
        configure(terminal, f"{address}/returngo", poll='"2s"')
        made = httpx.post(f"{address}/returngo/_control", json={"seed": STORY}).json()
        with running(terminal, free_port()):
            rows = wait_until(lambda: terminal.type("replay", made["made"]["rma"], "--json").rows, "the return is polled")
            assert rows[0]["cause"] == "poll:uk"
            assert wait_until(lambda: terminal.type("connections", "--json").rows[0]["last_poll_at"], "the poll is over")


def all_done(terminal: Terminal) -> list[dict[str, Any]]:
    rows = terminal.type("inbox", "list", "--json").rows
    return rows if rows and all(row["state"] in ("done", "ignored") for row in rows) else []


def test_an_empty_inbox(terminal: Terminal) -> None:
    configure(terminal, nobody_there())
    assert terminal.type("inbox", "list", "--json").out == ""
    assert "0 deliveries" in terminal.type("inbox", "list").err
    wrong: tuple[tuple[str, ...], ...] = (("list", "--state", "odd"), ("replay",), ("replay", "1", "--failed"))
    for words in wrong:
        assert terminal.type("inbox", *words).code == 2, words
    for command in ("show", "replay"):
        typed = terminal.type("inbox", command, "1")
        assert (typed.code, "there is no delivery 1" in typed.err.lower()) == (1, True)
    assert terminal.type("inbox", "replay", "--failed", "--json").code == 0
    (row,) = terminal.type("connections", "--json").rows
    assert (row["name"], row["state"], row["pending"], row["last_poll_at"]) == ("uk", "idle", 0, None)
    empty = terminal.type("forget", "--order", "#", "--merchant", "acme", "--by", "x", "--reason", "y")
    assert (empty.code, "--order" in empty.err) == (2, True)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"credentials": '{ shop = "sandbox.myshopify.com" }'}, "connections.uk.credentials.api_key"),
        ({"credentials": ""}, "connections.uk.credentials.api_key"),
        ({"credentials": '{ api_key = "", shop = "x" }'}, "connections.uk.credentials.api_key"),
        ({"credentials": '{ api_key = "k", shop = "x", apikey = "k" }'}, "connections.uk.credentials.apikey"),
        ({"credentials": '{ api_key = { env = "NOBODY_SET" }, shop = "x" }'}, "NOBODY_SET"),
        ({"rate": '"fast"'}, "connections.uk.rate"),
        ({"mapings": "{}"}, "connections.uk.mapings"),
        ({"refunds_from": '"nobody"'}, "connections.uk.refunds_from"),
    ],
)
def test_a_connection_that_cannot_work_is_refused_at_start(terminal: Terminal, other: dict[str, str], said: str) -> None:
    configure(terminal, nobody_there(), **other)
    typed = terminal.type("run", "--no-demo", "--port", str(free_port()))
    assert typed.code == 1
    assert said in typed.err


def test_a_bad_key_is_refused_at_start(terminal: Terminal) -> None:
    typed = terminal.type("inbox", "list", RETURNS_LEDGER_INBOX_KEY="short")
    assert typed.code == 1
    assert "inbox.key" in typed.err
    assert "openssl rand -base64 32" in typed.err


@pytest.mark.slow
def test_a_house_runs_though_its_vendor_cannot_be_reached(terminal: Terminal) -> None:
    configure(terminal, nobody_there(), poll='"2s"')
    port = free_port()
    with running(terminal, port) as house:
        posted = httpx.post(f"http://127.0.0.1:{port}/webhooks/uk/s3", content=json.dumps({"rmaId": 7, "event": "RMA_CREATED"}))
        assert posted.status_code == 202
        row = wait_until(lambda: [row for row in terminal.type("inbox", "list", "--json").rows if row["attempts"]], "it was tried")[0]
        assert (row["state"], "did not answer" in row["error"]) == ("pending", True)
        (fares,) = terminal.type("connections", "--json").rows
        assert (fares["state"], fares["pending"]) == ("failing", 1)
        assert fares["failing_since"]
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        assert house.poll() is None
    again = terminal.type("inbox", "replay", str(row["id"]), "--json")
    assert (again.code, again.rows[0]["state"]) == (0, "pending")


def test_doctor_looks_at_each_connection(terminal: Terminal) -> None:
    with sandbox() as address:
        configure(terminal, f"{address}/returngo")
        said = {row["check"]: row for row in terminal.type("doctor", "--json").rows}
        assert said["connection uk"]["ok"], said
        assert said["inbox"]["ok"]
        configure(terminal, f"{address}/returngo", credentials='{ api_key = "wrong", shop = "sandbox.myshopify.com" }', webhook_secret="")
        typed = terminal.type("doctor", "--json")
        said = {row["check"]: row for row in typed.rows}
        assert (typed.code, said["connection uk"]["ok"], said["webhooks uk"]["ok"]) == (1, False, False)
        assert "credentials" in said["connection uk"]["detail"]
    configure(terminal, nobody_there(), credentials='{ api_key = "k" }')
    said = {row["check"]: row for row in terminal.type("doctor", "--json").rows}
    assert "connections.uk.credentials.shop: is missing" in said["connection uk"]["detail"]
