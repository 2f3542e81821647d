"""What another policy would have done: earlier or later notes, other gaps; and nothing where the policies are the same."""

from __future__ import annotations

from dataclasses import replace

from domain.foreseeing import differences, foresee
from domain.returns import Recorded
from tests.domain.working import KEY, Walk, order, order_line, policy

SHIRT = ("L1", "SHIRT-M", 2, "80.00", "16.00")
ORDER = order(order_line("a", "SHIRT-M", 2, 8000, 1600))
DAMAGED = [{"line": "L1", "quantity": 1, "disposition": "saleable"}, {"line": "L1", "quantity": 1, "disposition": "damaged"}]


def walked() -> Walk:
    """A return as it went: instructions of ours among what the world told."""
    walk = Walk(policy(credit_note_on="received")).announce(SHIRT).record(ORDER)
    walk.tell("ScannedAtReturnBar").carry_out()
    walk.tell("Received").carry_out()
    walk.tell("Inspected", lines=DAMAGED).carry_out()
    return walk


def test_the_same_policy_foresees_what_was() -> None:
    walk = walked()
    events = [event for event in walk.events if type(event.fact).__name__ not in ("CreditNoted", "Restocked", "WrittenOff")]
    seen = foresee(KEY, events, walk.policy, walk.at)
    assert {kind: done.times for kind, done in seen.done.items()} == {
        "book_in": 1,
        "post_credit_note": 1,
        "move": 2,
        "restock": 1,
        "write_off": 1,
    }
    assert seen.done["post_credit_note"].amount_minor == 9600
    assert differences(seen, seen) == []


def test_a_note_goes_earlier_and_damaged_goods_wait_for_approval() -> None:
    walk = walked()
    events = [event for event in walk.events if type(event.fact).__name__ not in ("CreditNoted", "Restocked", "WrittenOff")]
    before = foresee(KEY, events, walk.policy, walk.at)
    after = foresee(KEY, events, policy(credit_note_on="scanned", write_off="approve"), walk.at)
    told = {(one.what, one.kind): one for one in differences(before, after)}
    note = told["instruction", "post_credit_note"]
    assert note.before is not None
    assert note.after is not None
    assert str(note.after["first_at"]) < str(note.before["first_at"])
    assert told["instruction", "write_off"].after is None
    assert told["gap", "damaged_not_written_off"].after == {"amount": "48.00", "currency": "GBP", "units": 1}
    assert told["gap", "damaged_not_written_off"].before is None


def test_what_follows_from_our_own_instructions_is_left_out() -> None:
    walk = walked()
    events = [
        event if type(event.fact).__name__ not in ("CreditNoted", "Restocked", "WrittenOff") else _ours(event) for event in walk.events
    ]
    assert foresee(KEY, events, policy(credit_note_on="never"), walk.at).done.keys() == {"book_in", "move", "restock", "write_off"}


def test_without_an_erp_only_gaps_are_foreseen() -> None:
    walk = Walk(policy()).announce(SHIRT).tell("Received")
    watching = walk.policy.model_copy(update={"erp": None})
    seen = foresee(KEY, walk.events, watching, walk.at)
    assert seen.done == {}
    assert [str(gap.kind) for gap in seen.gaps] == ["uninspected_items"]


def test_a_return_that_nobody_told_of_is_nothing() -> None:
    assert foresee(KEY, [], policy(), walked().at).gaps == ()


def _ours(event: Recorded) -> Recorded:
    return replace(event, cause="instruction:rl-1")
