"""Instructions are carried out once each, whatever the ERP does in between."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from adapters.erps.port import Work
from adapters.outbox import accounts
from adapters.outbox.decider import Decider
from adapters.outbox.releasing import ReleasingHand
from adapters.outbox.terms import connection_account
from adapters.outbox.worker import Worker
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorTrouble
from domain.decisions import OrderReferred, RetryAsked
from tests.adapters.outbox.conftest import Bench
from tests.adapters.outbox.ledgers_erp import BROKEN, DOWN, HALF, LOST_AFTER, LOST_BEFORE, REFUSED, BookErp, order

NOTE = "kind = 'post_credit_note'"


def received(bench: Bench) -> None:
    bench.announce()
    bench.tell("Received")


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


def test_trouble_is_tried_again_soon_and_then_ever_more_rarely(bench: Bench) -> None:
    received(bench)
    bench.decider.catch_up()
    bench.worker().go()
    bench.erp.faults = [VendorTrouble("503")] * 3
    waits = []
    for _ in range(3):
        bench.work()
        (next_at,) = bench.rows("next_at", where=NOTE)[0]
        waits.append((next_at - bench.at).total_seconds())
        bench.at = next_at
    assert 5 < waits[0] <= 10
    assert waits[0] < waits[1] < waits[2]
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1
    assert "OutcomeUnknown" not in bench.facts()


def test_the_vendor_is_left_alone_for_as_long_as_it_asks(bench: Bench) -> None:
    received(bench)
    bench.announce("R-2")
    bench.tell("Received", "R-2")
    bench.erp.faults = [VendorTrouble("429", 90.0)]
    bench.work()
    assert len(bench.erp.sent) == 1
    bench.later(seconds=80)
    assert bench.work() == 0
    bench.later(seconds=15)
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 2


def test_the_breaker_opens_lets_one_through_and_closes(bench: Bench) -> None:
    for n in range(20):
        bench.announce(f"R-{n}", f"#{n}")
        bench.tell("Received", f"R-{n}")
        bench.erp.orders[f"#{n}"] = order(str(n), ("SHIRT", 3, 12000, 2400))
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 20
    for n in range(20):
        bench.tell("Inspected", f"R-{n}", lines=[{"line": "1", "quantity": 1, "disposition": "saleable"}])
    bench.erp.always = DOWN
    sent = len(bench.erp.sent)
    bench.work()
    assert len(bench.erp.sent) == sent + 5
    assert bench.account("breaker", "failing_since") == ("open", bench.at)
    bench.later(minutes=30)
    bench.work()
    assert len(bench.erp.sent) == sent + 6, "one is let through"
    bench.erp.always = None
    bench.later(minutes=10)
    bench.work()
    assert bench.account("breaker", "failing_since", "failures") == ("closed", None, 0)
    assert len(bench.erp.documents("restock")) == 20


def test_refused_credentials_open_the_breaker_at_once(bench: Bench) -> None:
    received(bench)
    bench.erp.always = REFUSED
    bench.work()
    assert bench.account("breaker", "refused") == ("open", True)
    assert len(bench.erp.asked) == 1


def test_technical_trouble_for_a_day_is_a_dead_letter_that_can_be_tried_again(bench: Bench) -> None:
    received(bench)
    bench.decider.catch_up()
    bench.worker().go()
    bench.erp.faults = [VendorTrouble("500 on this one")] * 100
    for _ in range(100):
        bench.work()
        (state, next_at) = bench.rows("state", "next_at", where=NOTE)[0]
        if state == "dead":
            break
        with bench.house.connection() as conn:
            conn.execute("UPDATE outbox_accounts SET breaker = 'closed', probe_at = NULL")
        bench.at = next_at
    assert bench.rows("state", "owner", where=NOTE) == [("dead", "finance")]
    (answer,) = [one for one in bench.state().work.answers.values() if one.status == "declined"]
    assert answer.code == "unreachable"
    bench.erp.faults = []
    bench.later(minutes=10)
    bench.record(RetryAsked())
    bench.work()
    assert len(bench.erp.documents("post_credit_note")) == 1


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


class Payer:
    """A platform that pays when it is told to, and looks before it does."""

    def __init__(self) -> None:
        self.paid: list[str] = []
        self.lost = 0

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str] | None = None) -> Answer:
        if return_id not in self.paid:
            self.paid.append(return_id)
            if self.lost:
                self.lost -= 1
                return Unknown("the platform did not answer")
        return Accepted(return_id)


def releasing(bench: Bench, payer: object) -> Worker:
    return Worker(bench.shop, "uk", ReleasingHand("uk", payer), account=connection_account("uk"))  # type: ignore[arg-type]


def test_a_refund_is_released_once(bench: Bench) -> None:
    bench.with_policy(release_refund_on="received", credit_note_on="never", move_on="never")
    received(bench)
    payer = Payer()
    payer.lost = 1
    worker = releasing(bench, payer)
    for _ in range(6):
        bench.work()
        while worker.go():
            bench.decider.catch_up()
        bench.later(seconds=30)
    assert payer.paid == ["R-1"]
    assert [answer.status for answer in bench.state().work.answers.values()] == ["accepted"]


def test_what_was_paid_meanwhile_is_not_released(bench: Bench) -> None:
    bench.with_policy(release_refund_on="received", credit_note_on="never", move_on="never")
    received(bench)
    bench.decider.catch_up()
    bench.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
    payer = Payer()
    assert releasing(bench, payer).go()
    assert payer.paid == []
    assert bench.facts()[-1] == "InstructionAbandoned"


def test_a_platform_that_cannot_be_told_says_so(bench: Bench) -> None:
    bench.with_policy(release_refund_on="received", credit_note_on="never", move_on="never")
    received(bench)
    bench.decider.catch_up()
    assert releasing(bench, object()).go()
    assert bench.rows("state", "waits_for", "account", where="kind = 'release_refund'") == [("waiting", "not_supported", "connection/uk")]


def test_a_paused_connection_sends_nothing_and_loses_nothing(bench: Bench) -> None:
    received(bench)
    with bench.house.connection() as conn:
        accounts.pause(conn, connection_account("uk"), "mira", None, bench.at)
    assert bench.work() == 0
    with bench.house.connection() as conn:
        assert accounts.resume(conn, connection_account("uk"))
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
