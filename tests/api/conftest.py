"""A house with a server, for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.bootstrap import House
from tests.api.serving import asking, open_test_house


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_test_house(database, tmp_path) as opened:
        yield opened


@pytest.fixture
def client(house: House) -> Iterator[httpx.Client]:
    """Asks the house without a key."""
    with asking(house) as one:
        yield one
