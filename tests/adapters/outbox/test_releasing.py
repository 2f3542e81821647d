"""Refunds that a platform is told to release: once each, and never what was paid meanwhile."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.outbox.releasing import ReleasingHand
from adapters.outbox.terms import connection_account
from adapters.outbox.worker import Worker
from adapters.vendor.answers import Accepted, Answer, Unknown
from tests.adapters.outbox.conftest import Bench, received


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
