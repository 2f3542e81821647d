"""A Tryton per test, each with a fresh company in it. `make test-erp` says where its programs are."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.erp.server import Server, prepared

HOME = "RETURNS_LEDGER_TRYTON"


@pytest.fixture(scope="session")
def tryton_home() -> Path:
    told = os.environ.get(HOME)
    if not told:
        pytest.skip("Tryton is not installed here: make test-erp installs it")
    return Path(told).resolve()


@pytest.fixture(scope="session")
def company_database(tryton_home: Path) -> Path:
    with (tryton_home / "making.lock").open("w") as lock:
        # Several workers of one run want it: the first makes it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return prepared(tryton_home / "venv" / "bin", tryton_home)


def copied(tryton_home: Path, database: Path, home: Path) -> Server:
    """A Tryton that is started over a copy of the database; whoever asks for it ends it."""
    shutil.copy(database, home / "erp.sqlite")
    server = Server(tryton_home / "venv" / "bin", home)
    server.start()
    return server


@pytest.fixture
def fresh(tryton_home: Path, company_database: Path, tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """A started Tryton of one's own."""
    running: list[Server] = []

    def start() -> Server:
        home = tmp_path / f"tryton-{len(running)}"
        home.mkdir()
        running.append(copied(tryton_home, company_database, home))
        return running[-1]

    yield start
    for server in running:
        server.kill()
