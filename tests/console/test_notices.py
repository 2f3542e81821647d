"""What did not get through to people is seen where the lines are, and sent again by whoever may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from adapters import keys
from adapters.alerts.running import round_of
from api.alerting import alert_terms
from api.bootstrap import House, clock
from tests.api.serving import asking, initiated, open_test_house, refunded, served, tell
from tests.console.test_lines import forms
from tests.console.test_pages import show


class Chat:
    """Somebody's incoming webhook, which is gone at first."""

    def __init__(self) -> None:
        self.status, self.posts = 404, list[bytes]()

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/hook", self.take, methods=["POST"])
        return app

    async def take(self, request: Request) -> Response:
        self.posts.append(await request.body())
        return Response(status_code=self.status)


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
def telling(database: str, tmp_path: Path, chat: Chat) -> Iterator[House]:
    """A house that tells a chat of every refund without a note, with one return to tell of."""
    with served(chat.app()) as address:
        given: dict[str, Any] = {
            "alerts": {
                "channels": [{"name": "finance-chat", "kind": "slack", "url": f"{address}/hook"}],
                "rules": [{"name": "Refunds", "channels": ["finance-chat"], "kinds": ["refund_without_credit_note"]}],
            }
        }
        with open_test_house(database, tmp_path, **given) as house:
            tell(house, initiated("R-1"), refunded("R-1"))
            round_of_it(house)
            yield house


def round_of_it(house: House) -> None:
    with house.connection() as conn:
        conn.autocommit = True
        round_of(conn, alert_terms(house.settings), clock())


def test_a_notice_that_died_is_seen_and_sent_again(telling: House, chat: Chat) -> None:
    with asking(telling) as client:
        assert "1 notice did not get through" in show(client, "/").text
        page = show(client, "/notices?state=dead")
        assert "Refunds: 1 gap" in page.text
        assert "finance-chat answered 404" in page.text
        assert "/hook" not in page.text, "the address is a secret in itself"
        assert forms(page) == ["/notices/1/retry"]
        chat.status = 200
        assert client.post("/notices/1/retry").headers["location"] == "/notices"
        round_of_it(telling)
        assert len(chat.posts) == 2
        page = show(client, "/notices")
        assert forms(page) == []
        assert "did not get through" not in show(client, "/").text
        assert client.post("/notices/1/retry").status_code == 409
        assert client.post("/notices/9/retry").status_code == 404
        assert client.get("/notices?state=lost").status_code == 422


def test_a_house_that_tells_nobody_says_so_and_how_to(house: House) -> None:
    with asking(house) as client:
        assert "no rule and no digest is configured" in show(client, "/notices").text


def test_only_those_who_operate_send_again(telling: House) -> None:
    with asking(telling, keys_needed=True) as client:
        for role, code in (("auditor", 403), ("finance", 403), ("ops", 303)):
            with telling.connection() as conn:
                key = keys.create(conn, role=role, name=role, now=clock()).key
            bearer = {"Authorization": f"Bearer {key}"}
            client.headers.update(bearer)
            assert forms(show(client, "/notices")) == (["/notices/1/retry"] if role == "ops" else [])
            assert client.post("/notices/1/retry").status_code == code
