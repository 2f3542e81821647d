"""Every page in a real browser: accessible, on a phone as on a wide screen, by day and by night, and nothing it must not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from api.bootstrap import House
from tests.console.browsing import DESK, PHONE, barriers, too_wide, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Short lists: what is checked of a row is checked of a few, and axe looks at every one of them.
PAGES = (
    "/",
    "/gaps?limit=9",
    "/gaps?q=kind:mismatch&sort=-amount&limit=5",
    "/gaps?q=nonsense:1",
    "/gaps?status=closed&as_of=2026-01-01",
    "/returns?limit=9",
    "/returns/{return}",
    "/returns/{return}?view=timeline&n=2",
    "/returns/{return}?view=raw",
    "/work?limit=9",
    "/work?owner=me&snoozed=yes",
    "/connections",
    "/inbox?state=failed",
    "/outbox",
    "/notices",
    "/tie-out",
    "/journal?limit=9",
    "/audit",
    "/kinds",
    "/nowhere",
)


def a_return(house: House) -> str:
    """One with money that differs, so that there is much to see."""
    with house.connection() as conn:
        found = conn.execute(
            "SELECT merchant, platform, return_id FROM gaps "
            "WHERE kind = 'credit_note_mismatch' AND valid_to = 'infinity' ORDER BY 3 LIMIT 1"
        ).fetchone()
    assert found is not None
    return "/".join(found)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone by night", "desk by day"])
def test_every_page_is_accessible_and_fits(
    chromium: Browser, month_house: House, month_address: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    one, found = a_return(month_house), list[str]()
    with visiting(chromium, month_address, size, color_scheme=scheme) as visitor:
        for path in PAGES:
            page = visitor.open(path.replace("{return}", one))
            found += [*too_wide(page), *barriers(page)]
            page.close()
        # A page that is not there says so to the console, too.
        visitor.wrongs[:] = [wrong for wrong in visitor.wrongs if "404" not in wrong]
    assert not found, "\n".join(found)
