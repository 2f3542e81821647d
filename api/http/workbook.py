"""The gap register as an Excel workbook, written row by row so that memory stays flat; its second sheet is the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from api.http.export_rows import COLUMNS, Counted, Describe, Manifest, Rows, values_of
from api.http.problems import Problem
from api.http.spreadsheet import xlsx_instant, xlsx_money, xlsx_text

# What a worksheet holds, less its headings.
MOST_ROWS = 1_048_575
_WIDTHS: Final = {
    "kind": 28,
    "return": 18,
    "merchant": 18,
    "sku": 18,
    "amount": 14,
    "opened_at": 19,
    "due_at": 19,
    "closed_at": 19,
    "explanation": 80,
}
_USUAL_WIDTH: Final = 12


def write_workbook(stream: IO[bytes], rows: Rows, describe: Describe) -> Manifest:
    """Raises Problem where there are more rows than a worksheet holds."""
    book, counted = Workbook(write_only=True), Counted()
    sheet: Any = book.create_sheet("Gaps")
    try:
        _write_rows(sheet, rows, counted)
    except BaseException:
        # An abandoned sheet would leave its file behind, and complain when it is swept up.
        sheet.close()
        sheet._writer.cleanup()
        raise
    manifest = describe(counted)
    about: Any = book.create_sheet("Manifest")
    about.column_dimensions["A"].width, about.column_dimensions["B"].width = 24, 80
    for name, value in _lines_of(manifest):
        about.append([_heading(about, name), value if isinstance(value, int) else xlsx_text(about, value)])
    book.save(stream)
    return manifest


def _write_rows(sheet: Any, rows: Rows, counted: Counted) -> None:
    counted.headings()
    sheet.freeze_panes = "A2"
    for number, column in enumerate(COLUMNS):
        sheet.column_dimensions[_letter(number)].width = _WIDTHS.get(column, _USUAL_WIDTH)
    sheet.append([_heading(sheet, column) for column in COLUMNS])
    for row in rows:
        if counted.rows == MOST_ROWS:
            told = f"A worksheet holds {MOST_ROWS} rows; narrow the question, or take gaps.csv."
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "too-many-rows", told)
        values = values_of(row)
        counted.take(row, values)
        sheet.append([_cell(sheet, column, value, row["currency"]) for column, value in zip(COLUMNS, values, strict=True)])
    sheet.auto_filter.ref = f"A1:{_letter(len(COLUMNS) - 1)}{counted.rows + 1}"


def _lines_of(manifest: Manifest) -> Iterator[tuple[str, str | int]]:
    for name, value in manifest.items():
        if name == "totals":
            for currency, sums in value.items():
                yield f"total {currency}", f"{sums['amount']} in {sums['rows']} rows; of the clearing kinds {sums['clearing']}"
        else:
            yield name, value if isinstance(value, int | str) else json.dumps(value, ensure_ascii=False)
    yield "times", "All times are UTC."
    yield "sha256 is of", "the rows as CSV with their headings, as gaps.csv gives them for the same question at the same log_position"


def _cell(sheet: Any, column: str, value: Any, currency: str | None) -> Any:
    match value:
        case None:
            return None
        case Decimal():
            assert currency is not None
            return xlsx_money(sheet, value, currency)
        case bool() | int():
            return value
        case str() if column.endswith("_at"):
            return xlsx_instant(sheet, value)
        case str():
            return xlsx_text(sheet, value)
        case _:
            return xlsx_text(sheet, json.dumps(value, ensure_ascii=False))


def _heading(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=text)
    cell.font = Font(bold=True)
    return cell


def _letter(number: int) -> str:
    """The name of a column, counted from 0; there are no more than 26."""
    return chr(ord("A") + number)
