"""The outbox at work, in processes that are killed, stopped and run beside each other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from adapters.outbox.queue import LEASE
from api.bootstrap import clock
from tests.adapters.outbox.conftest import Bench

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 120.0


@contextmanager
def working(bench: Bench, tmp_path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    module = [sys.executable, "-m", "tests.adapters.outbox.working"]
    command = [*module, str(tmp_path), bench.house.url, bench.house.schema, str(bench.erp.book), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def received(bench: Bench, count: int) -> None:
    bench.at = clock() - timedelta(hours=1)
    for n in range(count):
        bench.announce(f"R-{n}", f"#{n}")
        bench.tell("Received", f"R-{n}")


def wait_for(true: Callable[[], bool], what: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < ends, what()
        time.sleep(0.1)


def all_done(bench: Bench, count: int) -> bool:
    return len(bench.rows("id", where="kind = 'post_credit_note' AND state = 'done'")) == count


def test_killed_between_sending_and_recording_it_asks_and_sends_nothing_twice(bench: Bench, tmp_path: Path) -> None:
    received(bench, 1)
    with working(bench, tmp_path, "fall") as process:
        assert process.wait(60) == -9
    written = bench.erp.documents()
    assert len(written) == 1
    assert "CreditNoted" not in bench.facts("R-0")
    with bench.house.connection() as conn:
        # Time flies: the lease of the dead one runs out.
        conn.execute("UPDATE outbox SET lease_until = lease_until - %s, sent_at = sent_at - %s", (LEASE, LEASE))
    with working(bench, tmp_path):
        wait_for(lambda: all_done(bench, 1), lambda: bench.rows("kind", "state", "answer"))
    assert Counter(row["kind"] for row in bench.erp.documents()) == {"post_credit_note": 1, "book_in": 1}
    assert [name for name in bench.facts("R-0") if name in ("OutcomeUnknown", "CreditNoted")] == ["OutcomeUnknown", "CreditNoted"]


def test_two_processes_share_the_work_and_keep_its_order(bench: Bench, tmp_path: Path) -> None:
    received(bench, 40)
    with working(bench, tmp_path), working(bench, tmp_path):
        wait_for(lambda: all_done(bench, 40), lambda: bench.rows("kind", "state", "answer"))
    kinds: dict[str, list[str]] = {}
    for row in bench.erp.documents():
        kinds.setdefault(row["return"], []).append(row["kind"])
    assert all(told[0] == "post_credit_note" and len(told) == len(set(told)) for told in kinds.values())


def test_it_stops_within_seconds(bench: Bench, tmp_path: Path) -> None:
    received(bench, 200)
    with working(bench, tmp_path) as process:
        wait_for(lambda: len(bench.erp.documents()) > 5, lambda: bench.rows("kind", "state", "answer"))
        begun = time.monotonic()
        process.terminate()
        process.wait(20)
        assert time.monotonic() - begun < 10
    assert bench.rows("id", where="lease_owner IS NOT NULL") == []
