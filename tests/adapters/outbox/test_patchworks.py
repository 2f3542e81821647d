"""A return that posts through Patchworks: nothing is done before the flow says so, whichever way it says it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.erps.patchworks import connect
from adapters.erps.patchworks.acks import read_acks
from adapters.erps.patchworks.kept_acks import KeptAcks, keep_acks
from adapters.erps.port import ErpSettings
from adapters.files.exact_json import loads
from adapters.outbox.worker import Worker
from adapters.sandbox.faults import Faults, Front
from adapters.sandbox.patchworks import PatchworksSandbox
from adapters.sandbox.transport import SandboxTransport
from tests.adapters.outbox.conftest import Bench

HOST = "https://patchworks.test"
NOTE = "kind = 'post_credit_note'"


class Flow:
    """The simulated flow, and a worker that posts to it."""

    def __init__(self, bench: Bench, *credentials: str, **settings: Any) -> None:
        self.bench = bench
        self.sandbox = PatchworksSandbox(bench.clock)
        self.sandbox.seed({"flow": settings})
        lines = [{"sku": "SHIRT", "quantity": 3, "items": "120.00", "tax": "24.00"}]
        self.sandbox.seed({"order": {"order_ref": "#1001", "lines": lines}})
        known = {"webhook_url": HOST + self.sandbox.webhook_path, "api_key": "sandbox-key", "flow_id": "1041"}
        known |= {"callback_url": HOST + self.sandbox.callback_path}
        told = ErpSettings("uk-erp", "patchworks", HOST, {name: known[name] for name in credentials})
        self.front = Front(self.sandbox)
        http = httpx.Client(transport=SandboxTransport(self.front))
        acks = KeptAcks(bench.house.pool, "uk-erp")
        erp = connect(settings=told, http=http, wait_turn=lambda name: None, acks=acks, clock=bench.clock)
        self.worker = Worker(bench.shop, "uk-erp", erp, timedelta(minutes=10), acknowledged_later=True)

    def work(self) -> None:
        for _ in range(200):
            self.bench.decider.catch_up()
            if not self.worker.go():
                return
        raise AssertionError("it never comes to an end")

    def acknowledge(self) -> None:
        """What the flow posts to the house."""
        with self.bench.house.connection() as conn:
            for webhook in self.sandbox.take_webhooks():
                keep_acks(conn, "uk-erp", read_acks(loads(webhook.body.decode())), self.bench.at)

    @property
    def notes(self) -> list[str]:
        return [one["number"] for one in self.sandbox.behind.documents if one["kind"] == "credit_note"]


@pytest.fixture
def arrived(bench: Bench) -> Bench:
    bench.with_policy(credit_note_on="received", move_on="never")
    bench.announce()
    bench.tell("Received")
    return bench


def test_an_acknowledgement_that_comes_back_settles_it_at_once(arrived: Bench) -> None:
    flow = Flow(arrived, "webhook_url", "callback_url", acknowledge="callback", finds=False)
    flow.work()
    assert arrived.facts()[-1] == "InstructionIssued", "an answer that is awaited in the usual way is no gap"
    assert arrived.rows("state", "waits_for", where=NOTE) == [("pending", "acknowledgement")]
    arrived.later(seconds=2)
    flow.acknowledge()
    flow.work()
    assert arrived.facts()[-2:] == ["InstructionAccepted", "CreditNoted"]
    assert "OutcomeUnknown" not in arrived.facts()
    assert arrived.rows("waits_for", where=NOTE) == [(None,)]
    (note,) = arrived.state().notes.values()
    assert ([note.credit_note], note.amount.total) == (flow.notes, 4800)


def test_an_acknowledgement_that_does_not_come_in_its_time_is_a_gap(arrived: Bench) -> None:
    flow = Flow(arrived, "webhook_url", acknowledge="callback")
    flow.work()
    for minutes in range(1, 15):
        arrived.later(minutes=1)
        flow.work()
        assert "OutcomeUnknown" not in arrived.facts(), minutes
    for _ in range(10):
        arrived.later(minutes=1)
        flow.work()
    assert arrived.facts().count("OutcomeUnknown") == 1
    assert arrived.rows("state", "waits_for", where=NOTE) == [("pending", None)]
    flow.acknowledge()
    arrived.later(hours=1)
    flow.work()
    assert arrived.facts()[-2:] == ["InstructionAccepted", "CreditNoted"]
    assert len(flow.notes) == 1


def test_a_command_that_was_not_answered_is_unknown_at_once(arrived: Bench) -> None:
    flow = Flow(arrived, "webhook_url", acknowledge="callback")
    flow.front.set_faults(Faults(timeout_after=1.0))
    flow.work()
    assert arrived.facts()[-1] == "OutcomeUnknown"


def test_the_flow_run_is_asked_where_nothing_comes_back(arrived: Bench) -> None:
    flow = Flow(arrived, "api_key", "flow_id", acknowledge="tracked")
    for _ in range(5):
        flow.work()
        arrived.later(seconds=10)
    assert len(flow.notes) == 1
    (note,) = arrived.state().notes.values()
    assert note.credit_note == flow.notes[0]
    # The order could not be read: the amounts are the platform's own.
    assert (note.amount.items, note.amount.tax, note.amount.total) == (4000, 800, 4800)


def test_what_the_erp_behind_refuses_waits_for_its_cause(arrived: Bench) -> None:
    flow = Flow(arrived, "webhook_url", "api_key", acknowledge="both")
    flow.sandbox.behind.orders["#1001"]["invoice"] = "draft"
    for _ in range(3):
        flow.work()
        arrived.later(seconds=10)
        flow.acknowledge()
    assert arrived.rows("state", "waits_for", where=NOTE) == [("waiting", "order_not_invoiced")]
    assert "InstructionDeclined" in arrived.facts()
    assert flow.notes == []


def test_two_returns_of_one_order_that_cannot_be_read_are_each_credited_in_full(arrived: Bench) -> None:
    flow = Flow(arrived, "api_key", "flow_id", acknowledge="tracked")
    arrived.announce("R-2")
    arrived.tell("Received", "R-2")
    for _ in range(6):
        flow.work()
        arrived.later(seconds=10)
    totals = [note.amount.total for name in ("R-1", "R-2") for note in arrived.state(name).notes.values()]
    assert totals == [4800, 4800]
