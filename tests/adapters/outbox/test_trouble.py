"""While an ERP is in trouble the worker tries again ever more rarely, leaves it alone, opens the breaker, gives up after a day."""

from __future__ import annotations

from adapters.vendor.answers import VendorTrouble
from domain.decisions import RetryAsked
from tests.adapters.outbox.conftest import NOTE, Bench, received
from tests.adapters.outbox.ledgers_erp import DOWN, REFUSED, order


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
