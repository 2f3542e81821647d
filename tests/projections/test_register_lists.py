"""Lists of gaps: filters, what is overdue, orders and pages; each against the whole list, at any moment."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.telling import read_instant
from projections.gap_register import SORTS, GapFilter, GapPage, count_gaps, count_up_to, gap_page, gaps_of_return
from projections.moments import STATUSES, Moment
from projections.summary import counts, summary
from projections.tie_out import money_tie_out, unit_tie_out
from tests.domain.story import announced, credited, day, received, refunded, scanned
from tests.projections.books import NOW, Books, Row
from tests.projections.test_register import Story, moments, stories
from tests.strategies import examples

STATUS = st.sampled_from(STATUSES)


def pages(books: Books, asked: GapFilter, moment: Moment, sort: str, limit: int) -> Iterator[GapPage]:
    after = None
    while True:
        page = gap_page(books.conn, asked, moment, sort=sort, limit=limit, after=after)
        yield page
        if page.after is None:
            return
        after = page.after


def whole(books: Books, moment: Moment, status: str) -> list[Row]:
    return books.gaps(moment, status=status)


@examples(15)
@given(stories(4), st.data())
def test_a_filter_leaves_exactly_what_it_asks_for(books: Books, story: Story, data: st.DataObject) -> None:
    known = story.happen(books)
    moment, _ = moments(data, story, known)
    status = data.draw(STATUS)
    rows = whole(books, moment, status)
    fields = {"kinds": "kind", "owners": "owner", "merchants": "merchant", "platforms": "platform", "currencies": "currency"}

    for name, field in fields.items():
        there = sorted({row[field] for row in rows if row[field] is not None})
        values = tuple(data.draw(st.lists(st.sampled_from([*there, "XTS"]), min_size=1, max_size=3, unique=True), label=name))
        asked = GapFilter(status=status, **{name: values})  # type: ignore[arg-type]

        expected = [row for row in rows if row[field] in values]
        assert books.gaps(moment, status=status, **{name: values}) == expected
        assert count_gaps(books.conn, asked, moment) == len(expected)
        assert count_up_to(books.conn, asked, moment, 2) == min(2, len(expected))
        late = sum(row["overdue"] for row in counts(books.conn, asked, moment))
        assert late == count_gaps(books.conn, replace(asked, overdue=True), moment)
        assert sum(row["count"] for row in summary(books.conn, asked, moment)) == len(expected)

    numbers = {tuple(key): number for number, *key in books.table("returns", "return_no, merchant, platform, return_id")}
    wanted = data.draw(st.sets(st.sampled_from(sorted(numbers)), max_size=2), label="returns")
    expected = [row for row in rows if (row["merchant"], row["platform"], row["return"]) in wanted]
    assert books.gaps(moment, status=status, return_nos=tuple(numbers[key] for key in wanted)) == expected

    both = {"kinds": ("unannounced_return", "received_short"), "owners": ("ops",)}
    assert books.gaps(moment, status=status, **both) == [row for row in rows if row["kind"] in both["kinds"]]


@examples(20)
@given(stories(4), st.data())
def test_overdue_are_those_that_say_so(books: Books, story: Story, data: st.DataObject) -> None:
    """Open ones past their due date; closed ones that were closed after it."""
    known = story.happen(books)
    for status in STATUSES:
        moment, _ = moments(data, story, known)

        found = books.gaps(moment, status=status, overdue=True)

        assert found == [row for row in whole(books, moment, status) if row["overdue"]]
        assert count_gaps(books.conn, GapFilter(status=status, overdue=True), moment) == len(found)


@examples(20)
@given(stories(4), st.data())
def test_pages_follow_each_other_in_order_without_gap_or_overlap(books: Books, story: Story, data: st.DataObject) -> None:
    known = story.happen(books)
    moment, _ = moments(data, story, known)
    status = data.draw(STATUS)
    sort = data.draw(st.sampled_from([f"{minus}{name}" for name in SORTS for minus in ("", "-")]))
    limit = data.draw(st.integers(1, 7))

    found = list(pages(books, GapFilter(status=status), moment, sort, limit))

    rows = [row for page in found for row in page.items]
    assert sorted(rows, key=str) == sorted(whole(books, moment, status), key=str)
    assert all(len(page.items) == limit for page in found[:-1])
    in_order = [KEYS[sort.removeprefix("-")](row) for row in rows]
    assert in_order == sorted(in_order, reverse=sort.startswith("-"))


# What each order goes by; text as the database collates it is only told apart where that is the same everywhere.
KEYS: dict[str, Callable[[Row], Any]] = {
    "due_at": lambda row: read_instant(row["due_at"]),
    "opened_at": lambda row: read_instant(row["opened_at"]),
    "amount": lambda row: int((row["amount"] or "0").replace(".", "")),
    "closed_at": lambda row: read_instant(row["closed_at"]) if row["closed_at"] else datetime.max.replace(tzinfo=UTC),
    "kind": lambda row: 0,
    "merchant": lambda row: 0,
    "return": lambda row: 0,
}


def test_orders_by_name(books: Books) -> None:
    books.tell(
        [{**refunded("10.00", at=6), "merchant": merchant, "return": name} for merchant, name in (("b", "2"), ("a", "1"), ("c", "3"))]
    )
    books.catch_up()
    for sort, field in (("merchant", "merchant"), ("return", "return"), ("kind", "kind")):
        there, back = (
            [row[field] for page in pages(books, GapFilter(), Moment(NOW), f"{minus}{sort}", 2) for row in page.items]
            for minus in ("", "-")
        )
        assert (there, back) == (sorted(there), sorted(there, reverse=True))


def test_an_unknown_order_is_refused(books: Books) -> None:
    with pytest.raises(ValueError, match="sort must be one of due_at, opened_at, closed_at, amount"):
        gap_page(books.conn, GapFilter(), Moment(NOW), sort="colour")
    with pytest.raises(ValueError, match="status must be one of open, closed, all"):
        gap_page(books.conn, GapFilter(status="shut"), Moment(NOW))


def test_a_story_at_two_times(books: Books) -> None:
    """The note of day 7 is told late: as it was known then it was missing, as it is known now it never was."""
    known = books.tell([announced(), received(at=3), refunded("96.00", at=6)])
    books.catch_up()
    late = books.tell([credited("96.00", at=7)])
    books.catch_up()
    at = read_instant(day(9))

    def asked(known_at: Any, status: str) -> list[tuple[Any, ...]]:
        rows = books.gaps(Moment(NOW, at, known_at), kinds=("refund_without_credit_note",), status=status)
        return [(row["amount"], row["opened_at"], row["closed_at"], row["overdue"]) for row in rows]

    assert asked(known, "open") == [("96.00", day(6), None, True)]
    assert asked(late, "open") == asked(None, "open") == []
    assert asked(None, "closed") == [("96.00", day(6), day(7), False)]
    assert asked(known, "closed") == []
    assert asked(late, "all") == [("96.00", day(6), day(7), False)]


def test_overdue_as_it_was_known_then(books: Books) -> None:
    """It was closed in time, but nobody knew it: whoever looked then saw it overdue."""
    known = books.tell([refunded("96.00", at=6)])
    books.tell([credited("96.00", at=6)])
    books.catch_up()
    moment = Moment(read_instant(day(9)), known_at=known)

    (row,) = books.gaps(moment, kinds=("refund_without_credit_note",))

    assert row["overdue"]
    assert books.gaps(moment, kinds=("refund_without_credit_note",), overdue=True) == [row]


def test_a_gap_that_opens_by_itself_is_there_when_its_time_has_come(books: Books) -> None:
    books.tell([announced(), received(at=3, _1=2)])
    books.catch_up()
    for clock, is_open in ((day(16), False), (day(17), True)):
        now = read_instant(clock)
        for moment in (Moment(now), Moment(NOW, as_of=now)):
            assert bool(books.gaps(moment, kinds=("received_short",))) is is_open
    assert books.gaps(Moment(NOW, as_of=read_instant(day(16))), status="closed") == []


def test_ages_are_counted_in_hours_whatever_zone_the_database_lives_in(books: Books) -> None:
    """On 25 October 2026 London has twenty-five hours."""
    books.conn.execute("SET timezone TO 'Europe/London'")
    books.tell([refunded("1.00", at="2026-10-23T11:30:00Z")])
    books.catch_up()
    for clock, age in (("2026-10-26T11:30:00Z", "1-3 d"), ("2026-10-26T11:30:00.000001Z", "3-7 d")):
        rows = summary(books.conn, GapFilter(), Moment(read_instant(clock)))
        assert {row["age"] for row in rows} == {age}
        assert books.gaps()[0]["opened_at"] == "2026-10-23T11:30:00Z"


def test_the_gaps_of_one_return(books: Books) -> None:
    books.tell([announced(), refunded("96.00", at=6), credited("96.00", at=7), {**scanned(), "return": "another"}])
    books.catch_up()
    ((number,),) = books.conn.execute("SELECT return_no FROM returns WHERE return_id = 'RMA-1'").fetchall()

    rows = gaps_of_return(books.conn, number, Moment(NOW))

    assert [(row["kind"], row["closed_at"]) for row in rows] == [("refund_without_credit_note", day(7)), ("refund_before_receipt", None)]
    assert gaps_of_return(books.conn, number, Moment(NOW), "open") == rows[1:]


# What may stand in a row

NASTY = {"merchant": "C:\\new\\table {a,\"b\"} 'x' \\N", "return": '{"ä": "🎁"}, \\. 100%', "platform": "own-portal.v2"}


def test_names_come_back_as_they_were_told(books: Books) -> None:
    books.tell([{**fact, **NASTY} for fact in (announced(erp='\\N"x'), received(at=3, **{"\\.": 1}), refunded("500.00", at=6))])
    books.catch_up()

    rows = books.gaps(merchants=(NASTY["merchant"],))

    assert {(row["merchant"], row["return"], row["platform"], row["erp"]) for row in rows} == {
        (NASTY["merchant"], NASTY["return"], NASTY["platform"], '\\N"x')
    }
    assert [row["line"] for row in rows if row["kind"] == "unexpected_units"] == ["\\."]
    assert unit_tie_out(books.conn, Moment(NOW), merchant=NASTY["merchant"])


def test_the_largest_figures_and_the_ends_of_time(books: Books) -> None:
    most, first, last = "9999999999999.99", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
    lines = [{"line": str(n), "sku": "S", "quantity": 10**6, "items": most, "tax": most} for n in range(1000)]
    more = {str(n): 10**6 for n in range(1000)}
    books.tell([announced(*lines, at=first), received(at=last), received(at=last, **more), received(at=5, **more), scanned(at=6, **more)])
    books.tell([refunded(most, at=last, refund=f"RF-{n}") for n in range(50)])
    books.catch_up()

    assert books.table("set_aside") == []
    assert {row["units"] for row in books.gaps(kinds=("unexpected_units",))} == {10**6}
    (row,) = money_tie_out(books.conn, Moment(NOW))
    assert (row["refunded"], row["difference"]) == ("499999999999999.50", "0.00")
    (row,) = unit_tie_out(books.conn, Moment(NOW))
    assert (row["announced"], row["quarantine"], row["unexpected"], row["difference"]) == (10**9, 10**9, 10**9, 0)
    as_of = Moment(NOW, as_of=read_instant(last) - timedelta(days=1))
    assert len(books.gaps(as_of, kinds=("received_short",))) == 0
