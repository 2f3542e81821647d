"""Processes that use an embedded PostgreSQL, to be started, left and killed; and what they kept in it."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from adapters.postgres import Embedded, EmbeddedError

ROOT = Path(__file__).parents[3]
AS_ROOT = sys.platform != "win32" and os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="what root may not do is tested as root")
numbers = itertools.count(1)
started: list[subprocess.Popen[str]] = []

# Everything is imported before the user changes: the interpreter may lie where only root can read.
CLIENT = """
import os, pathlib, sys, time, encodings.idna, psycopg
from adapters.postgres import Embedded, EmbeddedError
data_dir, user, group, forking = sys.argv[1:]
if user:
    os.setgroups([]); os.setgid(int(group)); os.setuid(int(user))
try:
    with Embedded(pathlib.Path(data_dir)) as embedded:
        if forking:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            print(child, flush=True)
        print(embedded.url, flush=True)
        sys.stdin.readline()
    print("left", flush=True)
except EmbeddedError as error:
    print("refused:", error, flush=True)
"""


class reachable_directory:
    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="ledger-", dir="/tmp"))  # a short way, whatever TMPDIR says
        self.path.chmod(0o755)
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


def servers(place: Path) -> list[psutil.Process]:
    """The postmasters whose cluster is below `place`."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.exe()).name.startswith("postgres") and place in Path(process.cwd()).parents:
                found[process.pid] = process.ppid(), process
    return [process for parent, process in found.values() if parent not in found]


def start_client(data_dir: Path, *, user: str = "", forking: bool = False, packages: Path | None = None) -> subprocess.Popen[str]:
    import pwd  # not there on Windows, whose tests these are not

    ids = [str(part) for part in pwd.getpwnam(user)[2:4]] if user else ["", ""]
    misleading = {"PGPORT": "1", "PGDATA": "/nowhere"}  # PostgreSQL's programs would obey these
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(data_dir), *ids, "forking" if forking else ""],
        cwd=ROOT,
        env=os.environ | misleading | ({"PYTHONPATH": str(packages)} if packages else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started.append(client)
    return client


def line(client: subprocess.Popen[str]) -> str:
    assert client.stdout is not None
    return client.stdout.readline().strip()


def leave(client: subprocess.Popen[str]) -> str:
    return client.communicate("\n", timeout=30)[0].strip()


def kill(client: subprocess.Popen[str]) -> None:
    client.kill()
    client.wait()


def eventually(happened: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def keep(url: str) -> int:
    """Commit a number that nobody has kept before."""
    number = next(numbers)
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (number int)")
        connection.execute("insert into kept values (%s)", (number,))
    return number


def kept(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("select number from kept")}


def accepts(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def opened(file: Path, client: subprocess.Popen[str]) -> bool:
    return any(held.path == str(file) for held in psutil.Process(client.pid).open_files())


def refusal(data_dir: Path) -> str:
    with pytest.raises(EmbeddedError) as refused, Embedded(data_dir):
        pytest.fail("it was let in")
    return str(refused.value)
