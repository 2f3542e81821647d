"""The pictures of the README, made of the month that the demo begins with: `RETURNS_LEDGER_PICTURES=1` writes them beside this file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from api.bootstrap import House
from tests.console.browsing import PHONE, picture, visiting
from tests.console.test_every_page import a_return

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDE = (1440, 960)
KEPT = Path(__file__).parent / "pictures"


def test_pictures(chromium: Browser, month_house: House, month_address: str, tmp_path: Path) -> None:
    where = KEPT if os.environ.get("RETURNS_LEDGER_PICTURES") else tmp_path
    one = a_return(month_house)
    with visiting(chromium, month_address, WIDE) as visitor:
        page = visitor.open("/")
        page.wait_for_selector(".live[data-state=live]")
        picture(page, "home", where)
        page = visitor.open("/gaps?q=kind:credit_note_mismatch%20amount:%3E1")
        page.wait_for_selector(".live[data-state=live]")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.locator("#peek .sides").wait_for()
        page.keyboard.press("d")
        picture(page, "gaps", where)
        page = visitor.open("/work")
        page.wait_for_selector(".live[data-state=live]")
        picture(page, "work", where)
        page = visitor.open(f"/returns/{one}?view=timeline&n=4")
        page.wait_for_selector(".live[data-state=live]")
        picture(page, "timeline", where)
    with visiting(chromium, month_address, PHONE, color_scheme="dark", device_scale_factor=2) as visitor:
        page = visitor.open(f"/returns/{one}")
        page.wait_for_selector(".live[data-state=live]")
        picture(page, "phone", where)
    assert {file.stem for file in where.glob("*.png")} >= {"home", "gaps", "work", "timeline", "phone"}
    assert all(file.stat().st_size > 20_000 for file in where.glob("*.png")), "none of them is empty"


def test_a_page_for_auditors_prints(chromium: Browser, month_house: House, month_address: str, tmp_path: Path) -> None:
    with visiting(chromium, month_address, WIDE) as visitor:
        page = visitor.open(f"/returns/{a_return(month_house)}")
        page.emulate_media(media="print")
        hidden = (".find", ".live", ".tabs", ".acts", ".scrub", ".back")
        assert [name for name in hidden if page.locator(name).first.is_visible()] == []
        assert page.locator(".events").is_visible()
        page.pdf(path=str(tmp_path / "return.pdf"), format="A4")
        assert (tmp_path / "return.pdf").read_bytes().startswith(b"%PDF")
