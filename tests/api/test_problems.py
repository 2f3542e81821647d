"""Whatever goes wrong is told as a problem, by any way of asking, and nothing of the inside shows."""

import http.client
import json
import socket
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from starlette.exceptions import HTTPException

from api.bootstrap import House
from api.http import reading
from api.http.app import make_app
from tests.api.serving import asking, assert_problem, open_test_house, refunded, served, tell


def test_an_unknown_address(client: httpx.Client) -> None:
    for path in (
        "/api/nothing",
        "/api/gaps/",
        "/nothing",
        "/api",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/api/exports/gaps.pdf",
        # Whole, since a path that begins with two slashes would name another host.
        f"{str(client.base_url).rstrip('/')}//api/gaps",
    ):
        assert_problem(client.get(path), 404)


def test_another_method(client: httpx.Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, "/api/gaps")
        assert_problem(answer, 405)
        assert answer.headers["Allow"] == "GET"


def test_too_large(client: httpx.Client) -> None:
    # By hand: the answer comes before the body is sent.
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as connection:
        connection.sendall(b"POST /api/gaps HTTP/1.1\r\nHost: test\r\nContent-Length: 5000001\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())
    assert (answer.status, body["status"], body["title"]) == (413, 413, "Content Too Large")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_broken_program(house: House, caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(house, demo=False, keys_needed=False)

    def broken() -> None:
        raise RuntimeError("the inside, which nobody needs to see")

    def forbidden() -> None:
        raise HTTPException(403)

    app.add_api_route("/api/broken", broken)
    app.add_api_route("/api/forbidden", forbidden)
    with served(app) as address, httpx.Client(base_url=address) as client:
        answer = client.get("/api/broken")
        assert_problem(answer, 500)
        assert "inside" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "the inside, which nobody needs to see" in caplog.text
        assert_problem(client.get("/api/forbidden"), 403)
        assert client.get("/livez").status_code == 200


def test_a_browser_gets_a_page_and_a_program_gets_json(client: httpx.Client) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.get("/nothing", headers=browser)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Not found" in page.text
    assert_problem(client.get("/api/nothing", headers=browser), 404)
    assert client.get("/?kind=nonsense", headers=browser).headers["content-type"].startswith("text/html")


def test_an_answer_that_takes_too_long(house: House, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "STATEMENT_SECONDS", 1)
    with psycopg.connect(house.url) as other:
        other.execute(SQL("LOCK TABLE {}.gaps IN ACCESS EXCLUSIVE MODE").format(Identifier(house.schema)))
        answer = client.get("/api/gaps")
        problem = assert_problem(answer, 503)
        assert problem["type"].endswith(":too-slow")
        assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/api/gaps").status_code == 200


def test_a_database_that_goes_away_and_comes_back(database: str, tmp_path: Path) -> None:
    name = f"away_{uuid4().hex[:12]}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            with open_test_house(make_conninfo(database, dbname=name), tmp_path) as house, asking(house) as client:
                tell(house, refunded("R-1"))
                assert len(client.get("/api/gaps").json()["items"]) == 2
                admin.execute(SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(Identifier(name)))
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
                for path in ("/api/gaps", "/api/returns/acme/returngo/R-1", "/api/exports/gaps.csv", "/readyz"):
                    answer = client.get(path)
                    assert_problem(answer, 503)
                    assert int(answer.headers["Retry-After"]) > 0
                with asking(house, keys_needed=True) as keyed:
                    assert_problem(keyed.get("/api/gaps", headers={"Authorization": "Bearer rl_x"}), 503)
                assert client.get("/livez").status_code == 200
                assert "returns_ledger_database_up 0.0" in client.get("/metrics").text
                assert "Away for a moment" in client.get("/", headers={"Accept": "text/html"}).text
                admin.execute(SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(Identifier(name)))
                answers = [client.get("/api/gaps").status_code for _ in range(6)]
                assert 200 in answers
                assert answers == sorted(answers, reverse=True), "once it is back it stays back"
        finally:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
