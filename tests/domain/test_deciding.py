"""What people decide: which facts it makes, what it does to the gaps, and the sentences that say why it cannot be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.deciding import AcceptDifference, Assign, Decision, MapSku, MatchOrder, Note, Reopen, Retry, Snooze, Waive, WriteOff, rule
from domain.erp_facts import InstructionDeclined, OutcomeUnknown
from domain.gaps import open_gaps
from domain.policy import Policy
from domain.refusals import Unfitting
from domain.telling import read_telling, write_instant
from tests.domain.working import KEY, Walk, order, order_line, policy

SHIRT = ("L1", "SHIRT-M", 2, "80.00", "16.00")
ORDER = order(order_line("a", "SHIRT-M", 2, 8000, 1600))
OTHER = order(order_line("a", "SHIRT-MEDIUM", 2, 8000, 1600))


def watching(**decided: Any) -> Policy:
    return policy(**decided).model_copy(update={"erp": None})


def refund(walk: Walk, total: str = "96.00") -> Walk:
    return walk.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": total}, method="original_payment")


def credit(walk: Walk, total: str) -> Walk:
    return walk.tell("CreditNoted", credit_note="CN-1", erp="uk-erp", currency="GBP", amount={"total": total})


def decide(walk: Walk, decision: Decision) -> list[str]:
    """Let it be recorded; gives the names of the facts."""
    ruling = rule(walk.state, walk.policy, walk.at, decision)
    row = {
        "merchant": KEY.merchant,
        "platform": KEY.platform,
        "return": KEY.return_id,
        "by": "ada",
        "occurred_at": write_instant(ruling.at),
    }
    told = [read_telling(row | fact, own=True) for fact in ruling.facts]
    walk.at = ruling.at
    walk.record(*(telling.fact for telling in told))
    return [type(telling.fact).__name__ for telling in told]


def gaps(walk: Walk) -> list[str]:
    return sorted(str(gap.kind) for gap in open_gaps(walk.state, walk.policy, walk.at) if gap.kind != "tolerated")


def refused(walk: Walk, decision: Decision) -> str:
    with pytest.raises(Unfitting) as told:
        rule(walk.state, walk.policy, walk.at, decision)
    return str(told.value)


# Money


def test_a_difference_is_accepted_exactly_and_opens_again_when_it_changes() -> None:
    walk = credit(refund(Walk(watching(move_on="never")).announce(SHIRT).tell("Received")), "90.00")
    assert "credit_note_mismatch" in gaps(walk)
    assert "6.00 GBP, not 5.00" in refused(walk, AcceptDifference("rounding", amount="5.00"))
    assert decide(walk, AcceptDifference("rounding", amount="6.00")) == ["DifferenceAccepted"]
    assert "credit_note_mismatch" not in gaps(walk)
    assert "no difference to accept" in refused(walk, AcceptDifference("again"))
    walk.tell("RefundReversed", refund="RF-1")
    assert "credit_note_without_refund" in gaps(walk)


def test_reopened_it_counts_again_and_can_be_accepted_again() -> None:
    walk = credit(refund(Walk(watching(move_on="never")).announce(SHIRT).tell("Received")), "90.00")
    assert "nothing to reopen" in refused(walk, Reopen())
    decide(walk, AcceptDifference("rounding"))
    assert decide(walk, Reopen("credit_note_mismatch", "finance looked again")) == ["Reopened"]
    assert "credit_note_mismatch" in gaps(walk)
    decide(walk, AcceptDifference("rounding after all"))
    assert "credit_note_mismatch" not in gaps(walk)


def test_money_and_stock_are_given_up_with_a_reason_only() -> None:
    walk = credit(refund(Walk(watching(move_on="never")).announce(SHIRT).tell("Received")), "90.00")
    for reason in (None, "", "  "):
        for decision in (AcceptDifference(reason), Waive("uninspected_items", reason)):
            assert "A reason is a must" in refused(walk, decision)


def test_money_is_never_waived() -> None:
    walk = refund(Walk(watching()).announce(SHIRT))
    for kind in ("refund_without_credit_note", "credit_note_mismatch", "duplicate_credit_note", "orphan_credit_note"):
        assert "accept-difference" in refused(walk, Waive(kind, "we do not care"))


def test_differences_in_two_currencies_are_accepted_one_by_one() -> None:
    walk = refund(Walk(watching()).announce(SHIRT))
    walk.tell("Refunded", refund="RF-2", currency="EUR", amount={"total": "5.00"}, method="store_credit")
    assert "EUR, GBP" in refused(walk, AcceptDifference("small"))
    decide(walk, AcceptDifference("small", "EUR"))
    assert refused(walk, AcceptDifference("small", "USD")).endswith("there is no difference to accept.")


# Goods


def test_a_gap_is_waived_on_one_line_or_on_all() -> None:
    walk = Walk(watching()).announce(SHIRT, ("L2", "SOCKS", 1, "10.00", "2.00")).tell("Received")
    assert gaps(walk).count("uninspected_items") == 2
    assert "on line L9" in refused(walk, Waive("uninspected_items", "lost", "L9"))
    decide(walk, Waive("uninspected_items", "lost", "L1"))
    assert gaps(walk).count("uninspected_items") == 1
    decide(walk, Waive("uninspected_items", "all lost"))
    assert "uninspected_items" not in gaps(walk)
    assert "no open gap" in refused(walk, Waive("unrestocked_items", "x"))
    assert "is no kind of gap" in refused(walk, Waive("unpleasantness", "x"))
    decide(walk, Reopen("uninspected_items"))
    assert gaps(walk).count("uninspected_items") == 2


def test_damaged_units_are_approved_once_and_then_written_off() -> None:
    walk = Walk(policy(write_off="approve", move_on="received", credit_note_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 1, "disposition": "damaged"}])
    assert "write_off" not in [one.kind for one in walk.carry_out()]
    assert "on line L7" in refused(walk, WriteOff("broken", "L7"))
    assert decide(walk, WriteOff("broken")) == ["WriteOffApproved"]
    assert "approved already" in refused(walk, WriteOff("broken"))
    assert [one.kind for one in walk.carry_out()] == ["write_off"]
    assert "damaged_not_written_off" not in gaps(walk)
    assert "Nothing" in refused(walk, WriteOff("broken"))


def test_without_an_erp_whoever_says_so_has_written_them_off() -> None:
    walk = Walk(watching()).announce(SHIRT).tell("Received")
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 2, "disposition": "damaged"}])
    assert decide(walk, WriteOff("broken")) == ["WrittenOff", "Noted"]
    assert "damaged_not_written_off" not in gaps(walk)


# The way to the ERP


def test_what_was_declined_is_asked_for_again() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    assert "nothing waits for it" in refused(walk, Retry())
    (issued,) = walk.decline("over_credit")
    assert "instruction_failed" in gaps(walk)
    assert issued.instruction in refused(walk, Retry("rl-nothing"))
    assert decide(walk, Retry(issued.instruction, "credited by hand too much, mended")) == ["RetryAsked"]
    assert "instruction_failed" not in gaps(walk)
    assert walk.plan.superseded == (issued.instruction,)
    assert [one.kind for one in walk.plan.due] == ["post_credit_note"]


def test_a_retry_is_later_than_an_answer_from_a_clock_that_is_ahead() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    (issued,) = walk.plan.due
    walk.record(issued)
    walk.at += timedelta(hours=1)
    walk.record(InstructionDeclined(instruction=issued.instruction, code="refused", reason="no", what_to_do="wait"))
    walk.at -= timedelta(hours=1)
    decide(walk, Retry())
    assert walk.plan.superseded == (issued.instruction,)


def test_an_unknown_outcome_can_be_asked_about_again() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    (issued,) = walk.plan.due
    walk.record(issued, OutcomeUnknown(instruction=issued.instruction, reason="time-out"))
    assert decide(walk, Retry()) == ["RetryAsked"]
    assert walk.plan.superseded == ()
    assert "instruction_outcome_unknown" in gaps(walk), "it stays unknown until somebody knows"


def test_a_sku_is_matched_with_one_that_the_order_has() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(OTHER).tell("Received")
    assert "sku_unmatched" in gaps(walk)
    assert "SHIRT-M" in refused(walk, MapSku("SHIRT-X", "SHIRT-MEDIUM"))
    assert "SHIRT-MEDIUM" in refused(walk, MapSku("SHIRT-M", "SHIRT-L"))
    assert decide(walk, MapSku("SHIRT-M", "SHIRT-MEDIUM")) == ["SkuMatched"]
    assert "sku_unmatched" not in gaps(walk)
    assert "already" in refused(walk, MapSku("SHIRT-M", "SHIRT-MEDIUM"))


def test_people_take_note_of_each_other() -> None:
    walk = Walk(watching()).announce(SHIRT)
    assert decide(walk, MatchOrder("SO-9", "another shop")) == ["OrderReferred"]
    assert decide(walk, Assign("ada")) == ["Assigned"]
    assert "assigned to ada already" in refused(walk, Assign("ada"))
    assert decide(walk, Assign(None)) == ["Assigned"]
    assert "nobody" in refused(walk, Assign(None))
    assert decide(walk, Note("the parcel was wet")) == ["Noted"]
    assert "is past" in refused(walk, Snooze(walk.at))
    assert decide(walk, Snooze(walk.at + timedelta(days=1))) == ["Snoozed"]
