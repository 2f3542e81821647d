"""Instructions are carried out once each, whatever the ERP does in between."""

from __future__ import annotations

import pytest

from adapters.erps.port import Work
from adapters.outbox import accounts
from adapters.outbox.decider import Decider
from adapters.outbox.terms import connection_account
from adapters.vendor.answers import Accepted, Answer, Declined
from domain.decisions import OrderReferred, RetryAsked
from tests.adapters.outbox.conftest import NOTE, Bench, received
from tests.adapters.outbox.ledgers_erp import BROKEN, HALF, LOST_AFTER, LOST_BEFORE, BookErp, order


def test_a_return_walks_from_the_order_to_the_shelf(bench: Bench) -> None:
    received(bench)
    bench.work()
    assert [row["kind"] for row in bench.erp.documents()] == ["post_credit_note", "book_in"]
    bench.tell("Inspected", lines=[{"line": "1", "quantity": 1, "disposition": "saleable"}])
    bench.work()
    assert [row["kind"] for row in bench.erp.documents()] == ["post_credit_note", "book_in", "restock"]
    assert bench.facts() == [
        *("Initiated", "Received", "OrderMatched", "InstructionIssued", "InstructionIssued", "InstructionAccepted", "CreditNoted"),
        *("InstructionAccepted", "MovedToQuarantine", "Inspected", "InstructionIssued", "InstructionAccepted", "Restocked"),
    ]
    assert {row[0] for row in bench.rows("state")} == {"done"}
    (note,) = bench.state().active_notes()
    assert (note.credit_note, note.amount.total) == ("D-1", 4800)


def test_deciding_twice_is_deciding_once(bench: Bench) -> None:
    received(bench)
    bench.work()
    before = bench.facts()
    bench.with_policy()
    with bench.house.connection() as conn:
        conn.execute("UPDATE outbox_position SET position = 0")
    bench.work()
    assert bench.facts() == before


def test_another_policy_decides_on_what_was_once_more(bench: Bench) -> None:
    bench.with_policy(credit_note_on="never", move_on="never", exchange_order_on="never")
    received(bench)
    bench.work()
    bench.with_policy()
    bench.decided = Decider(bench.house.ledger, bench.house.pool, bench.clock, bench.terms_of, "another")
    bench.work()
    assert [row["kind"] for row in bench.erp.documents("post_credit_note")] == ["post_credit_note"]
    with bench.house.connection() as conn:
        assert conn.execute("SELECT again FROM outbox_position").fetchone() == (None,)


def test_an_outcome_that_nobody_knows_is_asked_about_and_not_sent_again(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [LOST_AFTER]
    bench.work()
    assert bench.rows("state", "sent_at IS NOT NULL", where=NOTE) == [("pending", True)]
    assert bench.facts()[-1] == "OutcomeUnknown"
    bench.later(seconds=10)
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1
    assert [name for name in bench.facts() if name in ("OutcomeUnknown", "CreditNoted")] == ["OutcomeUnknown", "CreditNoted"]


def test_what_never_arrived_is_sent_again_but_not_before_it_had_time_to_show(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [LOST_BEFORE]
    bench.work()
    bench.later(seconds=10)
    bench.work()
    assert bench.erp.documents() == []
    bench.later(seconds=30)
    bench.work()
    assert [row["kind"] for row in bench.erp.documents()] == ["post_credit_note", "book_in"]
    assert bench.facts().count("OutcomeUnknown") == 1


def test_what_was_begun_is_finished(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [HALF]
    bench.work()
    bench.later(seconds=30)
    bench.work()
    (note,) = bench.erp.documents("post_credit_note")
    assert note["number"] == "D-1"


def test_a_mistake_of_ours_may_have_written_something(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [BROKEN]
    bench.work()
    assert "OutcomeUnknown" in bench.facts()
    bench.later(seconds=30)
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1


def test_a_lease_that_ran_out_after_sending_means_ask_first(bench: Bench) -> None:
    received(bench)
    bench.decider.catch_up()
    worker = bench.worker()
    worker.go()
    bench.decider.catch_up()
    with bench.house.connection() as conn:
        conn.execute("UPDATE outbox SET sent_at = %s, lease_owner = 'dead', lease_until = %s WHERE kind <> 'match_order'", [bench.at] * 2)
    bench.later(seconds=1)
    bench.work()
    assert bench.facts()[-1] == "OutcomeUnknown"
    bench.later(seconds=15)
    bench.work()
    assert bench.erp.sent == [], "until a moment ago, whoever had it may still have written"
    for _ in range(2):
        bench.later(seconds=60)
        bench.work()
    assert len(bench.erp.documents()) == 2


@pytest.mark.parametrize("code", ["order_not_invoiced", "sku_unmatched"])
def test_what_waits_for_its_cause_is_looked_at_at_each_poll(bench: Bench, code: str) -> None:
    received(bench)
    bench.erp.faults = [Declined(code, "not yet", "wait")]
    bench.work()
    assert bench.rows("state", "waits_for", where=NOTE) == [("waiting", code)]
    sent = len(bench.erp.sent)
    bench.later(minutes=5)
    assert bench.work() == 0
    bench.erp.faults = [Declined(code, "not yet", "wait")]
    bench.later(minutes=6)
    bench.work()
    assert len(bench.erp.sent) == sent + 1
    assert bench.facts().count("InstructionDeclined") == 1, "the same reason is told once"
    bench.later(minutes=11)
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1


def test_what_is_declined_waits_for_a_person_and_goes_when_he_says_so(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [Declined("over_credit", "the invoice allows 10.00", "void the other note")]
    bench.work()
    assert bench.rows("state", "next_at", "waits_for", where=NOTE) == [("waiting", None, "over_credit")]
    assert [row["kind"] for row in bench.erp.documents()] == ["book_in"], "goods do not wait for money"
    bench.later(days=3)
    assert bench.work() == 0
    bench.record(RetryAsked(reason="mended"))
    bench.work()
    assert bench.rows("state", where=NOTE) == [("abandoned",), ("done",)]
    assert len(bench.erp.documents("post_credit_note")) == 1


def test_goods_come_after_goods_that_failed(bench: Bench) -> None:
    received(bench)
    bench.tell("Inspected", lines=[{"line": "1", "quantity": 1, "disposition": "saleable"}])
    bench.erp.faults = [None, Declined("unknown_location", "no such location", "make it")]
    bench.work()
    assert [row["kind"] for row in bench.erp.documents()] == ["post_credit_note"]
    assert bench.rows("kind", "state", where="lanes = '{goods}'") in (
        [("book_in", "waiting"), ("restock", "pending")],
        [("restock", "waiting")],
    )


def test_what_was_not_sent_is_abandoned_when_the_return_ends(bench: Bench) -> None:
    received(bench)
    bench.decider.catch_up()
    bench.worker().go()
    bench.decider.catch_up()
    bench.tell("Cancelled")
    bench.work()
    assert bench.erp.sent == []
    assert bench.rows("state", where="kind <> 'match_order'") == [("abandoned",), ("abandoned",)]
    assert bench.facts().count("InstructionAbandoned") == 2


def test_what_is_under_way_when_the_return_ends_is_settled(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [LOST_AFTER]
    bench.work()
    bench.tell("Cancelled")
    bench.work()
    bench.later(seconds=30)
    bench.work()
    assert len(bench.state().active_notes()) == 1
    assert bench.rows("state", where="kind <> 'match_order'") == [("done",), ("abandoned",)]


def test_a_row_that_is_gone_is_asked_about_before_it_is_sent(bench: Bench) -> None:
    received(bench)
    bench.erp.faults = [LOST_AFTER]
    bench.work()
    with bench.house.connection() as conn:
        conn.execute("DELETE FROM outbox; UPDATE outbox_position SET position = 0")
    bench.work()
    bench.later(minutes=1)
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1
    assert {row[0] for row in bench.rows("state")} == {"done"}


def test_a_paused_connection_sends_nothing_and_loses_nothing(bench: Bench) -> None:
    received(bench)
    with bench.house.connection() as conn:
        accounts.pause(conn, connection_account("uk"), "mira", None, bench.at)
    assert bench.work() == 0
    with bench.house.connection() as conn:
        assert accounts.resume(conn, connection_account("uk"), "mira", bench.at)
    bench.work()
    assert len(bench.erp.documents()) == 2


def test_shares_of_one_order_line_add_up_over_its_returns(bench: Bench) -> None:
    bench.erp.orders["#1001"] = order("1", ("SHIRT", 3, 1000, 200))
    for name in ("R-1", "R-2", "R-3"):
        bench.announce(name)
        bench.tell("Received", name)
    bench.work()
    assert sum(row["total"] for row in bench.erp.documents("post_credit_note")) == 1200


def test_an_order_is_looked_for_at_each_poll_until_it_is_there(bench: Bench) -> None:
    found = bench.erp.orders.pop("#1001")
    received(bench)
    bench.work()
    bench.later(minutes=11)
    bench.work()
    assert bench.facts().count("OrderNotFound") == 1
    assert bench.erp.asked.count("order #1001") == 2
    bench.erp.orders["#1001"] = found.model_copy(update={"invoice": "none"})
    bench.later(minutes=11)
    bench.work()
    assert bench.erp.documents("post_credit_note") == [], "not invoiced yet"
    bench.erp.orders["#1001"] = found
    bench.later(minutes=11)
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1
    asked = len(bench.erp.asked)
    bench.later(hours=5)
    bench.work()
    assert len(bench.erp.asked) == asked, "nothing waits for it any more"


def test_a_reference_that_a_person_gives_is_looked_for_at_once(bench: Bench) -> None:
    bench.erp.orders["SO-REAL"] = bench.erp.orders.pop("#1001")
    received(bench)
    bench.work()
    bench.later(seconds=5)
    bench.record(OrderReferred(reference="SO-REAL"))
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1


def test_an_answer_that_cannot_be_recorded_keeps_nobody_else_waiting(bench: Bench) -> None:
    received(bench)
    bench.announce("R-2")
    bench.tell("Received", "R-2")
    bench.decider.catch_up()
    while bench.rows("id", where="kind = 'match_order' AND state = 'pending'"):
        bench.worker().go()
    bench.decider.catch_up()
    nameless = NamelessErp(bench.erp.book, bench.erp.orders)
    assert bench.worker(nameless).go()
    assert bench.rows("state", "sent_at IS NOT NULL", where=f"{NOTE} AND return_id = 'R-1'") == [("pending", True)]
    bench.work()
    assert len(bench.state("R-2").active_notes()) == 1
    bench.later(minutes=1)
    bench.work()
    assert len(bench.state("R-1").active_notes()) == 1, "asked about, and found"
    assert len(bench.erp.documents("post_credit_note")) == 2


class NamelessErp(BookErp):
    """Books a note and says that it has no number."""

    def carry_out(self, work: Work) -> Answer:
        super().carry_out(work)
        return Accepted("")
