"""A house with a web server in front of it, on a free port, and facts to put into it."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import psycopg
import uvicorn
from fastapi import FastAPI
from psycopg.sql import SQL, Identifier

from adapters.event_store import Outcome, prepare
from api.bootstrap import House
from api.http.app import make_app
from api.settings import Settings
from domain.telling import read_telling

Row = dict[str, Any]
# It trusts nobody, and need not: to read the authorities' certificates for each client takes longer than many a test.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def open_test_house(url: str, directory: Path, **given: Any) -> Iterator[House]:
    """An empty house in a schema of its own, which goes with it; `given` are further settings."""
    schema = f"test_{uuid4().hex[:16]}"
    house = House(Settings.model_validate({"data_dir": directory, "schema": schema, **given}), url, None, 8)
    try:
        house.open()
        yield house
    finally:
        house.close()
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address at which `app` answers as long as the block runs."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server ended before it began"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def asking(house: House, *, demo: bool = False, keys_needed: bool = False) -> Iterator[httpx.Client]:
    app = make_app(house, demo=demo, keys_needed=keys_needed)
    with served(app) as address, httpx.Client(base_url=address, timeout=30, verify=NO_AUTHORITIES) as client:
        yield client


def tell(house: House, *rows: Row, fold: bool = True) -> None:
    """Record facts, all of them new, and fold them in."""
    appended = house.ledger.append([prepare(read_telling(row), "test") for row in rows])
    assert [one.outcome for one in appended] == [Outcome.RECORDED] * len(rows)
    if fold:
        house.catch_up()


def fact(name: str, return_id: str, at: str = "2026-10-02T08:30:00Z", **other: Any) -> Row:
    return {"fact": name, "merchant": "acme", "platform": "returngo", "return": return_id, "occurred_at": at, **other}


def initiated(return_id: str, at: str = "2026-10-01T08:00:00Z", *, currency: str = "GBP", quantity: int = 1, **other: Any) -> Row:
    lines = [{"line": "1", "sku": "SHIRT-M", "quantity": quantity, "items": "100" if currency == "JPY" else "40.00", "tax": "0"}]
    row = {"order": f"SO-{return_id}"[:200], "currency": currency, "resolution": "refund", "erp": "cin7", "lines": lines}
    return fact("Initiated", return_id, at, **row | other)


def refunded(return_id: str, total: str = "40.00", at: str = "2026-10-02T08:30:00Z", *, currency: str = "GBP", **other: Any) -> Row:
    row = {"refund": f"RF-{return_id}"[:200], "currency": currency, "amount": {"total": total}, "method": "original_payment"}
    return fact("Refunded", return_id, at, **row | other)


def credited(return_id: str, total: str = "40.00", at: str = "2026-10-03T08:30:00Z", *, currency: str = "GBP", **other: Any) -> Row:
    row = {"credit_note": f"CN-{return_id}"[:200], "erp": "cin7", "currency": currency, "amount": {"total": total}}
    return fact("CreditNoted", return_id, at, **row | other)


def address(merchant: str, platform: str, return_id: str) -> str:
    return "/api/returns/" + "/".join(quote(part, safe="") for part in (merchant, platform, return_id))


def all_pages(client: httpx.Client, path: str, **asked: Any) -> list[Row]:
    """Every item, page by page."""
    items: list[Row] = []
    cursor: str | None = None
    while True:
        answer = client.get(path, params=asked | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= asked.get("limit", 1000)
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
        assert page["items"], "a page that promises another one is not empty"


def assert_problem(answer: httpx.Response, status: int, *, field: str | None = None) -> Row:
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    body: Row = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:returns-ledger:problem:")
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert "Traceback" not in answer.text, "a traceback is for the log"
    if field is not None:
        assert [error["field"] for error in body["errors"]] == [field]
        assert all(error["reason"] for error in body["errors"])
    return body
