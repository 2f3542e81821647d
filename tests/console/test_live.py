"""Live: what happens shows by itself, in as many tabs as there are; a house that is away is said to be, and nothing typed is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from api.bootstrap import House
from api.http.app import make_app
from api.settings import DEMO_HOUSE, Settings
from tests.api.serving import fact, initiated, refunded, served, tell
from tests.console.browsing import PHONE, showing, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]


def test_what_happens_shows_by_itself(chromium: Browser, house: House) -> None:
    tell(house, initiated("R-1"), refunded("R-1"))
    with showing(house) as address, visiting(chromium, address) as visitor:
        page = visitor.open("/gaps?kind=refund_without_credit_note")
        page.wait_for_selector(".live[data-state=live]")
        page.keyboard.press("j")
        assert page.locator("[data-row]").count() == 1
        tell(house, initiated("R-2"), refunded("R-2"))
        page.locator("[data-row]", has_text="R-2").wait_for()
        assert page.locator("[data-row].here", has_text="R-1").count() == 1, "one stands where one stood"
        tell(house, refunded("R-3", merchant="beta"))
        page.locator("[data-row]", has_text="R-3").first.wait_for()


def test_as_many_tabs_as_one_likes(chromium: Browser, house: House) -> None:
    tell(house, initiated("R-1"), refunded("R-1"))
    with showing(house) as address, visiting(chromium, address) as visitor:
        pages = [visitor.open("/gaps") for _ in range(9)]
        for page in pages:
            page.wait_for_selector(".live[data-state=live]")
        tell(house, refunded("R-2"))
        for page in pages:
            page.locator("[data-row]", has_text="R-2").first.wait_for()
        # The one that holds the stream goes; another takes it.
        for page in pages[:4]:
            page.close()
        tell(house, refunded("R-3"))
        for page in pages[4:]:
            page.locator("[data-row]", has_text="R-3").first.wait_for()


def test_a_hidden_tab_lets_go_and_comes_back(chromium: Browser, house: House) -> None:
    app = make_app(house, demo=True, keys_needed=False)
    tell(house, refunded("R-1"))
    with served(app) as address, visiting(chromium, address) as visitor:
        try:
            page = visitor.open("/gaps")
            page.wait_for_selector(".live[data-state=live]")
            assert app.state.pulse.streams == 1
            page.evaluate(_HIDE, True)
            _until(lambda: app.state.pulse.streams == 0)
            tell(house, refunded("R-2"))
            page.evaluate(_HIDE, False)
            page.locator("[data-row]", has_text="R-2").first.wait_for()
        finally:
            app.state.drain.set()


def test_what_is_being_typed_is_left_alone(chromium: Browser, house: House) -> None:
    tell(house, initiated("R-1"), refunded("R-1"))
    with showing(house) as address, visiting(chromium, address, PHONE) as visitor:
        page = visitor.open("/returns/acme/returngo/R-1")
        page.wait_for_selector(".live[data-state=live]")
        page.get_by_text("Accept the difference").first.click()
        page.fill("textarea:visible", "The customer kept the shirt")
        tell(house, fact("Received", "R-1", "2026-10-05T00:00:00Z"))
        page.wait_for_selector("[data-newer]:visible")
        assert page.locator(".event").count() == 2
        page.get_by_role("button", name="Show it").click()
        page.locator(".event").nth(2).wait_for()
        assert page.input_value("textarea:visible") == "The customer kept the shirt"
        page.reload()
        assert page.input_value("textarea:visible") == "The customer kept the shirt", "a reload keeps it, too"


def test_pages_without_script(chromium: Browser, house: House) -> None:
    tell(house, initiated("R-1"), refunded("R-1"), refunded("R-2", "7.00"))
    with showing(house) as address, visiting(chromium, address, java_script_enabled=False) as visitor:
        page = visitor.open("/gaps")
        page.fill("#search", "kind:refund_without amount:>10")
        page.get_by_role("button", name="Show", exact=True).click()
        assert page.locator("[data-row]").count() == 1
        page.locator("[data-opens]").first.click()
        page.get_by_role("link", name="One event back").click()
        assert "After event 1 of 2" in page.inner_text("#scrubbed")
        page.get_by_text("Accept the difference").first.click()
        page.fill("textarea:visible", "By post")
        page.get_by_role("button", name="Accept the difference").click()
        assert "By post" in page.inner_text(".events")


def test_the_plug_is_pulled(chromium: Browser, database: str, tmp_path: Path) -> None:
    """kill -9 of the web server, while somebody types; the same page goes on when it is back."""
    with _demo_house(database, tmp_path) as (house, env):
        tell(house, initiated("R-1"), refunded("R-1"))
        port = _free_port()
        server = _serve(port, env)
        try:
            with visiting(chromium, f"http://127.0.0.1:{port}") as visitor:
                page = visitor.open("/returns/acme/returngo/R-1")
                page.wait_for_selector(".live[data-state=live]")
                page.get_by_text("Accept the difference").first.click()
                page.fill("textarea:visible", "Half a sentence")
                server.kill()
                server.wait()
                page.wait_for_selector(".live:is([data-state=reconnecting], [data-state=offline])")
                _send(page)
                page.wait_for_selector(".said.wrong")
                assert "Not sent" in page.inner_text(".said.wrong")
                assert page.input_value("textarea:visible") == "Half a sentence"
                page.wait_for_selector(".live[data-state=offline]", timeout=60_000)

                server = _serve(port, env)
                page.wait_for_selector(".live[data-state=live]", timeout=60_000)
                assert page.input_value("textarea:visible") == "Half a sentence"
                _send(page)
                page.wait_for_selector(".events >> text=Half a sentence")
                visitor.wrongs[:] = [wrong for wrong in visitor.wrongs if "ERR_" not in wrong and "Failed to fetch" not in wrong]
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0, "an open stream does not hold up the end"


# What a browser does when somebody looks at another tab.
_HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _send(page: Page) -> None:
    page.get_by_role("button", name="Accept the difference").click()


@contextmanager
def _demo_house(database: str, directory: Path) -> Iterator[tuple[House, dict[str, str]]]:
    """As `run --demo` finds it, and the environment in which to run it."""
    schema = f"test_{uuid4().hex[:16]}"
    settings = Settings.model_validate({"data_dir": directory, "schema": schema})
    house = House(settings, database, DEMO_HOUSE, 4)
    env = os.environ | {"DATABASE_URL": database, "RETURNS_LEDGER_SCHEMA": schema, "RETURNS_LEDGER_DATA_DIR": str(directory)}
    try:
        house.open()
        yield house, env
    finally:
        house.close()
        with psycopg.connect(database, autocommit=True) as conn:
            conn.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(house.schema)))


def _serve(port: int, env: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "api.cli.main", "run", "--only", "web", "--demo", "--port", str(port)]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/livez", timeout=2).status_code == 200:
                return process
        except httpx.HTTPError:
            pass
        assert process.poll() is None, "the server ended before it began"
        time.sleep(0.1)
    pytest.fail("the server did not start")


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
