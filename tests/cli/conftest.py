"""A terminal for each test, in a schema of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.forking import Forking
from tests.cli.typing import Terminal


@pytest.fixture(scope="session")
def forking() -> Iterator[Forking | None]:
    one = Forking() if hasattr(os, "fork") else None  # Windows cannot; there each command is started
    yield one
    if one is not None:
        one.close()


@pytest.fixture
def terminal(tmp_path: Path, database: str, schema: str, forking: Forking | None) -> Terminal:
    return Terminal(tmp_path, database, schema, forking)
