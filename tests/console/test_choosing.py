"""Where goods go, chosen in a real browser: in the queue, and undone on the return's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.bootstrap import House
from domain.telling import ReturnKey
from tests.api.serving import fact, initiated, tell
from tests.console.browsing import PHONE, barriers, showing, too_wide, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

# Twice at once, and once more when the answer is there, but not yet the page that it leads to.
_CLICK_AND_CLICK_AGAIN: Final = """async (button) => {
    button.click();
    button.click();
    while (!button.form.textContent.includes("Done.")) await new Promise((done) => setTimeout(done, 10));
    button.click();
    await new Promise((done) => setTimeout(done, 300));
}"""


def facts_of(house: House, key: ReturnKey) -> list[str]:
    return [type(event.fact).__name__ for event in house.ledger.events(f"return/{key.merchant}/{key.platform}/{key.return_id}")]


def test_where_goods_go_is_chosen_in_the_queue_and_undone_on_the_return(chromium: Browser, house: House) -> None:
    lines = [{"line": "1", "quantity": 2, "disposition": "smells of smoke"}]
    tell(house, initiated("R-1", quantity=2), fact("Received", "R-1"), fact("Inspected", "R-1", lines=lines))
    key = ReturnKey("acme", "returngo", "R-1")
    with showing(house) as address, visiting(chromium, address, PHONE) as visitor:
        page = visitor.open("/work?kind=disposition_unmapped")
        row = page.locator("[data-row]").first
        row.get_by_text("Choose where goods go").first.click()
        row.get_by_label("Goods go to").select_option("quarantine")
        row.get_by_label("Units, if not all").fill("1")
        row.locator("textarea:visible").fill("Aired, and looked at again")
        assert barriers(page) == []
        assert too_wide(page) == []
        with page.expect_navigation():
            row.get_by_role("button", name="Choose where goods go").click()
        page.wait_for_selector("[data-row]")
        assert facts_of(house, key)[-1] == "DispositionChosen"
        page.goto(f"{address}/returns/{'/'.join(key)}")
        page.wait_for_selector("text=1 unit of line 1, found as smells of smoke, count as quarantine")
        decide = page.locator(".card", has=page.get_by_role("heading", name="Decide"))
        with page.expect_navigation():
            decide.get_by_role("button", name="Undo").click()
        page.wait_for_selector("text=Reopened")
        assert facts_of(house, key)[-1] == "Reopened"


def test_what_is_sent_is_not_sent_again_until_the_next_page_is_there(chromium: Browser, house: House) -> None:
    tell(house, initiated("R-1"))
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.resource_type == "document":
            held.append(route)
        else:
            route.continue_()

    with showing(house) as address, visiting(chromium, address) as visitor:
        page = visitor.open("/returns/acme/returngo/R-1")
        page.route("**/returns/**", hold)
        form = page.locator("form.decide:has(input[value=note])")
        page.locator("summary", has_text="Note").click()
        form.get_by_label("Note").fill("Looked at")
        form.get_by_role("button").evaluate(_CLICK_AND_CLICK_AGAIN)
        with page.expect_navigation():
            held[0].continue_()
        page.wait_for_selector("text=Looked at")
        assert len(held) == 1
        assert facts_of(house, ReturnKey("acme", "returngo", "R-1")) == ["Initiated", "Noted"]
