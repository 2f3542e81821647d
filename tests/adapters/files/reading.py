"""How the tests of this folder write a file and read it back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.files import RejectedFile, Row, read_file
from domain.facts import Fact
from domain.telling import Telling


def rows_of(folder: Path, content: str | bytes, kind: str, **given: Any) -> list[Row]:
    path = folder / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    rows = list(read_file(path, kind, given.pop("merchant", None), **given))
    for row in rows:
        assert (row.telling is None) is not (row.rejected is None)
        assert len(row.line_numbers) == len(row.own) > 0
        assert all(number > 0 for number in row.line_numbers)
    return rows


def tellings(rows: Iterable[Row]) -> list[Telling]:
    """All of them; the test fails where a row was rejected."""
    told = []
    for row in rows:
        assert row.telling is not None, (row.line_numbers, row.rejected)
        told.append(row.telling)
    return told


def facts(rows: Iterable[Row]) -> list[Fact]:
    return [telling.fact for telling in tellings(rows)]


def errors(rows: Iterable[Row]) -> dict[int, str]:
    """What was rejected, by line number, as the rejected file words it."""
    return {row.line_numbers[0]: str(row.rejected) for row in rows if row.rejected is not None}


def csv_text(rows: Sequence[Mapping[str, object]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(field for row in rows for field in row)), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def json_lines(rows: Iterable[object]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_rejected(folder: Path, rows: Iterable[Row], kind: str, name: str = "file") -> Path | None:
    """The rejected file of these rows, as an import writes it."""
    with RejectedFile(folder / name, kind) as rejected:
        for row in rows:
            if row.rejected is not None:
                for number, own in zip(row.line_numbers, row.own, strict=True):
                    rejected.write(own, number, str(row.rejected))
    return rejected.path


RETURN = {"merchant": "acme", "platform": "returngo", "return": "R1", "occurred_at": "2026-10-02T09:30:00+01:00"}
EXAMPLES: dict[str, dict[str, object]] = {
    "returns": {
        **RETURN,
        "order": "#1",
        "currency": "GBP",
        "resolution": "refund",
        "line": "1",
        "sku": "TEE",
        "quantity": 1,
        "items": "10.00",
        "tax": "2.00",
    },
    "scans": {**RETURN, "line": "1", "quantity": 1},
    "receipts": {**RETURN, "line": "1", "quantity": 1},
    "inspections": {**RETURN, "line": "1", "quantity": 1, "disposition": "saleable"},
    "refunds": {**RETURN, "refund": "1", "currency": "GBP", "total": "12.00", "method": "original_payment"},
    "credit-notes": {**RETURN, "credit_note": "CN-1", "erp": "cin7", "currency": "GBP", "total": "12.00"},
    "restocks": {**RETURN, "line": "1", "quantity": 1},
    "write-offs": {**RETURN, "line": "1", "quantity": 1},
    "payouts": {**RETURN, "payout": "9", "refund": "1", "currency": "GBP", "amount": "12.00"},
}
