"""The simulated Cin7 Core: its keys, its quota, its pages and its refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.port import SandboxRequest, SandboxResponse

KEYS = {"api-auth-accountid": "sandbox-account", "api-auth-applicationkey": "sandbox-key"}
EMPTY = "00000000-0000-0000-0000-000000000000"


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 10, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


class Account:
    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.sandbox = Cin7CoreSandbox(self.clock, **options)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> SandboxResponse:
        self.clock.at += timedelta(seconds=2)
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.sandbox.handle(SandboxRequest(method, f"/ExternalApi/v2/{path}", query, KEYS, content))

    def told(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        return json.loads(self.ask(method, path, body, **query).body)

    def refusal(self, path: str, body: Any) -> str:
        response = self.ask("POST", path, body)
        assert response.status == 400, response.body
        return str(json.loads(response.body)[0]["Exception"])

    def order(self, **order: Any) -> str:
        line = {"sku": "COAT", "quantity": 2, "price": "10.00"}
        return str(self.sandbox.seed({"orders": [{"reference": "#1001", "lines": [line], **order}]})["orders"][0]["sale"])

    def note(self, sale: str, **changed: Any) -> dict[str, Any]:
        invoice = self.told("GET", "sale", ID=sale)["Invoices"][0]
        return {
            "SaleID": sale,
            "TaskID": EMPTY,
            "CombineAdditionalCharges": False,
            "CreditNoteInvoiceNumber": invoice["InvoiceNumber"],
            "Status": "AUTHORISED",
            "CreditNoteDate": "2026-10-02T00:00:00",
            "Lines": [{**invoice["Lines"][0], "Quantity": 1, "Tax": 2, "Total": 10}],
            **changed,
        }


def test_wrong_keys_are_forbidden() -> None:
    response = Account().sandbox.handle(SandboxRequest("GET", "/ExternalApi/v2/me", {}, {**KEYS, "api-auth-applicationkey": "other"}))
    assert (response.status, response.body) == (403, b'"Incorrect credentials!"')


@pytest.mark.parametrize("status", [429, 503, 400])
def test_the_sixty_first_call_within_a_minute_is_refused_in_the_vendors_words(status: int) -> None:
    account = Account(limit_status=status)
    answers = [account.sandbox.handle(SandboxRequest("GET", "/ExternalApi/v2/me", {}, KEYS)) for _ in range(61)]
    assert [answer.status for answer in answers] == [200] * 60 + [status]
    assert json.loads(answers[-1].body)[0]["Exception"] == "You have reached 60 calls per 60 seconds API limit."
    assert answers[-1].headers.get("retry-after") == ("60 Seconds" if status == 429 else None)
    account.clock.at += timedelta(seconds=60)
    assert account.ask("GET", "me").status == 200


def test_lists_have_pages_and_a_total() -> None:
    account = Account()
    for _ in range(5):
        account.order()
    page = account.told("GET", "saleList", Page="2", Limit="2")
    assert (page["Total"], page["Page"], [row["OrderNumber"] for row in page["SaleList"]]) == (5, 2, ["SO-00003", "SO-00004"])
    assert account.ask("GET", "saleList", Limit="1001").status == 400
    assert account.told("GET", "saleList", Search="100")["Total"] == 5, "it searches for what contains it"
    assert account.told("GET", "saleList", UpdatedSince="2026-10-02T10:00:00.000")["Total"] == 0


def test_a_sku_filter_takes_every_sku_that_contains_it() -> None:
    account = Account()
    account.sandbox.seed(
        {"products": [{"sku": "COAT"}, {"sku": "RAINCOAT", "kit": [{"sku": "COAT"}]}, {"sku": "OLD-COAT", "Status": "Deprecated"}]}
    )
    rows = account.told("GET", "product", Sku="coat")["Products"]
    assert [row["SKU"] for row in rows] == ["COAT", "RAINCOAT"]
    assert rows[1]["BillOfMaterialsProducts"] == []
    shown = account.told("GET", "product", Sku="RAIN", IncludeBOM="true")["Products"][0]["BillOfMaterialsProducts"]
    assert [(part["ProductCode"], part["Quantity"]) for part in shown] == [("COAT", 1)]


class TestCreditNotes:
    def test_it_moves_stock_once_it_is_authorised(self) -> None:
        account = Account()
        sale = account.order()
        back = {"SKU": "COAT", "Location": "Main Warehouse", "RestockLocation": "Quarantine", "Quantity": 1}
        draft = account.told("POST", "sale/creditnote", account.note(sale, Status="DRAFT", Restock=[back]))["CreditNotes"][0]
        assert (draft["Status"], draft["Restock"], draft["Total"], draft["Tax"]) == ("DRAFT", [], 12, 2)
        assert account.told("GET", "ref/productavailability", Sku="COAT")["Total"] == 0
        note = account.told("POST", "sale/creditnote", account.note(sale, TaskID=draft["TaskID"], Restock=[back]))["CreditNotes"][0]
        assert (note["Status"], note["CreditNoteNumber"]) == ("AUTHORISED", draft["CreditNoteNumber"])
        (row,) = account.told("GET", "ref/productavailability", Sku="COAT")["ProductAvailabilityList"]
        assert (row["Location"], row["OnHand"], row["Available"]) == ("Quarantine", 1, 1)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"CreditNoteInvoiceNumber": "INV-9"}, "Invoice INV-9 not found"),
            ({"CombineAdditionalCharges": None}, "CombineAdditionalCharges is required"),
            ({"Status": "VOIDED"}, "Status must be DRAFT or AUTHORISED"),
            ({"TaskID": "other"}, "Credit note not found"),
            ({"Restock": [{"SKU": "COAT", "Location": "Main Warehouse", "Quantity": 2}]}, "must be present in Lines"),
            (
                {"Restock": [{"SKU": "COAT", "Location": "Main Warehouse", "RestockLocation": "Nowhere", "Quantity": 1}]},
                "Location not found",
            ),
        ],
    )
    def test_what_it_refuses(self, changed: dict[str, Any], said: str) -> None:
        account = Account()
        assert said in account.refusal("sale/creditnote", account.note(account.order(), **changed))
        assert account.sandbox.state()["sales"][0]["CreditNotes"] == []

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ({"SKU": "NOPE", "ProductID": None}, "Product not found"),
            ({"TaxRule": "VAT"}, "Tax rule not found"),
            ({"Total": 12}, "Line total 12 is not valid, expected 10"),
            ({"Total": None}, "Total is required"),
            ({"Quantity": 0.5}, "out of range"),
            ({"Price": 9.99999}, "out of range"),
        ],
    )
    def test_lines_that_it_refuses(self, line: dict[str, Any], said: str) -> None:
        account = Account()
        note = account.note(account.order())
        note["Lines"][0] |= line
        assert said in account.refusal("sale/creditnote", note)

    def test_not_before_the_invoice_is_authorised(self) -> None:
        account = Account()
        assert "not AUTHORISED or PAID" in account.refusal("sale/creditnote", account.note(account.order(invoice="draft")))

    def test_an_authorised_note_is_not_written_over(self) -> None:
        account = Account()
        sale = account.order()
        task = account.told("POST", "sale/creditnote", account.note(sale))["CreditNotes"][0]["TaskID"]
        assert "not DRAFT or NOT AVAILABLE" in account.refusal("sale/creditnote", account.note(sale, TaskID=task))

    @pytest.mark.parametrize("checks", [True, False])
    def test_more_than_the_invoice_is_refused_where_it_is_checked(self, checks: bool) -> None:
        account = Account(checks_over_credit=checks)
        sale = account.order()
        answers = [account.ask("POST", "sale/creditnote", account.note(sale)).status for _ in range(3)]
        assert answers == [200, 200, 400 if checks else 200]

    def test_a_simple_sale_has_one_note_and_keeps_it(self) -> None:
        account = Account()
        sale = account.order(type="Simple")
        note = account.told("POST", "sale/creditnote", account.note(sale))["CreditNotes"][0]
        assert note["TaskID"] == sale
        assert "only one Credit Note" in account.refusal("sale/creditnote", account.note(sale))
        assert account.ask("DELETE", "sale/creditnote", TaskID=sale, Void="true").status == 400

    def test_void_takes_goods_back_and_undo_makes_a_draft(self) -> None:
        account = Account()
        sale = account.order()
        back = [{"SKU": "COAT", "Location": "Main Warehouse", "Quantity": 1}]
        for void, status in (("true", "VOIDED"), ("false", "DRAFT")):
            account.told("POST", "sale/creditnote", account.note(sale, Restock=back))
            task = account.sandbox.state()["sales"][0]["CreditNotes"][-1]["TaskID"]
            assert account.told("DELETE", "sale/creditnote", TaskID=task, Void=void)["CreditNotes"][0]["Status"] == status
            assert account.told("GET", "ref/productavailability", Sku="COAT")["ProductAvailabilityList"][0]["OnHand"] == 0


def test_errors_may_come_inside_200() -> None:
    account = Account(errors_in_200=True)
    response = account.ask("GET", "sale", ID="other")
    assert (response.status, json.loads(response.body)[0]["Exception"]) == (200, "Sale not found")


def test_short_stock_makes_a_backorder_without_a_word() -> None:
    account = Account()
    account.order()
    account.sandbox.seed({"stock": [{"sku": "COAT", "location": "Main Warehouse", "quantity": 1}]})
    sale = account.told("POST", "sale", {"Customer": "Ann Other", "Location": "Main Warehouse", "SkipQuote": True})["ID"]
    product = account.told("GET", "product", Sku="COAT")["Products"][0]
    line = {"ProductID": product["ID"], "SKU": "COAT", "Name": "Coat", "Quantity": 3, "Price": 0, "Tax": 0, "TaxRule": "Standard"}
    order = account.told("POST", "sale/order", {"SaleID": sale, "Memo": "", "Status": "AUTHORISED", "Lines": [line]})
    assert order["Lines"][0]["BackorderQuantity"] == 2
    assert account.told("GET", "sale", ID=sale)["Status"] == "BACKORDERED"
    assert account.told("GET", "ref/productavailability", Sku="COAT")["ProductAvailabilityList"][0]["Available"] == 0


@pytest.mark.parametrize("body", [b"[]", b"{", b"null", b'"x"', b'{"Lines": 5}', b'{"SaleID": {}}', "{ü".encode("latin-1")])
@pytest.mark.parametrize(
    "path", ["sale", "sale/order", "sale/creditnote", "sale/payment", "stockTransfer", "stockadjustment", "inventoryWriteOff", "x"]
)
def test_whatever_is_sent_it_answers(path: str, body: bytes) -> None:
    assert Account().ask("POST", path, body).status in (400, 404, 500)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"order": []}, "'order' is not known"),
        ({"by_hand": [{"burn": "CR-1"}]}, "nothing that people do here"),
        ({"by_hand": [{"void": "CR-1"}]}, "Credit note not found"),
        ({"by_hand": [{"amend": {"credit_note": "CR-1", "price": 1}}]}, "there is no credit note CR-1"),
        ({"by_hand": [{"ship": "#9"}]}, "there is no order #9"),
        ({"stock": [{"sku": "A", "location": "Nowhere", "quantity": 1}]}, "Location not found: Nowhere"),
        ({"orders": [{"lines": []}]}, "cannot be put in"),
    ],
)
def test_what_cannot_be_seeded_is_told_in_a_sentence(told: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Account().sandbox.seed(told)


def test_people_work_there_too() -> None:
    account = Account()
    account.order(invoice="draft")
    account.sandbox.seed({"stock": [{"sku": "COAT", "location": "Main Warehouse", "quantity": 3}]})
    made = account.sandbox.seed(
        {
            "by_hand": [
                {"invoice": "#1001"},
                {"credit_note": {"order": "#1001", "lines": [{"sku": "COAT", "quantity": 1}], "status": "DRAFT"}},
                {"authorise": "CR-00001"},
                {"amend": {"credit_note": "CR-00001", "price": "8.00"}},
                {"ship": "#1001"},
                {"transfer": {"sku": "COAT", "quantity": 2, "from": "Main Warehouse", "to": "Damaged"}},
            ]
        }
    )
    assert made["by_hand"][-1] == "TR-00001"
    (sale,) = account.sandbox.state()["sales"]
    assert (sale["CreditNotes"][0]["Total"], sale["CreditNotes"][0]["Status"]) == (10, "AUTHORISED")
    assert {row["Location"]: row["OnHand"] for row in account.sandbox.state()["stock"]} == {"Main Warehouse": 1, "Damaged": 2}
    assert account.sandbox.take_webhooks() == []
