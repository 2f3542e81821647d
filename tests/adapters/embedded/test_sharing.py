"""Processes share one server, by leases: the first starts it, the last stops it, and whoever dies has left."""

import os
import signal
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from adapters.postgres import Embedded, EmbeddedError
from tests.adapters.embedded.clients import keep, kept, kill, leave, line, servers, start_client


def test_processes_that_start_at_once_share_one_server_and_the_last_stops_it(place: Path) -> None:
    clients = [start_client(place / "data") for _ in range(4)]
    (url,) = {line(client) for client in clients}
    assert len(servers(place)) == 1
    number = keep(url)
    for client in clients[:3]:
        assert leave(client) == "left"
        assert number in kept(url)
    assert leave(clients[3]) == "left"
    assert servers(place) == []


def test_processes_that_leave_at_once_leave_no_server(house: Path) -> None:
    clients = [start_client(house) for _ in range(4)]
    assert all(line(client).startswith("postgresql://") for client in clients)
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("\n")
        client.stdin.flush()
    assert {leave(client) for client in clients} == {"left"}
    assert servers(house) == []


def test_two_inside_one_process_share_one_server(house: Path) -> None:
    with Embedded(house) as outer:
        with Embedded(house) as inner:
            assert inner.url == outer.url
        number = keep(outer.url)
        with pytest.raises(EmbeddedError, match="already inside"), outer:
            pytest.fail("it was let in")
        assert number in kept(outer.url)
    assert servers(house) == []


def test_a_server_whose_processes_were_killed_is_shared_by_the_next_and_stopped_with_it(house: Path) -> None:
    client = start_client(house)
    number = keep(line(client))
    kill(client)
    left_behind = servers(house)
    assert len(left_behind) == 1
    with Embedded(house) as embedded:
        assert servers(house) == left_behind
        assert number in kept(embedded.url)
    assert servers(house) == []


def test_neither_a_killed_process_nor_an_open_session_keeps_the_server_up(house: Path) -> None:
    client = start_client(house)
    session = psycopg.connect(line(client))
    with Embedded(house):
        session.execute("select 1")  # in the middle of a transaction
        kill(client)
    assert servers(house) == []
    session.close()


def test_a_forked_child_has_no_part_in_the_lease(house: Path) -> None:
    client = start_client(house, forking=True)
    child = int(line(client))
    line(client)
    try:
        kill(client)
        with Embedded(house):
            assert psutil.pid_exists(child)
        assert servers(house) == []
    finally:
        os.kill(child, signal.SIGKILL)
