"""The same house and server as for the API's tests; and for a browser a house with a month of returns in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from api.bootstrap import House
from tests.api.conftest import client, house
from tests.api.serving import open_test_house

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["chromium", "client", "house", "month_address", "month_house"]


# For one module at a time: as long as it is there, Playwright's own event loop runs in this thread.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright; `make setup` brings it")
    from tests.console.browsing import open_browser

    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def month_house(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    from tests.console.browsing import tell_month

    with open_test_house(database, tmp_path_factory.mktemp("month")) as opened:
        tell_month(opened)
        yield opened


@pytest.fixture(scope="module")
def month_address(month_house: House) -> Iterator[str]:
    from tests.console.browsing import showing

    with showing(month_house) as address:
        yield address
