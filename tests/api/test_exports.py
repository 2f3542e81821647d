"""Exports: files that are whole, that say what they are, and that no spreadsheet runs."""

import csv
import hashlib
import io
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest

from adapters.spreadsheets import cell_text
from api.bootstrap import House
from api.http import workbook
from tests.api.serving import Row, all_pages, assert_problem, credited, fact, initiated, refunded, tell

HOSTILE = [
    "=1+1",
    "+1",
    "-2",
    "@SUM(A1)",
    '=HYPERLINK("http://evil.example";"x")',
    "＝1",
    "'=1",
    'quoted", "text',
    "zero\uffffwidth",
    " =1",
]
AMOUNTS = {"GBP": "1234.50", "JPY": "98765", "KWD": "1.234"}


@pytest.fixture
def shop(house: House) -> House:
    tell(
        house,
        *(refunded(name, merchant=f"{name} Ltd") for name in HOSTILE),
        *(refunded(f"R-{currency}", amount, currency=currency) for currency, amount in AMOUNTS.items()),
        initiated("M-1"),
        refunded("M-1", "44.95", amount={"items": "40.00", "tax": "0", "shipping": "4.95", "fees": "0", "total": "44.95"}),
        credited("M-1", "50.00", amount={"items": "40.00", "tax": "0", "shipping": "0", "fees": "10.00", "total": "50.00"}),
        fact("Received", "M-1", "2026-10-02T10:00:00.123456Z"),
        refunded("old", "1.00", "0001-01-01T00:00:00Z"),
    )
    return house


def take(client: httpx.Client, form: str, **asked: Any) -> tuple[httpx.Response, dict[str, Any]]:
    answer = client.get(f"/api/exports/gaps.{form}", params=asked)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="gaps.{form}"'
    assert answer.headers["Cache-Control"] == "no-store"
    return answer, json.loads(answer.headers["X-Export-Manifest"])


def read_csv(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def read_xlsx(answer: httpx.Response) -> tuple[list[dict[str, Any]], dict[str, Any], Any]:
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    rows = list(book["Gaps"].iter_rows(values_only=True))
    told = {str(name): value for name, value in book["Manifest"].iter_rows(values_only=True)}
    return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]], told, book["Gaps"]


def test_the_csv_has_every_row_of_the_register(shop: House, client: httpx.Client) -> None:
    answer, manifest = take(client, "csv")
    rows, wanted = read_csv(answer), all_pages(client, "/api/gaps")
    assert len(rows) == len(wanted) == manifest["rows"]
    for row, gap in zip(rows, wanted, strict=True):
        assert _plain(gap) == {name: row[name] for name in gap}
    assert list(rows[0])[: len(wanted[0])] == list(wanted[0])


def _plain(gap: Row) -> dict[str, str]:
    def text(value: object) -> str:
        if value is None or isinstance(value, bool):
            return "" if value is None else str(value).lower()
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)

    return {name: text(value) if name == "amount" or not isinstance(value, str) else cell_text(value) for name, value in gap.items()}


def test_no_cell_of_the_csv_is_a_formula(shop: House, client: httpx.Client) -> None:
    answer, _ = take(client, "csv")
    for row in csv.reader(io.StringIO(answer.content.decode())):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r", "＝")), cell
            if cell.startswith("-"):
                Decimal(cell)
    names = {row["return"] for row in read_csv(answer)}
    assert {"'=1+1", "'+1", "'-2", "'@SUM(A1)", "'＝1", " =1", "'=1", 'quoted", "text'} <= names


def test_amounts_are_figures_also_negative_ones(shop: House, client: httpx.Client) -> None:
    answer, _ = take(client, "csv", kind="credit_note_mismatch")
    [row] = read_csv(answer)
    assert (row["amount"], row["currency"]) == ("-5.05", "GBP")
    assert (row["breakdown_shipping"], row["breakdown_fees"], row["breakdown_items"]) == ("4.95", "-10.00", "0.00")
    assert json.loads(row["breakdown"])["fees"] == "-10.00"
    assert json.loads(row["evidence"]) == [2, 4]


def test_the_workbook_has_the_same_rows_typed(shop: House, client: httpx.Client) -> None:
    answer, manifest = take(client, "xlsx")
    rows, _, sheet = read_xlsx(answer)
    wanted = all_pages(client, "/api/gaps")
    assert len(rows) == len(wanted) == manifest["rows"]
    for row, gap in zip(rows, wanted, strict=True):
        assert row["return"] == gap["return"].replace("\uffff", "\ufffd")
        assert row["units"] == gap["units"]
        assert row["overdue"] is gap["overdue"]
        assert (row["amount"] is None) == (gap["amount"] is None)
        if gap["amount"] is not None:
            assert Decimal(str(row["amount"])) == Decimal(gap["amount"])
        opened = datetime.fromisoformat(gap["opened_at"])
        if opened.year > 1901:
            assert abs(row["opened_at"] - opened.replace(tzinfo=None)).total_seconds() < 0.01
        else:
            assert row["opened_at"] == gap["opened_at"]
    formats = {sheet.cell(number, 9).value: sheet.cell(number, 10).number_format for number in range(2, len(rows) + 2)}
    assert formats["GBP"] == "#,##0.00"
    assert formats["JPY"] == "#,##0"
    assert formats["KWD"] == "#,##0.000"


def test_no_cell_of_the_workbook_is_a_formula(shop: House, client: httpx.Client) -> None:
    answer, _ = take(client, "xlsx")
    _, _, sheet = read_xlsx(answer)
    seen = set()
    for cells in sheet.iter_rows(min_row=2):
        for cell in cells:
            assert cell.data_type != "f"
            if isinstance(cell.value, str) and cell.value.startswith("="):
                seen.add(cell.value)
                assert cell.quotePrefix, "it stays text, also when somebody edits it"
    assert {"=1+1", '=HYPERLINK("http://evil.example";"x")'} <= seen


def test_the_manifest_says_what_the_file_is(shop: House, client: httpx.Client) -> None:
    asked = {
        "kind": ["refund_without_credit_note", "credit_note_mismatch"],
        "currency": ["GBP", "JPY"],
        "sort": "-amount",
        "as_of": "2026-11-01",
    }
    answer, manifest = take(client, "csv", **asked)
    rows = read_csv(answer)
    assert manifest["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert manifest["query"] == {
        "kind": ["refund_without_credit_note", "credit_note_mismatch"],
        "currency": ["GBP", "JPY"],
        "status": "open",
        "sort": "-amount",
    }
    assert manifest["as_of"] == "2026-11-01T23:59:59.999999Z"
    assert manifest["known_at"] is None
    assert manifest["log_position"] == shop.ledger.head() == int(answer.headers["X-Ledger-Position"])
    assert manifest["rows"] == len(rows)
    for currency, told in manifest["totals"].items():
        amounts = [Decimal(row["amount"]) for row in rows if row["currency"] == currency]
        assert told == {"rows": len(amounts), "amount": str(sum(amounts)), "clearing": str(sum(amounts))}
    again, same = take(client, "xlsx", **asked)
    assert same | {"exported_at": None} == manifest | {"exported_at": None}
    _, sheet, _ = read_xlsx(again)
    assert sheet["sha256"] == manifest["sha256"]
    assert sheet["log_position"] == manifest["log_position"]
    assert json.loads(sheet["query"]) == manifest["query"]
    assert sheet["total JPY"].startswith("98765 in 1 rows")


def test_an_export_of_nothing(client: httpx.Client) -> None:
    answer, manifest = take(client, "csv", merchant="nobody")
    assert read_csv(answer) == []
    assert answer.text.startswith("kind,return,merchant,")
    assert manifest["totals"] == {}
    rows, _, _ = read_xlsx(take(client, "xlsx")[0])
    assert rows == []


def test_pages_and_forms_that_there_are_not(client: httpx.Client) -> None:
    for field in ("limit", "cursor"):
        assert_problem(client.get("/api/exports/gaps.csv", params={field: "1"}), 422, field=field)


def test_more_rows_than_a_worksheet_holds(shop: House, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 5)
    assert "gaps.csv" in assert_problem(client.get("/api/exports/gaps.xlsx"), 422)["detail"]
    assert take(client, "csv")[1]["rows"] > 5


def test_an_export_larger_than_a_read(house: House, client: httpx.Client) -> None:
    tell(house, *(refunded(f"R-{number:04}") for number in range(1100)))
    answer, manifest = take(client, "csv", kind="refund_without_credit_note")
    assert len({row["return"] for row in read_csv(answer)}) == manifest["rows"] == 1100
    assert manifest["totals"]["GBP"]["amount"] == "44000.00"
