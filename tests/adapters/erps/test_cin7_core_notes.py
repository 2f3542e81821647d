"""Credit notes at Cin7 Core: rounding, kits, Simple Sales, refunds, and the vendor's refusals."""

from __future__ import annotations

from decimal import ROUND_UP
from typing import Any

import pytest

from adapters.erps.port import OVER_CREDIT, REFUSED, FoundTwice, Unfinished
from adapters.vendor.answers import Accepted, Declined, VendorTrouble
from domain.content import Amount
from domain.erp_facts import MoneyLine, OrderMatched
from tests.adapters.erps.cin7_rig import WRITE_OFF, Cin7Rig
from tests.adapters.erps.contract import SHIRT, matched
from tests.adapters.erps.rig import ScriptedFront, Sold, Worker, bad_day, credited, moved, work_of


def order_with(rig: Cin7Rig, *lines: dict[str, Any], **order: Any) -> OrderMatched:
    told = [{"price": "10.00", "quantity": 1, **line} for line in lines]
    rig.front.seed({"orders": [{"reference": "#1001", "lines": told, "type": rig.kind, "inclusive": rig.inclusive, **order}]})
    return matched(rig)


def credit_all(rig: Cin7Rig, order: OrderMatched, **more: Any) -> Accepted | Declined:
    money = [credited(one, one.quantity, line=str(place)) for place, one in enumerate(order.lines)]
    return Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=money, **more))


class TestAmounts:
    def test_a_discounted_line_keeps_its_price_and_discount(self) -> None:
        rig = Cin7Rig()
        order = order_with(rig, {"sku": "COAT", "price": "45.99", "discount": "10", "quantity": 3})
        assert [(one.items, one.tax) for one in order.lines] == [(12417, 2483)]
        assert isinstance(credit_all(rig, order), Accepted)
        (line,) = rig.sale("#1001")["CreditNotes"][0]["Lines"]
        assert (str(line["Price"]), str(line["Discount"]), str(line["Total"])) == ("45.99", "10", "124.17")

    @pytest.mark.parametrize("inclusive", [False, True])
    @pytest.mark.parametrize("quantity", [3, 7, 13])
    def test_any_series_of_parts_adds_up_to_the_invoice(self, quantity: int, inclusive: bool) -> None:
        rig = Cin7Rig(inclusive=inclusive)
        order_with(rig, {"sku": "COAT", "price": "3.33", "discount": "33.33", "quantity": quantity})
        for after in range(quantity):
            order = matched(rig)
            money = [credited(order.lines[0], 1, after=after)]
            assert isinstance(Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=money, turn=after)), Accepted)
        sale = rig.sale("#1001")
        assert sum(note["Total"] for note in sale["CreditNotes"]) == sale["Invoices"][0]["Total"]
        assert sum(note["Tax"] for note in sale["CreditNotes"]) == sale["Invoices"][0]["Tax"]
        assert matched(rig).creditable == 0

    def test_a_discount_on_the_whole_order_is_carried_by_its_lines(self) -> None:
        rig = Cin7Rig()
        order = order_with(
            rig,
            {"sku": "COAT", "price": "60.00"},
            {"sku": "HAT", "price": "30.00"},
            charges=[{"description": "Discount WELCOME", "price": "-9.00"}, {"description": "Gift wrap", "price": "2.00"}],
        )
        assert sorted((one.sku, one.items, one.tax) for one in order.lines) == [("COAT", 5400, 1080), ("HAT", 2700, 540)]
        assert (order.shipping, order.creditable) == (0, 9960)
        assert isinstance(credit_all(rig, order), Accepted)
        assert rig.notes("#1001")[0].total_minor == 9720

    def test_shipping_is_split_over_the_charges_that_the_invoice_has_for_it(self) -> None:
        rig = Cin7Rig()
        charges = [{"description": "Express DELIVERY", "price": "4.00"}, {"description": "Freight surcharge", "price": "2.00"}]
        order = order_with(rig, {"sku": "COAT"}, charges=charges)
        assert (order.shipping, order.shipping_tax) == (600, 120)
        assert isinstance(credit_all(rig, order, shipping=300, shipping_tax=60), Accepted)
        told = [
            (one["Description"], float(one["Total"]), float(one["Tax"])) for one in rig.sale("#1001")["CreditNotes"][0]["AdditionalCharges"]
        ]
        assert told == [("Express DELIVERY", 2.0, 0.4), ("Freight surcharge", 1.0, 0.2)]

    def test_what_cin7_reckons_otherwise_is_undone_and_told_in_figures(self) -> None:
        rig = Cin7Rig()
        order = order_with(rig, {"sku": "COAT"})
        post = rig.sandbox.sales.credit

        def other(told: dict[str, Any]) -> dict[str, Any]:
            sale = post(told)
            sale["CreditNotes"][-1]["Total"] += 1
            return sale

        rig.sandbox.sales.credit = other  # type: ignore[method-assign]
        answer = credit_all(rig, order)
        assert isinstance(answer, Declined)
        assert "13.00 GBP for what is to credit 12.00" in answer.reason
        assert rig.notes("#1001") == []
        assert rig.leftovers() == []

    def test_where_cin7_rounds_up_a_price_is_found_that_needs_no_rounding(self) -> None:
        rig = Cin7Rig()
        order = order_with(rig, {"sku": "COAT", "price": "12.3333", "quantity": 3})
        rig.sandbox.sales.rounding = ROUND_UP
        assert isinstance(Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])), Accepted)
        (line,) = rig.sale("#1001")["CreditNotes"][0]["Lines"]
        assert (str(line["Price"]), str(line["Total"])) == ("12.33", "12.33")

    def test_a_second_note_may_credit_shipping_alone(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT], shipping=500, shipping_tax=100)
        work = work_of(rig, "post_credit_note", order=matched(rig), shipping=500, shipping_tax=100)
        assert isinstance(Worker(rig).drive(work), Accepted)
        assert [(note.total_minor, note.units) for note in rig.notes("#1001")] == [(600, ())]

    def test_a_note_by_hand_leaves_less_money_too(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [Sold("SHIRT-M", 2, 2000, 400)])
        order = matched(rig)
        rig.note_by_hand("#1001", "SHIRT-M", 1)
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)], fees=100)
        answer = Worker(rig).drive(work)
        assert isinstance(answer, Declined)
        assert answer.code == OVER_CREDIT
        assert "allows 12.00 GBP more, and 13.00 is to be credited" in answer.reason
        assert "CR-00001" in answer.reason

    def test_a_line_that_changed_since_is_found_by_its_sku_alone(self) -> None:
        rig = Cin7Rig()
        order = order_with(rig, {"sku": "COAT", "price": "20.00"})
        rig.sale("#1001")["Invoices"][0]["Lines"][0]["TaxRule"] = "Zero"
        assert isinstance(credit_all(rig, order), Accepted)


class TestInvoices:
    def test_each_invoice_has_its_lines_and_what_is_not_invoiced_yet_waits(self) -> None:
        rig = Cin7Rig()
        order_with(rig, {"sku": "COAT", "quantity": 2}, {"sku": "HAT"})
        sale = rig.sale("#1001")
        invoice = sale["Invoices"][0]
        coat, _ = invoice["Lines"]
        invoice["Lines"] = [{**coat, "Quantity": coat["Quantity"] - 1, "Total": 10, "Tax": 2}]
        order = matched(rig)
        assert sorted((one.sku, one.quantity, one.items) for one in order.lines) == [("COAT", 1, 1000), ("COAT", 1, 1000), ("HAT", 1, 1000)]
        hat = next(one for one in order.lines if one.sku == "HAT")
        answer = Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(hat, 1)]))
        assert isinstance(answer, Declined)
        assert answer.code == "order_not_invoiced"

    def test_units_on_two_invoices_are_for_a_person(self) -> None:
        rig = Cin7Rig()
        order_with(rig, {"sku": "COAT"}, {"sku": "HAT"})
        sale = rig.sale("#1001")
        first = sale["Invoices"][0]
        second = {
            **first,
            "InvoiceNumber": "INV-2",
            "TaskID": "t2",
            "Lines": first["Lines"][1:],
            "Total": 12,
            "Tax": 2,
            "TotalBeforeTax": 10,
        }
        sale["Invoices"] = [{**first, "Lines": first["Lines"][:1], "Total": 12, "Tax": 2, "TotalBeforeTax": 10}, second]
        answer = credit_all(rig, matched(rig))
        assert isinstance(answer, Declined)
        assert "INV-00001, INV-2" in answer.reason

    @pytest.mark.parametrize(("status", "told"), [("PAID", "authorised"), ("Paid", "authorised"), ("VOIDED", "voided"), ("DRAFT", "draft")])
    def test_the_state_of_the_invoice_is_told(self, status: str, told: str) -> None:
        rig = Cin7Rig()
        order_with(rig, {"sku": "COAT"})
        rig.sale("#1001")["Invoices"][0]["Status"] = status
        assert matched(rig).invoice == told


class TestSimpleSales:
    def test_its_one_note_is_posted(self) -> None:
        rig = Cin7Rig(kind="Simple")
        assert isinstance(credit_all(rig, order_with(rig, {"sku": "COAT"})), Accepted)

    def test_its_task_may_be_the_sale_itself(self) -> None:
        rig = Cin7Rig(kind="Simple", mappings={"credit_notes": {"simple_sale": "sale"}})
        assert isinstance(credit_all(rig, order_with(rig, {"sku": "COAT"})), Accepted)
        sale = rig.sale("#1001")
        assert [note["TaskID"] for note in sale["CreditNotes"]] == [sale["ID"]]

    @pytest.mark.parametrize("allowed", [False, True])
    def test_a_second_note_is_tried_and_its_refusal_explained(self, allowed: bool) -> None:
        rig = Cin7Rig(kind="Simple", second_note_on_simple=allowed)
        order = order_with(rig, {"sku": "COAT", "quantity": 2})
        for turn in range(2):
            answer = Worker(rig).drive(
                work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1, after=turn)], turn=turn)
            )
        if allowed:
            assert len(rig.notes("#1001")) == 2
        else:
            assert isinstance(answer, Declined)
            assert answer.code == REFUSED
            assert "Simple Sale" in answer.reason
        assert rig.leftovers() == []

    def test_a_draft_by_hand_is_not_written_over(self) -> None:
        rig = Cin7Rig(kind="Simple")
        order = order_with(rig, {"sku": "COAT", "quantity": 2})
        note = {"order": "#1001", "lines": [{"sku": "COAT", "quantity": 1}], "status": "DRAFT", "memo": "Jo is on it"}
        rig.front.seed({"by_hand": [{"credit_note": note}]})
        answer = Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)]))
        assert isinstance(answer, Declined)
        assert "CR-00001 stands there as a draft" in answer.reason
        assert [note["Memo"] for note in rig.sale("#1001")["CreditNotes"]] == ["Jo is on it"]


class TestKits:
    KIT = (
        {"sku": "CUP", "cost": "2"},
        {"sku": "POT", "cost": "6"},
        {"sku": "TEA-SET", "kit": [{"sku": "CUP", "quantity": 4, "share": 40}, {"sku": "POT", "quantity": 1, "share": 60}]},
    )

    def ordered(self, rig: Cin7Rig) -> OrderMatched:
        rig.front.seed({"products": self.KIT})
        return order_with(rig, {"sku": "TEA-SET", "price": "100.00", "quantity": 2})

    def test_a_kit_is_decomposed_by_its_bill_of_materials(self) -> None:
        (line,) = self.ordered(Cin7Rig()).lines
        assert line.kit is not None
        # Four cups are worth 40 of 100, one pot 60: weights are for one of each.
        assert [(part.sku, part.quantity, part.weight * part.quantity) for part in line.kit] == [
            ("CUP", 4, 1_600_000),
            ("POT", 1, 2_400_000),
        ]

    def test_what_is_made_and_stocked_is_no_kit(self) -> None:
        rig = Cin7Rig()
        rig.front.seed(
            {
                "products": [
                    {"sku": "SET", "kit": [{"sku": "CUP"}], "BOMType": "Production"},
                    {"sku": "BOX", "kit": [{"sku": "CUP"}], "AutoAssembly": False},
                ]
            }
        )
        assert all(one.kit is None for one in order_with(rig, {"sku": "SET"}).lines)
        never = Cin7Rig(mappings={"kits": {"decompose": "auto_assembly"}})
        never.front.seed({"products": [{"sku": "BOX", "kit": [{"sku": "CUP"}], "AutoAssembly": False}]})
        assert all(one.kit is None for one in order_with(never, {"sku": "BOX"}).lines)

    def test_a_kit_comes_back_whole_and_its_parts_go_into_stock(self) -> None:
        rig = Cin7Rig()
        order = self.ordered(rig)
        goods = [moved("CUP", 4, None, rig.quarantine), moved("POT", 1, None, rig.quarantine)]
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)], goods=goods)
        assert isinstance(Worker(rig).drive(work), Accepted)
        assert (rig.stock("CUP", rig.quarantine), rig.stock("POT", rig.quarantine), rig.stock("TEA-SET", rig.quarantine)) == (4, 1, 0)
        assert rig.notes("#1001")[0].units == (("TEA-SET", 1),)

    @pytest.mark.parametrize("seed", range(15))
    def test_parts_are_booked_in_once_on_a_bad_day(self, seed: int) -> None:
        rig = Cin7Rig(accounts={**WRITE_OFF, "refund": "140"})
        order = self.ordered(rig)
        goods = [moved("CUP", 4, None, rig.quarantine), moved("POT", 1, None, rig.quarantine)]
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)], goods=goods)
        rig.front.set_faults(bad_day(seed))
        assert isinstance(Worker(rig).drive(work), Accepted)
        assert (rig.stock("CUP", rig.quarantine), rig.stock("POT", rig.quarantine)) == (4, 1)
        assert [str(payment["Amount"]) for payment in rig.sale("#1001")["_payments"]] == ["120"]
        assert len(rig.notes("#1001")) == 1

    def test_a_part_alone_is_credited_as_a_line_of_its_kit(self) -> None:
        rig = Cin7Rig()
        order = self.ordered(rig)
        (line,) = order.lines
        part = MoneyLine(line="1", order_line=line.order_line, sku="TEA-SET", quantity=1, items=500, tax=100, component="CUP")
        for turn in range(3):
            work = work_of(rig, "post_credit_note", order=order, money=[part], turn=turn, goods=[moved("CUP", 1, None, rig.quarantine)])
            assert isinstance(Worker(rig).drive(work), Accepted)
        assert [(note.total_minor, note.units) for note in rig.notes("#1001")] == [(600, (("TEA-SET", 1),))] * 3
        assert rig.stock("CUP", rig.quarantine) == 3
        assert "1 x CUP of TEA-SET" in rig.sale("#1001")["CreditNotes"][0]["Lines"][0]["Comment"]
        assert [one.credited for one in matched(rig).lines] == [0], "ours are counted by the ledger itself"


class TestRefunds:
    def test_money_is_booked_only_where_an_account_is_named_for_it(self) -> None:
        rig = Cin7Rig()
        credit_all(rig, order_with(rig, {"sku": "COAT"}))
        assert rig.sale("#1001")["_payments"] == []

    @pytest.mark.parametrize("number", range(8))
    def test_a_refund_is_booked_once_whichever_call_fails(self, number: int) -> None:
        rig = Cin7Rig(ScriptedFront, accounts={**WRITE_OFF, "refund": "140"})
        order = order_with(rig, {"sku": "COAT"})
        front = rig.front
        assert isinstance(front, ScriptedFront)
        front.script = {front.calls + number: "timeout_after"}
        answer = credit_all(rig, order)
        assert isinstance(answer, Accepted)
        (payment,) = rig.sale("#1001")["_payments"]
        assert (payment["Account"], payment["CreditNoteNumber"], str(payment["Amount"])) == ("140", answer.reference, "12")
        assert payment["Reference"].startswith("rl-")

    def test_a_refund_that_is_refused_waits_for_a_person_and_is_then_finished(self) -> None:
        rig = Cin7Rig(accounts={**WRITE_OFF, "refund": "140"})
        order = order_with(rig, {"sku": "COAT"})
        pay, rig.sandbox.sales.pay = rig.sandbox.sales.pay, rig.sandbox.sales.order  # type: ignore[method-assign]
        answer = credit_all(rig, order)
        assert isinstance(answer, Declined)
        assert "is authorised, and Cin7 refused its refund" in answer.reason
        rig.sandbox.sales.pay = pay  # type: ignore[method-assign]
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1, line="0")])
        assert isinstance(rig.erp.find(work), Unfinished)
        assert isinstance(Worker(rig).drive(work, sent_before=True), Accepted)
        assert (len(rig.notes("#1001")), len(rig.sale("#1001")["_payments"])) == (1, 1)


def test_two_notes_with_one_id_are_for_a_person() -> None:
    rig = Cin7Rig()
    order = order_with(rig, {"sku": "COAT", "quantity": 3})
    work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])
    Worker(rig).drive(work)
    sale = rig.sale("#1001")
    sale["CreditNotes"].append({**sale["CreditNotes"][0], "TaskID": "copy", "CreditNoteNumber": "CR-00099"})
    with pytest.raises(FoundTwice, match="CR-00001, CR-00099"):
        rig.erp.find(work)


def test_a_draft_that_somebody_else_began_for_us_is_finished_by_another_process() -> None:
    rig = Cin7Rig(ScriptedFront)
    order = order_with(rig, {"sku": "COAT"})
    work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])
    sale = rig.sale("#1001")
    rig.front.seed(
        {
            "by_hand": [
                {
                    "credit_note": {
                        "order": "#1001",
                        "lines": [{"sku": "COAT", "quantity": 1}],
                        "status": "DRAFT",
                        "memo": f"x {work.issued.instruction}",
                    }
                }
            ]
        }
    )
    rig.erp = rig.connect()
    assert rig.erp.find(work) == Unfinished("CR-00001", stands=False)
    assert Worker(rig).drive(work, sent_before=True) == Accepted("CR-00001", work.issued.amount)
    assert [note["Status"] for note in sale["CreditNotes"]] == ["AUTHORISED"]


@pytest.mark.parametrize("kind", ["Advanced", "Simple"])
def test_a_note_that_a_person_undid_is_gone_on_with_once_it_is_asked_for_again(kind: str) -> None:
    rig = Cin7Rig(kind=kind)
    order = order_with(rig, {"sku": "COAT", "quantity": 2})
    asked: dict[str, Any] = {"order": order, "money": [credited(order.lines[0], 2)], "goods": [moved("COAT", 2, None, "Quarantine")]}
    assert isinstance(Worker(rig).drive(work_of(rig, "post_credit_note", **asked)), Accepted)
    rig.front.seed({"by_hand": [{"undo": "CR-00001"}]})
    assert isinstance(Worker(rig).drive(work_of(rig, "post_credit_note", **asked, turn=1)), Accepted)
    (note,) = rig.sale("#1001")["CreditNotes"]
    assert (note["Status"], rig.stock("COAT", "Quarantine")) == ("AUTHORISED", 2)


def test_a_draft_of_another_return_goes_first() -> None:
    rig = Cin7Rig(kind="Simple", second_note_on_simple=True)
    order = order_with(rig, {"sku": "COAT", "quantity": 2})
    note = {"order": "#1001", "lines": [{"sku": "COAT", "quantity": 1}], "status": "DRAFT", "memo": "RMA-2 #1001 rl-0123456789abcdefg"}
    rig.front.seed({"by_hand": [{"credit_note": note}]})
    work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])
    with pytest.raises(VendorTrouble, match="CR-00001 of SO-00001 is on its way"):
        rig.erp.carry_out(work)
    rig.front.seed({"by_hand": [{"authorise": "CR-00001"}]})
    assert isinstance(Worker(rig).drive(work), Accepted)


@pytest.mark.parametrize("kind", ["Advanced", "Simple"])
def test_a_draft_that_may_not_go_on_is_taken_back(kind: str) -> None:
    rig = Cin7Rig(kind=kind)
    order = order_with(rig, {"sku": "COAT", "quantity": 2})
    work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)], goods=[moved("COAT", 1, None, "Nowhere")])
    note = {"order": "#1001", "lines": [{"sku": "COAT", "quantity": 1}], "status": "DRAFT", "memo": work.issued.instruction}
    rig.front.seed({"by_hand": [{"credit_note": note}]})
    answer = Worker(rig).drive(work, sent_before=True)
    assert isinstance(answer, Declined)
    assert answer.code == "unknown_location"
    # A Simple Sale's note cannot be taken back over the API: a person is told.
    assert (rig.leftovers() == [], "CR-00001 is still there as draft" in answer.reason) == (kind == "Advanced", kind == "Simple")


def test_a_note_that_a_person_changed_and_authorised_is_told_as_it_is() -> None:
    rig = Cin7Rig()
    order = order_with(rig, {"sku": "COAT"})
    work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)])
    Worker(rig).drive(work)
    rig.front.seed({"by_hand": [{"amend": {"credit_note": "CR-00001", "price": "8.00"}}]})
    assert rig.erp.find(work) == Accepted("CR-00001", Amount(total=1000, items=800, tax=200, shipping=0, fees=0))


def test_goods_without_a_place_go_back_to_where_they_were_picked_and_no_goods_go_nowhere() -> None:
    rig = Cin7Rig()
    order = order_with(rig, {"sku": "COAT", "quantity": 2})
    for turn, goods in enumerate(([], [moved("COAT", 1, None, None)])):
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1, after=turn)], goods=goods, turn=turn)
        assert isinstance(Worker(rig).drive(work), Accepted)
        assert rig.stock("COAT", rig.main) == turn
