"""The lines to the outside as pages: what came in as it came, dead letters worked off again, connections paused; and who may see that."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from adapters import keys
from api.bootstrap import House, clock
from api.settings import Settings
from tests.api.serving import asking
from tests.console.test_pages import Read, show

SECRET = "s3cret of the shop"
HOSTILE = b'{"note": "<script>alert(1)</script>", "id": 7}'
CONNECTION = {
    "name": "uk-shopify",
    "merchant": "acme",
    "platform": "shopify",
    "webhook_secret": SECRET,
    "credentials": {"access_token": "t", "shop": "acme"},
    "erp": "uk-cin7",
}
ERP = {"name": "uk-cin7", "kind": "cin7_core", "credentials": {"account_id": "a", "application_key": "k"}}

# The shop is told, too: to release refunds.
PAUSES = ["/connections/uk-cin7/pause", "/connections/uk-shopify/pause"]


@pytest.fixture
def connected(database: str, tmp_path: Path) -> Iterator[House]:
    """A house with a shop and an ERP, and one delivery that could not be understood."""
    schema = f"test_{uuid4().hex[:16]}"
    settings = Settings.model_validate({"data_dir": tmp_path, "schema": schema, "connections": [CONNECTION], "erps": [ERP]})
    house = House(settings, database, None, 8)
    try:
        house.open()
        with asking(house) as client:
            digest = base64.b64encode(hmac.new(SECRET.encode(), HOSTILE, hashlib.sha256).digest()).decode()
            headers = {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Topic": "refunds/create", "X-Shopify-Event-Id": "e-1"}
            assert client.post("/webhooks/uk-shopify", content=HOSTILE, headers=headers).status_code == 202
        with house.connection() as conn:
            conn.execute("UPDATE inbox SET state = 'failed', error = 'id: must be <text>', attempts = 3, finished_at = now()")
        yield house
    finally:
        house.close()
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


def forms(page: Read) -> list[str]:
    return [str(one["action"]) for one in page.all("form") if one.get("method") == "post"]


def test_a_dead_letter_is_seen_and_worked_off_again(connected: House) -> None:
    with asking(connected) as client:
        page = show(client, "/inbox?state=failed")
        assert "id: must be <text>" in page.text
        assert "/inbox/1" in page.links()
        assert forms(page) == ["/inbox/1/replay"]
        one = show(client, "/inbox/1")
        assert "<script>alert(1)</script>" in one.text
        assert len(one.all("script")) == 1
        assert "x-shopify-event-id: e-1" in one.text
        assert "hmac" not in one.text.lower()
        answer = client.post("/inbox/1/replay")
        assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
        assert "pending" in show(client, "/inbox").text
        assert client.post("/inbox/9/replay").status_code == 404


def test_an_erp_is_paused_with_a_reason(connected: House) -> None:
    with asking(connected) as client:
        page = show(client, "/connections")
        assert "uk-shopify" in page.text
        assert forms(page) == PAUSES
        answer = client.post("/connections/uk-cin7/pause", data={"reason": "Stocktaking"})
        assert answer.status_code == 303
        page = show(client, "/connections")
        assert "paused" in page.text
        assert "by somebody: Stocktaking" in page.text
        assert forms(page) == ["/connections/uk-cin7/resume", PAUSES[1]]
        client.post("/connections/uk-cin7/resume")
        assert "paused" not in show(client, "/connections").text
        assert client.post("/connections/nobody/pause").status_code == 404


def test_who_may_not_is_offered_nothing_and_refused(connected: House) -> None:
    with connected.connection() as conn:
        made = {
            role: keys.create(conn, role=role, name=role, now=clock(), expires_at=clock() + timedelta(hours=1)).key for role in keys.ROLES
        }
    with asking(connected, keys_needed=True) as client:
        for role, may_see, may_do in (("finance", False, False), ("auditor", True, False), ("ops", True, True), ("admin", True, True)):
            client.headers["Authorization"] = f"Bearer {made[role]}"
            assert forms(show(client, "/connections")) == (PAUSES if may_do else []), role
            assert ("/inbox/1" in show(client, "/inbox").links()) is may_see, role
            assert client.get("/inbox/1").status_code == (200 if may_see else 403), role
            for path in ("/inbox/1/replay", "/connections/uk-cin7/pause", "/connections/uk-cin7/resume"):
                assert client.post(path).status_code == (303 if may_do else 403), (role, path)


def test_a_form_from_another_site_changes_nothing(connected: House) -> None:
    with asking(connected) as client:
        for site in ("cross-site", "same-site"):
            answer = client.post("/connections/uk-cin7/pause", headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
        assert client.post("/connections/uk-cin7/pause", content=b"\xff\xfe").status_code == 422
        assert "paused" not in show(client, "/connections").text


def test_nobody_decides_without_a_key(connected: House) -> None:
    with asking(connected, keys_needed=True) as client:
        for path in ("/returns/a/b/c/decide", "/bulk", "/bulk/1/start", "/bulk/1/cancel", "/views", "/views/1/forget", "/inbox/1/replay"):
            assert client.post(path).status_code == 401, path
        assert client.get("/live").status_code == 401


def test_closed_doors(client: httpx.Client) -> None:
    """Everything here needs a house; an empty one has nothing to show, and says so."""
    assert "No connection is configured." in show(client, "/connections").text
    assert "No delivery has come yet." in show(client, "/inbox").text
    assert "No instruction has been issued yet." in show(client, "/outbox").text
    assert "Nothing waits for anybody." in show(client, "/work").text
