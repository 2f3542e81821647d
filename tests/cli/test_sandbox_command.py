"""`returns-ledger sandbox`: every simulator answers below its prefix, with the credentials that it is said to take."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import httpx
import pytest

from adapters.sandbox.registry import OFFERS
from tests.cli.test_inbox_commands import free_port, wait_until
from tests.cli.typing import Terminal

STORE = "/merchants/v0/stores/sandbox-store/returns"
LINNWORKS = {
    name: OFFERS["linnworks"].credentials[key]
    for name, key in (("ApplicationId", "application_id"), ("ApplicationSecret", "application_secret"), ("Token", "token"))
}
RETURNGO = {"x-api-key": "sandbox-key", "x-shop-name": "sandbox.myshopify.com"}
CIN7 = {"api-auth-accountid": "sandbox-account", "api-auth-applicationkey": "sandbox-key"}
# prefix → one call that only the right credentials can make: method, path, headers, body
CALLS = {
    "happy-returns": ("GET", "/webhooks", {"x-hr-apikey": "sandbox-key"}, None),
    "returngo": ("GET", "/rmas?pagesize=10", RETURNGO, None),
    "reveni": ("GET", STORE, {"authorization": "Bearer sandbox-key"}, None),
    "shopify": (
        "POST",
        "/admin/api/2026-04/graphql.json",
        {"x-shopify-access-token": "shpat_sandbox"},
        {"query": "{ shop { myshopifyDomain } }"},
    ),
    "cin7-core": ("GET", "/ExternalApi/v2/me", CIN7, None),
    "linnworks": ("POST", "/api/Auth/AuthorizeByApplication", {}, LINNWORKS),
    "patchworks": ("GET", "/api/v1/flows", {"authorization": "sandbox-key"}, None),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    terminal = Terminal(tmp_path_factory.mktemp("sandbox"), "", "")
    port = free_port()
    started = terminal.start("sandbox", "--port", str(port))
    try:
        wait_until(lambda: _answers(port), "the sandbox answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=30)
    assert not out, "what it says is talk"
    assert "Traceback" not in err, err
    for prefix in CALLS:
        assert f"/{prefix}/_control" in err
    assert "application_key = sandbox-key" in err


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.TransportError:
        return False


def test_one_call_for_every_simulator() -> None:
    assert set(CALLS) == set(OFFERS)


@pytest.mark.parametrize("prefix", CALLS)
def test_it_answers_its_control_and_its_api(address: str, prefix: str) -> None:
    control = httpx.get(f"{address}/{prefix}/_control", timeout=30)
    assert control.status_code == 200, control.text
    assert set(control.json()) == {"faults", "webhooks", "state"}
    method, path, headers, body = CALLS[prefix]
    answer = httpx.request(method, f"{address}/{prefix}{path}", headers=headers, json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert "errors" not in answer.json()
    refused = httpx.request(method, f"{address}/{prefix}{path}", json={} if body else None, timeout=30)
    assert refused.status_code in (401, 403), refused.text
