"""Balance transactions of Shopify's Admin API as files: settlements of refunds that the ledger knows, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.event_store import Ledger, prepare
from adapters.files import Row, read_file, template
from adapters.importing import import_file
from domain.facts import PayoutSettled
from domain.telling import ReturnKey, read_telling, write_telling
from tests.adapters.files.reading import errors, json_lines, tellings, write_rejected

KIND = "shopify-payouts"
KEY = ReturnKey("acme", "returngo", "RMA-1")


def movement(**more: Any) -> dict[str, Any]:
    return {
        "id": 9007199254740993,
        "type": "refund",
        "test": False,
        "payout_id": 623721858,
        "payout_status": "paid",
        "currency": "GBP",
        "amount": "-45.98",
        "fee": "0.00",
        "net": "-45.98",
        "source_order_id": 217130470,
        "source_order_transaction_id": 1006917261,
        "processed_at": "2026-10-06T11:00:00+01:00",
    } | more


PAYOUT = {"id": 623721858, "status": "paid", "date": "2026-10-09", "currency": "GBP", "amount": "41.90", "summary": {}}
OTHERS = [{"id": 2, "type": "charge", "payout_id": 623721858}, {"id": 3, "type": "payout", "payout_id": 623721858, "amount": "-41.90"}]


def paid_by(payments: Sequence[str]) -> Mapping[str, Sequence[tuple[ReturnKey, str]]]:
    assert all(payment.isdigit() for payment in payments)
    return {"1006917261": [(KEY, "RF-7")]}


def rows_of(folder: Path, content: str | bytes, **given: Any) -> list[Row]:
    path = folder / "payouts.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(path, KIND, "acme", **{"paid_by": paid_by, **given}))


@pytest.mark.parametrize(
    "document",
    [
        {"payouts": [PAYOUT], "transactions": [movement(), *OTHERS]},
        [{"payout": PAYOUT}, {"transactions": [*OTHERS, movement()]}],
        [{"payout": PAYOUT}, movement(), *OTHERS],
    ],
)
def test_the_refund_of_a_payment_is_settled_on_the_day_of_the_payout(document: Any, tmp_path: Path) -> None:
    for content in (
        json.dumps(document),
        json.dumps(document, indent=2),
        json_lines(document if isinstance(document, list) else [document]),
    ):
        [telling] = tellings(rows_of(tmp_path, content))
        assert write_telling(telling) == {
            "fact": "PayoutSettled",
            "merchant": "acme",
            "platform": "returngo",
            "return": "RMA-1",
            "occurred_at": "2026-10-09T00:00:00Z",
            "source_id": "shopify/balance/9007199254740993/RMA-1",
            "payout": "623721858",
            "refund": "RF-7",
            "transaction": "1006917261",
            "currency": "GBP",
            "amount": "45.98",
        }


def test_without_the_payout_it_has_the_day_of_the_movement(tmp_path: Path) -> None:
    [telling] = tellings(rows_of(tmp_path, json.dumps({"transactions": [movement(fee="-0.30")]})))
    assert telling.occurred_at.isoformat() == "2026-10-06T10:00:00+00:00"
    assert isinstance(telling.fact, PayoutSettled)
    assert telling.fact.fee == -30


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (
            {"source_order_transaction_id": 8},
            "source_order_transaction_id: is payment 8, and no refund that is recorded names it: import the refunds",
        ),
        ({"source_order_transaction_id": None}, "source_order_transaction_id: is missing"),
        ({"source_order_transaction_id": "8\x00"}, "source_order_transaction_id: must be an id"),
        ({"id": 1.5}, "id: must be an id, not '1.5'"),
        ({"payout_id": None}, "payout_id: is missing"),
        ({"payout_status": "scheduled"}, "payout_status: is 'scheduled': the payout is not paid"),
        ({"amount": "45.98"}, "amount: '45.98' must be an amount in GBP that leaves the balance, such as -45.98"),
        ({"amount": "-1.234"}, "amount: '-1.234' must be"),
        ({"currency": "XAU"}, "currency: 'XAU' is not a currency"),
        ({"test": True}, "test: is a test payment"),
        ({"processed_at": "yesterday"}, "occurred_at: 'yesterday' is not an instant"),
    ],
)
def test_what_cannot_be_a_settlement_is_rejected_with_its_field(more: dict[str, Any], error: str, tmp_path: Path) -> None:
    [told] = errors(rows_of(tmp_path, json.dumps({"transactions": [movement(**more), *OTHERS]}))).values()
    assert told.startswith(error)


def test_several_refunds_of_one_payment_are_nobodys_guess(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, json.dumps([movement()]), paid_by=lambda _: {"1006917261": [(KEY, "RF-7"), (KEY, "RF-8")]})
    assert "several refunds name it" in errors(rows)[1]


def test_test_payments_can_be_taken(tmp_path: Path) -> None:
    assert len(tellings(rows_of(tmp_path, json.dumps([movement(test=True)]), include_test=True))) == 1


def test_a_rejected_row_is_mended_and_imported_again(tmp_path: Path) -> None:
    document = {"payouts": [PAYOUT], "transactions": [movement(source_order_transaction_id=8)]}
    rejected = write_rejected(tmp_path, rows_of(tmp_path, json.dumps(document)), KIND)
    assert rejected is not None
    row = json.loads(rejected.read_text())
    assert (row["payout_date"], row["line_number"]) == ("2026-10-09", 1)
    mended = row | {"return": "RMA-1", "refund": "RF-7", "platform": "returngo"}
    [telling] = tellings(rows_of(tmp_path, json.dumps(mended)))
    assert (telling.key, telling.occurred_at.isoformat()) == (KEY, "2026-10-09T00:00:00+00:00")


def test_a_bad_line_stands_alone(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, json_lines([movement(), movement(id=5)]).replace("\n", "\nnonsense\n", 1))
    assert len(tellings([row for row in rows if row.telling])) == 2
    assert errors(rows) == {2: "row: is not JSON (Expecting value: line 1 column 1 (char 0))"}


def test_nothing_of_the_kind_is_nothing(tmp_path: Path) -> None:
    assert rows_of(tmp_path, json.dumps({"payouts": [PAYOUT], "transactions": OTHERS})) == []
    assert rows_of(tmp_path, "[1, null, [], {}]") == []


def test_payments_are_found_in_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    def refund(number: int, **more: Any) -> dict[str, Any]:
        key = {"merchant": "acme", "platform": "shopify", "return": f"order-{number}", "occurred_at": "2026-10-06T10:00:00Z"}
        paid = {"refund": f"R-{number}", "currency": "GBP", "amount": {"total": "45.98"}, "method": "original_payment"}
        return {"fact": "Refunded", **key, **paid, "transaction": f"100{number}", **more}

    taken_back = {"fact": "RefundReversed", "merchant": "acme", "platform": "shopify", "return": "order-2"}
    told = [
        refund(1),
        refund(2),
        {**taken_back, "occurred_at": "2026-10-06T10:00:00Z", "refund": "R-2"},
        refund(2, platform="returngo", **{"return": "RMA-2"}),
        refund(3, merchant="acme/two"),
        refund(4, merchant="acme0"),
    ]
    ledger.append([prepare(read_telling(fact), "test") for fact in told])
    assert ledger.refunds_paid_by("acme", ["1001", "1002", "1003", "1004", "7"]) == {
        "1001": [(ReturnKey("acme", "shopify", "order-1"), "R-1")],
        "1002": [(ReturnKey("acme", "returngo", "RMA-2"), "R-2")],
    }
    assert list(ledger.refunds_paid_by("acme/two", ["1003"])) == ["1003"]
    assert ledger.refunds_paid_by("acme", []) == {}
    path = tmp_path / "payouts.json"
    path.write_text(json.dumps([movement(source_order_transaction_id=1001), movement(id=8, source_order_transaction_id=9)]))
    imported = import_file(ledger, path, KIND, "acme")
    assert (imported.read, imported.recorded, imported.rejected) == (2, 1, 1)
    again = import_file(ledger, path, KIND, "acme")
    assert (again.recorded, again.known) == (0, 1)


def test_the_template_tells_of_both(tmp_path: Path) -> None:
    [telling] = tellings(rows_of(tmp_path, template(KIND)))
    assert telling.key == ("acme", "shopify", "87654321")
