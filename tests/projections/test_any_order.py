"""The same facts in any order, cut into any batches, some told twice: the same gaps, books and histories. Through the database."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from domain.replay import replay, step_row
from projections.gap_register import GapFilter
from projections.moments import Moment
from projections.summary import summary
from projections.tie_out import money_tie_out, unit_tie_out
from tests.domain.story import announced, credited, inspected, received, refunded, restocked, reversed_, scanned, told, voided, written_off
from tests.oracle.identity import distinct
from tests.projections.books import NOW, Books, Row, without
from tests.strategies import examples, split, worlds


class Outcome(NamedTuple):
    """Everything that can be asked and does not say when or by what it was recorded."""

    gaps: list[str]
    money: list[Row]
    units: list[Row]
    summary: list[Row]
    board: list[Any]
    histories: dict[Any, list[Row]]


def outcome(books: Books) -> Outcome:
    rows = [row for status in ("open", "closed") for row in books.gaps(status=status)]
    histories = {}
    for key, events in books.events().items():
        steps = [step_row(step) for step in replay(key, events, books.policies.policy_of(key))]
        histories[key] = without(steps, "recorded_at", "cause")
    columns = "merchant, platform, return_id, order_ref, erp, currency, resolution, stage, ended, announced_units, units_in, refunded_minor"
    return Outcome(
        sorted(map(str, rows)),
        money_tie_out(books.conn, Moment(NOW)),
        unit_tie_out(books.conn, Moment(NOW)),
        summary(books.conn, GapFilter(), Moment(NOW)),
        books.table("returns", f"{columns}, credited_minor, open_gaps, events, first_at, last_at"),
        histories,
    )


@st.composite
def ways(draw: st.DrawFn, facts: list[Row]) -> list[list[Row]]:
    """A way of telling these facts: in any order, in any batches, some of them again."""
    again = draw(st.lists(st.sampled_from(facts), max_size=4))
    return draw(split(draw(st.permutations([*facts, *again]))))


def tell(books: Books, way: list[list[Row]], data: st.DataObject) -> Outcome:
    books.empty()
    projector = books.projector(data.draw(st.sampled_from((1, 15_000)), label="returns in memory"))
    for batch in way:
        books.tell(batch)
        if data.draw(st.booleans(), label="catch up"):
            projector.catch_up()
    books.catch_up()
    assert books.table("set_aside") == []
    return outcome(books)


@examples(15)
@given(worlds(3).filter(bool), st.data())
def test_any_order_of_any_world(books: Books, facts: list[Row], data: st.DataObject) -> None:
    facts = [without_name(fact) for fact in distinct(facts).recorded]
    at_once = tell(books, [facts], data)
    assert tell(books, data.draw(ways(facts)), data) == at_once


def without_name(fact: Row) -> Row:
    """Of a fact that is told twice, by two people, the first is recorded; so the same person tells it here."""
    return {name: value for name, value in fact.items() if name != "by"}


STORY = [
    announced(resolution="exchange"),
    scanned(at=2, _1=1),
    received(at=3, _1=2, X9=1),
    inspected("saleable", at=4, _1=1),
    inspected("damaged", at=4, _1=1),
    restocked(at=5, _1=1),
    written_off(at=5, _1=1),
    refunded("20.00", at=6),
    refunded("20.00", at=6, refund="RF-2"),
    reversed_(at=6),
    credited("20.00", at=6),
    credited("20.00", at=6, note="CN-2"),
    voided(at=6),
    told("ExchangeOrdered", 6, order="EX-1", status="draft"),
    told("ExchangeOrdered", 6, order="EX-1", status="authorised"),
    told("Expired", 6),
]


@examples(15)
@given(st.data())
def test_any_order_of_a_story_that_happens_at_few_instants(books: Books, data: st.DataObject) -> None:
    """Much of it at one instant, where only the content of the facts can say which comes first."""
    at_once = tell(books, [STORY], data)
    assert tell(books, data.draw(ways(STORY)), data) == at_once


def test_told_twice_is_told_once(books: Books) -> None:
    books.tell(STORY)
    books.catch_up()
    once, position = outcome(books), books.ledger.head()

    books.tell(list(reversed(STORY)))
    books.tell(STORY[:5])
    books.catch_up()

    assert (outcome(books), books.ledger.head()) == (once, position)
