"""The state of a return: evidence commutes, nothing is refused, and what was known before stays as it was."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.gap import Gap
from domain.gaps import open_gaps
from domain.policy import DEFAULT_POLICY, Policy
from domain.returns import Recorded, ReturnState, evolve
from tests.domain.story import Row, announced, credited, day, inspected, received, refunded, restocked, reversed_, scanned, told, voided
from tests.recording import record
from tests.strategies import at_few_instants, examples, histories, policies


def state_of(events: Iterable[Recorded]) -> ReturnState:
    """Folded in exactly the order given; each event keeps its number."""
    state: ReturnState | None = None
    for event in events:
        state = evolve(state or ReturnState(event.key), event.fact, event.occurred_at, event.version)
    assert state is not None
    return state


def after(*facts: Row) -> ReturnState:
    ((_, events),) = record(facts).items()
    return state_of(events)


def without_order(told: Any) -> Any:
    """What a state says, whatever the order in which it was told."""
    if isinstance(told, ReturnState):
        return {name: without_order(value) for name, value in vars(told).items()}
    if isinstance(told, dict):
        return {key: without_order(value) for key, value in told.items()}
    if isinstance(told, tuple) and all(isinstance(one, int) for one in told) and not hasattr(told, "_fields"):
        return tuple(sorted(told))  # numbers of events
    return told


# Evidence commutes


@examples(60)
@given(histories(), st.data(), policies())
def test_any_order_of_the_same_facts_gives_the_same_state_and_gaps(events: list[Recorded], data: st.DataObject, policy: Policy) -> None:
    if data.draw(st.booleans(), label="crowded"):
        events = data.draw(at_few_instants(events))
    shuffled = data.draw(st.permutations(events))
    last = max(event.occurred_at for event in events)

    one, other = state_of(events), state_of(shuffled)

    assert without_order(one) == without_order(other)
    assert set(open_gaps(one, policy, last)) == set(open_gaps(other, policy, last))


def test_a_reversal_may_come_before_its_refund_and_a_void_before_its_note() -> None:
    there = after(refunded("20.00"), credited("20.00"), reversed_(), voided())
    back = after(voided(), reversed_(), credited("20.00"), refunded("20.00"))

    for state in (there, back):
        assert (state.active_refunds(), state.active_notes()) == ([], [])
        assert list(state.refunds) == ["RF-1"]


def test_what_all_means_is_known_once_the_lines_are_announced() -> None:
    state = after(received(at=3), scanned(at=2, _1=1))
    assert (state.received("1"), state.scanned("1"), state.units_in("1")) == (0, 1, 1)

    state = after(received(at=3), scanned(at=2, _1=1), announced())
    assert [state.received(line) for line in ("1", "2", "X9")] == [2, 1, 0]
    assert (state.scanned("1"), state.units_in("1")) == (1, 2)


def test_all_of_them_and_what_else_is_told() -> None:
    """`lines` left out means all announced units, whatever else of that kind is told; more than that stays more."""
    assert after(announced(), received(), received(at=4, _1=1)).received("1") == 2
    assert after(announced(), received(), received(at=4, _1=5)).received("1") == 5


def test_an_order_is_as_far_as_it_ever_was() -> None:
    orders = [
        told("ExchangeOrdered", at, order="EX-1", status=status) for at, status in enumerate(("dispatched", "draft", "authorised"), 1)
    ]
    assert after(*orders).exchange_orders == after(*reversed(orders)).exchange_orders == {"EX-1": "dispatched"}


def test_cancelled_weighs_more_than_expired() -> None:
    there, back = after(told("Cancelled", 1), told("Expired", 2)), after(told("Expired", 2), told("Cancelled", 1))
    assert there.ended == back.ended == "cancelled"


def test_the_erp_is_the_announced_one_or_else_that_of_a_note() -> None:
    note = {**credited("1.00"), "erp": "tryton"}
    assert after(announced(), note).erp == "tryton"
    assert after(announced(erp="linnworks"), note).erp == "linnworks"
    assert after(announced()).erp is None
    assert after(note, credited("1.00", note="CN-2")).erp == "cin7"


def test_counts_are_kept_by_line_and_disposition() -> None:
    state = after(announced(), inspected("saleable", _1=1), inspected("damaged", at=5, _1=1, _2=1), restocked(_1=1), restocked(at=6, _1=1))

    assert dict(state.counts["1"].inspected) == {"saleable": 1, "damaged": 1}
    assert (state.counts["1"].inspected_units, state.counts["1"].restocked, state.counts["2"].inspected_units) == (2, 2, 1)
    assert state.numbers["Restocked", "1"] == (4, 5)


def test_first_and_last_are_those_that_happened_first_and_last() -> None:
    state = after(received(at=5), announced(at=1), refunded("1.00", at=3))
    assert state.count == 3
    assert state.first_at is not None
    assert state.last_at is not None
    assert (state.first_at.isoformat(), state.last_at.isoformat()) == (day(1).replace("Z", "+00:00"), day(5).replace("Z", "+00:00"))


# Nothing is changed in place


@examples(40)
@given(histories())
def test_what_was_known_before_stays_as_it_was(events: list[Recorded]) -> None:
    state, gaps = ReturnState(events[0].key), list[Gap]()
    for event in events:
        before = repr(vars(state))

        after = evolve(state, event.fact, event.occurred_at, event.version)

        assert repr(vars(state)) == before
        assert after.count == state.count + 1
        assert open_gaps(state, DEFAULT_POLICY, event.occurred_at) == open_gaps(state, DEFAULT_POLICY, event.occurred_at)
        state, gaps = after, open_gaps(after, DEFAULT_POLICY, event.occurred_at)
    assert open_gaps(state, DEFAULT_POLICY, events[-1].occurred_at) == gaps


@examples(40)
@given(histories(), policies())
def test_a_state_has_at_most_one_gap_a_subject(events: list[Recorded], policy: Policy) -> None:
    """And of the clearing kinds at most one a currency."""
    for number in range(1, len(events) + 1):
        gaps = open_gaps(state_of(events[:number]), policy, max(event.occurred_at for event in events[:number]))
        subjects = [gap.subject for gap in gaps]
        clearing = [gap.currency for gap in gaps if "credit_note" in gap.kind or gap.kind == "tolerated"]
        assert len(set(subjects)) == len(subjects)
        assert len(set(clearing)) == len(clearing)
