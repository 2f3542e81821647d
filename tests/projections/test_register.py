"""The register in PostgreSQL against the oracle: as things had happened by T, as they were known at K, told in any batches."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.gap import PARTS, TOLERATED
from domain.money import to_text
from domain.policy import DEFAULT_POLICY, GapKind
from domain.telling import ReturnKey, read_instant, write_instant
from domain.timeline import Segment
from projections.gap_register import GapFilter
from projections.moments import Moment
from projections.summary import AGE_BUCKETS, summary
from projections.tie_out import differs, money_tie_out, unit_tie_out
from tests.oracle import gaps as oracle_gaps
from tests.oracle import tie_out as oracle_tie_out
from tests.projections.books import NOW, Books, Row, segments_of
from tests.strategies import TICK, examples, split, worlds

FIGURES = ("kind", "return", "merchant", "platform", "line", "sku", "currency", "amount", "units", "owner", "breakdown")


@dataclass(frozen=True)
class Story:
    """How a world was told: in batches, each known from a moment on, with a look at it after some of them."""

    told: list[Row]
    batches: list[list[Row]]
    looks: list[bool]
    memory: int

    def happen(self, books: Books) -> list[tuple[datetime, int]]:
        """Record and fold in; gives for each batch the moment from which it was known, and how many facts had been told by then."""
        books.empty()
        projector, known, count = books.projector(self.memory), list[tuple[datetime, int]](), 0
        for batch, look in zip(self.batches, self.looks, strict=True):
            count += len(batch)
            known.append((books.tell(batch), count))
            if look:
                projector.catch_up()
        books.catch_up()
        return known


@st.composite
def stories(draw: st.DrawFn, most_returns: int = 3) -> Story:
    told = draw(worlds(most_returns).filter(bool))
    batches = draw(split(told))
    looks = draw(st.lists(st.booleans(), min_size=len(batches), max_size=len(batches)))
    return Story(told, batches, looks, draw(st.sampled_from((1, 15_000))))


def moments(data: st.DataObject, story: Story, known: list[tuple[datetime, int]]) -> tuple[Moment, list[Row]]:
    """A moment in both times, and the facts that were known then."""
    instants = sorted({read_instant(fact["occurred_at"]) for fact in story.told})
    nearby = st.sampled_from((timedelta(0), -TICK, timedelta(days=14), timedelta(days=3)))
    as_of = data.draw(st.none() | st.builds(lambda at, later: at + later, st.sampled_from(instants), nearby), label="as of")
    known_at, count = data.draw(st.just((None, len(story.told))) | st.sampled_from(known), label="known at")
    if known_at is not None and data.draw(st.booleans(), label="just after"):
        known_at += TICK
    return Moment(NOW, as_of, known_at), story.told[:count]


@examples(20)
@given(stories(), st.data())
def test_the_gaps_are_the_oracle_s_at_any_moment_in_both_times(books: Books, story: Story, data: st.DataObject) -> None:
    known = story.happen(books)
    for _ in range(3):
        moment, facts = moments(data, story, known)

        rows = books.gaps(moment)

        expected = oracle_gaps.gaps(facts, moment.as_of, NOW)
        assert as_multiset(rows) == as_multiset({**gap, "opened_at": write_instant(gap["opened_at"])} for gap in expected)


@examples(15)
@given(stories(), st.data())
def test_every_cell_is_what_the_domain_folds_from_what_was_known(books: Books, story: Story, data: st.DataObject) -> None:
    """Open, closed and all; with order, ERP, explanation, evidence, due date and when it was closed."""
    known = story.happen(books)
    for status in ("open", "closed", "all") * 2:
        moment, _ = moments(data, story, known)

        rows = books.gaps(moment, status=status)

        segments = segments_of(books.events(moment.known_at), books.policies)
        expected = [row_of(key, one, moment) for key, ones in segments.items() for one in ones if is_asked_for(one, moment, status)]
        assert sorted(rows, key=str) == sorted(expected, key=str)


@examples(15)
@given(stories(), st.data())
def test_it_ties_out_to_nothing_at_any_moment_in_both_times(books: Books, story: Story, data: st.DataObject) -> None:
    known = story.happen(books)
    for _ in range(3):
        moment, facts = moments(data, story, known)

        money, units = money_tie_out(books.conn, moment), unit_tie_out(books.conn, moment)

        assert money == oracle_tie_out.money(facts, moment.as_of, NOW)
        expected = [row for row in oracle_tie_out.units(facts, moment.as_of, NOW) if any(figures(row))]
        assert sorted(units, key=str) == sorted(expected, key=str)
        assert not [row for row in [*money, *units] if differs(row)]


@examples(15)
@given(stories(), st.data())
def test_the_summary_is_the_gaps_counted(books: Books, story: Story, data: st.DataObject) -> None:
    known = story.happen(books)
    for status in ("open", "closed", "all"):
        moment, _ = moments(data, story, known)
        rows = books.gaps(moment, status=status)

        counted = summary(books.conn, GapFilter(status=status), moment)

        assert Counter({(row["kind"], row["owner"], row["currency"], row["age"]): row["count"] for row in counted}) == Counter(
            (row["kind"], row["owner"], row["currency"], age(moment.clock - read_instant(row["opened_at"]))) for row in rows
        )
        for row in counted:
            same = [one for one in rows if (one["kind"], one["currency"]) == (row["kind"], row["currency"])]
            same = [one for one in same if age(moment.clock - read_instant(one["opened_at"])) == row["age"]]
            assert minor(row["amount"]) == sum(minor(one["amount"]) for one in same)
            assert (row["units"] or 0) == sum(one["units"] or 0 for one in same)


def as_multiset(rows: Iterable[Row]) -> Counter[str]:
    return Counter(str([row[field] for field in (*FIGURES, "opened_at")]) for row in rows)


def figures(row: Row) -> list[int]:
    return [value for name, value in row.items() if name not in ("what", "merchant", "sku")]


def is_asked_for(one: Segment, moment: Moment, status: str) -> bool:
    as_of = moment.as_of
    begun = (one.valid_from <= moment.clock) if as_of is not None or one.by_clock else True
    ended = one.valid_to is not None and (as_of is None or one.valid_to <= as_of)
    is_open, is_closed = begun and not ended, ended and one.closed
    return one.kind != TOLERATED and {"open": is_open, "closed": is_closed, "all": is_open or is_closed}[status]


def row_of(key: ReturnKey, one: Segment, moment: Moment) -> Row:
    """A segment as the contract's row has it."""
    due_at = one.opened_at + DEFAULT_POLICY.due_after(GapKind(one.kind))
    closed_at = one.valid_to if one.closed and one.valid_to and (moment.as_of is None or one.valid_to <= moment.as_of) else None
    currency, parts = one.currency, None
    if one.breakdown is not None and currency is not None:
        parts = {part: to_text(amount, currency) for part, amount in zip(PARTS, one.breakdown, strict=True)}
    return {
        "kind": one.kind,
        "return": key.return_id,
        "merchant": key.merchant,
        "platform": key.platform,
        "erp": one.erp,
        "order": one.order,
        "line": one.line,
        "sku": one.sku,
        "currency": currency,
        "amount": None if one.amount_minor is None or currency is None else to_text(one.amount_minor, currency),
        "units": one.units,
        "owner": DEFAULT_POLICY.owner(GapKind(one.kind)),
        "assigned_to": None,
        "opened_at": write_instant(one.opened_at),
        "due_at": write_instant(due_at),
        "overdue": due_at < (closed_at or moment.clock),
        "closed_at": write_instant(closed_at) if closed_at else None,
        "breakdown": parts,
        "explanation": one.explanation,
        "evidence": list(one.evidence),
    }


def age(passed: timedelta) -> str:
    ends = (1, 3, 7, 14, 30)
    return next((bucket for bucket, days in zip(AGE_BUCKETS, ends, strict=False) if passed <= timedelta(days=days)), AGE_BUCKETS[-1])


def minor(amount: str | None) -> int:
    return int(amount.replace(".", "")) if amount else 0
