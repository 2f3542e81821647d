"""Credit notes in Linnworks: refunds that are exact, made once, and never paid through a channel again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.erps.linnworks.refund_lines import refund_lines
from adapters.erps.port import FOUND_TWICE, ORDER_NOT_INVOICED, OVER_CREDIT, WOULD_PAY_AGAIN, FoundTwice
from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.vendor.answers import Accepted, Declined
from domain.content import Amount
from domain.erp_facts import InstructionIssued, MoneyLine
from tests.adapters.erps.contract import FAULTS, SHIRT, SOCKS, code, matched
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.rig import ScriptedFront, Sold, Worker, credited, moved, work_of

MINOR = st.integers(0, 100_000)
UPRIGHT = {"reference": "#1001", "lines": [{"sku": "SHIRT-M", "quantity": 3, "net": "114.98", "tax": "23.00"}]}


def reshaping(change: Callable[[str, Any], Any]) -> Callable[..., Front]:
    """A front behind which the vendor answers otherwise: `change` gets the method and the answer's JSON."""

    class Reshaped(Front):
        def answer(self, request: SandboxRequest) -> SandboxResponse:
            answered = super().answer(request)
            if answered.status != 200:
                return answered
            return replace(answered, body=json.dumps(change(request.path.removeprefix("/api/"), json.loads(answered.body))).encode())

    return Reshaped


def note(rig: LinnworksRig, **more: Any) -> Any:
    order = matched(rig)
    return work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)], **more)


# Lines


@given(st.lists(st.tuples(MINOR, MINOR), max_size=5), MINOR, st.integers(-50_000, 50_000), MINOR)
def test_the_lines_of_a_refund_come_to_its_total(rows: list[tuple[int, int]], shipping: int, fees: int, shipping_tax: int) -> None:
    money = tuple(
        MoneyLine(line=str(n), order_line=f"row-{n}", sku="S", quantity=1, items=items, tax=tax) for n, (items, tax) in enumerate(rows)
    )
    tax = sum(one.tax for one in money) + (shipping_tax if shipping else 0)
    total = sum(one.items for one in money) + tax + shipping + fees
    if total <= 0:
        return
    amount = Amount(items=sum(one.items for one in money), tax=tax, shipping=shipping, fees=fees, total=total)
    lines = refund_lines(
        InstructionIssued(instruction="rl-1", kind="post_credit_note", erp="e", currency="GBP", amount=amount, money=money)
    )
    assert sum(line.amount for line in lines) == total
    assert all(line.amount > 0 for line in lines)
    worth = {one.order_line: one.items + one.tax for one in money}
    assert all(line.amount <= worth[line.order_line] for line in lines if line.order_line is not None), "no row gives back more than it was"


def test_fees_that_lessen_a_refund_come_off_its_items() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT, SOCKS], shipping=500, shipping_tax=100)
    order = matched(rig)
    money = [credited(order.lines[0], 1, line="1"), credited(order.lines[1], 1, line="2")]
    work = work_of(rig, "post_credit_note", order=order, money=money, shipping=500, shipping_tax=100, fees=-333)
    answer = Worker(rig).drive(work)
    assert isinstance(answer, Accepted)
    assert answer.amount == work.issued.amount
    (header,) = rig.sandbox.state()["refunds"]
    assert sorted((line["RefundedUnit"], line["Quantity"]) for line in header["RefundLines"]) == [("Item", 1), ("Item", 1), ("Shipping", 0)]
    assert {line["ExternalReference"] for line in header["RefundLines"]} == {work.issued.instruction}
    assert work.key.return_id in header["RefundLines"][0]["FreeTextOrNote"]


def test_what_is_charged_beside_goods_has_a_line_of_its_own() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    assert isinstance(Worker(rig).drive(note(rig, fees=200)), Accepted)
    (header,) = rig.sandbox.state()["refunds"]
    assert [(line["RefundedUnit"], line["Amount"]) for line in header["RefundLines"]] == [("Item", 46.0), ("Additional", 2.0)]


# Money is never sent twice


def test_what_the_channel_would_pay_again_is_declined() -> None:
    rig = LinnworksRig()
    rig.sandbox.seed({"orders": [{**UPRIGHT, "channel_pays": True}]})
    answer = Worker(rig).drive(note(rig))
    assert code(answer) == WOULD_PAY_AGAIN
    assert isinstance(answer, Declined)
    assert "by hand" in answer.what_to_do
    assert (rig.sandbox.state()["refunds"], rig.sandbox.state()["paid_by_channel"]) == ([], [])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refund_that_turns_out_to_go_to_the_channel_is_taken_back_whatever_fails(fault: str) -> None:
    class Both(ScriptedFront):
        """The options promise an internal refund, the lines then say otherwise."""

        def answer(self, request: SandboxRequest) -> SandboxResponse:
            answered = super().answer(request)
            if not request.path.endswith("GetRefundOptions") or answered.status != 200 or not answered.body.endswith(b"}"):
                return answered
            return replace(answered, body=answered.body.replace(b'"CanRefundInternally": false', b'"CanRefundInternally": true'))

    for number in range(9):
        rig = LinnworksRig(Both)
        rig.sandbox.seed({"orders": [{**UPRIGHT, "channel_pays": True}]})
        work = note(rig)
        assert isinstance(rig.front, ScriptedFront)
        rig.front.script = {rig.front.calls + number: fault}
        assert code(Worker(rig).drive(work)) == WOULD_PAY_AGAIN
        assert (rig.sandbox.state()["refunds"], rig.sandbox.state()["paid_by_channel"]) == ([], [])


def test_nothing_is_actioned_where_nobody_says_that_it_stays_inside() -> None:
    def silent(method: str, answer: Any) -> Any:
        if method.endswith("GetRefundOptions"):
            answer["RefundOptions"].pop("CanRefundInternally")
        for line in answer.get("RefundLines", []) if isinstance(answer, dict) else []:
            line.pop("Internal")
        return answer

    rig = LinnworksRig(reshaping(silent))
    rig.seed_order("#1001", [SHIRT])
    assert code(Worker(rig).drive(note(rig))) == WOULD_PAY_AGAIN
    assert rig.sandbox.state()["refunds"] == []


def test_a_refund_that_linnworks_makes_along_with_an_rma_is_taken_back() -> None:
    made: list[str] = []

    def along(method: str, answer: Any) -> Any:
        if method.endswith("ActionRMABooking"):
            made.append(rig.by_hand(refund={"order": "#1001", "sku": "SHIRT-M", "units": 1}))
            header = list(rig.sandbox.books.refunds.values())[-1]
            header["Actioned"] = False
            header["Status"] = {"StatusHeader": "OPEN"}
            for line in header["RefundLines"]:
                line["Actioned"] = False
            answer["RefundHeaderId"] = header["RefundHeaderId"]
        return answer

    rig = LinnworksRig(reshaping(along))
    rig.seed_order("#1001", [SHIRT])
    work = work_of(rig, "book_in", order=matched(rig), goods=[moved("SHIRT-M", 1, None, rig.transit)])
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert made
    assert rig.sandbox.state()["refunds"] == []


# Refusals


def test_an_open_order_waits_until_it_is_processed() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT], invoiced=False)
    assert code(Worker(rig).drive(note(rig))) == ORDER_NOT_INVOICED
    rig.by_hand(process="#1001")
    assert matched(rig).invoice == "authorised"
    assert isinstance(Worker(rig).drive(note(rig)), Accepted)


def test_what_linnworks_itself_refuses_is_declined_in_its_words_and_leaves_nothing() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    rig.note_by_hand("#1001", "SHIRT-M", 3)
    # Nobody told the ledger what the order was charged: only Linnworks can say that it is too much.
    answer = Worker(rig).drive(replace(work, order=None))
    assert code(answer) == OVER_CREDIT
    assert len(rig.sandbox.state()["refunds"]) == 1


def test_two_refunds_with_one_id_wait_for_a_person() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    Worker(rig).drive(work)
    first = next(iter(rig.sandbox.books.refunds.values()))
    rig.sandbox.books.refunds[999] = {**first, "RefundHeaderId": 999}
    with pytest.raises(FoundTwice, match="501, 999"):
        rig.erp.find(work)
    answer = rig.erp.carry_out(work)
    assert isinstance(answer, Declined)
    assert answer.code == FOUND_TWICE


# Other shapes of the same answers


@pytest.mark.parametrize("reference", [None, "", "ours", "#1001"])
def test_a_refund_has_one_number_however_it_is_learnt(reference: str | None) -> None:
    """Headers may have no reference, or another one: the history search knows it."""
    work: Any = None

    def other(method: str, answer: Any) -> Any:
        for header in answer.get("RefundHeaders", []) if isinstance(answer, dict) else []:
            header["ExternalReference"] = work.issued.instruction if reference == "ours" else reference
        return answer

    rig = LinnworksRig(reshaping(other))
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    answer = Worker(rig).drive(work)
    assert isinstance(answer, Accepted)
    assert answer.reference == rig.notes("#1001")[0].number
    assert rig.erp.find(work) == answer
    told = [one for page in rig.erp.changes(None, rig.clock()) for one in page.documents if one.kind == "credit_note"]
    assert [(one.number, one.instruction) for one in told] == [(answer.reference, work.issued.instruction)]


def test_a_sparse_answer_is_understood() -> None:
    """Rows named in the lines themselves, statuses in place of flags, ids in capitals, no totals of pages."""

    def sparse(method: str, answer: Any) -> Any:
        if isinstance(answer, dict):
            answer.pop("TotalPages", None)
            for header in answer.get("RefundHeaders", []):
                header.pop("Actioned")
                for line in header["RefundLines"]:
                    line["OrderItemRowId"] = (line.pop("RefundedItem") or {}).get("OrderItemRowId", "").upper() or None
                    line.pop("Actioned")
        return answer

    rig = LinnworksRig(reshaping(sparse))
    rig.seed_order("#1001", [SHIRT])
    rig.note_by_hand("#1001", "SHIRT-M", 1)
    assert [one.credited for one in matched(rig).lines] == [1]
    order = matched(rig)
    work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1, after=1)])
    answer = Worker(rig).drive(work)
    assert rig.erp.find(work) == answer
    assert len(rig.notes("#1001")) == 2


def test_a_refund_without_units_counts_by_its_money() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [Sold("SHIRT-M", 3, 9000, 1800)])
    rig.by_hand(refund={"order": "#1001", "sku": "SHIRT-M", "units": 0, "amount": "80.00"})
    assert [one.credited for one in matched(rig).lines] == [2]
    assert matched(rig).creditable == 10800 - 8000


def test_what_was_actioned_unheard_is_not_deleted_when_linnworks_says_so_late() -> None:
    """Headers that lag behind say that a refund is still open; actioning it again is refused, since it is done."""
    late = True

    def lagging(method: str, answer: Any) -> Any:
        for header in answer.get("RefundHeaders", []) if late and isinstance(answer, dict) else []:
            header["Actioned"], header["Status"] = False, {"StatusHeader": "OPEN"}
        return answer

    rig = LinnworksRig(reshaping(lagging))
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    first = rig.erp.carry_out(work)

    calls = rig.sandbox.calls["ReturnsRefunds/ActionRefund"]
    original = rig.sandbox.handle

    def handle(request: SandboxRequest) -> SandboxResponse:
        nonlocal late
        answered = original(request)
        late = late and not request.path.endswith("ActionRefund")
        return answered

    rig.sandbox.handle = handle  # type: ignore[method-assign]
    assert rig.erp.carry_out(work) == first
    assert rig.sandbox.calls["ReturnsRefunds/ActionRefund"] == calls + 1
    assert len(rig.notes("#1001")) == 1


def test_headers_without_lines_are_asked_for_them() -> None:
    def bare(method: str, answer: Any) -> Any:
        for header in answer.get("RefundHeaders", []) if isinstance(answer, dict) else []:
            header["RefundLines"] = None
        return answer

    rig = LinnworksRig(reshaping(bare))
    rig.seed_order("#1001", [SHIRT])
    work = note(rig)
    answer = Worker(rig).drive(work)
    assert rig.erp.find(work) == answer
    assert rig.erp.carry_out(work) == answer
    assert len(rig.notes("#1001")) == 1


def test_a_feed_that_names_neither_order_nor_currency_is_completed() -> None:
    def bare(method: str, answer: Any) -> Any:
        for row in answer.get("Data", []) if method.endswith("SearchReturnsRefundsPaged") else []:
            del row["ReferenceNum"], row["cCurrency"]
        for header in answer.get("RefundHeaders", []) if isinstance(answer, dict) else []:
            del header["Currency"], header["LastActionDate"], header["CreatedDate"]
        return answer

    rig = LinnworksRig(reshaping(bare))
    rig.seed_order("#1001", [SHIRT])
    number = rig.note_by_hand("#1001", "SHIRT-M", 1)
    (told,) = [one for page in rig.erp.changes(None, rig.clock()) for one in page.documents]
    assert (told.number, told.order_reference, told.currency, told.at) == (number, "#1001", "GBP", rig.clock())
