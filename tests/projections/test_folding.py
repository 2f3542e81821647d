"""What is learnt, without a database: lessons applied one after the other lead to what the whole history tells."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.policy import DEFAULT_POLICY, Policy
from domain.returns import Recorded
from domain.timeline import Fold, Segment, fold
from projections.folding import Lesson, learn
from tests.domain.story import Row, announced, credited, received, refunded, voided
from tests.recording import FIRST_RECORDED, record
from tests.strategies import at_few_instants, examples, histories, permuted, policies, split


class Register:
    """Applies lessons as the tables do: what ends is marked, what turns out wrong goes, moves are added up."""

    def __init__(self) -> None:
        self.segments: dict[tuple[Any, ...], Segment] = {}
        self.money: Counter[tuple[Any, ...]] = Counter()
        self.units: Counter[tuple[Any, ...]] = Counter()

    def take(self, lesson: Lesson) -> None:
        for segment in lesson.change.withdrawn:
            assert self.segments.pop(segment.identity) == segment
        for segment in lesson.change.ended:
            assert self.segments[segment.identity] == segment.unended()
            self.segments[segment.identity] = segment
        for segment in lesson.change.added:
            assert segment.identity not in self.segments
            self.segments[segment.identity] = segment
        for money in lesson.money:
            self._add(self.money, money[:6], money[6:])
        for units in lesson.units:
            self._add(self.units, units[:4], units.units)

    @staticmethod
    def _add(sums: Counter[tuple[Any, ...]], about: tuple[Any, ...], figures: tuple[int, ...]) -> None:
        for place, figure in enumerate(figures):
            sums[*about, place] += figure

    def told(self) -> tuple[Any, ...]:
        return set(self.segments.values()), {k: n for k, n in self.money.items() if n}, {k: n for k, n in self.units.items() if n}


def register_of(folded: Fold) -> Register:
    """What a fold in one go amounts to."""
    whole = Register()
    whole.segments = {segment.identity: segment for segment in folded.segments()}
    for money in folded.money:
        whole._add(whole.money, money[:6], money[6:])
    for units in folded.units:
        whole._add(whole.units, units[:4], units.units)
    return whole


@st.composite
def recorded_in_batches(draw: st.DrawFn) -> list[list[Recorded]]:
    """The facts of one return in any order, so many at each moment of recording."""
    events = draw(histories())
    if draw(st.booleans()):
        events = draw(at_few_instants(events))
    if draw(st.booleans()):
        events = draw(permuted(events))
    batches = draw(split(events))
    return [
        [replace(event, recorded_at=FIRST_RECORDED + timedelta(seconds=number)) for event in batch] for number, batch in enumerate(batches)
    ]


FORGOTTEN = st.booleans()


@examples(80)
@given(recorded_in_batches(), policies(), st.data())
def test_lesson_by_lesson_it_is_what_the_whole_tells(batches: list[list[Recorded]], policy: Policy, data: st.DataObject) -> None:
    """After each moment of recording the register is what a fold of everything known by then says; some steps take several moments."""
    key = batches[0][0].key
    register, folded = Register(), Fold(key, policy)
    known: list[Recorded] = []
    for together in data.draw(split(batches)):
        start = None if data.draw(FORGOTTEN, label="forgotten in between") and known else folded
        told_before = list(known)

        folded, lessons = learn(start, key, policy, [event for batch in together for event in batch], told_before.copy)

        assert [lesson.known_from for lesson in lessons] == [batch[0].recorded_at for batch in together]
        for batch, lesson in zip(together, lessons, strict=True):
            known += batch
            register.take(lesson)
            assert register.told() == register_of(fold(key, known, policy)).told()
        assert (folded.ended, folded.money, folded.units) == ([], [], [])
        assert folded.state == fold(key, known, policy).state


# Stories


def learnt(*batches: list[Row]) -> list[Lesson]:
    ((key, events),) = record([fact for batch in batches for fact in batch]).items()
    told, lessons, waiting = list[Recorded](), list[Lesson](), iter(events)
    folded: Fold | None = Fold(key, DEFAULT_POLICY)
    for number, batch in enumerate(batches):
        at = FIRST_RECORDED + timedelta(hours=number)
        new = [replace(next(waiting), recorded_at=at) for _ in batch]
        folded, more = learn(folded, key, DEFAULT_POLICY, new, told.copy)
        told += new
        lessons += more
    return lessons


def kinds(segments: list[Segment]) -> list[str]:
    return sorted(segment.kind for segment in segments)


def test_what_goes_forward_ends_and_adds() -> None:
    first, second = learnt([announced(erp="cin7"), received(), refunded("96.00", at=6)], [credited("96.00", at=7)])

    assert kinds(first.change.added) == ["refund_without_credit_note", "uninspected_items", "uninspected_items"]
    assert (kinds(second.change.ended), second.change.withdrawn, second.change.added) == (["refund_without_credit_note"], [], [])
    assert [move.total for move in (*first.money, *second.money)] == [9600, 9600]


def test_what_comes_late_withdraws_and_reverses() -> None:
    """The note was voided all the while: what was posted for it is taken back, with the day on which it was posted."""
    first, second = learnt([refunded("96.00", at=6), credited("96.00", at=8)], [voided(at=7)])

    assert [(move.side, move.total) for move in first.money] == [("refunded", 9600), ("credited", 9600)]
    assert [(move.side, move.total, move.occurred_at.day) for move in second.money] == [("credited", -9600, 8), ("credited", 0, 8)]
    withdrawn = [segment for segment in second.change.withdrawn if segment.kind == "refund_without_credit_note"]
    assert [(segment.valid_to is not None, segment.closed) for segment in withdrawn] == [(True, True)]


def test_what_had_ended_before_the_late_fact_is_left_alone() -> None:
    facts = [announced(), refunded("10.00", at=2), credited("10.00", at=3), refunded("20.00", at=6, refund="RF-2")]
    (_, second) = learnt(facts, [received(at=5)])

    touched = [*second.change.withdrawn, *second.change.added, *second.change.ended]
    assert {"refund_before_receipt", "uninspected_items"} <= set(kinds(touched))
    assert all(segment.valid_to is None or segment.valid_to.day >= 5 for segment in touched)
