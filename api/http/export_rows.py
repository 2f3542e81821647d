"""The rows of an export: which columns they have, how they stand as CSV, and what is counted on their way out."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any, Final

from api.http.spreadsheet import csv_cell
from domain.gap import PARTS
from domain.policy import CLEARING_KINDS

# The row of the contract, then the parts of its breakdown as figures of their own.
ROW_COLUMNS: Final = (
    "kind",
    "return",
    "merchant",
    "platform",
    "erp",
    "order",
    "line",
    "sku",
    "currency",
    "amount",
    "units",
    "owner",
    "assigned_to",
    "opened_at",
    "due_at",
    "overdue",
    "closed_at",
    "breakdown",
    "explanation",
    "evidence",
)
COLUMNS: Final = (*ROW_COLUMNS, *(f"breakdown_{part}" for part in PARTS))

Manifest = dict[str, Any]
Rows = Iterator[dict[str, Any]]


class _Lines:
    def __init__(self) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")

    def write(self, cells: Sequence[object]) -> bytes:
        self._writer.writerow(cells)
        line = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return line


@dataclass(slots=True)
class Counted:
    """What was written: how many rows, how much per currency, and the digest of the rows as CSV with their headings."""

    rows: int = 0
    totals: dict[str, dict[str, Any]] = field(default_factory=dict)
    digest: Any = field(default_factory=hashlib.sha256)
    _lines: _Lines = field(default_factory=_Lines)

    def headings(self) -> bytes:
        line = self._lines.write(COLUMNS)
        self.digest.update(line)
        return line

    def take(self, row: dict[str, Any], values: Sequence[Any]) -> bytes:
        """The row's line of CSV."""
        line = self._lines.write([csv_cell(value) for value in values])
        self.digest.update(line)
        self.rows += 1
        if row["amount"] is not None:
            amount = Decimal(row["amount"])
            sums = self.totals.setdefault(row["currency"], {"rows": 0, "amount": Decimal(0), "clearing": Decimal(0)})
            sums["rows"] += 1
            sums["amount"] += amount
            if row["kind"] in CLEARING_KINDS:
                sums["clearing"] += amount
        return line


Describe = Callable[[Counted], Manifest]


def values_of(row: dict[str, Any]) -> list[Any]:
    """By COLUMNS; money as Decimal."""
    values = [row[column] for column in ROW_COLUMNS]
    values[ROW_COLUMNS.index("amount")] = None if row["amount"] is None else Decimal(row["amount"])
    parts = row["breakdown"] or {}
    return values + [Decimal(parts[part]) if part in parts else None for part in PARTS]


def write_csv(stream: IO[bytes], rows: Rows, describe: Describe) -> Manifest:
    counted = Counted()
    stream.write(counted.headings())
    for row in rows:
        stream.write(counted.take(row, values_of(row)))
    return describe(counted)
