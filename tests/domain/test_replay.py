"""A return's history, event by event: numbers in order of occurrence, what each changed, and which gaps it opened and closed."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.gap import TOLERATED
from domain.gaps import open_gaps
from domain.policy import DEFAULT_POLICY, Policy
from domain.replay import Step, known_events, replay, stage, step_row
from domain.returns import Recorded, ReturnState
from domain.telling import read_telling
from domain.timeline import fold
from tests.domain.story import Row, announced, credited, day, inspected, received, refunded, restocked, reversed_, scanned, told
from tests.recording import FIRST_RECORDED, record
from tests.strategies import examples, histories, moments_of, permuted, policies


def steps(*facts: Row) -> list[Step]:
    ((key, events),) = record(facts).items()
    return replay(key, events, DEFAULT_POLICY)


def test_a_history_is_told_in_order_of_occurrence() -> None:
    given = [refunded("96.00", at=6), announced(at=1), credited("96.00", at=9), received(at=7)]

    history = steps(*given)

    assert [(step.number, type(step.event.fact).__name__, step.event.version) for step in history] == [
        (1, "Initiated", 2),
        (2, "Refunded", 1),
        (3, "Received", 4),
        (4, "CreditNoted", 3),
    ]
    assert [([gap.kind for gap in step.opened], [gap.kind for gap in step.closed]) for step in history] == [
        ([], []),
        (["refund_without_credit_note", "refund_before_receipt"], []),
        (["uninspected_items", "uninspected_items"], ["refund_before_receipt"]),
        ([], ["refund_without_credit_note"]),
    ]


def test_each_step_says_what_changed_from_what_to_what() -> None:
    first, second, third = steps(announced(), refunded("20.00", at=2), reversed_(at=3))

    assert first.changes["stage"] == ("none", "announced")
    assert first.changes["lines.1.worth"] == (None, "96.00 GBP")
    assert first.changes["lines.1.with_customer"] == (None, 2)
    assert second.changes == {
        "stage": ("announced", "refunded"),
        "refunds.RF-1.total": (None, "20.00 GBP"),
        "refunds.RF-1.method": (None, "original_payment"),
    }
    assert third.changes == {"stage": ("refunded", "announced"), "refunds.RF-1.reversed": (None, True)}


def test_a_step_as_it_is_written() -> None:
    telling = read_telling({**refunded("20", at=2), "source_id": "re_1", "by": "shop"})
    event = Recorded(
        telling.key, 1, telling.occurred_at, FIRST_RECORDED, telling.fact, telling.source_id, telling.by, "import:refunds.csv:2"
    )

    row = step_row(replay(telling.key, [event], DEFAULT_POLICY)[0])

    assert row == {
        "number": 1,
        "fact": "Refunded",
        "occurred_at": day(2),
        "recorded_at": "2026-11-01T00:00:00Z",
        "cause": "import:refunds.csv:2",
        "by": "shop",
        "source_id": "re_1",
        "data": {"refund": "RF-1", "currency": "GBP", "amount": {"total": "20.00"}, "method": "original_payment"},
        "changes": {
            "stage": {"from": "none", "to": "unannounced"},
            "refunds.RF-1.total": {"from": None, "to": "20.00 GBP"},
            "refunds.RF-1.method": {"from": None, "to": "original_payment"},
        },
        "opened": [
            {"kind": "refund_without_credit_note", "line": None, "currency": "GBP", "amount": "20.00", "units": None},
            {"kind": "unannounced_return", "line": None, "currency": None, "amount": None, "units": None},
        ],
        "closed": [],
    }


def test_how_far_a_return_is() -> None:
    story = [announced(), scanned(), received(), inspected("saleable", _1=1), restocked(_1=1), told("Cancelled", 9)]
    stages = ["announced", "scanned", "received", "inspected", "put away", "put away"]
    assert [stage(step.state) for step in steps(*story)] == stages
    assert [stage(step.state) for step in steps(announced(), told("Expired", 9))] == ["announced", "expired"]
    assert stage(ReturnState(steps(announced())[0].event.key)) == "none"


def test_what_had_occurred_and_what_was_known() -> None:
    ((_, events),) = record([announced(at=1), received(at=3), scanned(at=2)]).items()
    first, second, third = (event.recorded_at for event in events)
    assert [event.version for event in known_events(events, events[2].occurred_at, None)] == [1, 3]
    assert [event.version for event in known_events(events, None, second)] == [1, 2]
    assert [event.version for event in known_events(events, events[2].occurred_at, second)] == [1]
    assert known_events(events, None, first - timedelta(microseconds=1)) == []
    assert known_events(events, None, third) == known_events(events, None, None) == events


# Any history


@examples(40)
@given(histories(), policies(), st.data())
def test_opened_less_closed_is_what_is_open_at_the_end(events: list[Recorded], policy: Policy, data: st.DataObject) -> None:
    events = data.draw(permuted(events))
    as_of = data.draw(moments_of(events))
    known = known_events(events, as_of, None)

    history = replay(events[0].key, known, policy)

    assert [step.number for step in history] == list(range(1, len(known) + 1))
    standing = set[object]()
    for step in history:
        closed, opened = {gap.subject for gap in step.closed}, {gap.subject for gap in step.opened}
        assert closed <= standing
        assert not opened & standing
        standing = (standing - closed) | opened
    if history:
        last = history[-1]
        gaps = open_gaps(last.state, policy, last.event.occurred_at)
        assert standing == {gap.subject for gap in gaps if gap.kind != TOLERATED}
        of_fold = fold(events[0].key, events, policy, until=as_of).state
        assert (last.state.count, last.state.counts, last.state.refunds) == (of_fold.count, of_fold.counts, of_fold.refunds)
