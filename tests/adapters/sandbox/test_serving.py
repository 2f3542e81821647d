"""The simulators over real HTTP: prefixes, `_control`, and webhooks that are posted until they are taken."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
import uvicorn

from adapters.sandbox import serving
from adapters.sandbox.faults import Front
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.serving import sandbox_app
from tests.adapters.platforms.contract import SteppedClock

KEYS = {"x-api-key": "sandbox-key", "x-shop-name": "sandbox.myshopify.com"}
STORY = {"create": {"items": [{"sku": "SHIRT-M", "price": "45.99", "tax": "7.67"}], "order": "#1001"}, "then": ["approve", "ship"]}


@pytest.fixture
def sandbox() -> Iterator[httpx.Client]:
    app = sandbox_app({"returngo": Front(ReturnGoSandbox(SteppedClock()))})
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # from now on a client waits for the server, and need not be told when it is up
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=5) as client:
            yield client
        server.should_exit = True
        thread.join(timeout=10)
    assert not thread.is_alive(), "the server stops when it is asked to, with its courier"


class Receiver(HTTPServer):
    """Takes webhooks, but not the first time."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[tuple[str, bytes]] = []
        self.refused = 0


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:  # the name is the standard library's
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self.server.refused:
            self.server.refused += 1
            self.send_response(503)
        else:
            self.server.taken.append((self.path, body))
            self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join(timeout=5)


def test_a_simulator_is_served_below_its_prefix(sandbox: httpx.Client) -> None:
    assert sandbox.get("/").json() == {"simulators": ["returngo"]}
    assert sandbox.get("/nobody/rmas").status_code == 404
    assert sandbox.get("/returngo/rmas").status_code == 401
    made = sandbox.post("/returngo/_control", json={"seed": STORY}).json()["made"]
    document = sandbox.get(f"/returngo/rma/{made['rma']}", headers=KEYS).json()
    assert document["items"][0]["paidPrice"]["shopAmount"] == 45.99
    listed = sandbox.get("/returngo/rmas", params={"pagesize": 10, "sort_by": "+rma_updated_at"}, headers=KEYS).json()
    assert [rma["rmaId"] for rma in listed["rmas"]] == [made["rma"]]


def test_faults_are_set_and_shown(sandbox: httpx.Client) -> None:
    shown = sandbox.post("/returngo/_control", json={"faults": {"rate_limited": 1, "seed": 3}}).json()
    assert (shown["faults"]["rate_limited"], shown["faults"]["seed"], shown["faults"]["lost"]) == (1, 3, 0)
    assert sandbox.get("/returngo/rmas?pagesize=1", headers=KEYS).status_code == 429
    assert sandbox.get("/returngo/_control").json()["state"]["rmas"] == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"faults": {"gremlins": 1}}, "'gremlins' is no fault"),
        ({"seeds": 1}, "'seeds' is not known"),
        ([], "must be a JSON object"),
        ({"seed": {"then": ["dance"], "create": {"items": []}}}, "'dance' is no step"),
        ({"seed": {"create": {"items": [{"sku": "A"}]}}}, "cannot be played: KeyError 'price'"),
        ({"seed": 5}, "not iterable"),
    ],
)
def test_what_cannot_be_done_is_said(sandbox: httpx.Client, asked: object, said: str) -> None:
    refused = sandbox.post("/returngo/_control", json=asked)
    assert refused.status_code == 422
    assert said in refused.json()["error"]


def test_webhooks_are_posted_until_they_are_taken(sandbox: httpx.Client, receiver: Receiver) -> None:
    target = f"http://127.0.0.1:{receiver.server_address[1]}/webhooks/uk-returngo/secret"
    sandbox.post("/returngo/_control", json={"webhooks_to": target, "seed": STORY})
    until = time.monotonic() + 10
    while len(receiver.taken) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    assert {path for path, _ in receiver.taken} == {"/webhooks/uk-returngo/secret"}
    assert len(receiver.taken) == 4, "created, approved, a shipment created and shipped"
    assert any(b"RMA_CREATED" in body for _, body in receiver.taken), "the one that was refused came again"
    assert sandbox.get("/returngo/_control").json()["webhooks"] == {"to": target, "sent": 4, "given_up": 0}


def test_a_call_that_is_not_answered_ends_in_silence(sandbox: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SILENCE_SECONDS", 0.01)
    sandbox.post("/returngo/_control", json={"faults": {"timeout_after": 1}})
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.get("/returngo/rmas?pagesize=1", headers=KEYS)
