"""The gaps of a blocked way, their sentences, and what people's decisions do to gaps."""

from __future__ import annotations

from typing import Any

import pytest

from domain.decisions import DifferenceAccepted, DocumentAssigned, GapWaived, Reopened, RetryAsked
from domain.erp_facts import CreditNoteAmended, InstructionDeclined, OrderNotFound, OutcomeUnknown
from domain.explain import explain
from domain.gap import TOLERATED, Gap
from domain.gaps import open_gaps
from domain.moves import money_moves
from domain.returns import evolve
from domain.telling import ReturnKey
from tests.domain.working import KEY, Walk, order, order_line, policy

SHIRT = ("L1", "SHIRT-M", 2, "80.00", "16.00")
ORDER = order(order_line("a", "SHIRT-M", 2, 8000, 1600), number="SO-0042")


def gaps(walk: Walk) -> dict[str, Gap]:
    return {gap.kind: gap for gap in open_gaps(walk.state, walk.policy, walk.at)}


def said(walk: Walk, kind: str) -> str:
    return explain(gaps(walk)[kind], walk.state, walk.policy)


def start(**decided: Any) -> Walk:
    return Walk(policy(**{"move_on": "never"} | decided)).announce(SHIRT).tell("Received")


def test_an_order_that_is_not_found_holds_up_what_waits_for_it() -> None:
    walk = start().record(OrderNotFound(erp="uk-erp", reference="#1001", reason="it has no sale with that reference"))
    assert gaps(walk)["order_not_found"].amount_minor == 9600
    assert said(walk, "order_not_found") == (
        "uk-erp has no order that is #1001 for certain (it has no sale with that reference); 96.00 GBP waits."
    )
    walk.record(ORDER)
    assert "order_not_found" not in gaps(walk)


def test_an_order_that_is_not_invoiced_says_so() -> None:
    walk = start().record(ORDER.model_copy(update={"invoice": "draft"}))
    assert said(walk, "order_not_invoiced") == "Order SO-0042 has an invoice that is a draft in uk-erp; 96.00 GBP waits."


def test_a_sku_that_does_not_match_is_shown_with_what_may_be_meant() -> None:
    walk = Walk(policy(move_on="never")).announce(("L1", "shirt m", 1, "40.00", "8.00")).record(ORDER).tell("Received")
    gap = gaps(walk)["sku_unmatched"]
    assert (gap.line, gap.amount_minor) == ("L1", 4800)
    assert said(walk, "sku_unmatched") == (
        "shirt m (line L1) is no SKU of order SO-0042 in uk-erp; perhaps it is SHIRT-M; 48.00 GBP waits."
    )


def test_a_declined_instruction_is_a_gap_until_somebody_asks_for_it_again() -> None:
    walk = start().record(ORDER)
    (note,) = walk.plan.due
    declined = InstructionDeclined(
        instruction=note.instruction, code="over_credit", reason="the invoice allows 10.00 GBP", what_to_do="Look at sale SO-0042."
    )
    walk.record(note, declined)
    assert gaps(walk)["instruction_failed"].amount_minor == 9600
    assert said(walk, "instruction_failed") == (
        "The credit note was declined by uk-erp: the invoice allows 10.00 GBP; 96.00 GBP waits. Look at sale SO-0042."
    )
    walk.record(RetryAsked())
    assert "instruction_failed" not in gaps(walk)


def test_a_refusal_that_is_a_gap_kind_opens_that_kind() -> None:
    walk = start().record(ORDER)
    (note,) = walk.plan.due
    walk.record(
        note, InstructionDeclined(instruction=note.instruction, code="order_not_invoiced", reason="draft", what_to_do="Authorise it.")
    )
    assert "order_not_invoiced" in gaps(walk)
    assert "instruction_failed" not in gaps(walk)


def test_an_unknown_outcome_is_a_gap_until_it_is_known() -> None:
    walk = start().record(ORDER)
    (note,) = walk.plan.due
    walk.record(note, OutcomeUnknown(instruction=note.instruction, reason="time-out"))
    assert said(walk, "instruction_outcome_unknown") == (
        "The credit note was sent to uk-erp, and nobody knows what became of it (time-out): it is being asked for; 96.00 GBP waits."
    )


def refunded(walk: Walk, total: str) -> Walk:
    return walk.tell("Refunded", refund="R-1", currency="GBP", amount={"total": total}, method="original_payment")


def credited(walk: Walk, total: str) -> Walk:
    return walk.tell("CreditNoted", credit_note="CR-1", erp="uk-erp", currency="GBP", amount={"total": total})


def test_an_accepted_difference_is_tolerated_while_it_is_exactly_that() -> None:
    walk = credited(refunded(start(), "96.00"), "90.00")
    walk.record(DifferenceAccepted(currency="GBP", amount=600, reason="goodwill"))
    found = gaps(walk)
    assert "credit_note_mismatch" not in found
    assert found[TOLERATED].amount_minor == 600
    walk.record(Reopened(kind="credit_note_mismatch"))
    assert gaps(walk)["credit_note_mismatch"].amount_minor == 600


def test_an_accepted_difference_that_changes_is_a_gap_again() -> None:
    walk = credited(refunded(start(), "96.00"), "90.00").record(DifferenceAccepted(currency="GBP", amount=600, reason="goodwill"))
    amended = {"credit_note": "CR-1", "erp": "uk-erp", "currency": "GBP", "amount": {"total": 9500}}
    walk.record(CreditNoteAmended.model_validate(amended))
    assert gaps(walk)["credit_note_mismatch"].amount_minor == 100


def test_a_waived_gap_is_gone_until_it_is_reopened() -> None:
    walk = start(credit_note_on="never")
    assert "uninspected_items" in gaps(walk)
    walk.record(GapWaived(kind="uninspected_items", line="L1", reason="too small to look at"))
    assert "uninspected_items" not in gaps(walk)
    walk.record(Reopened())
    assert "uninspected_items" in gaps(walk)


def test_money_is_never_waived() -> None:
    walk = refunded(start(), "96.00").record(GapWaived(kind="refund_without_credit_note", reason="no"))
    assert "refund_without_credit_note" in gaps(walk)


def test_a_document_that_names_no_return_is_an_orphan_until_it_is_somebodys() -> None:
    walk = credited(Walk(policy(), key=ReturnKey("acme", "erp.uk-erp", "CR-1")), "90.00")
    assert list(gaps(walk)) == ["orphan_credit_note"]
    assert gaps(walk)["orphan_credit_note"].amount_minor == -9000
    assert said(walk, "orphan_credit_note") == "Credit note CR-1 credits 90.00 GBP on 1 Oct 2026 and names no return."
    walk.record(DocumentAssigned(credit_note="CR-1", erp="uk-erp", to=str(KEY)))
    assert gaps(walk) == {}


@pytest.mark.parametrize("told_first", [True, False])
def test_the_books_follow_an_amended_note_whichever_is_told_first(told_first: bool) -> None:
    walk = Walk(policy())
    amended = CreditNoteAmended.model_validate({"credit_note": "CR-1", "erp": "uk-erp", "currency": "GBP", "amount": {"total": 7000}})
    note = {"credit_note": "CR-1", "erp": "uk-erp", "currency": "GBP", "amount": {"total": "90.00"}}
    total = 0
    for step in (0, 1):
        before = walk.state
        if (step == 0) == told_first:
            walk.tell("CreditNoted", **note)
            fact = next(iter(walk.state.notes.values()))
        else:
            walk.state, fact = evolve(walk.state, amended, walk.at, walk.state.count + 1), amended  # type: ignore[assignment]
        total += sum(move.total for move in money_moves(before, walk.state, fact, walk.at))
    assert total == 7000
