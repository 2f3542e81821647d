"""Telling people of gaps: once each, by a real mail server and real webhooks, not at night, and again where it did not go through."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from asyncio.base_events import Server
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.responses import Response

from adapters.alerts.running import round_of
from adapters.alerts.terms import Channel, Digest, Mail, Rule, Terms
from api.alerting import alert_terms
from api.bootstrap import House
from api.settings import Settings
from domain.policy import GapKind
from tests.api.serving import initiated, open_test_house, refunded, served, tell

# Both returns' gaps are open then, and it is day.
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a secret of the two of us").decode()


class Postbox:
    """A mail server's end: keeps what it is given, or refuses."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "451 not now"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


class AnyPort(Controller):
    """Says which free port it was given."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no type for it


class Hooks:
    """Somebody's incoming webhook: keeps what it is sent, and answers with `status`."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes, dict[str, str]]] = []
        self.status = 200

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/{name}", self.take, methods=["POST"])
        return app

    async def take(self, name: str, request: Request) -> Response:
        self.posts.append((name, await request.body(), dict(request.headers)))
        return Response(status_code=self.status)


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_test_house(database, tmp_path) as opened:
        tell(opened, initiated("R-1"), refunded("R-1"), initiated("R-2"), refunded("R-2", "900.00"))
        yield opened


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, Mail]]:
    box = Postbox()
    controller = AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield box, Mail("127.0.0.1", controller.port, "ledger@example.com", "none")
    finally:
        controller.stop()


@pytest.fixture
def hooks() -> Iterator[tuple[Hooks, str]]:
    one = Hooks()
    with served(one.app()) as address:
        yield one, address


def rule(*channels: str, **other: Any) -> Rule:
    return Rule("credit notes that are missing", channels, (GapKind.REFUND_WITHOUT_CREDIT_NOTE,), **other)


def rounds(house: House, terms: Terms, *moments: datetime) -> list[int]:
    with house.connection() as conn:
        return [round_of(conn, terms, moment) for moment in moments]


def states(house: House) -> list[tuple[Any, ...]]:
    with house.connection() as conn:
        return conn.execute("SELECT channel, state, attempts FROM notices ORDER BY id").fetchall()


def test_a_gap_is_mailed_once(house: House, postbox: tuple[Postbox, Mail]) -> None:
    box, mail = postbox
    channels = {"team": Channel("team", "email", to=("a@example.com", "b@example.com"))}
    terms = Terms(channels, (rule("team"),), mail=mail, link="https://ledger.example")
    assert rounds(house, terms, NOON, NOON, NOON + timedelta(days=1)) == [1, 0, 0]
    (one,) = box.mails
    assert (one["To"], one["From"]) == ("a@example.com, b@example.com", "ledger@example.com")
    assert one["Subject"] == "credit notes that are missing: 2 gaps"
    text = one.get_content()
    assert "acme/returngo/R-2, 900.00 GBP" in text
    assert "https://ledger.example/gaps" in text
    tell(house, initiated("R-3"), refunded("R-3"))
    assert rounds(house, terms, NOON + timedelta(days=2)) == [1]
    assert "R-3" in box.mails[1].get_content()
    assert "R-1" not in box.mails[1].get_content()


def test_thresholds_of_age_amount_and_owner(house: House, hooks: tuple[Hooks, str]) -> None:
    told, address = hooks
    channels = {"chat": Channel("chat", "slack", url=f"{address}/slack")}
    opened = datetime(2026, 10, 2, 8, 30, tzinfo=UTC)
    old = Terms(channels, (rule("chat", older_than=timedelta(days=10)),))
    assert rounds(house, old, opened + timedelta(days=9), opened + timedelta(days=10, hours=1)) == [0, 1]
    large = Terms(channels, (Rule("large", ("chat",), over_minor={"GBP": 50_000}, kinds=(GapKind.REFUND_WITHOUT_CREDIT_NOTE,)),))
    assert rounds(house, large, NOON) == [1]
    assert "R-2" in json.loads(told.posts[-1][1])["text"]
    assert "R-1" not in json.loads(told.posts[-1][1])["text"]
    for nobody in (Rule("n", ("chat",), owners=("nobody",)), Rule("y", ("chat",), over_minor={"JPY": 1})):
        assert rounds(house, Terms(channels, (nobody,)), NOON) == [0]


def test_slack_teams_and_a_signed_webhook(house: House, hooks: tuple[Hooks, str]) -> None:
    told, address = hooks
    channels = {
        "s": Channel("s", "slack", url=f"{address}/s"),
        "t": Channel("t", "teams", url=f"{address}/t"),
        "w": Channel("w", "webhook", url=f"{address}/w", secret=SECRET),
    }
    assert rounds(house, Terms(channels, (Rule("<all> & more", ("s", "t", "w")),)), NOON) == [3]
    posts = {name: (body, headers) for name, body, headers in told.posts}
    assert json.loads(posts["s"][0])["text"].startswith("*&lt;all&gt; &amp; more: ")
    card = json.loads(posts["t"][0])["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard"
    assert card["body"][0]["text"].startswith("<all> & more: ")
    body, headers = posts["w"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"a secret of the two of us", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert json.loads(body)["type"] == "alert"


def test_what_did_not_go_through_is_tried_again_and_what_never_will_is_given_up(house: House, hooks: tuple[Hooks, str]) -> None:
    told, address = hooks
    channels = {"w": Channel("w", "webhook", url=f"{address}/w", secret=SECRET)}
    terms = Terms(channels, (rule("w"),))
    told.status = 503
    assert rounds(house, terms, NOON, NOON + timedelta(seconds=1)) == [0, 0]
    assert states(house) == [("w", "pending", 1)], "not at once"
    told.status = 204
    assert rounds(house, terms, NOON + timedelta(minutes=1)) == [1]
    assert len({headers["webhook-id"] for _, _, headers in told.posts}) == 1, "a repeat can be known as one"
    told.status = 410
    assert rounds(house, Terms(channels, (Rule("other", ("w",)),)), NOON) == [0]
    assert states(house)[-1] == ("w", "dead", 1)


def test_a_mail_server_that_is_busy_or_away_is_tried_again(house: House, postbox: tuple[Postbox, Mail]) -> None:
    box, mail = postbox
    channels = {"team": Channel("team", "email", to=("a@example.com",))}
    away = Terms(channels, (rule("team"),), mail=Mail("127.0.0.1", 9, "ledger@example.com", "none"))
    assert rounds(house, away, NOON) == [0]
    box.refuses = True
    terms = Terms(channels, (rule("team"),), mail=mail)
    assert rounds(house, terms, NOON + timedelta(minutes=5)) == [0]
    box.refuses = False
    assert rounds(house, terms, NOON + timedelta(minutes=15)) == [1]
    assert states(house) == [("team", "sent", 3)]


def test_at_night_nobody_is_told_and_in_the_morning_once(house: House, hooks: tuple[Hooks, str]) -> None:
    told, address = hooks
    london = ZoneInfo("Europe/London")
    terms = Terms({"s": Channel("s", "slack", url=f"{address}/s")}, (rule("s"),), quiet=(time(22), time(7)), zone=london)
    night = [datetime(2026, 11, 20, hour, minute, tzinfo=london) for hour, minute in ((22, 0), (23, 59))]
    night += [datetime(2026, 11, 21, hour, minute, tzinfo=london) for hour, minute in ((0, 0), (6, 59), (7, 0), (7, 1))]
    assert rounds(house, terms, *night) == [0, 0, 0, 0, 1, 0]
    assert len(told.posts) == 1


def test_a_digest_comes_once_a_day_and_never_empty(house: House, hooks: tuple[Hooks, str]) -> None:
    told, address = hooks
    channels = {"s": Channel("s", "slack", url=f"{address}/s")}
    terms = Terms(channels, digests=(Digest(("s",), time(8), "finance"), Digest(("s",), time(8), "nobody")))
    day = timedelta(days=1)
    early = NOON.replace(hour=7, minute=59)
    assert rounds(house, terms, early, early + timedelta(minutes=1), NOON, early + day, NOON + day) == [0, 1, 0, 0, 1]
    text = json.loads(told.posts[0][1])["text"]
    assert "for finance: 3 gaps, 0 of them new" in text
    assert "refund without credit note: 2, 940.00 GBP" in text


def test_what_is_configured_is_what_is_done(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "smtp": {"host": "mail.example", "sender": "ledger@example.com", "user": "u", "password": "p"},
        "alerts": {
            "timezone": "Europe/Paris",
            "quiet": ["22:00", "07:00"],
            "channels": [{"name": "team", "kind": "email", "to": ["a@example.com"]}],
            "rules": [{"name": "old", "channels": ["team"], "kinds": ["over_refund"], "older_than": "7d", "over": {"GBP": "100"}}],
            "digests": [{"channels": ["team"], "at": "08:30", "owner": "finance"}],
        },
    }
    terms = alert_terms(Settings.model_validate(given))
    assert terms.rules == (Rule("old", ("team",), (GapKind.OVER_REFUND,), (), timedelta(days=7), {"GBP": 10_000}),)
    assert terms.digests == (Digest(("team",), time(8, 30), "finance"),)
    assert terms.mail == Mail("mail.example", 587, "ledger@example.com", "starttls", "u", "p")
    assert terms.quiet == (time(22), time(7))
    assert "'p'" not in repr(terms.mail)
    for spoilt in (
        {"channels": [{"name": "x", "kind": "webhook", "url": "https://x.example"}]},
        {"channels": [{"name": "x", "kind": "slack"}]},
        {"rules": [{"name": "r", "channels": ["nowhere"]}]},
        {"rules": [{"name": "r", "channels": ["team"], "over": {"GBP": "1.234"}}]},
        {"timezone": "Mars"},
        {"loudness": 11},
    ):
        with pytest.raises(ValidationError):
            Settings.model_validate({**given, "alerts": {**given["alerts"], **spoilt}})
