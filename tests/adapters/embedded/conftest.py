"""Places for a cluster, and after each test no server may be left."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from adapters.postgres import Embedded
from tests.adapters.embedded.clients import reachable_directory, servers, started

# Users, signals and Unix sockets are what is tested here.
collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that any user can reach, as pytest's own is closed to all others."""
    with reachable_directory() as path:
        yield path


@pytest.fixture(scope="session")
def house() -> Iterator[Path]:
    """A data directory that has its cluster already, for all tests that need no new one."""
    with reachable_directory() as path:
        with Embedded(path / "data"):
            pass
        yield path / "data"


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    places = [request.getfixturevalue(name) for name in ("place", "house") if name in request.fixturenames]
    yield
    while started:
        client = started.pop()
        client.kill()
        client.wait()
        for pipe in (client.stdin, client.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
    left = [server for path in places for server in servers(path)]
    for server in left:
        server.kill()
    psutil.wait_procs(left, timeout=10)
    assert left == []
