"""The tie-out as it is read: by merchant and currency, with what is tolerated, and with units that nobody announced."""

from collections.abc import Iterator

import pytest

from domain.policy import Policy
from domain.telling import read_instant
from projections.moments import Moment
from projections.tie_out import differs, money_tie_out, unit_tie_out
from projections.trial_balance import trial_balance
from tests.domain.story import announced, credited, day, received, refunded, restocked, reversed_
from tests.projections.books import NOW, Books, open_books

POLICY = Policy.model_validate(
    {"tolerance": {"GBP": "0.05"}, "owners": {"refund_without_credit_note": "ann"}, "sla": {"over_refund": "2h"}}
)
OTHER = {"merchant": "bolt", "platform": "shopify"}


@pytest.fixture
def books(database: str, schema: str) -> Iterator[Books]:
    """`acme` tolerates five pence; `bolt` nothing."""
    with open_books(database, schema, {("acme", "returngo"): POLICY}) as books:
        yield books


def test_what_is_tolerated_has_its_own_column(books: Books) -> None:
    books.tell([refunded("20.00", at=6), credited("19.97", at=7)])
    books.tell([{**fact, **OTHER} for fact in (refunded("20.00", at=6), credited("20.04", at=8))])
    books.catch_up()

    (row,) = money_tie_out(books.conn, Moment(NOW))

    assert row == {
        "what": "money",
        "currency": "GBP",
        "refunded": "40.00",
        "credited": "40.01",
        "clearing_balance": "-0.01",
        "open_gaps": "-0.04",
        "tolerated": "0.03",
        "difference": "0.00",
    }
    assert [gap["merchant"] for gap in books.gaps(kinds=("credit_note_mismatch",))] == ["bolt"]
    assert not differs(row)


def test_by_merchant_and_currency(books: Books) -> None:
    books.tell([refunded("20.00", at=6), refunded("1250", at=6, currency="JPY", refund="RF-2")])
    books.tell([{**refunded("7.00", at=6), **OTHER}])
    books.catch_up()
    for moment in (Moment(NOW), Moment(NOW, as_of=read_instant(day(9)))):
        assert {row["currency"]: row["refunded"] for row in money_tie_out(books.conn, moment)} == {"GBP": "27.00", "JPY": "1250"}
        assert [row["refunded"] for row in money_tie_out(books.conn, moment, merchant="bolt")] == ["7.00"]
        assert [row["refunded"] for row in money_tie_out(books.conn, moment, currency="JPY")] == ["1250"]
        assert money_tie_out(books.conn, moment, merchant="nobody") == []


def test_a_currency_in_which_everything_was_taken_back_stays_with_nothing(books: Books) -> None:
    books.tell([refunded("20.00", at=6), reversed_(at=7)])
    books.catch_up()
    (row,) = money_tie_out(books.conn, Moment(NOW))
    assert (row["refunded"], row["open_gaps"], row["difference"]) == ("0.00", "0.00", "0.00")


def test_units_that_nobody_announced_have_no_sku_and_stand_beside_the_sum(books: Books) -> None:
    books.tell([announced(), received(at=3, _1=3, X9=2), restocked(at=4, _1=1)])
    books.catch_up()

    rows = {row["sku"]: row for row in unit_tie_out(books.conn, Moment(NOW))}

    assert {sku: (row["announced"], row["quarantine"], row["saleable"], row["unexpected"]) for sku, row in rows.items()} == {
        None: (0, 0, 0, 2),
        "SKU-1": (2, 1, 1, 1),
        "SKU-2": (1, 0, 0, 0),
    }
    assert {row["difference"] for row in rows.values()} == {0}
    assert unit_tie_out(books.conn, Moment(NOW), merchant="bolt") == []
    assert {row["sku"] for row in unit_tie_out(books.conn, Moment(NOW, as_of=read_instant(day(1))))} == {"SKU-1", "SKU-2"}


def test_a_difference_shows(books: Books) -> None:
    books.tell([announced(), refunded("20.00", at=6)])
    books.catch_up()
    books.conn.execute("DELETE FROM gaps WHERE kind = 'refund_without_credit_note'")
    books.conn.execute("UPDATE unit_balances SET held = held + 1 WHERE sku = 'SKU-1'")

    (row,) = money_tie_out(books.conn, Moment(NOW))
    units = [row for row in unit_tie_out(books.conn, Moment(NOW)) if differs(row)]

    assert (row["difference"], differs(row)) == ("20.00", True)
    assert [(row["sku"], row["difference"]) for row in units] == [("SKU-1", -1)]


def test_whose_it_is_and_by_when_is_the_policy_s(books: Books) -> None:
    books.tell([announced(), received(), refunded("200.00", at=6)])
    books.tell([{**fact, **OTHER} for fact in (announced(), received(), refunded("200.00", at=6))])
    books.catch_up()

    rows = {(row["merchant"], row["kind"]): (row["owner"], row["due_at"]) for row in books.gaps()}

    assert rows["acme", "refund_without_credit_note"] == ("ann", day(7))
    assert rows["acme", "over_refund"] == ("finance", day(6, "11:00:00"))
    assert rows["bolt", "refund_without_credit_note"] == ("finance", day(7))
    assert rows["bolt", "over_refund"] == ("finance", day(8))


def test_a_moment_cuts_its_day_in_two_and_counts_the_days_before_whole(books: Books) -> None:
    at = (
        "2026-11-05T00:00:00Z",
        "2026-11-05T23:59:59.999999Z",
        "2026-11-06T01:30:00+02:00",
        "2026-11-06T00:00:00Z",
        "2026-11-06T18:00:00Z",
    )
    books.tell([{**refunded("1.00", refund=f"RF-{number}"), "occurred_at": when} for number, when in enumerate(at)])
    books.tell([{**announced(), "occurred_at": "2026-11-06T00:00:00Z"}])
    books.catch_up()

    def seen(as_of: str) -> tuple[list[str], list[str], int]:
        moment = Moment(NOW, as_of=read_instant(as_of))
        rows = money_tie_out(books.conn, moment)
        assert not any(map(differs, rows))
        debits = [one.debits for one in trial_balance(books.conn, moment.as_of)]
        return [row["refunded"] for row in rows], debits, len(unit_tie_out(books.conn, moment))

    assert seen("2026-11-04T23:59:59.999999Z") == ([], [], 0)
    assert seen("2026-11-05T00:00:00Z") == (["1.00"], ["1.00"], 0)
    assert seen("2026-11-05T23:30:00Z") == (["2.00"], ["2.00"], 0)
    assert seen("2026-11-05T23:59:59.999999Z") == (["3.00"], ["3.00"], 0)
    assert seen("2026-11-06T00:00:00Z") == (["4.00"], ["4.00"], 2)
    assert seen("2026-11-30T00:00:00Z") == (["5.00"], ["5.00"], 2)
    assert [one.debits for one in trial_balance(books.conn)] == ["5.00"]
