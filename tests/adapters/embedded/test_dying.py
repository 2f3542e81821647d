"""Servers and processes that are killed, and Ctrl-C at any moment: what was committed comes back, and no server is left."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from adapters.postgres import Embedded
from tests.adapters.embedded.clients import AS_ROOT, accepts, eventually, keep, kept, kill, line, opened, servers, start_client


def test_a_killed_server_comes_back_with_everything_committed(house: Path) -> None:
    with Embedded(house) as first:
        number = keep(first.url)
        busy = psycopg.connect(first.url, autocommit=True)
        # In a tight loop a backend does not notice that its postmaster has died, and would keep the next one from starting.
        busy.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        servers(house)[0].kill()
        eventually(lambda: not accepts(first.url))
        with Embedded(house) as second:
            assert second.url == first.url
            assert number in kept(first.url)
        assert keep(first.url) in kept(first.url)
        busy.close()
    assert servers(house) == []


def test_a_server_whose_socket_was_swept_away_comes_back(house: Path) -> None:
    with Embedded(house) as first:
        number = keep(first.url)
        (house / "postgres" / ".s.PGSQL.5432").unlink()
        with Embedded(house) as second:
            assert number in kept(second.url)


@pytest.mark.parametrize("stranger_lives", [True, False])
def test_a_pid_that_is_gone_or_somebody_elses_by_now_is_not_taken_for_the_server(house: Path, stranger_lives: bool) -> None:
    home = house / "postgres"
    client = start_client(house)
    number = keep(line(client))
    servers(house)[0].kill()
    kill(client)
    eventually(lambda: servers(house) == [])
    # A process of the server's own user: that is what PostgreSQL itself would take for a living server.
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=home.stat().st_uid if AS_ROOT else None)
    try:
        if not stranger_lives:
            stranger.kill()
            stranger.wait()
        for stale in (home / "cluster" / "postmaster.pid", home / ".s.PGSQL.5432.lock"):
            stale.write_text(re.sub(r"^\d+", str(stranger.pid), stale.read_text()))
        with Embedded(house) as embedded:
            assert number in kept(embedded.url)
        assert (stranger.poll() is None) == stranger_lives
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.06, 0.1, 0.15])
def test_ctrl_c_while_it_starts_leaves_no_server(house: Path, moment: float) -> None:
    client = start_client(house)
    eventually(lambda: opened(house / "postgres" / "start.lock", client))
    time.sleep(moment)
    os.killpg(client.pid, signal.SIGINT)
    assert client.wait(timeout=10) != 0
    assert servers(house) == []


def test_ctrl_c_ends_us_but_not_the_server_that_others_use(house: Path) -> None:
    client = start_client(house)
    url = line(client)
    with Embedded(house):
        os.killpg(client.pid, signal.SIGINT)
        assert client.wait(timeout=5) != 0
        assert keep(url) in kept(url)
    assert servers(house) == []


def test_not_even_impatience_leaves_a_server(house: Path) -> None:
    client = start_client(house)
    line(client)
    for _ in range(5):
        with suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGINT)
        time.sleep(0.03)
    client.wait(timeout=10)
    assert servers(house) == []
