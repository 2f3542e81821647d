"""`user`, `session` and `audit`, and the first admin's link that `run` prints: who comes in, and who is out."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters import people
from api.bootstrap import House, clock
from api.http.app import make_app
from tests.api.serving import open_test_house, served
from tests.cli.test_inbox_commands import answers, free_port, wait_until
from tests.cli.typing import Terminal


@contextmanager
def a_console(terminal: Terminal, database: str) -> Iterator[tuple[House, str]]:
    """The house that is typed about, served with doors that need a key."""
    given: dict[str, Any] = {"schema": terminal.env["RETURNS_LEDGER_SCHEMA"]}
    with open_test_house(database, terminal.where, **given) as house, served(make_app(house, demo=False, keys_needed=True)) as address:
        yield house, address


@contextmanager
def come_in(link: str, address: str) -> Iterator[httpx.Client]:
    """By the link, as a browser goes: look at it, then press the button."""
    token = link.partition("token=")[2]
    with httpx.Client(base_url=address, headers={"Accept": "text/html"}, timeout=30) as browser:
        assert "Sign in" in browser.get("/sign-in/link", params={"token": token}).text
        assert browser.post("/sign-in/link", data={"token": token}).status_code == 303
        yield browser


def test_somebody_is_let_in_seen_and_shut_out(terminal: Terminal, database: str) -> None:
    added = terminal.type("user", "add", "Ada Ö", "--role", "ops", "--json")
    assert added.code == 0
    (person,) = added.rows
    assert (person["name"], person["role"]) == ("Ada Ö", "ops")
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/sign-in/link\?token=[\w-]{40,}", person["link"])
    with a_console(terminal, database) as (_, address), come_in(person["link"], address) as browser:
        assert browser.get("/gaps").status_code == 200
        (visit,) = terminal.type("session", "list", "--json").rows
        assert (visit["name"], visit["role"], visit["how"], visit["address"]) == ("Ada Ö", "ops", "link", "127.0.0.1")
        (listed,) = terminal.type("user", "list", "--json").rows
        assert (listed["name"], listed["sessions"], listed["disabled_at"]) == ("Ada Ö", 1, None)

        assert terminal.type("session", "end", visit["id"]).code == 0
        assert browser.get("/gaps").status_code == 303, "the browser has to sign in again"
        assert terminal.type("session", "list", "--json").out == ""

        link = terminal.type("user", "link", "Ada Ö").out.strip()
        with come_in(link, address) as again:
            assert terminal.type("user", "remove", "Ada Ö").code == 0
            assert again.get("/gaps").status_code == 303, "out at once"
    told = [(row["what"], row["who"], row["detail"]) for row in terminal.type("audit", "--json").rows]
    assert [what for what, _, _ in reversed(told)] == [
        "person.added",
        "link.made",
        "sign_in",
        "sessions.ended",
        "link.made",
        "sign_in",
        "person.disabled",
    ]
    assert ("person.added", None, "Ada Ö, ops") in told
    assert [row["who"] for row in terminal.type("audit", "--what", "sign_in", "--json").rows] == ["Ada Ö", "Ada Ö"]
    assert len(terminal.type("audit", "--limit", "2", "--json").rows) == 2


def test_all_visits_of_somebody_end_together(terminal: Terminal, database: str) -> None:
    with a_console(terminal, database) as (house, address):
        with house.connection() as conn:
            ada = people.add(conn, "Ada", "ops", clock())
        for _ in range(2):
            with house.connection() as conn:
                token = people.make_link(conn, ada, clock())
            with come_in(f"?token={token}", address):
                pass
    ended = terminal.type("session", "end", "--name", "Ada")
    assert (ended.code, "2 ended" in ended.err) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("user", "add", "Ada", "--role", "boss"), 2, "choose from"),
        (("user", "add", " Ada", "--role", "ops"), 1, "a name is printable text"),
        (("user", "remove", "Nobody"), 1, "user list"),
        (("session", "end"), 2, "--name"),
        (("session", "end", "visit_1"), 1, "session list"),
    ],
)
def test_what_cannot_be_is_said(terminal: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    typed = terminal.type(*words)
    assert typed.code == code
    assert said in " ".join(typed.err.split())


def test_the_public_address_stands_in_the_link_and_nobody_is_added_twice(terminal: Terminal) -> None:
    (terminal.where / "returns-ledger.toml").write_text('[console]\npublic_url = "https://returns.example.com"\n')
    assert terminal.type("user", "add", "Ada", "--role", "ops").out.startswith("https://returns.example.com/sign-in/link?token=")
    twice = terminal.type("user", "add", "Ada", "--role", "ops")
    assert (twice.code, "somebody named 'Ada' already" in twice.err) == (1, True)


@pytest.mark.slow
def test_a_fresh_house_says_how_the_first_admin_comes_in_and_only_until_somebody_did(terminal: Terminal) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    for visit, expected in (("first", True), ("second", False)):
        house = terminal.start("run", "--no-demo", "--port", str(port))
        try:
            wait_until(lambda: answers(port), f"the {visit} house answers", 120)
            assert house.stderr is not None
            said = ""
            while "Ctrl-C stops it" not in said:
                line = house.stderr.readline()
                assert line, said
                said += line
            if expected:
                welcome = house.stderr.readline()
                assert "The first admin comes in here, once, within a day" in welcome
                link = welcome.split()[-1]
                assert link.startswith(address + "/sign-in/link?token=")
                with come_in(link, address) as admin:
                    assert "admin" in admin.get("/visits").text
                with httpx.Client(base_url=address) as late:
                    assert late.post("/sign-in/link", data={"token": link.partition("token=")[2]}).status_code == 403
        finally:
            house.send_signal(signal.SIGTERM)
            _, rest = house.communicate(timeout=60)
        assert "first admin" not in rest


def test_an_admin_who_was_shut_out_before_coming_is_not_let_in_by_a_new_link(database: str, tmp_path: Path) -> None:
    with open_test_house(database, tmp_path) as house, house.connection() as conn:
        assert people.first_admin(conn, clock())
        assert people.disable(conn, people.FIRST_ADMIN, clock() + timedelta(seconds=1))
        assert people.first_admin(conn, clock()) is None
