"""Each refund is missed when its own time is over: in the register as it is read at any moment, in both times, however it was told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy import Policy
from domain.telling import read_instant
from projections.gap_register import GapFilter
from projections.moments import Moment
from projections.summary import summary
from projections.trend import opened_and_closed
from tests.domain.story import day, refunded, reversed_, told
from tests.oracle.payouts import missing
from tests.projections.books import Books, Row, open_books
from tests.strategies import examples, split

AFTER = timedelta(days=7)
OCTOBER = [datetime(2026, 10, 1, 9, tzinfo=UTC) + timedelta(days=number) for number in range(40)]
WHOSE = refunded("1.00")


@pytest.fixture
def books(database: str, schema: str) -> Iterator[Books]:
    with open_books(database, schema, {(WHOSE["merchant"], WHOSE["platform"]): Policy(payouts=True, payout_after=AFTER)}) as books:
        yield books


@st.composite
def stories(draw: st.DrawFn) -> list[Row]:
    """Refunds of one return on any days, some of them settled or reversed later on, told in any order."""
    days, facts = st.integers(1, 20), []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        refund = f"RF-{number}"
        paid = refunded(f"{10**number}.00", draw(days), refund=refund, currency=draw(st.sampled_from(("GBP", "GBP", "EUR"))))
        facts.append({**paid, "transaction": f"T-{number}"})
        match draw(st.sampled_from(("settled", "reversed", "open", "open"))):
            case "settled":
                figures = {"currency": paid["currency"], "amount": paid["amount"]["total"], "transaction": f"T-{number}"}
                facts.append(told("PayoutSettled", draw(days), payout="P-1", refund=refund, **figures))
            case "reversed":
                facts.append(reversed_(draw(days), refund=refund))
    return draw(st.permutations(facts))


@examples(25)
@given(stories(), st.data())
def test_a_refund_is_missed_from_the_end_of_its_own_time_on(books: Books, facts: list[Row], data: st.DataObject) -> None:
    books.empty()
    known: list[tuple[datetime, int]] = []
    count = 0
    for batch in data.draw(split(facts)):
        count += len(batch)
        known.append((books.tell(batch), count))
        if data.draw(st.booleans(), label="folded in at once"):
            books.catch_up()
    books.catch_up()

    for at in OCTOBER:
        known_at, count = data.draw(st.just((None, len(facts))) | st.sampled_from(known))
        expected = {currency: amount for currency, (amount, _) in missing(facts[:count], at, AFTER).items()}
        moments = [Moment(OCTOBER[-1], at, known_at)]
        if all(read_instant(fact["occurred_at"]) <= at for fact in facts):
            moments.append(Moment(at, None, known_at))  # with everything told, and the clock at that day
        for moment in moments:
            rows = [row for row in books.gaps(moment) if row["kind"] == "payout_missing"]
            assert {row["currency"]: row["amount"] for row in rows} == expected
            assert len(rows) == len(expected)
            counted = summary(books.conn, GapFilter(kinds=("payout_missing",)), moment)
            assert sum(row["count"] for row in counted) == len(expected)


def test_what_time_changes_is_opened_once(books: Books) -> None:
    books.tell([{**refunded("20.00", at, refund=f"RF-{at}"), "transaction": f"T-{at}"} for at in (2, 4, 6)])
    books.catch_up()

    rows = [books.gaps(Moment(OCTOBER[at - 1])) for at in (8, 9, 11, 13, 20)]

    figures = [
        [(row["amount"], row["opened_at"], len(row["evidence"])) for row in some if row["kind"] == "payout_missing"] for some in rows
    ]
    opened = day(9)
    assert figures == [[], [("20.00", opened, 1)], [("40.00", opened, 2)], [("60.00", opened, 3)], [("60.00", opened, 3)]]
    assert sum(one.opened for one in opened_and_closed(books.conn, OCTOBER[19], 12) if one.day.day == 9) == 1
