"""The event store: each fact is recorded once, in one sealed order, and read back as it was told."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.event_store import Appended, BatchTooLarge, Ledger, Outcome, Prepared, prepare
from adapters.event_store.datastore import LedgerDatastore
from adapters.event_store.recorder import LedgerRecorder
from domain.telling import read_telling, write_telling
from tests.adapters.appending import numbered, told
from tests.conftest import RunSql
from tests.examples import CONTRACT_EXAMPLES, EXAMPLES
from tests.oracle import identity as oracle

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def outcomes(appended: list[Appended]) -> list[str]:
    return [one.outcome.value for one in appended]


def test_every_fact_is_read_back_as_it_was_told(ledger: Ledger) -> None:
    appended = ledger.append([prepare(telling, f"import:facts.jsonl:{line}") for line, telling in enumerate(EXAMPLES.values(), 1)])

    assert {one.outcome for one in appended} == {Outcome.RECORDED}
    assert [one.position for one in appended] == list(range(1, len(EXAMPLES) + 1))
    assert ledger.head() == len(EXAMPLES)
    events = ledger.notifications(0)
    assert [(one.key, one.fact, one.occurred_at, one.source_id, one.by) for one in events] == [
        (telling.key, telling.fact, telling.occurred_at, telling.source_id, telling.by) for telling in EXAMPLES.values()
    ]
    assert [(one.position, one.version, one.cause) for one in events] == [
        (one.position, one.version, f"import:facts.jsonl:{one.position}") for one in appended
    ]
    assert len({one.recorded_at for one in events}) == 1  # one transaction, one moment


def test_a_return_is_read_by_version_and_many_at_once(ledger: Ledger) -> None:
    prepared = [numbered("a", number) for number in range(25)]
    for one in prepared:
        ledger.append([one])

    streams = ["return/acme/returngo/a-0", "return/acme/returngo/a-2", "return/acme/returngo/none"]
    assert [one.version for one in ledger.events(streams[0])] == list(range(1, 11))
    assert [one.fact for one in ledger.events(streams[1])] == [one.telling.fact for one in prepared[20:]]
    assert {stream: len(events) for stream, events in ledger.events_of(streams).items()} == dict(zip(streams, (10, 5, 0), strict=True))
    assert ledger.events_of([]) == {}
    assert ledger.append([]) == []


def test_a_fact_told_again_is_known_however_it_is_written(ledger: Ledger) -> None:
    first = ledger.append([told("WrittenOff", occurred_at="2026-10-07T15:31:00Z"), told("Refunded", source_id=None)])
    money = {"fees": "-2.50", "items": "138.83", "shipping": "0.00", "tax": "27.77", "total": "164.1"}
    again = [
        told("WrittenOff", occurred_at="2026-10-07T16:31:00+01:00", by="someone else"),
        told("Refunded", source_id=None, amount=money),
        told("Refunded", source_id="re_77", amount=money),  # known by its refund's id
    ]

    appended = ledger.append(again)

    assert outcomes(appended) == ["known"] * 3
    assert [one.position for one in appended] == [first[0].position, first[1].position, first[1].position]
    assert ledger.head() == 2


def test_repeats_within_a_batch_are_known(ledger: Ledger) -> None:
    appended = ledger.append([told("Received"), told("Received"), told("Cancelled"), told("Received")])

    assert outcomes(appended) == ["recorded", "known", "recorded", "known"]
    assert [one.version for one in appended] == [1, None, 1, None]
    assert [one.position for one in appended] == [1, 1, 2, 1]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two batches"])
def test_the_same_fact_with_other_content_is_a_conflict_that_shows_what_was_recorded(ledger: Ledger, together: bool) -> None:
    first, other = told("Refunded"), told("Refunded", amount={"total": "164.11"})
    appended = ledger.append([first, other]) if together else ledger.append([first]) + ledger.append([other])

    assert outcomes(appended) == ["recorded", "conflict"]
    assert appended[1].conflict_with == write_telling(first.telling)
    assert appended[1].conflict_with == {**CONTRACT_EXAMPLES["Refunded"], "amount": {"items": "138.83", "tax": "27.77"} | REST_OF_AMOUNT}
    assert (appended[1].position, ledger.head()) == (1, 1)


REST_OF_AMOUNT = {"shipping": "0.00", "fees": "-2.50", "total": "164.10"}


@pytest.mark.parametrize(
    ("name", "first", "second", "outcome"),
    [
        ("Received", {"source_id": "s1"}, {"source_id": "s1", "return": "RMA-2"}, "conflict"),
        ("Received", {"source_id": "s1"}, {"source_id": "s1", "platform": "reveni"}, "recorded"),
        ("Received", {"source_id": "s1"}, {"source_id": "s1", "merchant": "other"}, "recorded"),
        ("Received", {"source_id": "s1"}, {"source_id": "s2"}, "recorded"),
        ("Received", {}, {"location": "elsewhere"}, "recorded"),
        ("Initiated", {}, {"source_id": None, "order": "SO-1"}, "conflict"),
        ("Initiated", {}, {"source_id": None}, "known"),
        ("Refunded", {}, {"source_id": "other", "method": "gift_card"}, "conflict"),
        ("Refunded", {}, {"source_id": "other", "method": "gift_card", "return": "RMA-2"}, "recorded"),
        ("CreditNoted", {}, {"amount": {"total": "1.00"}}, "conflict"),
        ("CreditNoted", {}, {"amount": {"total": "1.00"}, "erp": "linnworks"}, "recorded"),
        ("CreditNoted", {}, {"amount": {"total": "1.00"}, "return": "RMA-2"}, "recorded"),
    ],
)
def test_what_is_the_same_fact(ledger: Ledger, name: str, first: dict[str, Any], second: dict[str, Any], outcome: str) -> None:
    ledger.append([told(name, **first)])

    assert outcomes(ledger.append([told(name, **second)])) == [outcome]


def test_a_refused_fact_leaves_no_trace(ledger: Ledger) -> None:
    ledger.append([told("Refunded", source_id="s1")])
    assert outcomes(ledger.append([told("Refunded", source_id="s2", method="gift_card")])) == ["conflict"]

    assert outcomes(ledger.append([told("Refunded", source_id="s2", refund="RF-2")])) == ["recorded"]


def test_what_was_recorded_later_was_recorded_at_a_later_moment_even_when_the_clock_goes_back(database: str, schema: str) -> None:
    readings = [NOON, NOON - timedelta(hours=1), NOON, NOON + timedelta(seconds=1)]
    clock = iter(readings)
    with Ledger(database, schema, lambda: next(clock)) as ledger:
        ledger.migrate()
        for number in range(len(readings)):
            ledger.append([numbered("a", number)])

        recorded_at = [one.recorded_at for one in ledger.notifications(0)]

    tick = timedelta(microseconds=1)
    assert recorded_at == [NOON, NOON + tick, NOON + 2 * tick, NOON + timedelta(seconds=1)]


def test_notifications_are_read_by_number_and_by_bytes(ledger: Ledger) -> None:
    prepared = [numbered("a", number) for number in range(10)]
    ledger.append(prepared)
    of_three = 3 * (len(prepared[0].tail) + len('{"recorded_at":"2026-11-21T03:31:28.123456Z",'))

    assert [one.position for one in ledger.notifications(4, limit=3)] == [5, 6, 7]
    assert [one.position for one in ledger.notifications(0, 100, max_bytes=1)] == [1]
    assert [one.position for one in ledger.notifications(0, 100, max_bytes=of_three)] == [1, 2, 3]
    assert [one.position for one in ledger.notifications(0, 100, max_bytes=of_three + 1)] == [1, 2, 3, 4]
    assert ledger.notifications(10) == []


def test_waiting_ends_with_the_next_event_or_the_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.event_store.ledger.POLL_SECONDS", 60)
    assert not ledger.wait(0, timeout=0.05)
    ledger.append([numbered("a", 0)])
    assert ledger.wait(0, timeout=0)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(ledger.wait, 1, 20)
        assert not waiting.done()
        ledger.append([numbered("a", 1)])
        assert waiting.result(5)


def test_waiting_does_not_rely_on_notify(ledger: Ledger, run_sql: RunSql) -> None:
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(ledger.wait, 0, 20)
        run_sql("INSERT INTO stored_events VALUES ('return/a/b/c', 1, 'return.expired', '{}', 1, '')")
        assert waiting.result(5)


def test_auditors_read_the_log_in_sql(ledger: Ledger, run_sql: RunSql) -> None:
    ledger.append([told("ScannedAtReturnBar"), told("Refunded")])

    rows = run_sql("SELECT position, stream, version, topic, occurred_at, state #>> '{fact,amount,total}' FROM event_log ORDER BY position")

    assert rows == [
        (1, "return/acme/happy_returns/HR%2F88-2", 1, "return.scanned_at_return_bar", datetime(2026, 10, 3, 23, 5, 12, tzinfo=UTC), None),
        (2, "return/acme/returngo/RMA-1001", 1, "return.refunded", datetime(2026, 10, 7, 12, tzinfo=UTC), "164.10"),
    ]
    assert run_sql("SELECT DISTINCT recorded_at FROM event_log") == [(ledger.notifications(0)[0].recorded_at,)]


def test_two_schemas_of_one_database_do_not_meet(ledger: Ledger, database: str, schema: str) -> None:
    other_schema = f'{schema} of "another" house'
    with Ledger(database, other_schema, lambda: NOON) as other:
        other.migrate()
        try:
            ledger.append([told("Refunded")])
            assert outcomes(other.append([told("Refunded", method="gift_card"), told("Received")])) == ["recorded", "recorded"]
            assert (ledger.head(), other.head()) == (1, 2)
            assert not ledger.wait(1, 0.1)
        finally:
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(other_schema)))


def test_workers_may_race_to_make_the_tables(database: str, schema: str) -> None:
    start = threading.Barrier(6)

    def work(number: int) -> list[Appended]:
        with Ledger(database, schema, lambda: NOON) as ledger:
            start.wait()
            ledger.migrate()
            return ledger.append([numbered("a", number)])

    with ThreadPoolExecutor(6) as threads:
        appended = [one for batch in threads.map(work, range(6)) for one in batch]
    assert sorted(one.position for one in appended) == [1, 2, 3, 4, 5, 6]


def test_a_cause_that_is_no_text_is_spelled_out(ledger: Ledger) -> None:
    ledger.append([told("Expired", cause=b"import:r\xfcck.csv".decode(errors="surrogateescape"))])

    assert ledger.notifications(0)[0].cause == "import:r\\udcfcck.csv"


def test_the_library_works_on_the_same_log(ledger: Ledger, database: str, schema: str) -> None:
    datastore = LedgerDatastore(database, schema)
    recorder = LedgerRecorder(datastore)
    try:
        ledger.append([told("Received")])
        assert recorder.insert_events([StoredEvent("policy/x", version, "policy.changed", b"{}") for version in (1, 2)]) == [2, 3]
        with pytest.raises(IntegrityError):
            recorder.insert_events([StoredEvent("policy/x", 2, "policy.changed", b"{}")])
        with recorder.subscribe(gt=1) as subscription:
            assert [next(subscription).id, next(subscription).id] == [2, 3]
            ledger.append([told("Expired")])
            assert next(subscription).topic == "return.expired"
        assert [one.originator_version for one in recorder.select_events("policy/x")] == [1, 2]
        assert [one.id for one in recorder.select_notifications(2, 10)] == [2, 3, 4]
        assert recorder.max_notification_id() == 4
        with pytest.raises(BatchTooLarge, match="4200000 bytes"):
            recorder.insert_events([StoredEvent("policy/x", version, "policy.changed", bytes(600_000)) for version in range(3, 10)])
        assert (ledger.verify_chain().broken, ledger.verify_chain().count) == (None, 4)
    finally:
        datastore.close()


VARIANTS: list[dict[str, Any]] = [
    *CONTRACT_EXAMPLES.values(),
    {**CONTRACT_EXAMPLES["Refunded"], "source_id": None, "amount": {**CONTRACT_EXAMPLES["Refunded"]["amount"], "fees": "-2.50"}},
    {**CONTRACT_EXAMPLES["Refunded"], "source_id": "re_2", "amount": {"total": "9.00"}},
    {**CONTRACT_EXAMPLES["Refunded"], "source_id": "re_2", "refund": "RF-2"},
    {**CONTRACT_EXAMPLES["Refunded"], "return": "RMA-2"},
    {**CONTRACT_EXAMPLES["CreditNoted"], "source_id": "rg-5501"},
    {**CONTRACT_EXAMPLES["CreditNoted"], "amount": {"total": "166.60"}},
    {**CONTRACT_EXAMPLES["Initiated"], "source_id": None, "occurred_at": "2026-10-02T08:30:00Z"},
    {**CONTRACT_EXAMPLES["Expired"], "occurred_at": "2026-11-01T02:00:00+02:00"},
    {**CONTRACT_EXAMPLES["Expired"], "source_id": "x1"},
]


@given(batches=st.lists(st.lists(st.integers(0, len(VARIANTS) - 1), min_size=1, max_size=12), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_any_batches_record_what_the_oracle_says(ledger: Ledger, run_sql: RunSql, batches: list[list[int]]) -> None:
    run_sql("TRUNCATE stored_events, fact_keys")
    rows = [[{field: value for field, value in VARIANTS[index].items() if value is not None} for index in batch] for batch in batches]
    appended = [one for batch in rows for one in ledger.append([prepare(read_telling(row), "test") for row in batch])]

    expected = oracle.distinct(row for batch in rows for row in batch)
    assert [one.fact for one in ledger.notifications(0)] == [read_telling(row).fact for row in expected.recorded]
    said = outcomes(appended)
    assert [said.count(outcome) for outcome in ("recorded", "known", "conflict")] == [len(facts) for facts in expected]
    kept = [read_telling(conflict.kept) for conflict in expected.conflicts]
    assert [read_telling(one.conflict_with) for one in appended if one.conflict_with] == kept
    assert ledger.verify_chain().broken is None


@given(order=st.permutations(range(30)), cuts=st.lists(st.integers(0, 45), max_size=5), repeats=st.lists(st.integers(0, 29), max_size=15))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_permutation_any_splitting_and_any_repeats_record_the_same_set(
    ledger: Ledger, run_sql: RunSql, order: list[int], cuts: list[int], repeats: list[int]
) -> None:
    run_sql("TRUNCATE stored_events, fact_keys")
    facts: list[Prepared] = [numbered("a", number) for number in [*order, *repeats]]
    edges = [0, *sorted(cuts), len(facts)]
    for first, last in pairwise(edges):
        ledger.append(facts[first:last])

    events = ledger.notifications(0)
    assert {one.digest for one in events} == {one.identity.content for one in facts}
    assert [one.position for one in events] == list(range(1, 31))
