"""The event store when things go wrong: writers that race, die, hang and lie; a database that goes away."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from random import Random
from typing import TypeVar

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo

from adapters.event_store import Ledger, LedgerBusy, LedgerUnavailable, Outcome, Prepared, UnreadableEvent, Verified, chain, datastore
from adapters.event_store.datastore import LedgerDatastore
from adapters.event_store.recorder import MOST_BYTES, LedgerRecorder
from tests.adapters.appending import numbered, told
from tests.conftest import RunSql

ROOT = Path(__file__).parents[2]
Answer = TypeVar("Answer")


def within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """What `work` returns; fails where it hangs."""
    answers: Queue[Answer | BaseException] = Queue()

    def carry() -> None:
        try:
            answers.put(work())
        except BaseException as error:
            answers.put(error)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"hangs after {seconds} s"
    answer = answers.get()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def writer(database: str, schema: str, name: str, facts: int, batch: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.adapters.appending", database, schema, name, str(facts), str(batch)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_tailing_reader_sees_every_event_of_racing_writers_in_order(ledger: Ledger, database: str, schema: str) -> None:
    seen: list[int] = []
    enough = threading.Event()

    def tail() -> None:
        while not enough.is_set() or seen[-1] < ledger.head():
            if ledger.wait(len(seen), timeout=0.1):
                seen.extend(event.position for event in ledger.notifications(seen[-1] if seen else 0, limit=40))

    reader = threading.Thread(target=tail)
    reader.start()
    writers = [writer(database, schema, name, facts=420, batch=batch) for name, batch in (("a", 1), ("b", 7), ("c", 42))]
    library = LedgerRecorder(LedgerDatastore(database, schema))
    for number in range(100):
        one = numbered("library", number)
        state = b'{"recorded_at":"2026-11-21T03:31:28.123456Z",' + one.tail
        library.insert_events([StoredEvent(one.stream, number % 10 + 1, one.topic, state)])
    library.datastore.close()
    for process in writers:
        process.communicate(timeout=30)
        assert process.returncode == 0
    enough.set()
    reader.join(10)

    assert seen == list(range(1, 3 * 420 + 100 + 1))
    assert ledger.verify_chain().broken is None


def test_writers_killed_amid_appending_leave_whole_batches_and_the_rest_is_recorded_once(
    ledger: Ledger, database: str, schema: str, run_sql: RunSql
) -> None:
    random, facts, batch = Random(11), 3_000, 60
    for _ in range(5):
        process = writer(database, schema, "a", facts, batch)
        assert process.stdout
        for _ in range(random.randint(1, 6)):
            process.stdout.readline()
        time.sleep(random.uniform(0, 0.01))
        process.kill()
        process.communicate()
        assert run_sql("SELECT DISTINCT count(*) FROM event_log GROUP BY state ->> 'cause'") == [(batch,)]
        assert ledger.head() < facts

    process = writer(database, schema, "a", facts, batch)
    process.communicate(timeout=30)

    assert process.returncode == 0
    assert ledger.head() == facts
    assert run_sql("SELECT count(DISTINCT state -> 'fact' ->> 'refund') FROM event_log") == [(facts,)]
    assert run_sql("SELECT count(*), max(position) FROM fact_keys") == [(2 * facts, facts)]
    assert run_sql("SELECT count(*) FROM event_log GROUP BY stream HAVING max(version) <> count(*)") == []
    assert ledger.verify_chain().broken is None


def bulky(number: int, lines: int) -> Prepared:
    """About 2 kB a line."""
    row = {"sku": "JKT", "quantity": 1, "items": "1.00", "tax": "0.20", "reason": "x" * 2_000}
    return told("Initiated", source_id=None, lines=[{**row, "line": str(line)} for line in range(lines)], **{"return": f"big-{number}"})


def test_five_megabytes_are_appended_in_parts(ledger: Ledger, run_sql: RunSql) -> None:
    prepared = [bulky(number, lines=100) for number in range(25)]
    assert sum(len(one.tail) for one in prepared) > 5_000_000

    appended = within(20, lambda: ledger.append(prepared))

    assert [one.position for one in appended] == list(range(1, 26))
    assert [one.outcome for one in within(20, lambda: ledger.append(prepared))] == [Outcome.KNOWN] * 25
    parts = run_sql("SELECT sum(octet_length(state)) FROM stored_events GROUP BY substring(state FROM 1 FOR 44)")
    assert len(parts) == 7
    assert max(size for (size,) in parts) < 1_100_000
    assert [event.position for event in ledger.notifications(0, max_bytes=1_000_000)] == [1, 2, 3, 4, 5]


def test_one_enormous_fact_is_recorded(ledger: Ledger) -> None:
    enormous = bulky(1, lines=1_000)
    row = enormous.tail.replace(b"x" * 2_000, b"x" * 5_000)
    assert len(row) > MOST_BYTES

    appended = within(20, lambda: ledger.append([numbered("a", 1), enormous._replace(tail=row), numbered("a", 2)]))

    assert [one.outcome for one in appended] == [Outcome.RECORDED] * 3
    assert ledger.verify_chain().broken is None


def test_megabytes_through_the_librarys_way_in_do_not_hang(database: str, schema: str, ledger: Ledger) -> None:
    library = LedgerRecorder(LedgerDatastore(database, schema))
    events = [StoredEvent("policy/x", version, "policy.changed", bytes(130_000)) for version in range(1, 31)]

    assert within(20, lambda: library.insert_events(events)) == list(range(1, 31))
    library.datastore.close()


def test_a_writer_that_holds_the_log_too_long_is_named_and_the_same_call_works_afterwards(database: str, schema: str) -> None:
    with Ledger(database, schema, lambda: datetime.now(UTC), lock_seconds=0.1) as ledger:
        ledger.migrate()
        with psycopg.connect(database) as holder:
            holder.execute(psycopg.sql.SQL("LOCK TABLE {}.append_turn IN EXCLUSIVE MODE").format(psycopg.sql.Identifier(schema)))
            with pytest.raises(LedgerBusy, match=r"held the log for 0\.1 s\. Nothing was recorded; try again"):
                within(5, lambda: ledger.append([told("Received")]))
            assert ledger.head() == 0  # readers are never locked out

        assert [one.outcome for one in ledger.append([told("Received")])] == [Outcome.RECORDED]


def test_writers_do_not_wait_for_vacuum(database: str, schema: str) -> None:
    with Ledger(database, schema, lambda: datetime.now(UTC), lock_seconds=0.1) as ledger:
        ledger.migrate()
        with psycopg.connect(database) as vacuum:
            lock = "LOCK TABLE {}.stored_events IN SHARE UPDATE EXCLUSIVE MODE"  # what VACUUM and ANALYZE take
            vacuum.execute(psycopg.sql.SQL(lock).format(psycopg.sql.Identifier(schema)))
            assert [one.outcome for one in within(5, lambda: ledger.append([told("Received")]))] == [Outcome.RECORDED]


def test_lost_connections_are_made_again(database: str, schema: str, run_sql: RunSql) -> None:
    with Ledger(make_conninfo(database, application_name=schema), schema, lambda: datetime.now(UTC)) as ledger:
        ledger.migrate()
        ledger.append([numbered("a", 1)])
        for number in (2, 3):
            assert run_sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s", schema)[0][0] > 0
            assert [one.outcome for one in ledger.append([numbered("a", number)])] == [Outcome.RECORDED]
        run_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", schema)
        assert ledger.head() == 3


def test_a_database_that_is_not_there_is_told_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datastore, "CONNECT_SECONDS", 0.2)
    with (
        Ledger(f"postgresql:///none?host={tmp_path}", "none", lambda: datetime.now(UTC)) as ledger,
        pytest.raises(LedgerUnavailable, match=r"cannot be reached: .*No such file or directory"),
    ):
        within(10, ledger.head)


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), '164.10', '64.10'), 'UTF8') WHERE {at} = 7", 7),
        ("UPDATE stored_events SET topic = 'return.expired' WHERE {at} = 10", 10),
        ("UPDATE stored_events SET chain = sha256(chain) WHERE {at} = 3", 3),
        ("DELETE FROM stored_events WHERE {at} = 5", 5),
        ("DELETE FROM stored_events WHERE {at} BETWEEN 4 AND 9", 4),
        ("DELETE FROM stored_events WHERE {at} >= 24", 24),
        ("UPDATE stored_events SET {at} = 33 - {at} WHERE {at} IN (16, 17); --", 16),
    ],
)
def test_tampering_is_found_and_the_event_named(
    ledger: Ledger, run_sql: RunSql, monkeypatch: pytest.MonkeyPatch, tampering: str, broken: int
) -> None:
    monkeypatch.setattr(chain, "STEP", 4)
    ledger.append([numbered("a", number) for number in range(25)])
    told_so_far: list[tuple[int, int]] = []
    whole = ledger.verify_chain(lambda done, total: told_so_far.append((done, total)))
    assert (whole.broken, whole.count) == (None, 25)
    assert told_so_far == [(4, 25), (8, 25), (12, 25), (16, 25), (20, 25), (24, 25), (25, 25)]

    if "16, 17" in tampering:  # a unique index forbids to swap two rows in one go
        for old, new in ((16, -1), (17, 16), (-1, 17)):
            run_sql("UPDATE stored_events SET notification_id = %s WHERE notification_id = %s", new, old)
    else:
        run_sql(tampering.format(at="notification_id"))

    verified = ledger.verify_chain()
    assert (verified.broken, verified.count) == (broken, broken - 1)
    assert verified.seal != whole.seal


def test_an_empty_log_is_whole(ledger: Ledger) -> None:
    assert ledger.verify_chain() == Verified(None, 0, "00" * 32)


def test_an_event_that_cannot_be_read_is_named(ledger: Ledger, run_sql: RunSql) -> None:
    ledger.append([numbered("a", 0), numbered("a", 1)])
    run_sql("UPDATE stored_events SET topic = 'return.teleported' WHERE notification_id = 2")

    with pytest.raises(UnreadableEvent, match=r"Event 2 of return/acme/returngo/a-0 .* upgrade") as unreadable:
        ledger.notifications(0)
    assert unreadable.value.position == 2
    assert [one.position for one in ledger.notifications(0, limit=1)] == [1]
