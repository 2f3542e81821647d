"""The CSV kinds cell by cell: headings as people write them, and each bad cell rejected at its column."""

from pathlib import Path
from typing import Any

import pytest

from domain.content import Amount, ExchangeItem, LineUnits, LocatedUnits
from domain.facts import CreditNoted, Initiated, Received, Refunded, Restocked, WrittenOff
from tests.adapters.files.reading import EXAMPLES, csv_text, errors, facts, rows_of, tellings


def test_headings_in_any_order_case_and_spelling_and_columns_nobody_asked_for(tmp_path: Path) -> None:
    content = "Method , Credit Note,TOTAL,currency,ERP,Occurred-At,return,Platform,MERCHANT,colour\n"
    content += "x,CN-1,12.00,GBP,cin7,2026-10-02T09:30:00Z,R1,returngo,acme,red\n"
    [fact] = facts(rows_of(tmp_path, content, "credit-notes"))
    assert fact == CreditNoted(credit_note="CN-1", erp="cin7", currency="GBP", amount=Amount(total=1200))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("preamble", [b"", b"\xef\xbb\xbf", b"\n\r\n"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_delimiters_byte_order_mark_and_line_ends(delimiter: str, preamble: bytes, end: bytes, tmp_path: Path) -> None:
    content = csv_text([{**EXAMPLES["refunds"], "return": "R, 1; x"}] * 2, delimiter).encode().replace(b"\n", end)
    rows = rows_of(tmp_path, preamble + content, "refunds")
    assert [telling.key.return_id for telling in tellings(rows)] == ["R, 1; x"] * 2
    before = 2 if preamble == b"\n\r\n" else 0
    assert [row.line_numbers for row in rows] == [(before + 2,), (before + 3,)]


def test_the_line_that_spreadsheets_write_above_the_headings(tmp_path: Path) -> None:
    assert len(tellings(rows_of(tmp_path, "sep=;\n" + csv_text([EXAMPLES["refunds"]], ";"), "refunds"))) == 1


def test_cells_are_trimmed_empty_ones_absent_and_empty_rows_skipped(tmp_path: Path) -> None:
    row = {**EXAMPLES["refunds"], "refund": "  1 ", "transaction": "   ", "items": ""}
    content = csv_text([row]) + "\n,,,,,,,,,\n   \n" + csv_text([row]).splitlines()[1]
    rows = rows_of(tmp_path, content, "refunds")
    assert [row.line_numbers for row in rows] == [(2,), (6,)]
    for fact in facts(rows):
        assert isinstance(fact, Refunded)
        assert (fact.refund, fact.transaction, fact.amount.items) == ("1", None, None)


def test_quoted_cells_over_several_lines_keep_the_line_numbers_right(tmp_path: Path) -> None:
    rows = [{**EXAMPLES["returns"], "return": f"R{n}", "reason": 'too "small",\nreally\n\nvery'} for n in range(3)]
    found = rows_of(tmp_path, csv_text(rows), "returns")
    assert [row.line_numbers for row in found] == [(2,), (6,), (10,)]
    for fact in facts(found):
        assert isinstance(fact, Initiated)
        assert fact.lines[0].reason == 'too "small",\nreally\n\nvery'


@pytest.mark.parametrize("spoilt", ['"R2', 'R2"', '"R"2', '"a"b"c'])
def test_a_stray_quotation_mark_spoils_its_own_row_only(spoilt: str, tmp_path: Path) -> None:
    lines = csv_text([{**EXAMPLES["refunds"], "return": f"R{n}"} for n in range(1, 400)]).splitlines()
    lines[2] = lines[2].replace("R2", spoilt)
    rows = rows_of(tmp_path, "\n".join(lines), "refunds")
    assert {row.line_numbers[0] for row in rows} == set(range(2, 401))
    assert set(errors(rows)) <= {3}
    if spoilt != 'R2"':
        assert "quotation mark" in errors(rows)[3]


def test_more_cells_than_headings_are_rejected_and_kept(tmp_path: Path) -> None:
    [row] = rows_of(tmp_path, csv_text([EXAMPLES["refunds"]]).rstrip("\n") + ",1,234\n", "refunds")
    assert str(row.rejected) == "row: has 10 cells under 8 headings; a cell with a ',' in it needs quotation marks around it"
    assert row.own[0]["raw"] == "1,234"
    assert len(tellings(rows_of(tmp_path, csv_text([EXAMPLES["refunds"]]).rstrip("\n") + ",,\n", "refunds"))) == 1


def test_a_row_that_is_not_utf_8_is_rejected_and_shown_as_it_was_meant(tmp_path: Path) -> None:
    content = csv_text([{**EXAMPLES["refunds"], "return": "Zoë"}, EXAMPLES["refunds"]]).encode("cp1252")
    rows = rows_of(tmp_path, content, "refunds")
    assert errors(rows).keys() == {2}
    assert "is not UTF-8 text" in errors(rows)[2]
    assert rows[0].own[0]["return"] == "Zoë"


def test_a_record_longer_than_a_megabyte_is_rejected_and_the_next_one_read(tmp_path: Path) -> None:
    good = csv_text([EXAMPLES["refunds"]])
    content = good + "x" * (2 << 20) + "\n" + good.splitlines()[1] + "\n"
    rows = rows_of(tmp_path, content, "refunds")
    assert [row.line_numbers for row in rows] == [(2,), (3,), (4,)]
    assert "is longer than 1048576 bytes" in errors(rows)[3]


def test_a_quoted_cell_that_is_too_long_spoils_its_own_row_only(tmp_path: Path) -> None:
    long = {**EXAMPLES["returns"], "return": "R2", "reason": '"' * 200_000}
    rows = rows_of(tmp_path, csv_text([long, {**EXAMPLES["returns"], "reason": "a,b"}]), "returns")
    assert errors(rows).keys() == {2}
    assert "field larger than field limit" in errors(rows)[2]


AMOUNTS = [
    ("1,234.50", "write it with a decimal point and without a thousands separator, such as 1234.50"),
    ("1 234.50", "without a thousands separator"),
    ("1'234.50", "without a thousands separator"),
    ("12,50", "with a decimal point"),
    ("£12.50", "without a currency sign"),
    ("12.50 GBP", "without a currency sign"),
    ("12.50€", "without a currency sign"),
    ("(12.50)", "is not an amount"),
    ("+12.50", "is not an amount"),
    (".5", "is not an amount"),
    ("1e3", "is not an amount"),
    ("١٢", "is not an amount"),
    ("12.505", "has 3 digits after the point; GBP has 2"),
    ("1234567890123456.00", "is not an amount"),
    ("-12.50", "must not be negative"),
    ("", "is missing"),
]


@pytest.mark.parametrize(("cell", "reason"), AMOUNTS)
def test_an_amount_that_is_none_says_how_to_write_it(cell: str, reason: str, tmp_path: Path) -> None:
    rows = rows_of(tmp_path, csv_text([EXAMPLES["refunds"], {**EXAMPLES["refunds"], "total": cell}, EXAMPLES["refunds"]]), "refunds")
    assert errors(rows).keys() == {3}
    assert errors(rows)[3].startswith("total: ")
    assert reason in errors(rows)[3]


@pytest.mark.parametrize(("cell", "minor"), [("1234.50", 123450), ("12", 1200), ("12.5", 1250), ("0", 0), ("0.00", 0)])
def test_an_amount_is_a_plain_decimal(cell: str, minor: int, tmp_path: Path) -> None:
    [fact] = facts(rows_of(tmp_path, csv_text([{**EXAMPLES["refunds"], "total": cell}]), "refunds"))
    assert isinstance(fact, Refunded)
    assert fact.amount == Amount(total=minor)


@pytest.mark.parametrize("cell", ["1.5", "1.0", "0", "-1", "one", "1,000", "²", "10000000", "1e2"])
@pytest.mark.parametrize("kind", ["returns", "receipts", "inspections", "restocks", "write-offs"])
def test_a_quantity_is_a_whole_number_above_zero(cell: str, kind: str, tmp_path: Path) -> None:
    [error] = errors(rows_of(tmp_path, csv_text([{**EXAMPLES[kind], "quantity": cell}]), kind)).values()
    assert error == f"quantity: must be a whole number from 1 to 1000000, not {cell!r}"


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("refunds", {"currency": "gbp"}, "currency: 'gbp' is not a currency of ISO 4217"),
    ("refunds", {"currency": ""}, "currency: is missing"),
    ("refunds", {"method": "cash"}, "method: must be 'original_payment'"),
    ("refunds", {"occurred_at": "02/10/2026 09:30"}, "occurred_at: '02/10/2026 09:30' is not an instant with its offset"),
    ("refunds", {"occurred_at": "2026-10-02T09:30:00"}, "occurred_at: '2026-10-02T09:30:00' is not an instant with its offset"),
    ("refunds", {"occurred_at": "2026-13-02T09:30:00Z"}, "occurred_at: '2026-13-02T09:30:00Z' is no date and time that exists"),
    ("refunds", {"return": ""}, "return: is missing"),
    ("refunds", {"merchant": ""}, "merchant: is missing"),
    ("refunds", {"platform": "Happy Returns"}, "platform: must be a lower-case name"),
    ("refunds", {"refund": "9.29361E+11"}, "refund: '9.29361E+11' is a long number that a spreadsheet cut short"),
    ("refunds", {"refund": "x" * 201}, "refund: must be at most 200 characters"),
    ("refunds", {"refund": "a\x07b"}, "refund: must be printable text"),
    (
        "refunds",
        {"items": "5.00", "tax": "1.00", "shipping": "0", "fees": "0"},
        "total: items + tax + shipping + fees are 6.00, but total is 12.00",
    ),
    ("refunds", {"items": "-5.00"}, "items: must not be negative"),
    ("returns", {"resolution": "voucher"}, "resolution: must be 'refund', 'exchange' or 'store_credit'"),
    ("returns", {"sku": ""}, "sku: is missing"),
    ("returns", {"items": ""}, "items: is missing"),
    ("returns", {"exchange": "TEE"}, "exchange: 'TEE' is no item"),
    ("returns", {"exchange": "TEE x many"}, "exchange: must be a whole number from 1 to 1000000, not 'many'"),
    ("receipts", {"quantity": ""}, "quantity: is missing"),
    ("receipts", {"line": ""}, "line: is missing"),
    ("inspections", {"disposition": ""}, "disposition: is missing"),
    ("inspections", {"line": "", "quantity": "", "disposition": ""}, "line: is missing (and "),
    ("credit-notes", {"credit_note": ""}, "credit_note: is missing"),
    ("credit-notes", {"erp": ""}, "erp: is missing"),
    ("credit-notes", {"line": "1"}, "quantity: is missing"),
]


@pytest.mark.parametrize(("kind", "change", "error"), BAD)
def test_a_bad_cell_is_rejected_at_its_column_and_the_rows_around_go_on(
    kind: str, change: dict[str, Any], error: str, tmp_path: Path
) -> None:
    before, after = {**EXAMPLES[kind], "return": "R0"}, {**EXAMPLES[kind], "return": "R2"}
    rows = rows_of(tmp_path, csv_text([before, {**EXAMPLES[kind], **change}, after]), kind)
    assert [row.line_numbers for row in rows if row.telling] == [(2,), (4,)]
    assert errors(rows)[3].startswith(error)


def test_fees_may_be_negative(tmp_path: Path) -> None:
    row = {**EXAMPLES["refunds"], "items": "12.00", "tax": "2.50", "shipping": "0", "fees": "-2.50"}
    [fact] = facts(rows_of(tmp_path, csv_text([row]), "refunds"))
    assert isinstance(fact, Refunded)
    assert fact.amount.fees == -250


def test_scans_and_receipts_without_lines_mean_all_of_them(tmp_path: Path) -> None:
    row = {name: cell for name, cell in EXAMPLES["receipts"].items() if name not in ("line", "quantity")}
    assert facts(rows_of(tmp_path, csv_text([{**row, "location": "Dock 2"}]), "receipts")) == [Received(location="Dock 2")]
    assert facts(rows_of(tmp_path, csv_text([{**EXAMPLES["receipts"], "line": "", "quantity": ""}]), "receipts")) == [Received()]


def test_every_optional_cell_reaches_its_fact(tmp_path: Path) -> None:
    row = {
        **EXAMPLES["returns"],
        "order_line": "77",
        "reason": "too small",
        "kit": "SET",
        "erp": "cin7",
        "exchange": "TEE RED x 2; CAP X 1;",
        "source_id": "s1",
        "by": "ana",
    }
    [telling] = tellings(rows_of(tmp_path, csv_text([row]), "returns"))
    assert (telling.source_id, telling.by) == ("s1", "ana")
    fact = telling.fact
    assert isinstance(fact, Initiated)
    assert (fact.lines[0].order_line, fact.lines[0].reason, fact.lines[0].kit, fact.erp) == ("77", "too small", "SET", "cin7")
    assert fact.exchange == (ExchangeItem(sku="CAP", quantity=1), ExchangeItem(sku="TEE RED", quantity=2))
    assert facts(rows_of(tmp_path, csv_text([{**EXAMPLES["restocks"], "erp": "cin7", "location": "A-1"}]), "restocks")) == [
        Restocked(erp="cin7", lines=(LocatedUnits(line="1", quantity=1, location="A-1"),))
    ]
    assert facts(rows_of(tmp_path, csv_text([{**EXAMPLES["write-offs"], "erp": "cin7"}]), "write-offs")) == [
        WrittenOff(erp="cin7", lines=(LineUnits(line="1", quantity=1),))
    ]


@pytest.mark.parametrize(("cell", "kit"), [("true", True), ("No", False), ("SET-1", "SET-1"), ("", None)])
def test_a_kit_is_yes_no_or_its_name(cell: str, kit: object, tmp_path: Path) -> None:
    [fact] = facts(rows_of(tmp_path, csv_text([{**EXAMPLES["returns"], "kit": cell}]), "returns"))
    assert isinstance(fact, Initiated)
    assert fact.lines[0].kit == kit
