"""Refunds of Shopify as its Admin API and webhooks send them: every wrapping, ids and dates, what is no refund, and nothing personal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files import read_file
from domain.facts import Refunded
from domain.telling import write_telling
from tests.adapters.files.reading import errors, json_lines, rows_of, tellings, write_rejected
from tests.adapters.files.shopify_documents import KIND, paid, read, refund


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
