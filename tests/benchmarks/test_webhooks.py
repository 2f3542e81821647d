"""How many webhooks a second are stored durably and answered, beside single-row commits of the same rows by as many clients at once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from api.cli.running import STOP_SECONDS

pytestmark = pytest.mark.benchmark

SENDERS = 32
SECONDS = 4.0
ROUNDS = 3
AT_LEAST = 0.6
SECRET = "the client secret"
BODY = json.dumps({"id": 890088186047892319, "order_id": 820982911946154508, "note": "x" * 600, "refund_line_items": []}).encode()
SIGNATURE = base64.b64encode(hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()).decode()
HEADERS = {"Content-Type": "application/json", "X-Shopify-Topic": "refunds/create", "X-Shopify-Hmac-Sha256": SIGNATURE}
CONFIG = f"""
[[connections]]
name = "uk-shopify"
merchant = "acme"
platform = "shopify"
webhook_secret = "{SECRET}"
credentials = {{ access_token = "t", shop = "acme" }}
poll = "off"
"""
# Each request is another event, so that each is a row of its own.
WRK = """
local thread, n = 0, 0
local threads = 0
function setup(t) threads = threads + 1; t:set("thread", threads) end
function request()
  n = n + 1
  wrk.headers["X-Shopify-Event-Id"] = "%s-" .. thread .. "-" .. n
  return wrk.format("POST", "/webhooks/uk-shopify")
end
wrk.body = [==[%s]==]
%s
"""


def test_webhooks_beside_raw_commits(database: str, schema: str, tmp_path: Path) -> None:
    wrk = shutil.which("wrk")
    raw: list[float] = []
    stored: list[float] = []
    with web(database, schema, tmp_path) as address:
        make_raw_table(database, schema)
        for number in range(ROUNDS):
            raw.append(raw_commits(database, schema))
            before = count(database, schema)
            began = time.monotonic()
            accepted = by_wrk(wrk, address, tmp_path, number) if wrk else by_httpx(address, number)
            took = time.monotonic() - began
            kept = count(database, schema) - before
            assert accepted <= kept <= accepted + SENDERS, "what was answered with 202 is a row; wrk leaves its last ones unread"
            stored.append(accepted / (SECONDS if wrk else took))
    ratio = max(stored) / max(raw)
    sender = "wrk" if wrk else "httpx (which is the slower part itself)"
    print(f"\n{SENDERS} senders, {len(BODY)} bytes, {sender}: {max(stored):,.0f} webhooks/s stored and answered,")
    print(f"{max(raw):,.0f} single-row commits/s by as many clients: {ratio:.0%}; rounds {rounded(stored)} beside {rounded(raw)}")
    assert not wrk or ratio >= AT_LEAST


def rounded(figures: list[float]) -> list[int]:
    return [round(figure) for figure in figures]


@contextmanager
def web(url: str, schema: str, directory: Path) -> Iterator[str]:
    """The web part alone, as `run` starts it."""
    (directory / "returns-ledger.toml").write_text(CONFIG)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {
        "DATABASE_URL": url,
        "RETURNS_LEDGER_SCHEMA": schema,
        "RETURNS_LEDGER_DATA_DIR": str(directory / "data"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-m", "api.cli.main", "run", "--no-demo", "--only", "web", "--port", str(port)]
    server = subprocess.Popen(command, cwd=directory, env=env)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(address))
        yield address
    finally:
        server.terminate()
        server.wait(STOP_SECONDS * 3)


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.1)


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez").status_code == 200
    except httpx.TransportError:
        return False


def by_wrk(wrk: str, address: str, directory: Path, number: int) -> int:
    script = directory / f"post{number}.lua"
    headers = "\n".join(f'wrk.headers["{name}"] = "{text}"' for name, text in HEADERS.items())
    script.write_text(WRK % (f"r{number}", BODY.decode(), headers))
    command = [wrk, "-t", "1", "-c", str(SENDERS), "-d", f"{SECONDS:.0f}s", "-s", str(script), address]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in told, told
    assert "Socket errors" not in told, told
    time.sleep(0.5)
    found = re.search(r"(\d+) requests in", told)
    assert found, told
    return int(found[1])


def by_httpx(address: str, number: int) -> int:
    counted: Queue[int] = Queue()
    ends = time.monotonic() + SECONDS

    def send(sender: int) -> None:
        n = 0
        with httpx.Client(base_url=address) as client:
            while time.monotonic() < ends:
                headers = HEADERS | {"X-Shopify-Event-Id": f"h{number}-{sender}-{n}"}
                assert client.post("/webhooks/uk-shopify", content=BODY, headers=headers).status_code == 202
                n += 1
        counted.put(n)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counted.get() for _ in threads)


def make_raw_table(url: str, schema: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(SQL("CREATE TABLE {0}.raw (LIKE {0}.inbox INCLUDING ALL)").format(Identifier(schema)))


def count(url: str, schema: str) -> int:
    with psycopg.connect(url, autocommit=True) as conn:
        found = conn.execute(SQL("SELECT count(*) FROM {}.inbox").format(Identifier(schema))).fetchone()
    return int(found[0]) if found else 0


def raw_commits(url: str, schema: str) -> float:
    """By threads of two processes, as one alone would wait for itself."""
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    racing = [context.Process(target=_commit, args=(url, schema, SENDERS // 2, results)) for _ in range(2)]
    for process in racing:
        process.start()
    rates = [results.get(timeout=120) for _ in racing]
    for process in racing:
        process.join()
    return float(sum(rates))


def _commit(url: str, schema: str, clients: int, results: Any) -> None:
    insert = SQL(
        "INSERT INTO {}.raw (connection, merchant, topic, delivery_key, received_at, headers, body, next_at) "
        "VALUES ('uk-shopify', 'acme', 'refunds/create', %s, now(), %s, %b, now())"
    ).format(Identifier(schema))
    headers, counted = json.dumps(HEADERS), []
    ready, go = threading.Barrier(clients + 1), threading.Event()
    ends = 0.0

    def work(client: int) -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            body, n = os.urandom(len(BODY) * 4 // 3 + 100), 0
            conn.execute(insert, (f"{os.getpid()}-{client}-first", headers, body))
            ready.wait()
            go.wait()
            while time.monotonic() < ends:
                conn.execute(insert, (f"{os.getpid()}-{client}-{n}-{time.monotonic()}", headers, body))
                n += 1
            counted.append(n)

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    ends = time.monotonic() + SECONDS
    go.set()
    for thread in threads:
        thread.join()
    results.put(sum(counted) / SECONDS)
