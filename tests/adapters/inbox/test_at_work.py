"""The inbox at work, in processes that are killed, stopped and run beside each other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from adapters.inbox.queue import MOST_ROWS
from adapters.inbox.store import arrive, store_statement
from adapters.platforms.port import Delivery, Label
from api.bootstrap import clock
from tests.adapters.inbox.conftest import Bench, received

ROOT = Path(__file__).parents[3]


@contextmanager
def working(bench: Bench, data_dir: Path, *more: str, name: str = "uk") -> Iterator[subprocess.Popen[str]]:
    module = [sys.executable, "-m", "tests.adapters.inbox.working"]
    # Named, so that a test can cut its connections and nobody else's.
    url = make_conninfo(bench.house.url, application_name=bench.house.schema)
    command = [*module, str(data_dir), url, bench.house.schema, bench.vendor.url, name, *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def deliver_many(bench: Bench, count: int, name: str = "uk") -> None:
    arrivals = []
    for n in range(count):
        delivery = Delivery(name, "news", clock(), {}, json.dumps({"facts": [received(f"R-{n}")]}).encode())
        arrivals.append(arrive(delivery, "acme", Label("news", str(n)), bench.seal))
    with bench.house.connection() as conn:
        for first in range(0, count, 500):
            conn.execute(*store_statement(arrivals[first : first + 500]))


def states(bench: Bench) -> dict[str, int]:
    with bench.house.connection() as conn:
        return dict(conn.execute("SELECT state, count(*) FROM inbox GROUP BY state").fetchall())


def wait_for(bench: Bench, wanted: dict[str, int], seconds: float = 60) -> float:
    begun = time.monotonic()
    while states(bench) != wanted:
        assert time.monotonic() - begun < seconds, states(bench)
        time.sleep(0.05)
    return time.monotonic() - begun


def test_a_burst_while_nobody_works_is_worked_off_without_loss(bench: Bench, tmp_path: Path) -> None:
    deliver_many(bench, 2_000)
    assert states(bench) == {"pending": 2_000}
    with working(bench, tmp_path):
        wait_for(bench, {"done": 2_000})
    told = [event.key.return_id for event in bench.house.ledger.notifications(0, 10_000)]
    assert sorted(told) == sorted(f"R-{n}" for n in range(2_000))


def test_killed_between_recording_and_marking_no_fact_is_doubled(bench: Bench, tmp_path: Path) -> None:
    count = MOST_ROWS + 100
    deliver_many(bench, count)
    with working(bench, tmp_path, "1") as process:
        assert process.wait(30) == -9
    recorded = len(bench.facts())
    assert recorded == MOST_ROWS
    assert states(bench) == {"pending": count}
    with bench.house.connection() as conn:
        # Time flies: what the dead one had taken is due again after the lease.
        conn.execute("UPDATE inbox SET next_at = received_at")
    with working(bench, tmp_path):
        wait_for(bench, {"done": count})
    assert sorted(bench.facts()) == ["Received"] * count
    rows = bench.rows()
    assert sum(row["known"] for row in rows) == recorded
    assert sum(row["recorded"] for row in rows) == count - recorded


def test_two_processes_share_the_work(bench: Bench, tmp_path: Path) -> None:
    deliver_many(bench, 600)
    deliver_many(bench, 600, "de")
    with working(bench, tmp_path), working(bench, tmp_path), working(bench, tmp_path, name="de"):
        wait_for(bench, {"done": 1_200})
    assert len(bench.facts()) == 600, "both connections tell of the same returns"
    rows = bench.rows()
    assert (sum(row["recorded"] for row in rows), sum(row["known"] for row in rows)) == (600, 600)
    assert {row["attempts"] for row in rows} == {1}


def test_it_stops_at_once_though_the_vendor_does_not_answer(bench: Bench, tmp_path: Path) -> None:
    bench.vendor.silent.set()
    bench.clock.at = clock()
    for n in range(5):
        bench.deliver({"record": str(n)})
    with working(bench, tmp_path) as process:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not any(row["next_at"] != row["received_at"] for row in bench.rows()):
            time.sleep(0.05)
        time.sleep(0.3)
        process.terminate()
        # The vendor never answers; however busy the machine is, nobody waits for it.
        process.wait(10)
    with bench.house.connection() as conn:
        due = conn.execute("SELECT count(*) FROM inbox WHERE state = 'pending' AND next_at <= now() AND attempts = 0").fetchone()
    assert due == (5,), "nothing is lost, and nothing is left to wait for the end of a lease"


def test_the_database_may_go_away_for_a_while(bench: Bench, tmp_path: Path) -> None:
    with working(bench, tmp_path) as process:
        deliver_many(bench, 1)
        wait_for(bench, {"done": 1})
        with bench.house.connection() as conn:
            cut = conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (bench.house.schema,)
            ).fetchall()
        assert len(cut) > 2
        deliver_many(bench, 100)
        wait_for(bench, {"done": 100})
        assert process.poll() is None


def test_a_line_sleeps_when_there_is_nothing_to_do(bench: Bench) -> None:
    line = bench.line()
    assert [line.go() for _ in range(3)] == [0.5] * 3
