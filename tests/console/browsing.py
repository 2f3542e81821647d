"""A real Chromium that looks at a served house, and keeps account of what a page must not do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from adapters.demo.feed import month
from adapters.event_store import prepare
from api.bootstrap import House, clock
from api.http.app import make_app
from domain.telling import read_telling
from tests.api.serving import served

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER: Final = "no Chromium here; `apt-get install chromium` brings one, and these tests then run"
# It asks nothing of the network by itself, keeps nothing, and as root it needs no sandbox.
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PHONE, DESK = (390, 844), (1440, 1000)
_RULES: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
_TELL_VIOLATIONS: Final = """
    document.addEventListener("securitypolicyviolation", (event) =>
        console.error("csp: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile));"""


def chromium_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    path = chromium_path()
    if path is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Somebody with a browser. `wrongs` collects errors, policy violations, and requests to anywhere but the house."""

    context: BrowserContext
    address: str
    wrongs: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.wrongs.append(f"error: {error}"))
        page.on("request", self._see)
        page.goto(self.address + path, wait_until="load")
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrongs.append(f"{message.type}: {message.text}")

    def _see(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrongs.append(f"a request left the house: {request.url}")


@contextmanager
def visiting(browser: Browser, address: str, size: tuple[int, int] = DESK, **options: Any) -> Iterator[Visitor]:
    """Raises AssertionError at the end where a page did what it must not."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **options
    )
    context.set_default_timeout(60_000)  # a machine that runs everything else, too
    context.add_init_script(_TELL_VIOLATIONS)
    visitor = Visitor(context, address)
    try:
        yield visitor
    finally:
        context.close()
    assert visitor.wrongs == [], "\n".join(["the browser tells:", *visitor.wrongs])


@contextmanager
def showing(house: House, *, demo: bool = True, keys_needed: bool = False) -> Iterator[str]:
    """The console's address; open pages don't hold up its end."""
    app = make_app(house, demo=demo, keys_needed=keys_needed)
    with served(app) as address:
        try:
            yield address
        finally:
            app.state.drain.set()


def tell_month(house: House) -> None:
    """The month that the demo begins with."""
    facts = month(clock())
    for start in range(0, len(facts), 500):
        house.ledger.append([prepare(read_telling(fact), "demo") for fact in facts[start : start + 500]])
    house.catch_up()


def barriers(page: Page) -> list[str]:
    """What keeps people out, as axe finds it."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    violations: list[dict[str, Any]] = page.evaluate("rules => axe.run(document, rules).then(told => told.violations)", _RULES)
    place = urlsplit(page.url)
    found = []
    for one in violations:
        where = [node["target"] for node in one["nodes"][:4]]
        found.append(f"{place.path}?{place.query} {one['id']}: {one['help']} at {where} {one['nodes'][0].get('failureSummary', '')[:300]}")
    return found


def too_wide(page: Page) -> list[str]:
    """Does something make the page itself wider than the screen?"""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{page.url} is {wide} px wider than the screen"] if wide > 0 else []


def picture(page: Page, name: str, where: Path, **options: Any) -> None:
    where.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(where / f"{name}.png"), animations="disabled", **options)
