"""Rebuilding: what the log tells is what stands in the read models, and swapping them disturbs nobody."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from adapters.differences import NAMES, ROW, Comparison
from adapters.projector import Projector
from adapters.read_models import TABLES
from adapters.rebuild import Report, rebuild
from adapters.side import Progress, RebuildError, open_side
from projections.gap_register import GapFilter, gap_page
from projections.moments import Moment
from projections.snapshot import IN_ORDER, snapshot
from projections.tie_out import differs, money_tie_out, unit_tie_out
from tests.adapters.proofs import SHAPE, ProofHouse, proof_house
from tests.oracle.worlds import world

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def house(database: str, schema: str) -> Iterator[ProofHouse]:
    with proof_house(database, schema, world(21, 40)) as made:
        yield made


def rebuilt(house: ProofHouse, *names: str, **options: Any) -> Report:
    return rebuild(house.url, house.schema, house.ledger, house.policies.policy_of, options.pop("shape", SHAPE), names, **options)


def compared(house: ProofHouse, *names: str) -> Comparison:
    comparison = rebuilt(house, *names, verify=True).comparison
    assert comparison is not None
    return comparison


def schemas(house: ProofHouse) -> list[str]:
    return [row[0] for row in house.ask("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s ORDER BY 1", (f"{house.schema}%",))]


@pytest.mark.parametrize("seed", range(4))
def test_what_was_folded_as_it_came_is_what_the_log_tells(database: str, schema: str, seed: int) -> None:
    """Live, facts come a few at a time and most returns have left the memory; a rebuild takes thousands at once."""
    facts, rng = world(seed, 60), random.Random(seed)
    with proof_house(database, schema) as house, house.connection() as conn:
        projector = Projector(house.ledger, conn, house.policies.policy_of, returns_in_memory=rng.choice((0, 5, 1000)))
        while facts:
            told = rng.choice((1, 3, 50))
            house.tell(facts[:told])
            facts = facts[told:]
            if rng.random() < 0.5:
                projector.catch_up()
        projector.catch_up()
        comparison = compared(house)
        assert comparison.shown == []
        assert comparison.count == 0
        assert comparison.rows > 1000


def test_a_fact_that_is_late_only_beside_its_own_batch_finds_the_whole_history(database: str, schema: str) -> None:
    """The projector remembers the return as of the 1st; one batch then tells of the 5th, and after it of the 3rd."""
    common = {"fact": "Refunded", "merchant": "acme", "platform": "shopify", "return": "R-1", "currency": "GBP", "method": "gift_card"}
    with proof_house(database, schema) as house, house.connection() as conn:
        projector = Projector(house.ledger, conn, house.policies.policy_of)
        for days in ((1,), (5, 3)):
            for day in days:
                house.tell(
                    [{**common, "refund": f"RF-{day}", "amount": {"total": f"{day}.00"}, "occurred_at": f"2026-03-0{day}T00:00:00Z"}]
                )
            projector.catch_up()
        open_now = "known_to = 'infinity' AND valid_to = 'infinity' AND kind = 'refund_without_credit_note'"
        assert house.ask(f"SELECT amount_minor FROM gaps WHERE {open_now}") == [(900,)]
        assert compared(house).shown == []


def test_a_rebuild_takes_the_place_of_the_live_read_models(house: ProofHouse) -> None:
    head = house.ledger.head()
    generation = house.ask("SELECT generation FROM projection_position")
    house.ask("DELETE FROM gaps")
    report = rebuilt(house)
    assert (report.position, report.events, report.resumed_from, report.comparison) == (head, head, 0, None)
    assert house.ask("SELECT position, shape FROM projection_position") == [(head, SHAPE)]
    assert house.ask("SELECT generation FROM projection_position") != generation
    assert house.ask("SELECT count(*) > 100 FROM gaps") == [(True,)]
    assert schemas(house) == [house.schema]
    indexes = house.ask("SELECT indexname FROM pg_indexes WHERE schemaname = %s", (house.schema,))
    assert {("gaps_open_due",), ("returns_key",), ("gaps_of_return",), ("money_moves_at",)} <= set(indexes)
    assert compared(house).count == 0


PLANTED = {
    "gaps": ("UPDATE gaps SET amount_minor = coalesce(amount_minor, 0) + 1 WHERE gap_no = 7", "amount_minor"),
    "gaps, in evidence": ("UPDATE gaps SET evidence = evidence || 1000 WHERE gap_no = 7", "evidence"),
    "gaps, linked to another return": ("UPDATE gaps SET return_no = return_no + 1 WHERE gap_no = 7", "leads_to"),
    "gaps, one too many": (
        "INSERT INTO gaps (return_no, merchant, platform, return_id, kind, line, currency, owner, evidence, explanation, opened_at, "
        "due_at, valid_from, known_from) SELECT return_no, merchant, platform, return_id, kind, line, currency, owner, evidence, "
        "explanation, opened_at, due_at, valid_from, known_from FROM gaps WHERE gap_no = 7",
        ROW,
    ),
    "gaps, one too few": ("DELETE FROM gaps WHERE gap_no = 7", ROW),
    "returns": ("UPDATE returns SET stage = 'lost' WHERE return_no = 3", "stage"),
    "returns, one too few": ("DELETE FROM returns WHERE return_no = 3", ROW),
    "money_moves": ("UPDATE money_moves SET tax = tax + 1 WHERE ctid = (SELECT min(ctid) FROM money_moves)", "tax"),
    "money_moves, twice": ("INSERT INTO money_moves SELECT * FROM money_moves LIMIT 1", "moves"),
    "unit_moves": ("UPDATE unit_moves SET held = held + 1 WHERE ctid = (SELECT min(ctid) FROM unit_moves)", "held"),
    "unit_moves, of another line": ("UPDATE unit_moves SET line = 'L9' WHERE ctid = (SELECT min(ctid) FROM unit_moves)", ROW),
    "money_balances": ("UPDATE money_balances SET credited = credited - 1 WHERE currency = 'GBP'", "credited"),
    "unit_balances": ("UPDATE unit_balances SET saleable = saleable + 1 WHERE sku = 'SKU-001'", "saleable"),
    "money_days": ("UPDATE money_days SET fees = fees + 1 WHERE ctid = (SELECT min(ctid) FROM money_days)", "fees"),
    "unit_days": ("UPDATE unit_days SET held = held + 1 WHERE sku = 'SKU-001'", "held"),
    "set_aside": ("INSERT INTO set_aside VALUES ('acme', 'shopify', 'R-1', 5, 'broken')", ROW),
}


@pytest.fixture(scope="module")
def mended(database: str) -> Iterator[ProofHouse]:
    """A house for tests that leave it as it was, as each of them rebuilds what it broke."""
    with proof_house(database, f"test_rebuild_{os.getpid()}", world(21, 40)) as made:
        try:
            yield made
        finally:
            made.ask(f"DROP SCHEMA {made.schema} CASCADE")


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_found_named_and_mended(mended: ProofHouse, planted: str) -> None:
    table = planted.partition(",")[0]
    statement, column = PLANTED[planted]
    mended.ask(statement)
    comparison = compared(mended)
    found = [difference for difference in comparison.shown if (difference.table, difference.column) == (table, column)]
    assert found, comparison.shown
    assert found[0].live != found[0].rebuilt
    assert found[0].key.get("merchant") or found[0].key["of_merchant"]
    assert str(found[0]).startswith(f"{table} (")
    assert comparison.count == len(comparison.shown)
    assert compared(mended).count == 0


def test_only_the_first_differences_are_shown_and_all_are_counted(mended: ProofHouse) -> None:
    gaps = mended.ask("UPDATE gaps SET owner = owner || '?', erp = coalesce(erp, '') || '?' RETURNING 1")
    comparison = compared(mended)
    assert len(comparison.shown) == 100
    assert comparison.count == 2 * len(gaps)


def test_names_say_what_is_compared(mended: ProofHouse) -> None:
    mended.ask("UPDATE gaps SET owner = 'nobody'")
    assert compared(mended, "returns", "journal").count == 0
    mended.ask("UPDATE money_balances SET refunded = refunded + 1")
    assert {difference.table for difference in compared(mended, "journal").shown} == {"money_balances"}
    with pytest.raises(ValueError, match="'gap' is no read model; there are returns, gaps, journal"):
        rebuilt(mended, "gap")


KILLS = [("folding", 2, ""), ("comparing gaps", 1, "verify"), ("swapping", 1, ""), ("swapping", 2, "")]


@pytest.mark.parametrize(("phase", "count", "verify"), KILLS)
def test_killed_on_the_way_it_goes_on_from_there(house: ProofHouse, phase: str, count: int, verify: str) -> None:
    arguments = [sys.executable, "-m", "tests.adapters.rebuilding", house.url, house.schema, phase, str(count), verify]
    done = subprocess.run(arguments, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    assert schemas(house) == [house.schema, f"{house.schema}_next"]
    with house.connection() as conn:
        assert not any(map(differs, money_tie_out(conn, Moment(NOW))))
    report = rebuilt(house, verify=True)
    assert report.resumed_from > 100
    assert report.comparison is not None
    assert report.comparison.count == 0
    assert schemas(house) == [house.schema]


@pytest.mark.parametrize("other", ["shape = 'older'", "position = 1000000"])
def test_what_was_left_by_another_shape_or_log_is_no_use(mended: ProofHouse, other: str) -> None:
    with open_side(mended.url, f"{mended.schema}_next", mended.ledger, mended.policies.policy_of, SHAPE, anew=True) as side:
        side.conn.execute(f"UPDATE projection_position SET {other}".encode())
    assert rebuilt(mended).resumed_from == 0
    assert compared(mended).count == 0


def test_a_projector_notices_that_the_numbers_are_others(database: str, schema: str) -> None:
    """It remembers by which number each return goes; after a rebuild the position is the same and the numbers need not be."""
    facts = world(31, 40)
    with proof_house(database, schema, facts[:200]) as house, house.connection() as conn:
        for table in ("returns", "gaps", "money_moves", "unit_moves"):
            house.ask(f"UPDATE {table} SET return_no = return_no + 1000")
        projector = Projector(house.ledger, conn, house.policies.policy_of)
        house.tell(facts[200:250])
        projector.catch_up()
        rebuilt(house)
        assert house.ask("SELECT max(return_no) < 1000 FROM returns") == [(True,)]
        house.tell(facts[250:])
        projector.catch_up()
        assert compared(house).shown == []


def test_who_reads_for_long_is_waited_for_and_nothing_is_lost(house: ProofHouse) -> None:
    with house.connection() as conn, snapshot(conn):
        with pytest.raises(RebuildError, match="reading the live ones"):
            rebuilt(house, patience_seconds=1.0)
        assert conn.execute("SELECT count(*) FROM gaps").fetchone() != (0,)
        began = time.monotonic()
        assert house.ask("SELECT count(*) > 0 FROM gaps JOIN returns USING (return_no)") == [(True,)]
        assert time.monotonic() - began < 1
    report = rebuilt(house, verify=True)
    assert report.resumed_from == house.ledger.head()
    assert report.comparison is not None
    assert report.comparison.count == 0


def test_one_rebuild_waits_for_another(house: ProofHouse) -> None:
    with psycopg.connect(house.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(7310563, hashtext(%s))", (f"{house.schema}_next",))
        threading.Timer(0.6, other.close).start()
        began = time.monotonic()
        assert rebuilt(house).position == house.ledger.head()
        assert time.monotonic() - began > 0.5


def test_a_log_that_lost_its_end_takes_nothing_along(house: ProofHouse) -> None:
    head = house.ledger.head()
    house.ask("DELETE FROM stored_events WHERE notification_id > %s", (head - 3,))
    gaps = house.ask("SELECT count(*) FROM gaps")
    with pytest.raises(RebuildError, match=f"have folded in {head} events, but the log ends at {head - 3}"):
        rebuilt(house)
    assert house.ask("SELECT count(*) FROM gaps") == gaps


def test_all_read_models_are_swapped_and_looked_at_together() -> None:
    assert set(IN_ORDER) == set(TABLES)
    assert {table for tables in NAMES.values() for table in tables} == set(TABLES) - {"projection_position"}


def test_progress_is_told_with_the_time_left(house: ProofHouse) -> None:
    told: list[Progress] = []
    rebuilt(house, verify=True, watch=told.append)
    phases = list(dict.fromkeys(progress.phase for progress in told))
    assert phases[0] == "folding"
    assert "comparing gaps" in phases
    assert phases[-2:] == ["indexing", "swapping"]
    folding = [progress for progress in told if progress.phase == "folding"]
    assert folding[-1].done == folding[-1].of == house.ledger.head()
    assert folding[-1].seconds_left == 0


def test_readers_and_a_projector_go_on_meanwhile(database: str, schema: str) -> None:
    """Three rebuilds while facts come in, are folded, and are asked for: every answer is whole, and in the end all is as the log tells."""
    facts = world(41, 150)
    stop = threading.Event()
    failures: list[BaseException] = []
    answers = {"pages": 0, "tie-outs": 0, "steps": 0}

    def again_and_again(of: ProofHouse, work: Callable[[psycopg.Connection[Any]], None]) -> threading.Thread:
        def run() -> None:
            try:
                with of.connection() as conn:
                    while not stop.is_set():
                        work(conn)
            except BaseException as failure:  # told below
                failures.append(failure)

        return threading.Thread(target=run)

    def page(conn: psycopg.Connection[Any]) -> None:
        assert len(gap_page(conn, GapFilter(), Moment(NOW), limit=20).items) == 20
        assert conn.execute("SELECT count(*) FROM returns r JOIN gaps g USING (return_no) WHERE r.return_id <> g.return_id").fetchone() == (
            0,
        )
        answers["pages"] += 1

    def tie_out(conn: psycopg.Connection[Any]) -> None:
        with snapshot(conn):
            rows = [*money_tie_out(conn, Moment(NOW)), *unit_tie_out(conn, Moment(NOW))]
        assert len(rows) > 10
        assert not any(map(differs, rows))
        answers["tie-outs"] += 1

    with proof_house(database, schema, facts[:600]) as house:
        with house.connection() as conn:
            projector = Projector(house.ledger, conn, house.policies.policy_of)
            rest = iter(facts[600:])

            def fold(_: psycopg.Connection[Any]) -> None:
                house.tell([fact for fact, _ in zip(rest, range(5), strict=False)])
                projector.catch_up()
                answers["steps"] += 1
                time.sleep(0.01)

            threads = [again_and_again(house, work) for work in (page, page, tie_out, fold)]
            for thread in threads:
                thread.start()
            try:
                for number in range(3):
                    comparison = rebuilt(house, verify=number != 1).comparison
                    assert comparison is None or comparison.shown == []
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
        assert failures == []
        assert min(answers.values()) >= 3, answers
        house.fold()
        assert compared(house).shown == []
