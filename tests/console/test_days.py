"""A day of finance, of an auditor and of operations, each in a real browser before a month of returns."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from adapters import keys
from adapters.event_store import prepare
from api.bootstrap import House, clock
from domain.erp_facts import OrderLine, OrderMatched
from domain.telling import ReturnKey, Telling
from tests.api.serving import fact, initiated, open_test_house, tell
from tests.console.browsing import PHONE, Visitor, barriers, showing, tell_month, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def month(database: str, tmp_path: Path) -> Iterator[House]:
    with open_test_house(database, tmp_path) as opened:
        tell_month(opened)
        yield opened


def as_role(house: House, role: str) -> dict[str, Any]:
    """The options of a browser that comes with a key of this role."""
    with house.connection() as conn:
        key = keys.create(conn, role=role, name=f"{role}@example.test", now=clock(), expires_at=clock() + timedelta(hours=1)).key
    return {"extra_http_headers": {"Authorization": f"Bearer {key}"}}


def one_open(house: House, kind: str, where: str = "true") -> tuple[ReturnKey, str, str]:
    """A return with such a gap, the gap's currency and its amount in minor units."""
    with house.connection() as conn:
        row = conn.execute(
            f"SELECT merchant, platform, return_id, currency, amount_minor FROM gaps WHERE kind = %s AND valid_to = 'infinity' AND {where} "
            "ORDER BY return_id LIMIT 1",
            (kind,),
        ).fetchone()
    assert row is not None
    return ReturnKey(*row[:3]), str(row[3]), str(row[4])


def facts_of(house: House, key: ReturnKey) -> list[str]:
    return [type(event.fact).__name__ for event in house.ledger.events(f"return/{key.merchant}/{key.platform}/{key.return_id}")]


def figure(page: Page, selector: str) -> int:
    found = re.search(r"[\d,]+", page.locator(selector).first.inner_text())
    assert found is not None
    return int(found[0].replace(",", ""))


def test_finance(chromium: Browser, month: House, tmp_path: Path) -> None:
    with (
        showing(month, demo=False, keys_needed=True) as address,
        visiting(chromium, address, **as_role(month, "finance"), accept_downloads=True) as visitor,
    ):
        page = visitor.open("/")
        page.wait_for_selector(".live[data-state=live]")
        before = figure(page, ".lead .count")
        # Every figure leads to its list.
        page.get_by_role("link", name="Credit note of another value").click()
        page.wait_for_url("**/gaps?kind=credit_note_mismatch")
        assert figure(page, ".lead .count") == page.locator("[data-row]").count()

        _search_and_save(page)
        key = _accept_a_difference(page, month)
        assert facts_of(month, key)[-1] == "DifferenceAccepted"
        page.goto(f"{address}/")
        assert figure(page, ".lead .count") == before - 1
        assert page.locator("#ties").inner_text().strip().endswith("Ties out"), "what is tolerated is known to the books"

        _take_along(page, tmp_path)
        page.goto(f"{address}/gaps")
        page.fill("input[name=as_of]", "2026-01-01")
        page.get_by_role("button", name="Show", exact=True).click()
        page.wait_for_selector(".strip.past")
        assert "What had happened by 1 Jan 2026, 23:59 UTC" in page.inner_text(".strip.past")
        assert page.locator("[data-bar]").count() == 0, "nothing is decided in the past"
        page.goto(f"{address}/tie-out")
        assert page.locator("#trial").is_visible()
        assert page.locator(".whole.wrong").count() == 0


def _search_and_save(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("kind:credit_note_mismatch amount:>1 -owner:ops")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=kind*")
    page.get_by_text("Save this view").click()
    page.fill("form[action='/views'] input[name=name]", "Large differences")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_selector(".tabs .shown >> text=Large differences")


def _accept_a_difference(page: Page, house: House) -> ReturnKey:
    """By keyboard alone: walk to a gap, look at both sides, give the reason."""
    page.keyboard.press("j")
    page.keyboard.press("j")
    pane = page.locator("#peek")
    pane.locator(".sides .whole").wait_for()
    assert pane.locator(".sides .must.off").count() >= 1
    name = pane.locator(".over a").inner_text()
    page.keyboard.press("d")
    page.keyboard.type("Agreed with the customer")
    pane.get_by_role("button", name="Accept the difference").click()
    page.wait_for_url(f"**/returns/**/{name}")
    assert "The difference of" in page.inner_text(".events")
    assert "Agreed with the customer" in page.inner_text(".events")
    with house.connection() as conn:
        row = conn.execute("SELECT merchant, platform, return_id FROM returns WHERE return_id = %s", (name,)).fetchone()
    assert row is not None
    return ReturnKey(*row)


def _take_along(page: Page, tmp_path: Path) -> None:
    page.goto(page.url.rstrip("/") + "/gaps?kind=credit_note_mismatch")
    with page.expect_download() as excel:
        page.get_by_role("link", name="Excel").click()
    excel.value.save_as(tmp_path / "gaps.xlsx")
    book = openpyxl.load_workbook(tmp_path / "gaps.xlsx")
    about = {row[0].value: row[1].value for row in book["Manifest"].iter_rows()}
    with page.expect_download() as text:
        page.get_by_role("link", name="CSV").click()
    text.value.save_as(tmp_path / "gaps.csv")
    assert hashlib.sha256((tmp_path / "gaps.csv").read_bytes()).hexdigest() == about["sha256"]
    assert str(book["Gaps"].max_row - 1) == str(about["rows"])


def test_many_differences_at_once(chromium: Browser, month: House) -> None:
    with (
        showing(month, demo=False, keys_needed=True) as address,
        visiting(chromium, address, **as_role(month, "finance")) as visitor,
    ):
        page = visitor.open("/gaps?kind=credit_note_mismatch")
        whole = page.locator("[data-row]").count()
        for _ in range(3):
            page.keyboard.press("j")
            page.keyboard.press("x")
        assert page.inner_text("[data-marked]") == "3"
        bar = page.locator("[data-bar]")
        bar.locator("summary", has_text="Accept the differences").click()
        bar.locator("textarea:visible").fill("Below what is worth a letter")
        bar.get_by_role("button", name="Plan it").locator("visible=true").click()
        page.wait_for_url("**/bulk/*")
        assert "3 can be decided. Nothing is decided yet." in page.inner_text("main")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector(".state.finished")
        assert "3 decided" in page.inner_text(".progress")
        page.goto(f"{address}/gaps?kind=credit_note_mismatch")
        assert page.locator("[data-row]").count() == whole - 3
        # What is planned can be called off.
        page.locator("[data-picked]").first.check()
        bar.locator("summary", has_text="Accept the differences").click()
        bar.locator("textarea:visible").fill("A mistake")
        bar.get_by_role("button", name="Plan it").locator("visible=true").click()
        page.wait_for_url("**/bulk/*")
        page.get_by_role("button", name="Cancel").click()
        page.wait_for_selector(".state.cancelled")
        page.goto(f"{address}/gaps?kind=credit_note_mismatch")
        assert page.locator("[data-row]").count() == whole - 3


def test_somebody_signs_in_decides_and_goes(chromium: Browser, month: House) -> None:
    """With a key typed into the page; from then on the browser carries a visit, and its forms the visit's token."""
    with month.connection() as conn:
        key = keys.create(conn, role="finance", name="Grace", now=clock(), expires_at=clock() + timedelta(hours=1)).key
    one, _, _ = one_open(month, "credit_note_mismatch")
    with showing(month, demo=False, keys_needed=True) as address, visiting(chromium, address) as visitor:
        page = visitor.open(f"/returns/{'/'.join(one)}")
        assert "/sign-in?back=" in page.url
        found = barriers(page)
        page.fill("#key", key)
        page.get_by_role("button", name="Come in").click()
        page.wait_for_url(f"**/returns/**/{one.return_id}")
        page.wait_for_selector(".live[data-state=live]")
        page.keyboard.press("d")
        page.keyboard.type("Signed for")
        with page.expect_navigation():
            page.get_by_role("button", name="Accept the difference").click()
        assert "Signed for" in page.inner_text(".events")
        assert "by Grace" in page.inner_text(".events")
        page.get_by_role("link", name="Grace").click()
        page.wait_for_url("**/visits")
        found += barriers(page)
        page.get_by_role("button", name="Sign out", exact=True).click()
        page.wait_for_url("**/sign-in")
        page.goto(f"{address}/gaps")
        assert "/sign-in" in page.url
        assert not found, "\n".join(found)


def test_an_auditor(chromium: Browser, month: House, tmp_path: Path) -> None:
    key, _, _ = one_open(month, "credit_note_mismatch")
    with (
        showing(month, demo=False, keys_needed=True) as address,
        visiting(chromium, address, **as_role(month, "auditor"), accept_downloads=True) as visitor,
    ):
        page = visitor.open("/")
        page.fill("#find", key.return_id)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/returns/**/{key.return_id}")
        assert page.locator("form[method=post]").count() == 0, "an auditor changes nothing"

        _wind(page)
        page.get_by_role("link", name="Timeline").click()
        page.wait_for_selector(".lanes")
        page.locator(".stop").first.click()
        page.wait_for_selector("text=After event 1 of")
        page.get_by_role("link", name="Raw", exact=True).click()
        first = json.loads(page.locator(".raws pre").first.inner_text())
        assert (first["number"], first["fact"]) == (1, "Initiated")
        assert first["cause"]

        page.get_by_role("link", name="Story").click()
        page.get_by_role("link", name="as of here").first.click()
        page.wait_for_selector(".strip.past")
        assert page.locator(".event").count() == 1
        page.get_by_role("link", name="Back to now").click()

        with page.expect_download() as taken:
            page.get_by_role("link", name="JSON").click()
        taken.value.save_as(tmp_path / "evidence.json")
        told = json.loads((tmp_path / "evidence.json").read_bytes())
        digest = hashlib.sha256(json.dumps(told["events"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        assert digest == told["manifest"]["sha256"]
        with page.expect_download() as readable:
            page.get_by_role("link", name="Page", exact=True).click()
        readable.value.save_as(tmp_path / "evidence.html")
        _stands_alone(visitor, tmp_path / "evidence.html", digest)


def _wind(page: Page) -> None:
    """Event by event, by slider and by keys."""
    slider = page.get_by_role("slider")
    last = int(str(slider.get_attribute("max")))
    slider.fill("2")
    page.wait_for_selector("#scrubbed >> text=After event 2 of")
    assert page.locator(".wound .changed").count() > 0
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("]")
    page.wait_for_selector("#scrubbed >> text=After event 3 of")
    assert last > 3


def _stands_alone(visitor: Visitor, file: Path, digest: str) -> None:
    page = visitor.context.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(f"file://{file}")
    assert digest in page.inner_text("main")
    assert seen == [f"file://{file}"], "it needs nothing else"
    page.close()


def test_operations(chromium: Browser, month: House) -> None:
    key, _, _ = one_open(month, "damaged_not_written_off")
    other, _, _ = one_open(month, "exchange_stuck_in_draft")
    with (
        showing(month, demo=False, keys_needed=True) as address,
        visiting(chromium, address, **as_role(month, "ops")) as visitor,
    ):
        page = visitor.open("/work?kind=damaged_not_written_off")
        row = page.locator("[data-row]", has_text=key.return_id).first
        assert row.get_by_text("Accept the difference").count() == 0, "money is finance's to give up"
        row.get_by_text("Write off").first.click()
        row.locator("textarea:visible").fill("Torn at the seam")
        with page.expect_navigation():
            row.get_by_role("button", name="Write off").click()
        page.wait_for_function(
            "name => ![...document.querySelectorAll('[data-row]')].some(row => row.innerText.includes(name))", arg=key.return_id
        )
        assert "WrittenOff" in facts_of(month, key)

        page.goto(f"{address}/returns/{'/'.join(other)}")
        decide = page.locator(".card", has=page.get_by_role("heading", name="Decide"))
        page.keyboard.press("a")
        page.keyboard.type("Noor")
        with page.expect_navigation():
            decide.get_by_role("button", name="Assign").click()
        page.wait_for_selector(".lead .owner >> text=Noor")
        decide.get_by_text("Put aside").first.click()
        decide.locator("input[name=until]").fill((clock() + timedelta(days=9)).date().isoformat())
        with page.expect_navigation():
            decide.get_by_role("button", name="Put aside").click()
        page.wait_for_selector("text=Put aside until")
        page.goto(f"{address}/work?kind=exchange_stuck_in_draft")
        assert other.return_id not in page.inner_text("main")
        page.locator("input[name=snoozed]").check()
        page.wait_for_url("**snoozed=yes")
        assert "snoozed" in page.locator("[data-row]", has_text=other.return_id).inner_text()

        # A scanner types fast and presses Enter; a colleague pastes.
        page.keyboard.press("Escape")
        page.evaluate(
            """id => { const data = new DataTransfer(); data.setData("text", id);
            document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true})); }""",
            key.return_id,
        )
        page.wait_for_url(f"**/returns/**/{key.return_id}")
        page.keyboard.press("?")
        assert page.get_by_role("dialog").is_visible()
        page.keyboard.press("Escape")
        assert not page.get_by_role("dialog").is_visible()


def test_a_sku_is_mapped_once_for_every_return_that_waits(chromium: Browser, database: str, tmp_path: Path) -> None:
    connection = {"merchant": "acme", "platform": "returngo", "credentials": {"api_key": "k", "shop": "acme.myshopify.com"}}
    erp = {"name": "uk-cin7", "kind": "cin7_core", "credentials": {"account_id": "a", "application_key": "k"}}
    given = {"connections": [connection | {"name": "uk-returngo", "webhook_secret": "s", "erp": "uk-cin7"}], "erps": [erp]}
    lines = [{"line": "1", "sku": "SHIRT M", "quantity": 1, "items": "40.00", "tax": "0"}]
    of_order = OrderLine(order_line="1", sku="SHIRT-M", quantity=9, items=36000, tax=0)
    with open_test_house(database, tmp_path, **given) as house:
        for name in ("R-1", "R-2", "R-3"):
            tell(house, initiated(name, erp="uk-cin7", lines=lines), fact("Received", name))
            matched = OrderMatched(erp="uk-cin7", order=f"SO-{name}", currency="GBP", invoice="authorised", lines=(of_order,))
            house.ledger.append([prepare(Telling(ReturnKey("acme", "returngo", name), clock(), matched), "test")])
        house.catch_up()
        with showing(house) as address, visiting(chromium, address) as visitor:
            page = visitor.open("/work?kind=sku_unmatched")
            assert page.locator("[data-row]").count() == 3
            row = page.locator("[data-row]").first
            row.get_by_text("Map the SKU").first.click()
            assert "3 returns wait with it." in row.inner_text()
            assert row.get_by_label("SKU in the ERP").input_value() == "SHIRT-M", "the likeliest is there already"
            with page.expect_navigation():
                row.get_by_role("button", name="Map the SKU").click()
            page.wait_for_selector("text=Nothing waits that answers to this.")


def test_a_decision_that_does_not_fit_says_why_and_keeps_what_was_typed(chromium: Browser, month: House) -> None:
    key, currency, _ = one_open(month, "credit_note_mismatch", "currency <> 'JPY'")
    with showing(month) as address, visiting(chromium, address, PHONE) as visitor:
        page = visitor.open(f"/returns/{'/'.join(key)}")
        page.get_by_text("Accept the difference").first.click()
        page.fill("textarea:visible", "As agreed on the phone")
        # Meanwhile the ERP books another note: the difference that was seen is gone.
        amount = {"items": "1.00", "tax": "0", "shipping": "0", "fees": "0", "total": "1.00"}
        more = fact("CreditNoted", key.return_id, clock().isoformat(), credit_note="CN-more", erp="cin7", currency=currency, amount=amount)
        tell(month, more | {"merchant": key.merchant, "platform": key.platform})
        page.get_by_role("button", name="Accept the difference").click()
        page.wait_for_selector(".said.wrong")
        assert "it has changed since" in page.inner_text(".said.wrong")
        assert page.input_value("textarea:visible") == "As agreed on the phone"
        visitor.wrongs[:] = [wrong for wrong in visitor.wrongs if "409" not in wrong]
