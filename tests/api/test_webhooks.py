"""Webhooks over real sockets: authentic or not, whole or torn, many at once; what was answered with 202 is on disk."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from adapters import keys
from api.bootstrap import House, clock
from api.http.app import make_app
from api.http.heads import MOST_HEAD_BYTES, BoundedHead
from api.http.wrapping import MOST_BODY_BYTES
from api.settings import Settings
from tests.api.serving import asking, assert_problem, served

SECRET = "s3cret/of the shop"
SHOP = {"name": "uk-shopify", "merchant": "acme", "platform": "shopify", "credentials": {"access_token": "t", "shop": "acme"}}
RETURNGO = {"merchant": "acme", "platform": "returngo", "credentials": {"api_key": "k", "shop": "acme.myshopify.com"}}
CONNECTIONS = [
    {**SHOP, "webhook_secret": SECRET},
    {**SHOP, "name": "no-secret"},
    {**RETURNGO, "name": "uk-returngo", "webhook_secret": SECRET},
    {**RETURNGO, "name": "open-returngo"},
    {
        "name": "uk-happy",
        "merchant": "acme",
        "platform": "happy_returns",
        "webhook_secret": SECRET,
        "credentials": {"api_key": "k", "retailer_id": "r"},
    },
    {"name": "open-reveni", "merchant": "acme", "platform": "reveni", "credentials": {"api_key": "k", "store_id": "s"}},
]
Row = dict[str, Any]


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    schema = f"test_{uuid4().hex[:16]}"
    given = {"data_dir": tmp_path, "schema": schema, "connections": CONNECTIONS}
    # Named, so that a test can cut its connections and nobody else's.
    opened = House(Settings.model_validate(given), make_conninfo(database, application_name=schema), None, 8)
    try:
        opened.open()
        yield opened
    finally:
        opened.close()
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    with asking(house) as one:
        yield one


def signed(body: bytes, secret: str = SECRET, **headers: str) -> dict[str, str]:
    digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Topic": "refunds/create", **headers}


def post(client: httpx.Client, body: bytes, path: str = "/webhooks/uk-shopify", **headers: str) -> httpx.Response:
    return client.post(path, content=body, headers=signed(body) | headers)


def inbox(client: httpx.Client, **asked: str) -> list[Row]:
    items: list[Row] = client.get("/api/inbox", params=asked).json()["items"]
    return items


def test_what_is_authentic_is_stored_before_it_is_answered(house: House, client: httpx.Client) -> None:
    body = json.dumps({"id": 1, "customer": "Zoe Quill"}).encode()
    answer = post(client, body, **{"X-Shopify-Event-Id": "e-1", "Authorization": "Bearer x"})
    assert (answer.status_code, answer.content) == (202, b"")
    (row,) = inbox(client)
    assert (row["connection"], row["topic"], row["state"], row["attempts"]) == ("uk-shopify", "refunds/create", "pending", 0)
    shown = client.get(f"/api/inbox/{row['id']}").json()
    assert (shown["body"], shown["body_encoding"]) == (body.decode(), "utf-8")
    assert shown["headers"]["x-shopify-event-id"] == "e-1"
    assert not {"x-shopify-hmac-sha256", "authorization"} & shown["headers"].keys()
    with house.connection() as conn:
        kept = conn.execute("SELECT body, inbox::text FROM inbox").fetchone()
        assert kept is not None
        assert b"Zoe" not in kept[0]
        assert "Zoe" not in kept[1]
        assert conn.execute("SELECT count(*) FROM stored_events WHERE topic LIKE 'return.%'").fetchone() == (0,)


def test_replays_are_accepted_and_known(client: httpx.Client) -> None:
    for _ in range(3):
        assert post(client, b"{}", **{"X-Shopify-Event-Id": "e-1"}).status_code == 202
        assert post(client, b"no id").status_code == 202
    assert post(client, b"{}", **{"X-Shopify-Event-Id": "e-2"}).status_code == 202
    assert len(inbox(client)) == 3


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe", b"{", b"[" * 100_000, b"null", '{"id": 9007199254740993}'.encode("utf-16")])
def test_whatever_is_authentic_is_accepted(client: httpx.Client, body: bytes) -> None:
    assert post(client, body).status_code == 202
    assert post(client, body, **{"X-Shopify-Topic": "nobody/knows"}).status_code == 202
    shown = client.get(f"/api/inbox/{inbox(client)[-1]['id']}").json()
    assert (shown["body"].encode() if shown["body_encoding"] == "utf-8" else base64.b64decode(shown["body"])) == body


def test_what_is_not_signed_is_refused_and_nothing_stored(client: httpx.Client) -> None:
    body = b'{"id": 1}'
    good = signed(body)["X-Shopify-Hmac-Sha256"]
    wrong = ("", "x", good[:-1], good + "x", good.lower(), "\xff", base64.b64encode(bytes(32)).decode(), hashlib.sha256(body).hexdigest())
    for signature in wrong:
        headers = {b"X-Shopify-Hmac-Sha256": signature.encode("latin-1")}
        assert_problem(client.post("/webhooks/uk-shopify", content=body, headers=headers), 401)
    assert_problem(client.post("/webhooks/uk-shopify", content=body), 401)
    assert_problem(client.post("/webhooks/uk-shopify", content=body + b" ", headers=signed(body)), 401)
    assert_problem(client.post("/webhooks/uk-shopify", content=body, headers=signed(body, "another secret")), 401)
    for secret in ("", SECRET):
        assert_problem(client.post("/webhooks/no-secret", content=body, headers=signed(body, secret)), 401)
    assert inbox(client) == []


def test_addresses_that_lead_nowhere(client: httpx.Client) -> None:
    quoted = SECRET.replace("/", "%2F").replace(" ", "%20")
    nowhere = (
        "/webhooks/", "/webhooks/unknown", "/webhooks/uk-shopify/", f"/webhooks/uk-shopify/{quoted}", "/webhooks/no-secret/x",
        "/webhooks/uk-returngo", "/webhooks/uk-returngo/", "/webhooks/uk-returngo/wrong", f"/webhooks/uk-returngo/{quoted}x",
        "/webhooks/open-returngo/x", "/webhooks/UK-SHOPIFY", "/webhooks/%00", "/webhooks/%ff/%ee%80%80",
    )  # fmt: skip
    for path in nowhere:
        assert_problem(post(client, b"{}", path), 404)
    assert_problem(client.get("/webhooks/uk-shopify"), 405)
    assert client.post("/webhooks").status_code == 404
    assert inbox(client) == []
    assert client.post(f"/webhooks/uk-returngo/{quoted}", content=b"{}").status_code == 202
    assert client.post("/webhooks/open-returngo", content=b"{}").status_code == 202
    assert [row["connection"] for row in inbox(client)] == ["open-returngo", "uk-returngo"]
    assert SECRET.split("/", maxsplit=1)[0] not in client.get("/metrics").text


def test_what_is_too_large_is_refused_whether_it_says_so_or_not(client: httpx.Client) -> None:
    most, more = bytes(MOST_BODY_BYTES), bytes(MOST_BODY_BYTES + 1)
    assert_problem(post(client, more), 413)
    chunks = (more[n : n + 60_000] for n in range(0, len(more), 60_000))
    assert_problem(client.post("/webhooks/uk-shopify", content=chunks, headers=signed(more)), 413)
    assert inbox(client) == []
    assert post(client, most).status_code == 202
    chunks = (most[n : n + 60_000] for n in range(0, len(most), 60_000))
    assert client.post("/webhooks/uk-shopify", content=chunks, headers=signed(most)).status_code == 202
    assert len(inbox(client)) == 1


def test_a_body_without_end_is_cut_off(client: httpx.Client) -> None:
    with connected(client) as line:
        line.sendall(b"POST /webhooks/uk-shopify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (100_000, bytes(100_000))
        sent = 0
        with suppress(OSError):  # a broken pipe or a reset, as it happens
            while sent < 2_000:
                line.sendall(chunk)
                sent += 1
        assert sent * 100_000 < 100_000_000, "the server has hung up"
    with connected(client) as line:
        line.sendall(b"POST /webhooks/uk-shopify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(52):
            line.sendall(chunk)
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")
    assert client.get("/livez").status_code == 200


def test_who_sends_much_to_a_wrong_address_still_hears_that_it_is_wrong(client: httpx.Client) -> None:
    for path in ("nowhere", "uk-returngo/wrong"):
        with connected(client) as line:
            line.sendall(f"POST /webhooks/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\n\r\n".encode())
            line.sendall(bytes(6_000_000))
            assert line.recv(100).startswith(b"HTTP/1.1 404 ")


def test_who_hangs_up_half_way_leaves_nothing(client: httpx.Client) -> None:
    body = b'{"id": 1}'
    head = "".join(f"{name}: {text}\r\n" for name, text in signed(body).items())
    with connected(client) as line:
        line.sendall(f"POST /webhooks/uk-shopify HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n{head}\r\n".encode() + body[:4])
    time.sleep(0.2)
    assert inbox(client) == []
    assert post(client, body).status_code == 202


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda told: json.dumps(told).encode()),
    path=st.sampled_from(["uk-shopify", "no-secret", "open-returngo", "uk-returngo/x", "uk-happy", "open-reveni"]) | st.text(max_size=20),
    topic=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=300),
    sign=st.booleans(),
)
def test_no_garbage_breaks_it(client: httpx.Client, body: bytes, path: str, topic: str, sign: bool) -> None:
    headers = {b"X-Shopify-Topic": topic.strip().encode("latin-1"), b"X-Shopify-Event-Id": topic[::-1].strip().encode("latin-1")}
    if sign:
        headers[b"X-Shopify-Hmac-Sha256"] = signed(body)["X-Shopify-Hmac-Sha256"].encode()
        headers[b"X-Hr-Signature"] = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()
    url = client.base_url.join("/webhooks/" + "".join(f"%{byte:02x}" for byte in path.encode("utf-8", "replace")))
    answer = client.post(url, content=body, headers=headers)
    by_signature = {202 if sign else 401}
    expected = {"uk-shopify": by_signature, "uk-happy": by_signature, "no-secret": {401}, "open-returngo": {202}, "open-reveni": {202}}
    assert answer.status_code in expected.get(path, {404})
    assert client.get("/api/inbox", params={"limit": 1}).status_code == 200


def test_many_at_once_are_all_stored(house: House, client: httpx.Client) -> None:
    def send(sender: int) -> list[int]:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            return [post(own, f'{{"sender": {sender}, "n": {n}}}'.encode()).status_code for n in range(40)]

    with ThreadPoolExecutor(20) as pool:
        answers = [status for statuses in pool.map(send, range(20)) for status in statuses]
    assert answers == [202] * 800
    with house.connection() as conn:
        assert conn.execute("SELECT count(*), count(DISTINCT body) FROM inbox").fetchone() == (800, 800)


def test_a_database_that_went_away_is_found_again(house: House, client: httpx.Client) -> None:
    assert post(client, b"1").status_code == 202
    with house.connection() as conn:
        cut = conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()",
            (house.schema,),
        ).fetchall()
    assert cut
    assert post(client, b"2").status_code == 202
    assert len(inbox(client)) == 2


def test_what_cannot_be_stored_is_not_accepted(house: House, client: httpx.Client) -> None:
    assert post(client, b"1").status_code == 202
    with house.connection() as conn:
        conn.execute("ALTER TABLE inbox RENAME TO elsewhere")
    answer = post(client, b"2")
    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    with house.connection() as conn:
        conn.execute("ALTER TABLE elsewhere RENAME TO inbox")
    assert post(client, b"2").status_code == 202
    assert len(inbox(client)) == 2


def test_the_list_is_filtered_and_paged(house: House, client: httpx.Client) -> None:
    for n in range(7):
        post(client, str(n).encode())
    client.post("/webhooks/open-returngo", content=b"{}")
    with house.connection() as conn:
        conn.execute("UPDATE inbox SET state = 'failed', error = 'no' WHERE id % 2 = 1 AND connection = 'uk-shopify'")
    assert len(inbox(client, connection="open-returngo")) == 1
    failed = inbox(client, state="failed")
    assert [row["error"] for row in failed] == ["no"] * len(failed)
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = client.get("/api/inbox", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == 8
    assert seen == sorted(seen, reverse=True)
    assert_problem(client.get("/api/inbox", params={"state": "odd"}), 422)
    assert_problem(client.get("/api/inbox/0"), 422)
    assert_problem(client.get("/api/inbox/12345"), 404)


def test_a_delivery_is_put_back(house: House, client: httpx.Client) -> None:
    post(client, b"1")
    (row,) = inbox(client)
    with house.connection() as conn:
        conn.execute("UPDATE inbox SET state = 'failed', error = 'no', attempts = 3, finished_at = now()")
    answer = client.post(f"/api/inbox/{row['id']}/replay")
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["attempts"], answer.json()["error"]) == ("pending", 0, None)
    with house.connection() as conn:
        conn.execute("UPDATE inbox SET state = 'done', body = NULL, body_erased_at = now()")
    assert_problem(client.post(f"/api/inbox/{row['id']}/replay"), 409)
    assert client.get(f"/api/inbox/{row['id']}").json()["body_encoding"] == "erased"
    assert_problem(client.post("/api/inbox/12345/replay"), 404)


def test_who_may_see_and_do_what(house: House) -> None:
    with house.connection() as conn:
        made = {role: keys.create(conn, role=role, name=None, now=clock()).key for role in keys.ROLES}
    with asking(house, keys_needed=True) as client:
        assert post(client, b"1").status_code == 202, "a platform needs no key of ours"
        assert_problem(client.get("/api/inbox"), 401)
        allowed = {}
        for role, key in made.items():
            header = {"Authorization": f"Bearer {key}"}
            (row,) = client.get("/api/inbox", headers=header).json()["items"]
            shown = client.get(f"/api/inbox/{row['id']}", headers=header).status_code
            allowed[role] = (shown, client.post(f"/api/inbox/{row['id']}/replay", headers=header).status_code)
    assert allowed == {"finance": (403, 403), "auditor": (200, 403), "ops": (200, 202), "admin": (200, 202)}


def test_headers_without_end_are_cut_off(house: House) -> None:
    app = make_app(house, demo=False, keys_needed=False)
    config = uvicorn.Config(app, http=BoundedHead, host="127.0.0.1", port=0, log_level="critical", access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
            sent = 0
            with suppress(OSError):  # a broken pipe or a reset, as it happens
                while sent < 200:
                    line.sendall(b"X-%d: %s\r\n" % (sent, b"x" * 8_000))
                    sent += 1
                    time.sleep(0.001)
            assert sent < 200
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            assert client.get("/livez", headers={"X-Long": "x" * (MOST_HEAD_BYTES // 2)}).status_code == 200
            for n in range(3):
                body = str(n).encode() * 1_000_000
                assert post(client, body).status_code == 202
            assert len(inbox(client)) == 3
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as line:
        yield line


def test_a_house_without_connections_takes_no_webhooks(database: str, tmp_path: Path) -> None:
    from tests.api.serving import open_test_house

    with open_test_house(database, tmp_path) as empty, served(make_app(empty, demo=True, keys_needed=False)) as address:
        assert httpx.post(f"{address}/webhooks/x").status_code == 404
    assert not (tmp_path / "inbox.key").exists()
