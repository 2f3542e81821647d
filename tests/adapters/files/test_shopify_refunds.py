"""Refunds of Shopify as its Admin API and webhooks send them: the money that moved, split as far as it adds up, and nothing personal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files import read_file
from adapters.files.shopify_refunds import METHODS
from domain.content import Amount
from domain.facts import Refunded
from domain.telling import write_telling
from tests.adapters.files.reading import errors, json_lines, rows_of, tellings, write_rejected

KIND = "shopify-refunds"


def money(shop: str, currency: str = "GBP", presentment: tuple[str, str] | None = None) -> dict[str, Any]:
    seen, seen_in = presentment or (shop, currency)
    return {"shop_money": {"amount": shop, "currency_code": currency}, "presentment_money": {"amount": seen, "currency_code": seen_in}}


def line(subtotal: str, tax: str, rate: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": 487817672276298560,
        "quantity": 1,
        "restock_type": "return",
        # The floats beside the exact sets are wrong on purpose: nothing may read them.
        "subtotal": 0.1 + 0.2,
        "total_tax": 99.99,
        "subtotal_set": money(subtotal),
        "total_tax_set": money(tax),
        "line_item": {
            "sku": "TEE",
            "name": "Tee for Jon",
            "tax_lines": [] if rate is None else [{"title": "VAT", "rate": rate, "price": tax}],
        },
    } | more


def paid(amount: object, **more: Any) -> dict[str, Any]:
    return {
        "id": 245135271310201194,
        "order_id": 820982911946154508,
        "kind": "refund",
        "gateway": "shopify_payments",
        "status": "success",
        "message": "Transaction approved for jon@example.com",
        "created_at": "2026-10-06T11:00:00+01:00",
        "test": False,
        "amount": amount,
        "currency": "GBP",
        "receipt": {"name": "Jon Smith"},
    } | more


def refund(**more: Any) -> dict[str, Any]:
    return {
        "id": 890088186047892319,
        "order_id": 820982911946154508,
        "created_at": "2026-10-06T10:59:00+01:00",
        "processed_at": "2026-10-06T11:00:00+01:00",
        "note": "Jon Smith called, 1 High Street",
        "user_id": 548380009,
        "restock": False,
        "duties": [],
        "total_duties_set": money("0.00"),
        "return": {"id": 945000954, "admin_graphql_api_id": "gid://shopify/Return/945000954"},
        "refund_line_items": [line("10.00", "2.00")],
        "refund_shipping_lines": [],
        "order_adjustments": [],
        "transactions": [paid("12.00")],
        "admin_graphql_api_id": "gid://shopify/Refund/890088186047892319",
    } | more


def read(tmp_path: Path, document: object, **given: Any) -> Refunded:
    [telling] = tellings(rows_of(tmp_path, json.dumps(document), KIND, merchant="acme", **given))
    assert isinstance(telling.fact, Refunded)
    return telling.fact


def test_a_refund_is_the_money_its_transactions_paid(tmp_path: Path) -> None:
    [telling] = tellings(rows_of(tmp_path, json.dumps(refund()), KIND, merchant="acme"))
    assert write_telling(telling) == {
        "fact": "Refunded",
        "merchant": "acme",
        "platform": "shopify",
        "return": "945000954",
        "occurred_at": "2026-10-06T10:00:00Z",
        "refund": "890088186047892319",
        "currency": "GBP",
        "amount": {"items": "10.00", "tax": "2.00", "shipping": "0.00", "fees": "0.00", "total": "12.00"},
        "method": "original_payment",
        "transaction": "245135271310201194",
    }


def test_nothing_personal_is_in_the_fact(tmp_path: Path) -> None:
    [telling] = tellings(rows_of(tmp_path, json.dumps(refund()), KIND, merchant="acme"))
    for personal in ("Jon", "Street", "@", "548380009"):
        assert personal not in repr(telling)


WRAPPINGS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "refund": lambda one, two: {"refund": one},
    "refunds": lambda one, two: {"refunds": [one, two]},
    "list": lambda one, two: [one, two],
    "order": lambda one, two: {"order": {"id": 1, "email": "jon@example.com", "refunds": [one, two], "currency": "GBP"}},
    "orders": lambda one, two: {
        "orders": [{"id": 1, "refunds": [one]}, {"id": 2, "refunds": []}, {"id": 3, "refunds": [two], "name": "#3"}]
    },
    "webhook of an order": lambda one, two: {"id": 1, "transactions": [], "refunds": [one, two], "currency": "GBP"},
    "list of orders": lambda one, two: [{"id": 1, "refunds": [one, two]}],
    "list of wrapped": lambda one, two: [{"refund": one}, {"refund": two}],
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_refunds_are_found_in_every_wrapping(wrapping: str, indent: int | None, tmp_path: Path) -> None:
    document = json.dumps(WRAPPINGS[wrapping](refund(id=1), refund(id=2)), indent=indent)
    found = tellings(rows_of(tmp_path, b"\xef\xbb\xbf" + document.encode(), KIND, merchant="acme"))
    assert [telling.fact.refund for telling in found if isinstance(telling.fact, Refunded)] == (
        ["1"] if wrapping == "refund" else ["1", "2"]
    )


def test_json_lines_mix_all_wrappings_and_go_on_behind_a_bad_line(tmp_path: Path) -> None:
    documents = [wrap(refund(id=10 + at), refund(id=20 + at)) for at, wrap in enumerate(WRAPPINGS.values())]
    lines = json_lines(documents).splitlines()
    lines[2:2] = ['{"id": 1, "transactions"', "garbage", "", "[]"]
    rows = rows_of(tmp_path, "\r\n".join(lines), KIND, merchant="acme")
    assert len([row for row in rows if row.telling]) == 2 * len(WRAPPINGS) - 1
    assert errors(rows).keys() == {3, 4}
    assert rows[0].line_numbers == (1,)
    assert rows[-1].line_numbers == (len(lines),)


def test_line_numbers_of_a_document_are_where_a_refund_begins(tmp_path: Path) -> None:
    document = (
        '{\n  "refunds": [\n    '
        + json.dumps(refund(id=1))
        + ",\n    "
        + json.dumps(refund(id=2), indent=1)
        + ",\n\n"
        + json.dumps(refund(id=3))
        + "]}"
    )
    rows = rows_of(tmp_path, document, KIND, merchant="acme")
    assert [row.line_numbers[0] for row in rows] == [3, 4, document.count("\n") + 1]


def test_a_document_that_breaks_off_gives_what_was_complete(tmp_path: Path) -> None:
    document = json.dumps({"refunds": [refund(id=1), refund(id=2), refund(id=3)]}, indent=1)
    rows = rows_of(tmp_path, document[: document.index('"id": 3') + 200], KIND, merchant="acme")
    assert [telling.fact.refund for telling in [row.telling for row in rows] if telling and isinstance(telling.fact, Refunded)] == [
        "1",
        "2",
    ]
    assert rows[2].rejected is not None
    assert "is not JSON" in rows[2].rejected.reason
    assert '"id": 3' in rows[2].own[0]["raw"]


def test_a_refund_outside_any_return_stands_under_its_order(tmp_path: Path) -> None:
    for document in (
        refund(**{"return": None}),
        {"order": {"id": 820982911946154508, "refunds": [refund(**{"return": None}, order_id=None)]}},
    ):
        [telling] = tellings(rows_of(tmp_path, json.dumps(document), KIND, merchant="acme"))
        assert telling.key.return_id == "order-820982911946154508"


def test_a_refund_may_tell_of_its_order_without_being_taken_for_one(tmp_path: Path) -> None:
    assert read(tmp_path, refund(order={"id": 7, "currency": "EUR"})).currency == "GBP"


def test_large_ids_keep_every_digit(tmp_path: Path) -> None:
    fact = read(tmp_path, refund(id=2**63 + 1, transactions=[paid("12.00", id=2**64 + 3)]))
    assert (fact.refund, fact.transaction) == (str(2**63 + 1), str(2**64 + 3))
    text = json.dumps(refund()).replace('"id": 890088186047892319', '"id": 8.900881860478924e17')
    assert next(iter(errors(rows_of(tmp_path, text, KIND, merchant="acme")).values())).startswith(
        "id: 8.900881860478924e17 is no whole number"
    )
    assert read(tmp_path, refund(id=None)).refund == "890088186047892319"
    assert read(tmp_path, refund(id="gid://shopify/Refund/5")).refund == "5"


def test_processed_at_goes_before_created_at(tmp_path: Path) -> None:
    [telling] = tellings(rows_of(tmp_path, json.dumps(refund(processed_at=None)), KIND, merchant="acme"))
    assert telling.occurred_at.isoformat() == "2026-10-06T09:59:00+00:00"


# -- money ---------------------------------------------------------------------------------------------------------------------------


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


# -- what is no refund ---------------------------------------------------------------------------------------------------------------


BAD: list[tuple[object, str]] = [
    (refund(transactions=[paid("12.00", status="pending")]), "transactions: not paid yet (pending)"),
    (refund(transactions=[paid("12.00", status="failure"), paid("1.00", status="error")]), "transactions: not paid yet (error, failure)"),
    (refund(transactions=[]), "transactions: holds no refund transaction"),
    (refund(transactions=[paid("12.00", kind="sale")]), "transactions: holds no refund transaction"),
    (refund(transactions=[paid("12.00", test=True)]), "transactions: is a test payment"),
    (refund(transactions=[paid("12.00"), paid("1.00", currency="EUR")]), "transactions: are in several currencies (EUR, GBP)"),
    (refund(transactions=[paid("12.00", currency="GBX")]), "currency: 'GBX' is not a currency of ISO 4217"),
    (refund(transactions=[paid("12.005")]), "transactions[0].amount: '12.005' is not an amount in GBP"),
    (refund(transactions=[paid("1"), paid("-1.00")]), "transactions[1].amount: '-1.00' is not an amount"),
    (refund(transactions=[paid(None)]), "transactions[0].amount: 'None' is not an amount"),
    (refund(transactions=[paid(True)]), "transactions[0].amount: 'True' is not an amount"),
    (refund(transactions=[paid("1e1")]), "transactions[0].amount: '1e1' is not an amount"),
    (refund(transactions=None), "transactions: is missing: this is no refund"),
    (
        refund(id=None, admin_graphql_api_id=None, transactions=[paid("12.00", kind="suggested_refund")]),
        "id: is missing: this is the calculation",
    ),
    (
        {"refund": {"shipping": {}, "refund_line_items": [], "transactions": [], "currency": "USD"}},
        "id: is missing: this is the calculation",
    ),
    (refund(id=True), "id: must be an id, not 'True'"),
    (refund(id=""), "id: must be an id"),
    (refund(**{"return": {}}), "return.id: must be an id"),
    (refund(**{"return": None}, order_id=None), "order_id: is missing, and the refund names no return"),
    (refund(processed_at=None, created_at=None), "occurred_at: is missing"),
    (refund(processed_at="yesterday"), "occurred_at: 'yesterday' is not an instant"),
    ({}, "id: is missing, and there are no transactions"),
    ([5], "row: is no JSON object"),
    (["x"], "row: is no JSON object"),
    ({"refunds": [None]}, "row: is no JSON object"),
    ({"data": {"order": {"refunds": []}}}, "id: is missing, and there are no transactions"),
    ({"id": 1, "kind": "refund", "amount": "1.00"}, "transactions: is missing: this is a single transaction"),
    ({"order": {"id": 1, "line_items": []}}, "transactions: is missing: this is an order without its refunds"),
]


@pytest.mark.parametrize(("document", "error"), BAD)
def test_what_is_no_refund_is_rejected_with_its_reason(document: object, error: str, tmp_path: Path) -> None:
    [row] = rows_of(tmp_path, json.dumps(document), KIND, merchant="acme")
    assert str(row.rejected).startswith(error)


def test_test_payments_are_taken_when_asked_for_and_never_mixed_in_silently(tmp_path: Path) -> None:
    assert read(tmp_path, refund(transactions=[paid("12.00", test=True)]), include_test=True).amount.total == 1200
    assert read(tmp_path, refund(transactions=[paid("12.00"), paid("1.00", test=True)])).amount.total == 1200


@pytest.mark.parametrize("document", ["", "  \n ", "[]", '{"refunds": []}', '{"orders": []}', '{"order": {"id": 1, "refunds": []}}'])
def test_files_without_refunds_say_nothing(document: str, tmp_path: Path) -> None:
    assert rows_of(tmp_path, document, KIND, merchant="acme") == []


@pytest.mark.parametrize(
    "document", ["{", "[", '{"refunds"', "{}}", "[1,]", '{"a": NaN}', "[" * 3000, '{"refunds": [' * 3000, b"\xff{}", '{"a" 1}', "{1: 2}"]
)
def test_what_is_no_json_is_one_rejected_row(document: str | bytes, tmp_path: Path) -> None:
    rows = rows_of(tmp_path, document, KIND, merchant="acme")
    assert rows[-1].rejected is not None
    assert set(rows[-1].own[0]) == {"raw"}


def test_deep_nesting_is_a_rejection(tmp_path: Path) -> None:
    for depth in range(700, 1100, 25):
        for row in rows_of(
            tmp_path, json.dumps(refund(note=1)).replace('"note": 1', '"note": ' + "[" * depth + "]" * depth), KIND, merchant="acme"
        ):
            write_rejected(tmp_path, [row], KIND)


def test_a_rejected_refund_can_be_read_again_with_what_it_took_from_its_order(tmp_path: Path) -> None:
    pending = refund(order_id=None, **{"return": None}, transactions=[paid("12.00", status="pending", currency=None)], refund_line_items=[])
    document = {"order": {"refunds": [pending | {"total_duties_set": None}], "email": "jon@example.com", "id": 2**63, "currency": "GBP"}}
    path = write_rejected(tmp_path, rows_of(tmp_path, json.dumps(document), KIND, merchant="acme"), KIND)
    assert path is not None
    assert "jon@example.com" not in path.read_text().replace("Transaction approved for jon@example.com", "")
    path.write_text(path.read_text().replace('"status": "pending"', '"status": "success"'))
    [telling] = tellings(read_file(path, KIND, "acme"))
    assert telling.key.return_id == f"order-{2**63}"
    assert isinstance(telling.fact, Refunded)
    assert telling.fact.currency == "GBP"
