"""The console's pages: the server's time for each list at 200,000 returns, beside the same page of a house a tenth of the size."""

from __future__ import annotations

import statistics

import httpx
import pytest

from api.http.app import make_app
from projections.board import find_return
from tests.api.serving import served
from tests.benchmarks.conftest import LARGE_RETURNS, SMALL_RETURNS, OpenHouse
from tests.benchmarks.measuring import tell, timed
from tests.console.browsing import open_browser, showing, visiting

pytestmark = pytest.mark.benchmark

# A page within which the eye sees no wait, in seconds.
AT_ONCE = 0.1
PAGES = (
    "/",
    "/gaps",
    "/gaps?q=kind:mismatch%20amount:%3E100&sort=-amount",
    "/gaps?q=age:%3E14%20-owner:ops",
    "/gaps?q=LINEN",
    "/gaps?as_of=2026-04-01T00:00:00Z",
    "/gaps?status=closed&sort=-due_at",
    "/returns",
    "/work",
    "/inbox",
    "/outbox",
    "/connections",
    "/tie-out",
    "/tie-out?as_of=2026-04-01T00:00:00Z",
    "/journal",
    "/audit",
    "/return",
)

_FIRST_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
    for (const one of list.getEntriesByName("first-contentful-paint")) done(one.startTime);
}).observe({type: "paint", buffered: true}))"""


@pytest.mark.parametrize("path", PAGES)
def test_a_page(house_of: OpenHouse, path: str) -> None:
    taken = []
    for returns in (SMALL_RETURNS, LARGE_RETURNS):
        house = house_of(returns)
        asked = path
        if path == "/return":
            with house.connection() as conn:
                row = conn.execute("SELECT return_id FROM returns WHERE events > 5 LIMIT 1").fetchone()
                assert row is not None
                asked = "/returns/" + "/".join(find_return(conn, row[0]).key)
        app = make_app(house, demo=True, keys_needed=False)
        with served(app) as address, httpx.Client(base_url=address, headers={"Accept": "text/html"}, timeout=60) as client:

            def ask(client: httpx.Client = client, asked: str = asked) -> None:
                client.get(asked).raise_for_status()

            taken.append(timed(ask, runs=40, warm_up=4))
    small, large = taken
    figure = f"p50 {large.median * 1000:.0f} ms, p99 {large.percentile(0.99) * 1000:.0f} ms"
    tell(f"GET {path}", figure, f"at {SMALL_RETURNS:,}: p50 {small.median * 1000:.0f} ms", large.median / small.median, "p50 under 100 ms")
    assert large.median < 4 * AT_ONCE


@pytest.mark.parametrize("path", ["/", "/gaps", "/work", "/tie-out"])
def test_first_paint(house_of: OpenHouse, path: str) -> None:
    """In a real Chromium, from the click to the first words on the screen."""
    seen = []
    with open_browser() as browser, showing(house_of(LARGE_RETURNS)) as address, visiting(browser, address) as visitor:
        for _ in range(7):
            page = visitor.open(path)
            seen.append(page.evaluate(_FIRST_PAINT))
            page.close()
    taken = statistics.median(seen)
    tell(f"first paint of {path}", f"{taken:.0f} ms", "500 ms", taken / 500, "at most 1")
    assert taken < 5_000
