"""Reading Cin7 Core: every shape that was seen, what people do there, and answers that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import httpx
import pytest

from adapters.erps.cin7_core import Cin7Core, connect
from adapters.erps.cin7_core.client import LIMIT_SECONDS
from adapters.erps.port import ErpSettings
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorRefused, VendorTrouble
from domain.content import ExchangeItem
from domain.erp_facts import OrderMatched, OrderNotFound
from tests.adapters.erps.cin7_rig import CREDENTIALS, Cin7Rig
from tests.adapters.erps.contract import SHIRT, last, matched
from tests.adapters.erps.rig import Worker, credited, moved, work_of

Answers = Callable[[httpx.Request], httpx.Response]


def erp_of(answers: Answers, **mappings: dict[str, str]) -> Cin7Core:
    settings = ErpSettings("erp", "cin7_core", "https://cin7.test/ExternalApi/v2", CREDENTIALS, mappings=mappings)
    return connect(settings=settings, http=httpx.Client(transport=httpx.MockTransport(answers)), wait_turn=lambda method: None)


def always(status: int, content: Any, headers: dict[str, str] | None = None) -> Answers:
    body = content if isinstance(content, str) else json.dumps(content)
    return lambda request: httpx.Response(status, content=body.encode(), headers=headers or {})


LIMIT = "You have reached 60 calls per 60 seconds API limit."


class TestAnswersThatAreNone:
    @pytest.mark.parametrize(
        ("status", "content", "headers", "seconds"),
        [
            (429, [{"ErrorCode": 429, "Exception": LIMIT}], {"Retry-After": "60 Seconds"}, 60.0),
            (429, {"ErrorCode": 429, "Exception": LIMIT}, {"Retry-After": "17"}, 17.0),
            (429, "", {}, LIMIT_SECONDS),
            (503, [{"ErrorCode": 503, "Exception": LIMIT}], {}, LIMIT_SECONDS),
            (400, [{"ErrorCode": 400, "Exception": LIMIT}], {}, LIMIT_SECONDS),
            (200, {"ErrorCode": 400, "Exception": LIMIT}, {}, LIMIT_SECONDS),
        ],
    )
    def test_the_limit_is_known_in_all_its_shapes(self, status: int, content: Any, headers: dict[str, str], seconds: float) -> None:
        erp = erp_of(always(status, content, headers))
        with pytest.raises(VendorTrouble, match="limit") as limit:
            erp.check()
        assert limit.value.retry_after_seconds == seconds
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        work = work_of(rig, "move", order=matched(rig), goods=[moved("SHIRT-M", 1, "A", "B")])
        with pytest.raises(VendorTrouble, match="limit"):
            erp.carry_out(work)

    def test_a_login_page_is_no_answer(self) -> None:
        with pytest.raises(VendorTrouble, match="base_url"):
            erp_of(always(200, "<!DOCTYPE html><title>Login</title>")).check()

    @pytest.mark.parametrize("status", [401, 403])
    def test_wrong_keys_are_for_a_person(self, status: int) -> None:
        with pytest.raises(VendorRefused, match="application_key"):
            erp_of(always(status, '"Incorrect credentials!"')).check()

    @pytest.mark.parametrize("content", ["", "<html>", "[", '{"TaskID": '])
    def test_a_write_that_is_answered_with_no_json_is_unknown(self, content: str) -> None:
        def answers(request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                return httpx.Response(200, content=content.encode())
            rows = {
                "location": {"LocationList": [{"ID": "l1", "Name": "A"}, {"ID": "l2", "Name": "B"}]},
                "product": {"Products": [{"ID": "p1", "SKU": "SHIRT-M"}]},
            }
            return httpx.Response(200, json=rows[request.url.path.rsplit("/", 1)[-1]])

        rig = Cin7Rig()
        work = work_of(rig, "move", goods=[moved("SHIRT-M", 1, "A", "B")])
        assert isinstance(erp_of(answers).carry_out(work), Unknown)

    @pytest.mark.parametrize(
        ("table", "name", "value", "said"),
        [
            ("charges", "postage", "x", r"charges\.postage is not known"),
            ("charge", "x", "x", r"mappings\.charge is not known"),
            ("kits", "decompose", "some", "must be one of: all, auto_assembly, never"),
            ("changes", "first_look_days", "a week", "whole number"),
        ],
    )
    def test_a_mapping_that_is_not_known_is_named(self, table: str, name: str, value: str, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            erp_of(always(200, {}), **{table: {name: value}})


class TestShapes:
    """Documents as other hosts of this API may write them."""

    LINE: ClassVar = {
        "ProductID": "p1",
        "SKU": "COAT",
        "Name": "Coat",
        "Quantity": 2.0,
        "Price": 30.0,
        "Discount": 0.0,
        "Tax": 10.0,
        "Total": 60.0,
        "TaxRule": "VAT",
    }

    def matched(self, *, lists: bool = False, row: dict[str, Any] | None = None, **sale: Any) -> OrderMatched | OrderNotFound:
        whole = {
            "ID": "s1",
            "CustomerReference": "#1001",
            "BaseCurrency": "GBP",
            "TaxCalculation": "Inclusive",
            "Type": "Simple Sale",
            "Order": {"SaleOrderNumber": "SO-1", "Status": "AUTHORISED", "Lines": [self.LINE]},
            "Invoices": [
                {
                    "TaskID": "i1",
                    "InvoiceNumber": "INV-1",
                    "Status": "AUTHORISED",
                    "Lines": [self.LINE],
                    "Tax": 10,
                    "Total": 60,
                    "TotalBeforeTax": 50,
                }
            ],
            **sale,
        }
        listed = [{"SaleID": "s1", "OrderNumber": "SO-1", "CustomerReference": "#1001", "Status": "COMPLETED", **(row or {})}]

        def answers(request: httpx.Request) -> httpx.Response:
            path = request.url.path.rsplit("/", 1)[-1]
            if path == "saleList":
                return httpx.Response(200, json=listed if lists else {"Total": 1, "SaleList": listed})
            if path == "sale":
                return httpx.Response(200, json=[whole] if lists else whole)
            return httpx.Response(200, json=[] if lists else {"Products": []})

        rig = Cin7Rig()
        return erp_of(answers).match_order("#1001", rig.clock())

    @pytest.mark.parametrize("lists", [False, True])
    def test_tax_is_taken_out_of_prices_that_contain_it(self, lists: bool) -> None:
        order = self.matched(lists=lists)
        assert isinstance(order, OrderMatched)
        assert [(one.sku, one.quantity, one.items, one.tax) for one in order.lines] == [("COAT", 2, 5000, 1000)]
        assert (order.creditable, order.number, order.currency) == (6000, "SO-1", "GBP")

    def test_totals_that_are_net_after_all_are_believed(self) -> None:
        line = {**self.LINE, "Total": 50}
        order = self.matched(
            Invoices=[{"InvoiceNumber": "I", "Status": "Paid", "Lines": [line], "Tax": 10, "Total": 60, "TotalBeforeTax": 50}]
        )
        assert isinstance(order, OrderMatched)
        assert [(one.items, one.tax) for one in order.lines] == [(5000, 1000)]

    def test_figures_may_be_texts_and_fields_may_be_missing(self) -> None:
        line = {"SKU": "COAT", "Quantity": "2.0000", "Price": "25.0000", "Tax": "10.00"}
        order = self.matched(
            TaxCalculation="exclusive",
            Invoices=[{"InvoiceNumber": "I", "Status": "authorised", "Lines": [line], "AdditionalCharges": None}],
        )
        assert isinstance(order, OrderMatched)
        assert [(one.items, one.tax) for one in order.lines] == [(5000, 1000)]
        assert order.creditable == 6000

    def test_before_there_is_an_invoice_the_order_itself_is_read(self) -> None:
        order = self.matched(Invoices=[])
        assert isinstance(order, OrderMatched)
        assert (order.invoice, order.creditable, len(order.lines)) == ("none", None, 1)

    def test_quantities_that_are_not_whole_are_left_out(self) -> None:
        order = self.matched(Invoices=[{"InvoiceNumber": "I", "Status": "PAID", "Lines": [{**self.LINE, "Quantity": 1.5}, self.LINE]}])
        assert isinstance(order, OrderMatched)
        assert [one.quantity for one in order.lines if one.order_line.startswith("I/")] == [2]

    @pytest.mark.parametrize(
        ("row", "fits"),
        [
            ({"CustomerReference": "1001"}, True),
            ({"CustomerReference": " #1001 "}, True),
            ({"CustomerReference": "#10010"}, False),
            ({"CustomerReference": "A-1001", "OrderNumber": "1001"}, False),
            ({"Type": "Credit Note"}, False),
            ({"ExternalID": "rl-0123456789abcdef0"}, False),
        ],
    )
    def test_a_reference_fits_exactly(self, row: dict[str, Any], fits: bool) -> None:
        assert isinstance(self.matched(row=row), OrderMatched if fits else OrderNotFound)


class TestMatching:
    def test_several_sales_of_one_reference_are_candidates(self) -> None:
        rig = Cin7Rig()
        for _ in range(2):
            rig.seed_order("#1001", [SHIRT])
        found = rig.erp.match_order("#1001", rig.clock())
        assert isinstance(found, OrderNotFound)
        assert found.candidates == ("SO-00001", "SO-00002")
        rig.front.seed({"by_hand": []})
        rig.sandbox.sales.documents[next(iter(rig.sandbox.sales.documents))]["Status"] = "VOIDED"
        assert matched(rig).number == "SO-00002"

    def test_a_reference_with_its_hash_goes_before_one_without(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("1001", [SHIRT])
        assert matched(rig, "#1001").number == "SO-00001"
        rig.seed_order("#1001", [SHIRT])
        assert (matched(rig, "#1001").number, matched(rig, "1001").number) == ("SO-00002", "SO-00001")
        assert isinstance(Cin7Rig(mappings={"references": {"strip_hash": "no"}}).erp.match_order("#1001", rig.clock()), OrderNotFound)

    def test_a_person_may_name_the_sale_itself(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        assert matched(rig, "SO-00001").order == matched(rig).order

    def test_a_line_keeps_its_identity_when_others_come_before_it(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT, SHIRT])
        before = {one.order_line for one in matched(rig).lines}
        invoice = rig.sale("#1001")["Invoices"][0]
        invoice["Lines"].insert(0, {**invoice["Lines"][0], "SKU": "OTHER"})
        assert before < {one.order_line for one in matched(rig).lines}
        assert len(before) == 2

    def test_an_order_that_is_gone_is_told(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        order = matched(rig)
        rig.sandbox.sales.documents.clear()
        answer = Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)]))
        assert isinstance(answer, Declined)
        assert answer.code == "order_not_found"


class TestChanges:
    def test_a_note_by_hand_brings_its_lines_and_parts(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        rig.note_by_hand("#1001", "SHIRT-M", 2)
        (note,) = last(rig, None)[0]
        assert note.amount is not None
        assert (note.amount.total, note.amount.items, note.amount.tax) == (9198, 7665, 1533)
        assert [(line.order_line, line.quantity) for line in note.lines] == [(matched(rig).lines[0].order_line, 2)]

    def test_several_notes_of_one_sale_are_all_told(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        made = {rig.note_by_hand("#1001", "SHIRT-M", 1) for _ in range(2)}
        assert {one.number for one in last(rig, None)[0]} == made

    def test_a_draft_is_told_as_one(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        note = {"order": "#1001", "lines": [{"sku": "SHIRT-M", "quantity": 1}], "status": "DRAFT"}
        rig.front.seed({"by_hand": [{"credit_note": note}]})
        assert [(one.number, one.status) for one in last(rig, None)[0]] == [("CR-00001", "draft")]

    @pytest.mark.parametrize("twice", [False, True])
    def test_a_note_that_is_undone_or_gone_counts_as_voided(self, twice: bool) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        number = rig.note_by_hand("#1001", "SHIRT-M", 1)
        cursor = last(rig, None)[1]
        rig.front.seed({"by_hand": [{"undo": number}] * (2 if twice else 1)})
        assert [(one.number, one.status) for one in last(rig, cursor)[0]] == [(number, "voided")]

    def test_an_exchange_order_is_followed(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        rig.seed_stock("SHIRT-L", rig.main, 5)
        work = work_of(rig, "order_exchange", order=matched(rig), exchange=[ExchangeItem(sku="SHIRT-L", quantity=1)], status="draft")
        made = Worker(rig).drive(work)
        assert isinstance(made, Accepted)
        cursor, seen = None, []
        for deed in ({}, "authorise", {"ship": made.reference}):
            if deed == "authorise":
                Worker(rig).drive(work_of(rig, "authorise_exchange", order=matched(rig), document=made.reference, status="authorised"))
            elif deed:
                rig.front.seed({"by_hand": [deed]})
            documents, cursor = last(rig, cursor)
            seen += [(one.number, one.status, one.instruction) for one in documents if one.kind == "exchange_order"][-1:]
        assert [status for _, status, _ in seen] == ["draft", "authorised", "dispatched"]
        assert {(number, instruction) for number, _, instruction in seen} == {(made.reference, work.issued.instruction)}

    def test_goods_of_a_note_are_told_with_their_place(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        order = matched(rig)
        goods = [moved("SHIRT-M", 1, None, rig.quarantine)]
        work = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)], goods=goods)
        Worker(rig).drive(work)
        (told,) = [one for one in last(rig, None)[0] if one.kind == "goods"]
        assert (told.instruction, [(line.sku, line.quantity, line.location) for line in told.lines]) == (
            work.issued.instruction,
            [("SHIRT-M", 1, "Quarantine")],
        )

    def test_what_did_not_change_is_not_read_for_ever(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        rig.note_by_hand("#1001", "SHIRT-M", 1)
        cursor, told = None, []
        for _ in range(5):
            documents, cursor = last(rig, cursor)
            told.append(len(documents))
        assert told == [1, 1, 0, 0, 0]
        assert json.dumps(cursor), "it can be kept as JSON"

    def test_nothing_personal_is_told(self) -> None:
        rig = Cin7Rig()
        rig.seed_order("#1001", [SHIRT])
        rig.note_by_hand("#1001", "SHIRT-M", 1)
        documents, cursor = last(rig, None)
        everything = str((documents, cursor, matched(rig)))
        for personal in ("Ann", "Other", "example.com", "High Street", "YO1"):
            assert personal not in everything
