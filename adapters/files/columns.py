"""The CSV kinds: what each is a file of, its columns, what a cell may hold, which rows make one fact, and an example."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from domain.refusals import Rejected

# Where a cell goes: into the fact, into its amount, or into the line that the row tells.
Place = Literal["fact", "amount", "line"]


@dataclass(frozen=True)
class Column:
    """`required` says that the file must have the column. Whether the cell may be empty is the fact's business."""

    name: str
    example: str
    place: Place = "fact"
    required: bool = False
    read: Callable[[str, str], Any] | None = None


@dataclass(frozen=True)
class CsvKind:
    """`one_fact` names the columns whose equal cells make rows one fact; with `source_id` among them only where that is not empty."""

    name: str
    fact: str
    columns: tuple[Column, ...]
    one_fact: tuple[str, ...] = ()

    @property
    def headings(self) -> list[str]:
        return [column.name for column in self.columns]


def heading(text: str) -> str:
    """The one spelling of a heading: `Credit Note`, `credit-note` and `CREDIT_NOTE` are all `credit_note`."""
    return re.sub(r"[\s_-]+", "_", text.strip().casefold())


_AMOUNT = re.compile(r"-?\d+(?:\.\d+)?\Z", re.ASCII)
_WHOLE = re.compile(r"\d{1,7}\Z", re.ASCII)
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d\d+\Z", re.ASCII)
_EXCHANGED = re.compile(r"(?P<sku>.*\S)\s+[xX×]\s*(?P<quantity>\S+)\Z", re.DOTALL)


def text(cell: str, field: str) -> str:
    if "E+" in cell and _SHORTENED.match(cell):
        raise Rejected(field, f"{cell!r} is a long number that a spreadsheet cut short; format the column as text and export it again")
    return cell


def money(cell: str, field: str) -> str:
    if _AMOUNT.match(cell):
        return cell
    if any(not (character.isdecimal() or character.isspace() or character in ".,-+'’()") for character in cell):
        how = "the figure alone, without a currency sign (the currency has its own column), such as 1234.50"
    elif any(character in ",'’" or character.isspace() for character in cell):
        how = "it with a decimal point and without a thousands separator, such as 1234.50"
    else:
        how = "it such as 1234.50"
    raise Rejected(field, f"{cell[:40]!r} is not an amount; write {how}")


def quantity(cell: str, field: str) -> int:
    units = int(cell) if _WHOLE.match(cell) else 0
    if not 0 < units <= 1_000_000:
        raise Rejected(field, f"must be a whole number from 1 to 1000000, not {cell[:40]!r}")
    return units


def kit(cell: str, _field: str) -> str | bool:
    return {"true": True, "yes": True, "false": False, "no": False}.get(cell.casefold(), cell)


def exchange(cell: str, field: str) -> list[dict[str, Any]]:
    wanted = []
    for part in filter(None, (part.strip() for part in cell.split(";"))):
        found = _EXCHANGED.match(part)
        if found is None:
            raise Rejected(field, f'{part[:40]!r} is no item; write "SKU x QUANTITY", such as "TEE-RED-M x 1; CAP-01 x 2"')
        wanted.append({"sku": found["sku"], "quantity": quantity(found["quantity"], field)})
    return wanted


def _common(platform: str, return_id: str, occurred_at: str, source_id: str) -> tuple[Column, ...]:
    return (
        Column("merchant", "acme", required=True),
        Column("platform", platform, required=True),
        Column("return", return_id, required=True, read=text),
        Column("occurred_at", occurred_at, required=True),
        Column("source_id", source_id, read=text),
        Column("by", "returns-desk"),
    )


def _amount(total: str, items: str, tax: str, shipping: str, fees: str) -> tuple[Column, ...]:
    return (
        Column("total", total, "amount", required=True, read=money),
        Column("items", items, "amount", read=money),
        Column("tax", tax, "amount", read=money),
        Column("shipping", shipping, "amount", read=money),
        Column("fees", fees, "amount", read=money),
    )


def _units(required: bool = True) -> tuple[Column, ...]:
    return (Column("line", "1", "line", required, text), Column("quantity", "1", "line", required, quantity))


_RETURN = ("merchant", "platform", "return")
_SAME_SOURCE = (*_RETURN, "source_id")
_ERP = Column("erp", "uk-cin7")
_CURRENCY = Column("currency", "GBP", required=True)

CSV_KINDS: dict[str, CsvKind] = {
    kind.name: kind
    for kind in (
        CsvKind(
            "returns",
            "Initiated",
            (
                *_common("returngo", "RMA1001", "2026-10-02T09:30:00+01:00", ""),
                Column("order", "#1106", required=True, read=text),
                _CURRENCY,
                Column("resolution", "refund", required=True),
                Column("line", "1", "line", True, text),
                Column("order_line", "14532", "line", read=text),
                Column("sku", "TEE-BLUE-M", "line", True, text),
                Column("quantity", "2", "line", True, quantity),
                Column("items", "38.32", "line", True, money),
                Column("tax", "7.66", "line", True, money),
                Column("reason", "too small", "line"),
                Column("kit", "", "line", read=kit),
                _ERP,
                Column("exchange", "", read=exchange),
            ),
            _RETURN,
        ),
        CsvKind(
            "scans",
            "ScannedAtReturnBar",
            (
                *_common("happy_returns", "HR1001", "2026-10-03T12:15:00+01:00", "SCAN-1"),
                Column("location", "Bar 12, London"),
                *_units(required=False),
            ),
            _SAME_SOURCE,
        ),
        CsvKind(
            "receipts",
            "Received",
            (
                *_common("returngo", "RMA1001", "2026-10-06T08:05:00+01:00", "GRN-1"),
                Column("location", "Main Warehouse"),
                *_units(required=False),
            ),
            _SAME_SOURCE,
        ),
        CsvKind(
            "inspections",
            "Inspected",
            (
                *_common("returngo", "RMA1001", "2026-10-06T10:40:00+01:00", "QC-1"),
                *_units(),
                Column("disposition", "saleable", "line", required=True),
            ),
            _SAME_SOURCE,
        ),
        CsvKind(
            "refunds",
            "Refunded",
            (
                *_common("returngo", "RMA1001", "2026-10-06T11:00:00+01:00", ""),
                Column("refund", "929361463", required=True, read=text),
                _CURRENCY,
                *_amount("45.98", "38.32", "7.66", "0.00", "0.00"),
                Column("method", "original_payment", required=True),
                Column("transaction", "1068278587", read=text),
            ),
        ),
        CsvKind(
            "credit-notes",
            "CreditNoted",
            (
                *_common("returngo", "RMA1001", "2026-10-06T12:00:00+01:00", ""),
                Column("credit_note", "CR-00123", required=True, read=text),
                Column("erp", "uk-cin7", required=True),
                _CURRENCY,
                *_amount("45.98", "38.32", "7.66", "0.00", "0.00"),
                Column("line", "1", "line", read=text),
                Column("quantity", "2", "line", read=quantity),
            ),
            (*_RETURN, "erp", "credit_note", "currency", "total", "items", "tax", "shipping", "fees"),
        ),
        CsvKind(
            "restocks",
            "Restocked",
            (
                *_common("returngo", "RMA1001", "2026-10-06T15:20:00+01:00", "PUT-1"),
                _ERP,
                *_units(),
                Column("location", "Main Warehouse", "line"),
            ),
            _SAME_SOURCE,
        ),
        CsvKind(
            "write-offs",
            "WrittenOff",
            (*_common("returngo", "RMA1001", "2026-10-06T15:20:00+01:00", "WO-1"), _ERP, *_units()),
            _SAME_SOURCE,
        ),
        CsvKind(
            "payouts",
            "PayoutSettled",
            (
                *_common("returngo", "RMA1001", "2026-10-09T00:00:00Z", ""),
                Column("payout", "623721858", required=True, read=text),
                Column("refund", "929361463", required=True, read=text),
                Column("transaction", "1068278587", read=text),
                _CURRENCY,
                Column("amount", "45.98", required=True, read=money),
                Column("fee", "", read=money),
            ),
        ),
    )
}
