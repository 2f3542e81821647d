"""A vendor's quota is one for all processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from adapters.inbox.quota import Rate, Turns, take
from adapters.vendor.answers import VendorTrouble
from tests.adapters.inbox.conftest import Bench


def test_a_burst_and_then_one_after_the_other(bench: Bench) -> None:
    with bench.house.connection() as conn:
        assert [take(conn, "a", 10, 3) for _ in range(3)] == [0, 0, 0]
        wait = take(conn, "a", 10, 3)
        assert 0 < wait <= 0.102
        assert take(conn, "b", 10, 3) == 0, "each account has its own"
        time.sleep(wait)
        assert take(conn, "a", 10, 3) == 0
        assert take(conn, "a", 10, 3) > 0
        time.sleep(0.5)
        assert [take(conn, "a", 10, 3) > 0 for _ in range(4)] == [False, False, False, True], "no more than the burst is saved up"


def test_waiting_takes_as_long_as_it_takes(bench: Bench) -> None:
    turns = Turns(bench.house.pool, "c", Rate(20, timedelta(seconds=1), 1), threading.Event())
    begun = time.monotonic()
    for _ in range(11):
        turns()
    assert 0.45 <= time.monotonic() - begun < 3


def test_nobody_waits_for_long(bench: Bench) -> None:
    turns = Turns(bench.house.pool, "d", Rate(1, timedelta(minutes=1), 1), threading.Event())
    turns()
    with pytest.raises(VendorTrouble, match="quota") as trouble:
        turns()
    assert trouble.value.retry_after_seconds is not None
    assert 50 < trouble.value.retry_after_seconds <= 61


def test_who_waits_hears_that_the_house_stops(bench: Bench) -> None:
    stop = threading.Event()
    turns = Turns(bench.house.pool, "e", Rate(1, timedelta(seconds=4), 1), stop)
    turns()
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(VendorTrouble, match="stopping"):
        turns()
    assert time.monotonic() - begun < 2


def test_two_processes_share_one_quota(bench: Bench) -> None:
    rate, seconds = 40, 1.5
    with bench.house.connection() as conn:
        conn.execute("CREATE TABLE began (at timestamptz)")
    command = [sys.executable, "-m", "tests.adapters.inbox.test_quota", bench.house.url, bench.house.schema, str(rate), str(seconds)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) for _ in range(2)]
    taken = [int(one.communicate(timeout=60)[0]) for one in racing]
    with bench.house.connection() as conn:
        found = conn.execute("SELECT extract(epoch FROM max(updated_at) - (SELECT min(at) FROM began)) FROM api_quota").fetchone()
    assert found is not None
    assert all(taken)
    assert sum(taken) <= 5 + rate * float(found[0]) + 1


def main(url: str, schema: str, rate: str, seconds: str) -> None:
    """Take as many calls as there are to be had in so many seconds; the number is printed."""
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={schema}") as conn:
        conn.execute("INSERT INTO began VALUES (clock_timestamp())")
        ends, taken = time.monotonic() + float(seconds), 0
        while time.monotonic() < ends:
            taken += take(conn, "shared", float(rate), 5) == 0
    print(taken)


if __name__ == "__main__":
    main(*sys.argv[1:])
