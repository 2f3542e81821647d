"""The projector: it goes on where it was, however it was interrupted, beside others like it, and past returns that break it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.event_store import prepare
from adapters.event_store.datastore import LedgerDatastore
from adapters.event_store.recorder import Event, LedgerRecorder
from adapters.read_models import TABLES
from domain.telling import read_telling
from projections.moments import Moment
from projections.tie_out import differs, money_tie_out, unit_tie_out
from tests.domain.story import announced, credited, day, folded, received, refunded, scanned
from tests.oracle.worlds import world
from tests.projections.books import NOW, Books, Row

WORLD = world(5, 40)
# What depends on how the log was cut into batches, and on when: numbers of rows and returns, and moments of folding.
_ACCIDENTAL = {"gaps": ("gap_no", "return_no"), "returns": ("return_no",), "money_moves": ("return_no",), "unit_moves": ("return_no",)}


def read_models(books: Books) -> dict[str, list[tuple[Any, ...]]]:
    """Every cell that says something."""
    found = {}
    for table in TABLES:
        if table not in ("projection_position", "set_aside"):
            columns = [row[0] for row in books.conn.execute(_COLUMNS, (table, list(_ACCIDENTAL.get(table, ()))))]
            found[table] = books.table(table, ", ".join(f"{column}::text" for column in columns))
    return found


_COLUMNS = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = %s AND column_name <> ALL (%s) ORDER BY 1"""


def told_in_batches(books: Books, facts: list[Row], size: int = 15) -> None:
    for first in range(0, len(facts), size):
        books.tell(facts[first : first + size])


@pytest.fixture
def at_once(books: Books) -> dict[str, list[tuple[Any, ...]]]:
    """What the read models of WORLD are when nothing gets in the way; the books are left as if they had not been folded."""
    told_in_batches(books, WORLD)
    books.catch_up()
    found = read_models(books)
    start_again(books)
    return found


def start_again(books: Books) -> None:
    for table in TABLES:
        if table != "projection_position":
            books.conn.execute(f"DELETE FROM {table}".encode())
    books.conn.execute("UPDATE projection_position SET position = 0, generation = gen_random_uuid()")


# Interrupted, cut, forgetful, in company


class PulledPlug(Exception):
    pass


def test_interrupted_in_the_middle_it_goes_on_from_there(books: Books, at_once: dict[str, list[tuple[Any, ...]]]) -> None:
    def pull_the_plug(position: int) -> None:
        raise PulledPlug

    positions = [0]
    projector = books.projector()
    while positions[-1] < books.ledger.head():
        projector = books.projector(batch_events=40)
        with pytest.raises(PulledPlug):
            projector.catch_up(progress=pull_the_plug)
        positions.append(projector.position())

    assert len(positions) > 5
    assert projector.catch_up() == books.ledger.head()
    assert read_models(books) == at_once


def test_a_batch_that_fails_leaves_nothing_behind(books: Books, at_once: dict[str, list[tuple[Any, ...]]]) -> None:
    """The database refuses what the second batch writes; the same projector goes on when it no longer does."""
    projector = books.projector(batch_events=100)
    position = projector.step()
    before = read_models(books)
    books.conn.execute("ALTER TABLE money_moves RENAME TO somewhere_else")

    with pytest.raises(Exception, match="money_moves"):
        projector.catch_up()

    books.conn.execute("ALTER TABLE somewhere_else RENAME TO money_moves")
    assert (projector.position(), read_models(books)) == (position, before)
    projector.catch_up()
    assert read_models(books) == at_once


@pytest.mark.parametrize(("memory", "batch"), [(1, 1), (1, 50), (0, 200), (15_000, 1), (3, 37)])
def test_neither_memory_nor_batches_make_a_difference(
    books: Books, at_once: dict[str, list[tuple[Any, ...]]], memory: int, batch: int
) -> None:
    books.projector(memory, batch_events=batch).catch_up()
    assert read_models(books) == at_once


def test_up_to_a_position_and_no_further(books: Books) -> None:
    books.tell([announced(), refunded("1.00", at=6)])
    books.tell([received()])
    projector = books.projector()
    assert projector.catch_up(until=2) == projector.position() == 2
    assert {row["kind"] for row in books.gaps()} == {"refund_without_credit_note", "refund_before_receipt"}
    assert projector.step() == 3
    assert projector.step() == 3  # nothing new
    assert "refund_before_receipt" not in {row["kind"] for row in books.gaps()}


def test_two_at_once_fold_everything_in_once(books: Books, at_once: dict[str, list[tuple[Any, ...]]]) -> None:
    def project(wait: threading.Barrier, errors: list[Exception]) -> None:
        with books.connect() as conn:
            projector = books.projector(conn=conn, batch_events=20)
            wait.wait()
            try:
                projector.catch_up()
            except Exception as error:
                errors.append(error)

    barrier, errors = threading.Barrier(3), list[Exception]()
    threads = [threading.Thread(target=project, args=(barrier, errors)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert read_models(books) == at_once


def test_turn_by_turn_each_forgets_what_the_other_has_moved(books: Books, at_once: dict[str, list[tuple[Any, ...]]]) -> None:
    with books.connect() as other_conn:
        one, other = books.projector(batch_events=25), books.projector(conn=other_conn, batch_events=40)
        while one.step() < books.ledger.head():
            other.step()
    assert read_models(books) == at_once


# A return that breaks it

BROKEN = {"merchant": "acme", "platform": "returngo", "return": "RMA-broken"}
GOOD = [announced(), received(at=3), refunded("111.01", at=6)]


def poison(
    books: Books, topic: str, change: Callable[[str], str], version: int = 1, stream: str = "return/acme/returngo/RMA-broken"
) -> None:
    """An event that no version of this program would write, put into the log past everything that looks at it."""
    books.now += timedelta(seconds=1)
    tail = prepare(read_telling({**refunded("20.00", at=7), **BROKEN}), "test").tail.decode()
    state = f'{{"recorded_at":"{books.now:%Y-%m-%dT%H:%M:%S.%fZ}",' + change(tail)
    datastore = LedgerDatastore(books.url, books.schema)
    try:
        with LedgerRecorder(datastore).turn() as turn:
            turn.write([Event(stream, version, topic, state.encode())])
    finally:
        datastore.close()


def written_otherwise(what: str, how: str) -> Callable[[str], str]:
    return lambda tail: tail.replace(what, how)


POISONS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "an unknown topic": ("return.vanished", str, "is a return.vanished of version 1; this program reads version 1: upgrade it"),
    "a version from the future": ("return.refunded", written_otherwise('"v":1', '"v":9'), "of version 9; this program reads"),
    "content that is no refund": ("return.refunded", written_otherwise('"refund"', '"reefund"'), "validation errors for Refunded"),
    "not even JSON": ("return.refunded", lambda tail: tail[:-2], "cannot be read: unexpected"),
    "an instant without offset": ("return.refunded", written_otherwise("09:00:00Z", "09:00:00"), "2026-10-07T09:00:00 has no offset"),
    "more than a column holds": ("return.refunded", written_otherwise("20.00", "9" * 25), "out of range"),
}


@pytest.mark.parametrize("in_one_go", [True, False], ids=["in one go", "one by one"])
@pytest.mark.parametrize("name", POISONS)
def test_a_return_that_breaks_it_is_set_aside_and_the_others_go_on(books: Books, name: str, in_one_go: bool) -> None:
    topic, change, said = POISONS[name]
    books.tell([{**announced(), **BROKEN}])
    books.tell(GOOD[:2])
    poison(books, topic, change, version=2)
    books.tell([GOOD[2], {**received(at=8), **BROKEN}])
    books.tell([{**GOOD[1], "return": "RMA-2"}])

    projector = books.projector(batch_events=None if in_one_go else 1)

    assert projector.catch_up() == books.ledger.head() == 7
    ((merchant, platform, return_id, position, error, _),) = books.table("set_aside")
    assert (merchant, platform, return_id) == tuple(BROKEN.values())
    assert position <= 4
    assert said in error
    assert "\n" not in error
    expected = [one for one in folded(GOOD).segments() if one.valid_to is None]
    assert {row["kind"] for row in books.gaps() if row["return"] == "RMA-1"} == {one.kind for one in expected}
    assert {row["kind"] for row in books.gaps() if row["return"] == "RMA-2"} == {"unannounced_return"}
    assert not [row for row in [*money_tie_out(books.conn, Moment(NOW)), *unit_tie_out(books.conn, Moment(NOW))] if differs(row)]

    # It stays set aside: what is told of it later is left alone, and what is told of the others is not.
    books.tell([{**credited("20.00", at=9), **BROKEN}, credited("111.01", at=9)])
    assert projector.catch_up() == 9
    assert len(books.table("set_aside")) == 1
    assert "refund_without_credit_note" not in {row["kind"] for row in books.gaps()}


@pytest.mark.parametrize("stream", ["nonsense", "return/acme/returngo", "a/b/c/d/e"])
def test_an_event_of_no_return_is_set_aside_under_its_stream(books: Books, stream: str) -> None:
    books.tell(GOOD)
    poison(books, "return.refunded", str, stream=stream)
    books.tell([{**scanned(), "return": "RMA-2"}])

    assert books.catch_up() == 5

    ((merchant, platform, return_id, position, error, _),) = books.table("set_aside")
    assert (merchant, platform, return_id, position) == ("", "", stream, 4)
    assert error.startswith(f"Event 4 of {stream} cannot be read")
    assert {row["return"] for row in books.gaps()} == {"RMA-1", "RMA-2"}


def test_a_late_fact_of_a_return_with_an_unreadable_event_further_on(books: Books) -> None:
    """To fold what is late, the whole history is read, and with it what was not to be folded in yet."""
    books.tell([{**fact, **BROKEN} for fact in GOOD])
    books.tell([{**scanned(at=2), **BROKEN}, *GOOD])
    poison(books, "return.vanished", str, version=5)
    books.projector(0, batch_events=1).catch_up()

    ((*key, position, error, _),) = books.table("set_aside")
    assert tuple(key) == tuple(BROKEN.values())
    assert position in (4, 8)
    assert "Event 8 of return/acme/returngo/RMA-broken" in error
    assert {row["kind"] for row in books.gaps() if row["return"] == "RMA-1"} == {
        "refund_without_credit_note",
        "uninspected_items",
    }


def test_many_that_cannot_be_read_in_a_row(books: Books) -> None:
    books.tell(GOOD)
    for number in range(1, 8):
        poison(books, "return.vanished", str, stream=f"return/acme/returngo/new-{number % 4}", version=number)
    books.tell([{**scanned(), "return": "RMA-2"}])

    assert books.projector(batch_events=3).catch_up() == 11

    assert [row[2:4] for row in books.table("set_aside")] == [("new-0", 7), ("new-1", 4), ("new-2", 5), ("new-3", 6)]
    assert {row["return"] for row in books.gaps()} == {"RMA-1", "RMA-2"}
    assert day(2) in {row["opened_at"] for row in books.gaps()}
