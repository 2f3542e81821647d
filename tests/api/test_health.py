"""Probes, figures and the headers of every answer."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.outbox.undecided import keep_undecided
from api.bootstrap import House, clock
from api.http import measuring
from domain.telling import ReturnKey
from tests.api.serving import fact, refunded, tell


def test_probes(house: House, client: httpx.Client) -> None:
    tell(house, refunded("R-1"))
    tell(house, refunded("R-2"), refunded("R-3"), fold=False)
    assert client.get("/livez").json() == {"alive": True}
    answer = client.get("/readyz")
    assert answer.json() == {"ready": True, "position": 1, "lag": 2}
    assert (answer.headers["X-Ledger-Position"], answer.headers["X-Ledger-Lag"]) == ("1", "2")


def test_figures(house: House, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "FRESH_SECONDS", 0.0)
    tell(house, refunded("R-1"), refunded("R-2"), fact("Received", "R-2"))
    tell(house, refunded("R-3"), fold=False)
    client.get("/api/gaps")
    client.get("/api/gaps", params={"kind": "nonsense"})
    client.get("/api/returns/a/b/c%2Fd")
    client.get("/nothing-of-the-kind")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert told["returns_ledger_database_up",] == 1
    assert told["returns_ledger_events",] == 4
    assert told["returns_ledger_projection_position",] == 3
    assert told["returns_ledger_projection_lag_events",] == 1
    assert told["returns_ledger_set_aside_returns",] == 0
    assert told["returns_ledger_open_gaps", "finance", "refund_without_credit_note"] == 2
    assert told["returns_ledger_open_gaps", "ops", "unannounced_return"] == 2
    assert told["returns_ledger_http_requests_total", "/api/gaps", "200", "GET"] == 1
    assert told["returns_ledger_http_requests_total", "/api/gaps", "422", "GET"] == 1
    # The ids in an address are no labels: they would never end.
    assert told["returns_ledger_http_requests_total", "/api/returns/{merchant}/{platform}/{return_id}", "404", "GET"] == 1
    assert told["returns_ledger_http_requests_total", "404", "GET", "none"] == 1
    assert told["returns_ledger_http_request_seconds_count", "/api/gaps"] == 2


def test_figures_of_the_outbox(house: House, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "FRESH_SECONDS", 0.0)
    with house.connection() as conn:
        conn.execute("INSERT INTO outbox_accounts (account, breaker, paused_at) VALUES ('erp/uk', 'open', now())")
        for number, (state, sent, waits_for) in enumerate(ROWS):
            conn.execute(_ROW, (f"rl-{number}", state, sent, waits_for))
        keep_undecided(conn, {ReturnKey("acme", "returngo", "R-1"): ValueError("a mistake")}, clock())
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }
    for state, count in (("pending", 2), ("unknown", 1), ("waiting", 1), ("dead", 1), ("leased", 0)):
        assert told["returns_ledger_outbox_instructions", *sorted(("erp/uk", state))] == count, state
    assert told["returns_ledger_outbox_breaker", "erp/uk", "open"] == 1
    assert told["returns_ledger_outbox_breaker", "closed", "erp/uk"] == 0
    assert told["returns_ledger_outbox_paused", "erp/uk"] == 1
    assert told["returns_ledger_outbox_oldest_seconds", "erp/uk"] > 3_000
    assert told["returns_ledger_undecided_returns",] == 1
    (shown,) = client.get("/api/outbox/undecided").json()["items"]
    assert (shown["return"], shown["error"]) == ("R-1", "ValueError: a mistake")


# State, sent at, what it waits for: one is awaited in the usual way, one is of unknown outcome.
ROWS = (
    ("pending", None, None),
    ("pending", "2026-11-20T09:00:00Z", "acknowledgement"),
    ("pending", "2026-11-20T09:00:00Z", None),
    ("waiting", None, "order_not_invoiced"),
    ("dead", None, None),
    ("done", "2026-11-20T09:00:00Z", None),
)
_ROW = """
    INSERT INTO outbox (id, account, connection, merchant, platform, return_id, kind, lanes, issued_at, next_at, owner, state, sent_at,
        waits_for)
    VALUES (%s, 'erp/uk', 'uk', 'acme', 'returngo', 'R-9', 'book_in', '{}', now(), now() - interval '1 hour', 'ops', %s, %s, %s)"""


def test_the_register_is_not_counted_for_every_scrape(house: House, client: httpx.Client) -> None:
    tell(house, refunded("R-1"))
    assert "returns_ledger_events 1.0" in client.get("/metrics").text
    tell(house, refunded("R-2"))
    assert "returns_ledger_events 1.0" in client.get("/metrics").text


def test_every_answer_is_guarded(client: httpx.Client) -> None:
    for path in (
        "/",
        "/api/gaps",
        "/api/nothing",
        "/api/gaps?kind=x",
        "/livez",
        "/metrics",
        "/console/console.css",
        "/api/exports/gaps.csv",
    ):
        headers = client.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"]
        # What is compressed tells its length: only what holds no secret may be.
        assert "content-encoding" not in headers or path.startswith("/console/")
        assert headers["Cache-Control"] == "no-store" or path.startswith("/console/")
