"""What every ERP has to keep, whatever its API: a subclass of `ErpContract` per ERP says how to make its rig.

Each instruction is carried out exactly once, whatever happens to calls: lost before or after the commit, refused for the rate, torn. What
is begun is finished or undone. What people change in the ERP is read back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from adapters.erps.port import (
    ORDER_NOT_INVOICED,
    OVER_CREDIT,
    UNKNOWN_LOCATION,
    Changes,
    ErpDocument,
    NotThere,
)
from adapters.outbox.worker import SETTLE
from adapters.sandbox.faults import Faults, Front
from adapters.vendor.answers import Accepted, Declined, VendorRefused, VendorTrouble
from domain.content import ExchangeItem
from domain.erp_facts import Kind, OrderMatched, OrderNotFound
from tests.adapters.erps.rig import Rig, ScriptedFront, Sold, Worker, bad_day, credited, moved, work_of

SHIRT = Sold("SHIRT-M", 3, 11498, 2300)
SOCKS = Sold("SOCKS", 2, 1350, 270)
KINDS: tuple[Kind, ...] = ("post_credit_note", "book_in", "move", "restock", "write_off", "order_exchange", "authorise_exchange")
SEEDS = range(12)
FAULTS = ("timeout_before", "timeout_after", "rate_limited", "server_error", "torn_answer")


class ErpContract(ABC):
    """Tests that every ERP must pass. `rig` makes a fresh one; `front` is the class of its front, so that faults can be scripted."""

    @abstractmethod
    def rig(self, front: Callable[..., Front] = Front) -> Rig: ...

    # Reading the original order

    def test_an_order_is_read_line_by_line(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT, SOCKS], shipping=500, shipping_tax=100)
        order = matched(rig)
        assert sorted((one.sku, one.quantity, one.items, one.tax, one.credited) for one in order.lines) == [(*SHIRT, 0), (*SOCKS, 0)]
        assert (order.currency, order.invoice, order.shipping, order.shipping_tax) == ("GBP", "authorised", 500, 100)
        assert order.creditable in (None, 11498 + 2300 + 1350 + 270 + 600)
        assert len({one.order_line for one in order.lines}) == 2
        assert order == matched(rig), "read twice, it is the same"

    def test_the_same_sku_on_two_lines_is_two_lines(self) -> None:
        rig = self.rig()
        dear = Sold("SHIRT-M", 1, 4599, 920)
        rig.seed_order("#1001", [SHIRT, dear])
        order = matched(rig)
        assert len({one.order_line for one in order.lines}) == 2
        assert sorted((one.quantity, one.items) for one in order.lines) == [(1, 4599), (3, 11498)]

    def test_an_order_is_matched_exactly(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT])
        rig.seed_order("#10012", [SOCKS])
        assert [one.sku for one in matched(rig, "#1001").lines] == ["SHIRT-M"]
        for unknown in ("#100", "#10013", "1001 x"):
            assert isinstance(rig.erp.match_order(unknown, rig.clock()), OrderNotFound)

    def test_an_order_that_is_not_invoiced_says_so(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT], invoiced=False)
        order = matched(rig)
        assert order.invoice in ("none", "draft")
        assert [(one.sku, one.quantity) for one in order.lines] == [("SHIRT-M", 3)]

    # Each instruction once

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_instruction_is_carried_out(self, kind: Kind) -> None:
        job = self.job(kind)
        assert isinstance(job.rig.erp.find(job.work), NotThere)
        answer = Worker(job.rig).drive(job.work)
        assert isinstance(answer, Accepted), answer
        job.check(answer)

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_found_by_one_who_does_not_know_that_it_was_sent(self, kind: Kind) -> None:
        job = self.job(kind)
        first = Worker(job.rig).drive(job.work)
        again = Worker(job.rig)
        assert again.drive(job.work, sent_before=True).reference == first.reference  # type: ignore[union-attr]
        assert again.sent == 0
        job.check(first)

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_whichever_call_fails_it_is_done_once(self, kind: Kind, fault: str) -> None:
        for number in count():
            job = self.job(kind, ScriptedFront)
            front = job.rig.front
            assert isinstance(front, ScriptedFront)
            front.script = {front.calls + number: fault}
            before = front.calls
            answer = Worker(job.rig).drive(job.work)
            job.check(answer)
            if front.calls - before <= number:
                return  # every call of the way has failed once

    @pytest.mark.parametrize("kind", KINDS)
    def test_two_failures_in_a_row_change_nothing(self, kind: Kind) -> None:
        for number in range(8):
            for faults in (("timeout_after", "timeout_after"), ("timeout_after", "server_error"), ("torn_answer", "rate_limited")):
                job = self.job(kind, ScriptedFront)
                front = job.rig.front
                assert isinstance(front, ScriptedFront)
                front.script = {front.calls + number: faults[0], front.calls + number + 1: faults[1]}
                job.check(Worker(job.rig).drive(job.work))

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_on_a_bad_day_it_is_done_once(self, kind: Kind, seed: int) -> None:
        job = self.job(kind)
        job.rig.front.set_faults(bad_day(seed))
        worker = Worker(job.rig)
        answer = worker.drive(job.work)
        job.rig.front.set_faults(Faults())
        job.check(answer)
        found = job.rig.erp.find(job.work)
        assert isinstance(found, Accepted)
        assert found.reference == answer.reference  # type: ignore[union-attr]

    # Lists that are older than the write

    @pytest.mark.parametrize("fault", [None, "timeout_after", "timeout_before", "torn_answer"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_however_old_the_lists_are_it_is_done_once(self, kind: Kind, fault: str | None) -> None:
        for number in count():
            job = self.job(kind, ScriptedFront)
            front = job.rig.front
            assert isinstance(front, ScriptedFront)
            job.rig.lag(number)
            front.script = {front.calls + number: fault} if fault is not None else {}
            before = front.calls
            answer = Worker(job.rig, every=timedelta(seconds=3), settling=SETTLE).drive(job.work)
            job.check(answer)
            if front.calls - before <= number:
                return  # every call of the way has failed once

    @pytest.mark.parametrize("kind", KINDS)
    def test_whoever_was_killed_is_not_followed_by_a_second_one_while_the_lists_are_old(self, kind: Kind) -> None:
        for seed in range(5):
            job = self.job(kind)
            job.rig.lag(seed)
            killed = Worker(job.rig, every=timedelta(seconds=1))
            job.check(killed.drive(job.work))
            after = Worker(job.rig, every=timedelta(seconds=2), settling=SETTLE)
            job.check(after.drive(job.work, sent_before=True))
            assert after.sent == 0

    # What the ERP says no to

    def test_a_note_before_the_invoice_is_declined(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT], invoiced=False)
        order = matched(rig)
        answer = Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)]))
        assert code(answer) == ORDER_NOT_INVOICED
        assert rig.leftovers() == []

    def test_never_more_than_the_invoice_allows(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT])
        order = matched(rig)
        rig.note_by_hand("#1001", "SHIRT-M", 2)
        answer = Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 2)]))
        assert code(answer) == OVER_CREDIT
        assert isinstance(answer, Declined)
        assert answer.what_to_do
        assert len(rig.notes("#1001")) == 1
        assert rig.leftovers() == []

    def test_partial_returns_add_up_to_the_whole(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT])
        for after in range(3):
            order = matched(rig)
            work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1, after=after)], turn=after)
            assert isinstance(Worker(rig).drive(work), Accepted)
        assert sum(note.total_minor for note in rig.notes("#1001")) == 11498 + 2300
        assert len(rig.notes("#1001")) == 3

    def test_a_location_that_does_not_exist_is_named(self) -> None:
        rig = self.rig()
        if "book_in" not in rig.kinds:
            pytest.skip("moves no goods")
        rig.seed_order("#1001", [SHIRT])
        answer = Worker(rig).drive(work_of(rig, "book_in", order=matched(rig), goods=[moved("SHIRT-M", 1, None, "Nowhere")]))
        assert code(answer) == UNKNOWN_LOCATION
        assert isinstance(answer, Declined)
        assert "Nowhere" in answer.reason
        assert rig.leftovers() == []

    # Read back

    def test_notes_of_ours_are_read_back_with_our_id(self) -> None:
        job = self.job("post_credit_note")
        rig = job.rig
        cursor = last(rig, None)[1]
        answer = Worker(rig).drive(job.work)
        assert isinstance(answer, Accepted)
        told = [one for one in last(rig, cursor)[0] if one.kind == "credit_note"]
        assert {(one.number, one.status, one.instruction, one.order_reference) for one in told} == {
            (answer.reference, "active", job.work.issued.instruction, "#1001")
        }
        assert told[0].amount is not None
        assert job.work.issued.amount is not None
        assert (told[0].currency, told[0].amount.total) == ("GBP", job.work.issued.amount.total)
        assert sorted((one.sku, one.quantity) for one in told[0].lines) == [("SHIRT-M", 1)]

    def test_notes_by_hand_are_read_back_and_counted(self) -> None:
        rig = self.rig()
        rig.seed_order("#1001", [SHIRT])
        cursor = last(rig, None)[1]
        number = rig.note_by_hand("#1001", "SHIRT-M", 1)
        told = [one for one in last(rig, cursor)[0] if one.kind == "credit_note"]
        assert {(one.number, one.status, one.instruction, one.order_reference) for one in told} == {(number, "active", None, "#1001")}
        assert [one.credited for one in matched(rig).lines] == [1]

    def test_a_note_voided_by_hand_is_told(self) -> None:
        job = self.job("post_credit_note")
        rig = job.rig
        answer = Worker(rig).drive(job.work)
        assert isinstance(answer, Accepted)
        cursor = last(rig, None)[1]
        rig.clock.advance()
        rig.void_by_hand(answer.reference)
        told = [one for one in last(rig, cursor)[0] if one.kind == "credit_note" and one.number == answer.reference]
        assert [one.status for one in told][-1:] == ["voided"]

    def test_the_feed_loses_nothing_on_a_bad_day(self) -> None:
        rig = self.rig()
        for number in range(6):
            rig.seed_order(f"#20{number}", [SHIRT])
        cursor = last(rig, None)[1]
        made, told = set(), set()
        for number in range(6):
            rig.front.set_faults(bad_day(number))
            made.add(rig.note_by_hand(f"#20{number}", "SHIRT-M", 1))
            documents, cursor = last(rig, cursor)
            told |= {one.number for one in documents}
        rig.front.set_faults(Faults())
        for _ in range(3):
            documents, cursor = last(rig, cursor)
            told |= {one.number for one in documents}
        assert made <= told

    def test_levels_are_what_is_there(self) -> None:
        rig = self.rig()
        rig.seed_stock("SHIRT-M", rig.main, 7)
        rig.seed_stock("SHIRT-M-LONG", rig.main, 5)
        levels = rig.erp.levels(["SHIRT-M"])
        assert [(one.sku, one.location, one.available, one.on_hand) for one in levels if one.on_hand] == [("SHIRT-M", rig.main, 7, 7)]

    def test_the_connection_says_whether_it_works(self) -> None:
        rig = self.rig()
        assert rig.erp.check()
        for status, error in ((403, VendorRefused), (500, VendorTrouble)):
            rig = self.rig(refusing(status))
            with pytest.raises(error):
                rig.erp.check()

    def job(self, kind: Kind, front: Callable[..., Front] = Front) -> Job:
        rig = self.rig(front)
        if kind not in rig.kinds:
            pytest.skip(f"this ERP is not asked to {kind}")
        return Job(rig, kind)


class Job:
    """One instruction on a seeded order, and how the ERP must look once it is done."""

    def __init__(self, rig: Rig, kind: Kind) -> None:
        self.rig, self.kind = rig, kind
        rig.seed_order("#1001", [SHIRT], shipping=500, shipping_tax=100)
        rig.seed_stock("SHIRT-M", rig.main, 10)
        rig.seed_stock("SHIRT-M", rig.quarantine, 4)
        rig.seed_stock("SHIRT-M", rig.damaged, 4)
        rig.seed_stock("SHIRT-L", rig.main, 10)
        order = matched(rig)
        places = {
            "book_in": (None, rig.transit),
            "move": (rig.quarantine, rig.damaged),
            "restock": (rig.quarantine, rig.main),
            "write_off": (rig.damaged, None),
        }
        if kind in places:
            self.work = work_of(rig, kind, order=order, goods=[moved("SHIRT-M", 2, *places[kind])])
        elif kind == "post_credit_note":
            goods = [moved("SHIRT-M", 1, None, rig.quarantine)] if rig.erp.goods_in_with_note else []
            money = [credited(order.lines[0], 1)]
            self.work = work_of(rig, kind, order=order, money=money, shipping=500, shipping_tax=100, fees=-250, goods=goods)
        elif kind == "order_exchange":
            self.work = work_of(rig, kind, order=order, exchange=[ExchangeItem(sku="SHIRT-L", quantity=1)], status="authorised")
        else:
            draft = work_of(rig, "order_exchange", order=order, exchange=[ExchangeItem(sku="SHIRT-L", quantity=1)], status="draft")
            made = Worker(rig).drive(draft)
            assert isinstance(made, Accepted), made
            assert [one.status for one in rig.exchanges()] == ["draft"]
            self.work = work_of(rig, kind, order=order, document=made.reference, status="authorised")

    def check(self, answer: Accepted | Declined) -> None:
        rig = self.rig
        assert isinstance(answer, Accepted), answer
        places = (rig.main, rig.transit, rig.quarantine, rig.damaged)
        at = [rig.stock("SHIRT-M", place) for place in places]
        moved_by = {
            "book_in": [0, 2, 0, 0],
            "move": [0, 0, -2, 2],
            "restock": [2, 0, -2, 0],
            "write_off": [0, 0, 0, -2],
            "post_credit_note": [0, 0, 1 if rig.erp.goods_in_with_note else 0, 0],
        }.get(self.kind, [0, 0, 0, 0])
        assert [now - before for now, before in zip(at, (10, 0, 4, 4), strict=True)] == moved_by
        notes, exchanges = rig.notes("#1001"), rig.exchanges()
        if self.kind == "post_credit_note":
            assert self.work.issued.amount is not None
            assert notes == [(answer.reference, self.work.issued.amount.total, (("SHIRT-M", 1),))]
        else:
            assert notes == []
        if self.kind.endswith("exchange"):
            assert exchanges == [(answer.reference, "authorised", 0, (("SHIRT-L", 1),))]
        else:
            assert exchanges == []
        assert rig.leftovers() == []


def matched(rig: Rig, reference: str = "#1001") -> OrderMatched:
    found = rig.erp.match_order(reference, rig.clock())
    assert isinstance(found, OrderMatched), found
    return found


def code(answer: Accepted | Declined) -> str:
    return answer.code if isinstance(answer, Declined) else f"accepted as {answer.reference}"


def last(rig: Rig, cursor: dict[str, object] | None) -> tuple[list[ErpDocument], dict[str, object] | None]:
    """What a poll tells, and the cursor of the last page that was recorded; what fails is left to the next poll."""
    rig.clock.advance(timedelta(minutes=10))
    rig.settle()
    documents: list[ErpDocument] = []
    try:
        for page in rig.erp.changes(cursor, rig.clock()):
            assert isinstance(page, Changes)
            documents += page.documents
            cursor = page.cursor
    except VendorTrouble:
        pass
    return documents, cursor


def refusing(status: int) -> Callable[..., Front]:
    """A front that refuses every call with the vendor's own answer of that status."""

    class Refusing(Front):
        def answer(self, request: object) -> object:  # type: ignore[override]
            return self.simulator.refuse(status)

    return Refusing
