"""The money that a refund of Shopify moved: split into goods, tax, shipping and fees as far as it adds up, and how it was paid."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.files.shopify_refunds import METHODS
from domain.content import Amount
from domain.facts import Refunded
from tests.adapters.files.reading import errors, rows_of, tellings
from tests.adapters.files.shopify_documents import KIND, line, money, paid, read, refund


def test_several_transactions_are_one_refund(tmp_path: Path) -> None:
    transactions = [
        paid("7.00", id=1),
        paid("5.00", id=2),
        paid("3.00", status="pending"),
        paid("2.00", status="failure"),
        paid("9.00", kind="void"),
    ]
    fact = read(tmp_path, refund(transactions=transactions))
    assert fact.amount == Amount(total=1200, items=1000, tax=200, shipping=0, fees=0)
    assert fact.transaction is None


def test_a_refund_of_nothing_is_a_refund(tmp_path: Path) -> None:
    assert read(tmp_path, refund(transactions=[paid("0.00")], refund_line_items=[])).amount.total == 0


OLD_SHIPPING = {"amount": "-5.00", "tax_amount": "-1.00", "kind": "shipping_refund", "reason": "Shipping refund"}
OLD_SHIPPING_SETS = {"amount_set": money("-5.00"), "tax_amount_set": money("-1.00"), "kind": "shipping_refund"}
NEW_SHIPPING = {"subtotal_amount_set": money("5.00"), "tax_amount_set": money("1.00")}
NEW_SHIPPING_BY_LINE = {
    "subtotal_amount_set": money("5.00"),
    "shipping_line": {"discounted_price_set": money("5.00"), "tax_lines": [{"price": "1.00", "price_set": money("1.00"), "rate": 0.2}]},
}
FULL = Amount(total=1800, items=1000, tax=300, shipping=500, fees=0)


@pytest.mark.parametrize(
    "change",
    [
        {"order_adjustments": [OLD_SHIPPING]},
        {"order_adjustments": [OLD_SHIPPING_SETS]},
        {"refund_shipping_lines": [NEW_SHIPPING]},
        {"refund_shipping_lines": [NEW_SHIPPING_BY_LINE]},
        {"refund_shipping_lines": [{"subtotal_amount_set": money("5.00")}], "order_adjustments": [OLD_SHIPPING_SETS]},
    ],
)
def test_shipping_old_and_new_and_both_beside_each_other(change: dict[str, Any], tmp_path: Path) -> None:
    assert read(tmp_path, refund(transactions=[paid("18.00")], **change)).amount == FULL


def test_shipping_alone_with_its_sign_turned(tmp_path: Path) -> None:
    only = refund(refund_line_items=[], transactions=[paid("5.00")], order_adjustments=[{**OLD_SHIPPING, "tax_amount": "0.00"}])
    assert read(tmp_path, only).amount == Amount(total=500, items=0, tax=0, shipping=500, fees=0)


@pytest.mark.parametrize(
    ("goods", "shipping"),
    [(line("12.00", "2.00"), money("6.00")), (line("12.00", "2.00"), money("5.00")), (line("10.00", "2.00"), money("6.00"))],
)
def test_subtotals_that_hold_the_tax_are_told_by_what_adds_up(goods: dict[str, Any], shipping: dict[str, Any], tmp_path: Path) -> None:
    change = {"refund_line_items": [goods], "refund_shipping_lines": [{"subtotal_amount_set": shipping, "tax_amount_set": money("1.00")}]}
    assert read(tmp_path, refund(transactions=[paid("18.00")], **change)).amount == FULL


@pytest.mark.parametrize(
    ("goods", "order", "items"),
    [
        (line("10.00", "2.00", 0.2), {}, 1000),
        (line("12.00", "2.00", 0.2), {}, 1000),
        (line("12.00", "2.00"), {"taxes_included": True}, 1000),
        (line("12.00", "2.00"), {"taxes_included": False}, 1200),
        (line("12.00", "0.00"), {}, 1200),
        (line("12.00", "2.00"), {}, None),
    ],
)
def test_where_nothing_adds_up_the_rates_and_the_order_tell_of_the_tax(
    goods: dict[str, Any], order: dict[str, Any], items: int | None, tmp_path: Path
) -> None:
    document = {"order": {"id": 1, **order, "refunds": [refund(refund_line_items=[goods], transactions=[paid("9.00")])]}}
    amount = read(tmp_path, document).amount
    assert (amount.items, amount.fees, amount.total) == (items, None, 900)
    assert amount.unexplained == 900 - (items or 0) - (amount.tax or 0) - (amount.shipping or 0)


@pytest.mark.parametrize(
    ("reason", "fees"),
    [("RESTOCK", -300), ("restock", -300), ("DAMAGE", -300), ("CUSTOMER", -300), ("REFUND_DISCREPANCY", None), (None, None)],
)
def test_a_named_deduction_is_a_fee_and_a_discrepancy_stays_unexplained(reason: str | None, fees: int | None, tmp_path: Path) -> None:
    adjustment = {"amount_set": money("3.00"), "tax_amount_set": money("0.00"), "reason": reason}
    amount = read(tmp_path, refund(order_adjustments=[adjustment], transactions=[paid("9.00")])).amount
    assert (amount.items, amount.tax, amount.shipping, amount.fees) == (1000, 200, 0, fees)
    assert amount.unexplained == (0 if fees else -300)


def test_the_old_kind_of_discrepancy_stays_unexplained(tmp_path: Path) -> None:
    adjustment = {"amount": "3.00", "tax_amount": "0.60", "kind": "refund_discrepancy", "reason": "Refund discrepancy"}
    amount = read(tmp_path, refund(order_adjustments=[adjustment], transactions=[paid("8.40")])).amount
    assert amount == Amount(total=840, items=1000, tax=200, shipping=0)


def test_money_without_any_line_is_a_total_only(tmp_path: Path) -> None:
    adjustment = {"amount": "-9.00", "tax_amount": "0.00", "kind": "refund_discrepancy"}
    for adjustments in ([], [adjustment]):
        amount = read(tmp_path, refund(refund_line_items=[], order_adjustments=adjustments, transactions=[paid("9.00")])).amount
        assert amount == Amount(total=900, shipping=0)


def test_shipping_beyond_the_money_is_not_believed(tmp_path: Path) -> None:
    """A part of the shipping paid back shows as all of it, less a discrepancy."""
    adjustments = [OLD_SHIPPING, {"amount": "4.00", "tax_amount": "0.00", "kind": "refund_discrepancy"}]
    amount = read(tmp_path, refund(refund_line_items=[], order_adjustments=adjustments, transactions=[paid("2.00")])).amount
    assert amount == Amount(total=200)


def test_duties_and_other_fees_are_fees(tmp_path: Path) -> None:
    whole = refund(total_duties_set=money("1.50"), total_additional_fees_set=money("0.50"), transactions=[paid("14.00")])
    assert read(tmp_path, whole).amount == Amount(total=1400, items=1000, tax=200, shipping=0, fees=200)
    del whole["total_duties_set"]
    assert read(tmp_path, whole | {"duties": [{"duty_id": 1, "amount_set": money("1.50")}]}).amount.fees == 200


def test_what_is_not_told_is_left_out(tmp_path: Path) -> None:
    bare = refund()
    for field in ("refund_line_items", "refund_shipping_lines", "order_adjustments"):
        del bare[field]
    assert read(tmp_path, bare).amount == Amount(total=1200, shipping=0)
    unknown_tax = {"refund_shipping_lines": [{"subtotal_amount_set": money("5.00")}], "transactions": [paid("18.00")]}
    assert read(tmp_path, refund(**unknown_tax)).amount == Amount(total=1800, items=None)


def test_plain_amounts_are_exact_where_there_is_no_set(tmp_path: Path) -> None:
    text = json.dumps(refund(refund_line_items=[{"subtotal": 1, "total_tax": 2}], transactions=[paid("90.02")]))
    text = (
        text.replace('"subtotal": 1,', '"subtotal": 75.02,').replace('"total_tax": 2', '"total_tax": 15.000000').replace('"90.02"', "90.02")
    )
    [telling] = tellings(rows_of(tmp_path, text, KIND, merchant="acme"))
    assert isinstance(telling.fact, Refunded)
    assert telling.fact.amount == Amount(total=9002, items=7502, tax=1500, shipping=0, fees=0)


def test_currencies_with_other_digits(tmp_path: Path) -> None:
    yen = [{"subtotal_set": money("1000.0", "JPY"), "total_tax_set": money("100", "JPY")}]
    fact = read(tmp_path, refund(refund_line_items=yen, transactions=[paid("1100.00", currency="JPY")]))
    assert fact.amount == Amount(total=1100, items=1000, tax=100, shipping=0, fees=0)


def test_parts_are_taken_in_the_currency_of_the_money(tmp_path: Path) -> None:
    seen = [{"subtotal_set": money("10.00", "GBP", ("11.80", "EUR")), "total_tax_set": money("2.00", "GBP", ("2.36", "EUR"))}]
    fact = read(tmp_path, refund(refund_line_items=seen, transactions=[paid("14.16", currency="EUR")], total_duties_set=None))
    assert (fact.currency, fact.amount) == ("EUR", Amount(total=1416, items=1180, tax=236, shipping=0, fees=0))
    in_shop = paid("14.16", currency="EUR", amount_set=money("12.00", "GBP", ("14.16", "EUR")))
    fact = read(tmp_path, refund(refund_line_items=seen, transactions=[in_shop]))
    assert (fact.currency, fact.amount) == ("GBP", Amount(total=1200, items=1000, tax=200, shipping=0, fees=0))


def test_the_currency_comes_from_the_order_where_the_transactions_are_silent(tmp_path: Path) -> None:
    silent = refund(transactions=[paid("12.00", currency=None)], refund_line_items=[], total_duties_set=None)
    assert read(tmp_path, {"order": {"id": 1, "refunds": [silent], "currency": "SEK"}}).currency == "SEK"
    assert read(tmp_path, refund(transactions=[paid("12.00", currency=None)])).currency == "GBP"
    [error] = errors(rows_of(tmp_path, json.dumps(silent), KIND, merchant="acme")).values()
    assert error.startswith("currency: is told neither by the transactions")


@pytest.mark.parametrize(
    ("gateway", "method"),
    [
        ("shopify_payments", "original_payment"),
        ("paypal", "original_payment"),
        (None, "original_payment"),
        ("gift_card", "gift_card"),
        ("shopify_store_credit", "store_credit"),
        ("Bank Deposit", "bank_transfer"),
        ("manual", "bank_transfer"),
    ],
)
def test_the_gateway_tells_the_method(gateway: str | None, method: str, tmp_path: Path) -> None:
    assert read(tmp_path, refund(transactions=[paid("12.00", gateway=gateway)])).method == method
    assert METHODS


def test_two_gateways_are_the_original_payment(tmp_path: Path) -> None:
    fact = read(tmp_path, refund(transactions=[paid("2.00", gateway="gift_card"), paid("10.00")]))
    assert fact.method == "original_payment"
