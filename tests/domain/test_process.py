"""What is due, and what bars the way: one return walked through its ERP by each policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.decisions import RetryAsked, WriteOffApproved
from domain.erp_facts import InstructionDeclined, KitComponent, OrderNotFound, SkuMatched
from domain.instructions import consequences
from domain.process import NOTHING
from tests.domain.working import Walk, order, order_line, policy

SHIRT = ("L1", "SHIRT-M", 2, "80.00", "16.00")
ORDER = order(order_line("a", "SHIRT-M", 2, 8000, 1600), shipping=500, shipping_tax=100)


def kinds(done: list[Any]) -> list[str]:
    return [one.kind for one in done]


def test_without_an_erp_nothing_is_due() -> None:
    walk = Walk(policy()).announce(SHIRT).tell("Received")
    walk.policy = walk.policy.model_copy(update={"erp": None})
    assert walk.plan == NOTHING


def test_the_order_is_looked_for_once_something_is_due() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT)
    assert not walk.plan.needs_order
    walk.tell("Received")
    assert walk.plan.needs_order
    assert walk.plan.due == walk.plan.blocked == ()
    walk.record(OrderNotFound(erp="uk-erp", reference="#1001", reason="none there"))
    assert [(one.kind, one.value_minor) for one in walk.plan.blocked] == [("order_not_found", 9600)]


def test_scan_receipt_inspection_and_the_shelf() -> None:
    walk = Walk(policy(credit_note_on="received")).announce(SHIRT).record(ORDER)
    assert walk.carry_out() == []
    walk.tell("ScannedAtReturnBar")
    (booked,) = walk.carry_out()
    assert (booked.kind, booked.goods[0].from_location, booked.goods[0].to_location, booked.goods[0].quantity) == (
        "book_in", None, "In transit", 2,
    )  # fmt: skip
    walk.tell("Received")
    note, moved = walk.carry_out()
    assert (note.kind, moved.kind) == ("post_credit_note", "move")
    assert note.amount is not None
    assert (note.amount.items, note.amount.tax, note.amount.shipping, note.amount.total) == (8000, 1600, 0, 9600)
    assert (moved.goods[0].from_location, moved.goods[0].to_location) == ("In transit", "Quarantine")
    walk.tell(
        "Inspected",
        lines=[{"line": "L1", "quantity": 1, "disposition": "saleable"}, {"line": "L1", "quantity": 1, "disposition": "damaged"}],
    )
    restocked, aside, written_off = walk.carry_out()
    assert kinds([restocked, aside, written_off]) == ["restock", "move", "write_off"]
    assert (restocked.goods[0].from_location, restocked.goods[0].to_location) == ("Quarantine", "Main")
    assert (aside.goods[0].to_location, written_off.goods[0].from_location) == ("Damaged", "Damaged")
    counts = walk.state.counts["L1"]
    assert (counts.restocked, counts.written_off) == (1, 1)
    assert {place: units for (_, place), units in walk.state.work.stands.items() if units} == {"Quarantine": 1, "Damaged": 1}
    assert walk.carry_out() == []


def test_a_note_that_brings_the_goods_in_takes_those_along_that_are_not_in_yet() -> None:
    walk = Walk(policy(goods_in_with_note=True, move_on="received")).announce(SHIRT).record(ORDER).tell("Received")
    (note,) = walk.carry_out()
    assert [(one.quantity, one.to_location) for one in note.goods] == [(2, "Quarantine")]
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 2, "disposition": "saleable"}])
    assert kinds(walk.carry_out()) == ["restock"]


@pytest.mark.parametrize("stage", ["scanned", "received", "inspected", "restocked", "refunded"])
def test_units_are_credited_when_they_come_to_the_stage_of_the_policy(stage: str) -> None:
    walk = Walk(policy(credit_note_on=stage, move_on="never")).announce(SHIRT).record(ORDER)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("ScannedAtReturnBar", {}),
        ("Received", {}),
        ("Inspected", {"lines": [{"line": "L1", "quantity": 2, "disposition": "saleable"}]}),
        ("Restocked", {"lines": [{"line": "L1", "quantity": 2}]}),
        ("Refunded", {"refund": "R-1", "currency": "GBP", "amount": {"total": "96.00"}, "method": "original_payment"}),
    ]
    names = {
        "ScannedAtReturnBar": "scanned",
        "Received": "received",
        "Inspected": "inspected",
        "Restocked": "restocked",
        "Refunded": "refunded",
    }
    credited_at = None
    for fact, content in steps:
        walk.tell(fact, **content)
        if "post_credit_note" in kinds(walk.carry_out()):
            assert credited_at is None
            credited_at = names[fact]
    # Put away on the inspection is restocked by the ledger itself.
    assert credited_at == ("inspected" if stage == "restocked" else stage)


def test_units_that_are_put_away_to_several_places_have_one_note() -> None:
    found = [{"line": "L1", "quantity": 1, "disposition": name} for name in ("saleable", "damaged")]
    walk = Walk(policy(credit_note_on="restocked", move_on="never")).announce(SHIRT).record(ORDER).tell("Inspected", lines=found)
    due = list(walk.plan.due)
    assert kinds(due) == ["book_in", "restock", "write_off"]
    walk.record(*due, *consequences(due[0], "A-1"), *consequences(due[1], "T-1"))
    assert walk.plan.due == ()
    walk.record(*consequences(due[2], "W-1"))
    (note,) = walk.carry_out()
    assert [one.quantity for one in note.money] == [2]


def test_a_note_does_not_wait_for_goods_that_are_declined() -> None:
    found = [{"line": "L1", "quantity": 1, "disposition": name} for name in ("saleable", "damaged")]
    walk = Walk(policy(credit_note_on="restocked", move_on="never")).announce(SHIRT).record(ORDER).tell("Inspected", lines=found)
    aside, restock, write_off = walk.plan.due
    walk.record(aside, restock, write_off, *consequences(aside, "A-1"), *consequences(restock, "T-1"))
    walk.record(InstructionDeclined(instruction=write_off.instruction, code="refused", reason="no", what_to_do="wait"))
    (note,) = walk.carry_out()
    assert [one.quantity for one in note.money] == [1]


def test_what_the_refund_tells_later_is_credited_by_a_second_note() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    (first,) = walk.carry_out()
    amount = {"items": "80.00", "tax": "17.00", "shipping": "5.00", "fees": "0.00", "total": "102.00"}
    walk.tell("Refunded", refund="R-1", currency="GBP", amount=amount, method="original_payment")
    (second,) = walk.carry_out()
    assert second.money == ()
    assert second.amount is not None
    assert (second.amount.shipping, second.amount.tax, second.amount.total) == (500, 100, 600)
    assert first.instruction != second.instruction
    assert walk.carry_out() == []


@pytest.mark.parametrize("backwards", [False, True])
def test_what_waits_behind_a_declined_note_is_asked_for_again_with_it(backwards: bool) -> None:
    found = [{"line": "L1", "quantity": 1, "disposition": name} for name in ("saleable", "damaged")]
    walk = (
        Walk(policy(goods_in_with_note=True, move_on="received"))
        .announce(SHIRT)
        .record(ORDER)
        .tell("Received")
        .tell("Inspected", lines=found)
    )
    due = list(walk.plan.due)
    assert kinds(due) == ["post_credit_note", "restock", "move", "write_off"]
    for one in reversed(due) if backwards else due:
        walk.record(one)
        walk.at -= timedelta(minutes=1)  # all at one instant, told in any order
    walk.at += timedelta(minutes=1)
    walk.record(InstructionDeclined(instruction=due[0].instruction, code="refused", reason="no", what_to_do="wait"))
    walk.record(RetryAsked(reason="mended"))
    assert set(walk.plan.superseded) == {one.instruction for one in due}
    assert kinds(list(walk.plan.due)) == kinds(due)


def test_fees_lessen_the_note_that_knows_of_them() -> None:
    walk = Walk(policy(move_on="never", credit_note_on="refunded")).announce(SHIRT).record(ORDER)
    amount = {"items": "80.00", "tax": "16.00", "shipping": "0.00", "fees": "-7.50", "total": "88.50"}
    walk.tell("Refunded", refund="R-1", currency="GBP", amount=amount, method="original_payment")
    (note,) = walk.carry_out()
    assert note.amount is not None
    assert (note.amount.fees, note.amount.total) == (-750, 8850)


def test_a_refund_of_one_of_two_lines_credits_that_line() -> None:
    walk = Walk(policy(move_on="never", credit_note_on="refunded"))
    walk.announce(SHIRT, ("L2", "SCARF", 1, "30.00", "6.00"))
    walk.record(order(order_line("a", "SHIRT-M", 2, 8000, 1600), order_line("b", "SCARF", 1, 3000, 600)))
    walk.tell("Refunded", refund="R-1", currency="GBP", amount={"total": "36.00"}, method="original_payment")
    (note,) = walk.carry_out()
    assert [(one.line, one.quantity) for one in note.money] == [("L2", 1)]


def test_not_invoiced_waits_and_the_goods_go_on() -> None:
    walk = Walk(policy()).announce(SHIRT).record(order(order_line("a", "SHIRT-M", 2, 8000, 1600), invoice="draft")).tell("Received")
    assert kinds(walk.carry_out()) == ["book_in"]
    assert [(one.kind, one.value_minor) for one in walk.plan.blocked] == [("order_not_invoiced", 9600)]
    assert walk.plan.needs_order
    walk.record(ORDER)
    assert kinds(walk.carry_out()) == ["post_credit_note"]


def test_an_unmatched_sku_holds_the_note_until_a_person_matches_it() -> None:
    walk = Walk(policy(move_on="received")).announce(("L1", "shirt m", 1, "40.00", "8.00"), ("L2", "SCARF", 1, "30.00", "6.00"))
    walk.record(order(order_line("a", "SHIRT-M", 2, 8000, 1600), order_line("b", "SCARF", 1, 3000, 600))).tell("Received")
    assert [(one.kind, one.line, one.value_minor) for one in walk.plan.blocked] == [("sku_unmatched", "L1", 4800)]
    (goods,) = walk.carry_out()
    assert [one.line for one in goods.goods] == ["L2"]
    walk.record(SkuMatched(sku="shirt m", to="SHIRT-M"))
    note, goods = walk.carry_out()
    assert note.amount is not None
    assert note.amount.total == 4800 + 3600
    assert [(one.line, one.sku) for one in goods.goods] == [("L1", "SHIRT-M")]


def test_a_kit_moves_as_its_components() -> None:
    kit = order_line(
        "k", "GIFT", 2, 6000, 1200, kit=(KitComponent(sku="MUG", quantity=1, weight=2), KitComponent(sku="TEA", quantity=2, weight=1))
    )
    walk = Walk(policy()).announce(("L1", "GIFT", 1, "30.00", "6.00")).record(order(kit)).tell("Received")
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 1, "disposition": "saleable"}])
    done = walk.carry_out()
    restocked = next(one for one in done if one.kind == "restock")
    assert [(one.sku, one.quantity, one.units) for one in restocked.goods] == [("MUG", 1, 1), ("TEA", 2, 1)]
    assert walk.state.counts["L1"].restocked == 1


def test_declined_waits_and_is_issued_anew_when_somebody_says_retry() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    (first,) = walk.decline("refused")
    assert not walk.plan.due
    walk.record(RetryAsked())
    assert walk.plan.superseded == (first.instruction,)
    (again,) = walk.plan.due
    assert again.instruction != first.instruction
    assert again.amount == first.amount


def test_a_note_voided_by_hand_is_not_posted_again_until_a_person_says_so() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    walk.carry_out()
    walk.tell("CreditNoteVoided", credit_note="DOC-1", erp="uk-erp")
    assert not walk.plan.due
    walk.record(RetryAsked(reason="voided by mistake"))
    assert kinds(walk.carry_out()) == ["post_credit_note"]


def test_a_note_made_by_hand_is_not_made_again() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT).record(ORDER)
    amount = {"total": "96.00"}
    walk.tell("CreditNoted", credit_note="CR-9", erp="uk-erp", currency="GBP", amount=amount, lines=[{"line": "L1", "quantity": 2}])
    walk.tell("Received")
    assert not walk.plan.due


def test_write_offs_wait_for_approval_where_the_policy_says_so() -> None:
    walk = Walk(policy(write_off="approve", credit_note_on="never")).announce(SHIRT).record(ORDER).tell("Received")
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 2, "disposition": "damaged"}])
    assert kinds(walk.carry_out()) == ["book_in", "move"]
    walk.record(WriteOffApproved(reason="soaked"))
    assert kinds(walk.carry_out()) == ["write_off"]
    assert walk.state.counts["L1"].written_off == 2


def test_damaged_goods_that_never_were_in_stock_are_booked_in_before_they_are_written_off() -> None:
    decided = {"damaged": {"action": "write_off"}}
    walk = Walk(policy(move_on="never", credit_note_on="never", dispositions=decided)).announce(SHIRT).record(ORDER)
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 1, "disposition": "damaged"}])
    done = walk.carry_out()
    assert kinds(done) == ["book_in", "write_off"]
    assert done[1].goods[0].from_location == "Quarantine"


def test_an_exchange_is_ordered_once_and_credited_only_where_money_moved() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT, resolution="exchange", exchange=[{"sku": "SHIRT-L", "quantity": 2}]).record(ORDER)
    assert not walk.plan.due
    walk.tell("Received")
    (exchange,) = walk.carry_out()
    assert (exchange.kind, exchange.status, [(one.sku, one.quantity) for one in exchange.exchange or ()]) == (
        "order_exchange", "authorised", [("SHIRT-L", 2)],
    )  # fmt: skip
    assert not walk.plan.due


def test_a_draft_of_the_exchange_is_authorised() -> None:
    walk = Walk(policy(move_on="never")).announce(SHIRT, resolution="exchange").record(ORDER)
    walk.tell("Received").tell("ExchangeOrdered", order="SO-9", status="draft", erp="uk-erp")
    (one,) = walk.plan.due
    assert (one.kind, one.document) == ("authorise_exchange", "SO-9")


def test_a_refund_is_released_once_when_all_of_it_has_come_to_the_stage() -> None:
    walk = Walk(policy(move_on="never", credit_note_on="never", release_refund_on="received")).announce(SHIRT).record(ORDER)
    walk.tell("Received", lines=[{"line": "L1", "quantity": 1}])
    assert not walk.plan.due
    walk.tell("Received", lines=[{"line": "L1", "quantity": 1}])
    (released,) = walk.carry_out()
    assert (released.kind, released.erp) == ("release_refund", "returngo")


def test_a_return_that_ended_expects_nothing_more() -> None:
    walk = Walk(policy()).announce(SHIRT).record(ORDER).tell("Received").tell("Cancelled")
    assert walk.plan == NOTHING


def test_a_voided_note_takes_its_goods_out_again_but_not_those_that_came_in_beside_it() -> None:
    mug = ("L2", "MUG", 1, "20.00", "4.00")
    both = order(order_line("a", "SHIRT-M", 2, 8000, 1600), order_line("b", "MUG", 1, 2000, 400))
    walk = Walk(policy(goods_in_with_note=True, move_on="received")).announce(SHIRT, mug).record(both).tell("Received")
    (note,) = walk.plan.due
    assert {one.sku for one in note.goods} == {"SHIRT-M", "MUG"}
    walk.record(note, *consequences(note, "CR-1", beside=("MUG",)))
    walk.tell("CreditNoteVoided", credit_note="CR-1", erp="uk-erp")
    walk.record(RetryAsked(reason="voided by mistake"))
    (again,) = walk.plan.due
    assert (again.kind, again.amount) == ("post_credit_note", note.amount)
    assert [(one.sku, one.quantity) for one in again.goods] == [("SHIRT-M", 2)]
