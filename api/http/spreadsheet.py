"""Cells that a spreadsheet takes for what they are: figures as numbers, text never as a formula."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from adapters.spreadsheets import BEGINS_FORMULA, cell_text
from domain.money import CURRENCIES

# XML has no way to write these.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What a spreadsheet keeps of a number: beyond it, text is exact.
_EXACT_DIGITS = 15
_FIRST_YEAR, _LAST_YEAR = 1901, 9999
INSTANT_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"


def csv_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal() | int():
            return str(value)
        case str():
            return cell_text(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def xlsx_text(sheet: WriteOnlyWorksheet, text: str) -> Any:
    """A cell that stays text, also when somebody edits it."""
    cell = WriteOnlyCell(sheet, value=_UNWRITABLE.sub("\ufffd", text)[:32_767])
    cell.data_type = "s"
    if text.startswith(BEGINS_FORMULA):
        cell.quotePrefix = True
    return cell


def xlsx_money(sheet: WriteOnlyWorksheet, amount: Decimal, currency: str) -> Any:
    if len(amount.as_tuple().digits) > _EXACT_DIGITS:
        return xlsx_text(sheet, str(amount))
    digits = CURRENCIES[currency]
    cell: Any = WriteOnlyCell(sheet)
    cell.value = amount
    cell.number_format = "#,##0" + ("." + "0" * digits if digits else "")
    return cell


def xlsx_instant(sheet: WriteOnlyWorksheet, text: str | None) -> Any:
    """A date and time of UTC; text where a spreadsheet has no such date."""
    if text is None:
        return None
    at = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        return xlsx_text(sheet, text)
    cell = WriteOnlyCell(sheet, value=at)
    cell.number_format = INSTANT_FORMAT
    return cell
