"""A terminal for each test, in a schema of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typing import Terminal


@pytest.fixture
def terminal(tmp_path: Path, database: str, schema: str) -> Terminal:
    return Terminal(tmp_path, database, schema)
