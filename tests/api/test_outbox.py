"""The outbox over HTTP, and by command beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters import keys
from adapters.outbox.decider import Decider
from api.bootstrap import House, clock
from api.posting import terms_of
from api.settings import Settings
from tests.api.serving import asking, tell

ERP = {"name": "uk-cin7", "kind": "cin7_core", "credentials": {"account_id": "a", "application_key": "k"}}
CONNECTION = {
    "name": "uk",
    "merchant": "acme",
    "platform": "returngo",
    "credentials": {"api_key": "k", "shop": "s"},
    "erp": "uk-cin7",
    "policy": {"release_refund_on": "received"},
}
AT = datetime(2026, 10, 1, 8, tzinfo=UTC)


@pytest.fixture
def house(database: str, schema: str, tmp_path: Path) -> Iterator[House]:
    settings = {"data_dir": tmp_path, "schema": schema, "connections": [CONNECTION], "erps": [ERP]}
    house = House(Settings.model_validate(settings), database, None, 8)
    house.open()
    for n in range(3):
        row = {"merchant": "acme", "platform": "returngo", "return": f"R-{n}", "occurred_at": (AT + timedelta(hours=n)).isoformat()}
        lines = [{"line": "1", "sku": "SHIRT", "quantity": 1, "items": "40.00", "tax": "8.00"}]
        announced = {**row, "fact": "Initiated", "order": f"#{n}", "currency": "GBP", "resolution": "refund", "lines": lines}
        tell(house, announced, {**row, "fact": "Received"}, fold=False)
    Decider(house.ledger, house.pool, clock, terms_of(house), house.policies.digest()).catch_up()
    yield house
    house.close()


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    with asking(house) as client:
        yield client


def test_instructions_come_page_by_page_the_newest_first(client: httpx.Client) -> None:
    first = client.get("/api/outbox", params={"limit": 4}).json()
    rest = client.get("/api/outbox", params={"limit": 4, "cursor": first["next"]}).json()
    rows = [*first["items"], *rest["items"]]
    assert [row["kind"] for row in rows].count("match_order") == 3
    assert [row["kind"] for row in rows].count("release_refund") == 3
    assert rest["next"] is None
    assert {row["state"] for row in rows} == {"pending"}
    assert {(row["kind"], row["erp"]) for row in rows} == {("match_order", "uk-cin7"), ("release_refund", None)}


def test_filters_and_one_by_itself(client: httpx.Client) -> None:
    (row,) = client.get("/api/outbox", params={"return": "R-1", "kind": "release_refund", "state": "pending"}).json()["items"]
    assert client.get(f"/api/outbox/{row['id']}").json() == row
    assert client.get("/api/outbox/rl-unknown").status_code == 404
    assert client.get("/api/outbox", params={"state": "lost"}).status_code == 422
    assert client.post(f"/api/outbox/{row['id']}/retry").json()["id"] == row["id"]


def test_an_account_is_paused_and_goes_on(client: httpx.Client) -> None:
    paused = client.post("/api/outbox/accounts/uk-cin7/pause", json={"by": "mira", "reason": "stocktaking"}).json()
    assert (paused["state"], paused["paused_by"], paused["paused_why"]) == ("paused", "mira", "stocktaking")
    assert [row["state"] for row in client.get("/api/outbox/accounts").json()["items"]] == ["paused", "idle"]
    assert client.post("/api/outbox/accounts/uk-cin7/resume").json()["state"] == "idle"
    assert client.post("/api/outbox/accounts/uk-cin7/reset").json()["breaker"] == "closed"
    assert client.post("/api/outbox/accounts/nobody/pause", json={"by": "mira"}).status_code == 404
    assert client.post("/api/outbox/accounts/uk/pause", json={"by": "mira"}).json()["state"] == "paused"


def test_who_had_it_stop_and_go_on_stands_in_the_audit(house: House) -> None:
    with house.connection() as conn:
        made = keys.create(conn, role="admin", name="Noor", now=clock(), expires_at=None)
    with asking(house, keys_needed=True) as client:
        client.headers["authorization"] = f"Bearer {made.key}"
        (row,) = client.get("/api/outbox", params={"return": "R-1", "kind": "release_refund"}).json()["items"]
        client.post("/api/outbox/accounts/uk-cin7/pause", json={"by": "mira", "reason": "stocktaking"})
        for path in ("accounts/uk-cin7/resume", "accounts/uk-cin7/resume", "accounts/uk-cin7/reset", f"{row['id']}/retry"):
            assert client.post(f"/api/outbox/{path}").status_code == 200
        told = [(one["what"], one["who"], one["detail"]) for one in client.get("/api/audit").json()["items"]]
    assert [one for one in reversed(told) if one[0] != "key.used"] == [
        ("sending.paused", "mira", "erp/uk-cin7: stocktaking"),
        ("sending.resumed", "Noor", "erp/uk-cin7"),
        ("breaker.reset", "Noor", "erp/uk-cin7"),
        ("instruction.retried", "Noor", row["id"]),
    ]


def test_who_may_only_read_pauses_nothing(house: House) -> None:
    with house.connection() as conn:
        made = keys.create(conn, role="auditor", name=None, now=clock(), expires_at=None)
    with asking(house, keys_needed=True) as client:
        client.headers["authorization"] = f"Bearer {made.key}"
        assert client.get("/api/outbox").status_code == 200
        refused: Any = client.post("/api/outbox/accounts/uk-cin7/pause", json={"by": "mira"})
        assert refused.status_code == 403


def test_batches_are_listed(client: httpx.Client) -> None:
    assert client.get("/api/outbox/batches").json() == {"items": []}
