"""The gaps of a return through time: segments that never overlap, the same however the fold is cut."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gaps import open_gaps
from domain.policy import DEFAULT_POLICY, Policy
from domain.returns import Recorded, ReturnState, evolve
from domain.telling import read_instant
from domain.timeline import Fold, Segment, Subject, changed, fold, onward
from tests.domain.story import announced, credited, day, folded, received, refunded, voided
from tests.strategies import at_few_instants, examples, histories, moments_of, permuted, policies


def by_subject(segments: Iterable[Segment]) -> dict[Subject, list[Segment]]:
    found: dict[Subject, list[Segment]] = defaultdict(list)
    for segment in sorted(segments, key=lambda segment: segment.valid_from):
        found[segment.kind, segment.line, segment.currency].append(segment)
    return found


def events_by_instant(events: list[Recorded]) -> list[tuple[datetime, list[Recorded]]]:
    ordered = sorted(events, key=Recorded.in_order_of_occurrence)
    return [(at, list(together)) for at, together in groupby(ordered, key=lambda event: event.occurred_at)]


def crowded_or_not(data: st.DataObject, events: list[Recorded]) -> list[Recorded]:
    return data.draw(at_few_instants(events)) if data.draw(st.booleans(), label="crowded") else events


# A story


def test_a_gap_that_changes_is_one_gap_in_several_segments() -> None:
    given = [
        announced(),
        received(),
        refunded("60.00", at=6),
        refunded("36.00", at=8, refund="RF-2"),
        credited("96.00", at=9),
        voided(at=12),
    ]

    found = by_subject(folded(given).segments())["refund_without_credit_note", None, "GBP"]

    told = [(one.amount_minor, one.valid_from, one.valid_to, one.opened_at, one.closed) for one in found]
    assert told == [
        (6000, instant(6), instant(8), instant(6), False),
        (9600, instant(8), instant(9), instant(6), True),
        (9600, instant(12), None, instant(12), False),
    ]


def test_a_gap_that_opens_by_time_passing_is_known_in_advance() -> None:
    """Nobody has to look at the clock: the segment begins when it will have begun, unless a fact comes first."""
    (short,) = (one for one in folded([announced(), received(at=3, _1=2)]).segments() if one.kind == "received_short")
    assert (short.valid_from, short.opened_at, short.valid_to, short.by_clock) == (instant(17), instant(17), None, True)

    came = [announced(), received(at=3, _1=2), received(at=10, _2=1)]
    assert "received_short" not in {one.kind for one in folded(came).segments()}

    came = [announced(), received(at=3, _1=2), received(at=20, _2=1)]
    (short,) = (one for one in folded(came).segments() if one.kind == "received_short")
    assert (short.valid_from, short.valid_to, short.closed, short.by_clock) == (instant(17), instant(20), True, True)


def instant(number: int) -> datetime:
    return read_instant(day(number))


def test_a_fold_goes_forward_in_time() -> None:
    there = folded([announced(at=5)])
    with pytest.raises(AssertionError, match="forward in time"):
        there.advance(instant(5), [])


# Any history


@examples(60)
@given(histories(), policies(), st.data())
def test_segments_of_a_subject_follow_each_other_and_say_when_it_opened_and_closed(
    events: list[Recorded], policy: Policy, data: st.DataObject
) -> None:
    events = crowded_or_not(data, events)

    segments = fold(events[0].key, events, policy).segments()

    assert len({segment.identity for segment in segments}) == len(segments)
    for one_after_the_other in by_subject(segments).values():
        opened_at = None
        for before, after in pairwise([None, *one_after_the_other, None]):
            goes_on = before is not None and after is not None and before.valid_to == after.valid_from
            if after is not None:
                opened_at = opened_at if goes_on else after.valid_from
                assert after.opened_at == opened_at
                assert after.valid_to is None or after.valid_to > after.valid_from
            if before is not None:
                assert before.closed is (before.valid_to is not None and not goes_on)
                assert after is None or (before.valid_to is not None and before.valid_to <= after.valid_from)


@examples(80)
@given(histories(), policies(), st.data())
def test_at_every_moment_the_segments_are_the_gaps_of_what_had_occurred_by_then(
    events: list[Recorded], policy: Policy, data: st.DataObject
) -> None:
    events = crowded_or_not(data, events)
    moment = data.draw(moments_of(events))
    state = ReturnState(events[0].key)
    for event in sorted(events, key=Recorded.in_order_of_occurrence):
        if event.occurred_at <= moment:
            state = evolve(state, event.fact, event.occurred_at, event.version)

    standing = [
        segment
        for segment in fold(events[0].key, events, policy).segments()
        if segment.valid_from <= moment and (segment.valid_to is None or segment.valid_to > moment)
    ]

    expected = {gap.subject: (gap.amount_minor, gap.units, gap.breakdown, gap.evidence) for gap in open_gaps(state, policy, moment)}
    found = {(one.kind, one.line, one.currency): (one.amount_minor, one.units, one.breakdown, one.evidence) for one in standing}
    assert found == expected
    assert all((one.order, one.erp) == (state.order, state.erp) for one in standing)
    assert fold(events[0].key, events, policy, until=moment).state == state


@examples(60)
@given(histories(), policies(), st.data())
def test_folding_on_is_folding_anew(events: list[Recorded], policy: Policy, data: st.DataObject) -> None:
    """Cut at any instants, forked or not: what the parts tell together is what the whole tells."""
    instants = events_by_instant(crowded_or_not(data, events))
    whole = fold(events[0].key, [event for _, together in instants for event in together], policy)

    part, ended, money, units = Fold(events[0].key, policy), list[Segment](), list[object](), list[object]()
    for at, together in instants:
        if data.draw(st.booleans(), label="cut here"):
            ended, money, units = [*ended, *part.ended], [*money, *part.money], [*units, *part.units]
            part = part.fork()
        onward(part, data.draw(st.permutations(together)))
        assert part.at == at

    assert part.state == whole.state
    assert sorted([*ended, *part.segments()], key=str) == sorted(whole.segments(), key=str)
    assert ([*money, *part.money], [*units, *part.units]) == (whole.money, whole.units)


@examples(40)
@given(histories(), policies(), st.data())
def test_the_order_of_recording_changes_nothing_but_the_numbers(events: list[Recorded], policy: Policy, data: st.DataObject) -> None:
    events = crowded_or_not(data, events)
    shuffled = data.draw(permuted(events))
    renumbered = {old.position: new.version for old in events for new in shuffled if old.position == new.position}
    numbers = {event.version: renumbered[event.position] for event in events}

    one, other = fold(events[0].key, events, policy), fold(events[0].key, shuffled, policy)

    def told(segments: Iterable[Segment], numbers: dict[int, int]) -> list[Segment]:
        return sorted((s._replace(evidence=tuple(sorted(numbers[n] for n in s.evidence))) for s in segments), key=str)

    assert told(one.segments(), numbers) == told(other.segments(), {event.version: event.version for event in events})
    assert (one.money, one.units) == (other.money, other.units)


@examples(40)
@given(histories())
def test_looking_at_what_is_live_changes_nothing(events: list[Recorded]) -> None:
    there = fold(events[0].key, events, DEFAULT_POLICY)
    assert there.live() == there.live()
    assert there.at is not None
    assert there.count_open() == sum(one.valid_from <= there.at for one in there.live())


@examples(60)
@given(histories(), policies(), st.data())
def test_a_change_leads_from_what_was_known_to_what_is(events: list[Recorded], policy: Policy, data: st.DataObject) -> None:
    """Whatever facts are missing at first: what ends, is withdrawn and is added makes the one set of segments into the other."""
    some = data.draw(st.lists(st.sampled_from(events), unique_by=lambda event: event.version))
    before, after = fold(events[0].key, some, policy).segments(), fold(events[0].key, events, policy).segments()

    change = changed(before, after)

    kept = [segment for segment in before if segment not in change.withdrawn]
    ends = {segment.identity: segment for segment in change.ended}
    assert sorted([*(ends.pop(one.identity, one) for one in kept), *change.added], key=str) == sorted(after, key=str)
    assert not ends
    assert all(segment in before for segment in change.withdrawn)
    assert changed(after, after) == changed([], [])
