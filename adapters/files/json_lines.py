"""The kind `facts`: JSON Lines, one fact a line, exactly as the contract writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from adapters.files import exact_json
from adapters.files.rows import ABOUT_THE_ROW, PhysicalLine, Progress, Row, opened, physical_lines, rejected_row, shown_raw, told
from domain.refusals import Rejected

LONGEST_LINE_BYTES = 1 << 20
EXAMPLE = (
    '{"fact":"Refunded","merchant":"acme","platform":"returngo","return":"RMA1001","occurred_at":"2026-10-06T11:00:00+01:00","refund":"929361463",'
    '"currency":"GBP","amount":{"items":"38.32","tax":"7.66","shipping":"0.00","fees":"0.00","total":"45.98"},"method":"original_payment","transaction":"1068278587"}\n'
)
ONE_A_LINE = "write one fact a line, each a JSON object on a line of its own"


def read_facts(path: Path, merchant: str | None, platform: str | None, progress: Progress) -> Iterator[Row]:
    """Every line of the file as a row; blank lines are skipped. Raises UnusableFile."""
    with opened(path) as stream:
        for line in physical_lines(stream, LONGEST_LINE_BYTES, progress):
            if line.too_long or line.content.strip():
                yield _row(line, merchant, platform)


def _row(line: PhysicalLine, merchant: str | None, platform: str | None) -> Row:
    if line.too_long:
        too_long = Rejected("row", f"is longer than {LONGEST_LINE_BYTES} bytes; {ONE_A_LINE}")
        return rejected_row(line.number, shown_raw(line.content), too_long)
    try:
        fields = orjson.loads(line.content)
    except ValueError as wrong:
        return rejected_row(line.number, shown_raw(line.content), Rejected("row", _why_no_json(line.content, wrong)))
    if not isinstance(fields, dict):
        return rejected_row(line.number, shown_raw(line.content), Rejected("row", f"is JSON but no JSON object; {ONE_A_LINE}"))
    try:
        if "raw" in fields and "fact" not in fields:
            raise Rejected("raw", f"still holds what was no JSON object; mend it and {ONE_A_LINE}, in place of `raw`")
        return Row((line.number,), (fields,), told(fields, merchant, platform), None)
    except Rejected as rejected:
        return rejected_row(line.number, _own(line.content), rejected)


def _own(content: bytes) -> dict[str, Any]:
    """The row's fields for the rejected file, read again digit by digit: orjson makes floats of numbers beyond 64 bit."""
    try:
        fields = exact_json.loads(content.decode())
    except (ValueError, RecursionError):
        return shown_raw(content)
    return {field: value for field, value in fields.items() if field not in ABOUT_THE_ROW}


def _why_no_json(content: bytes, wrong: ValueError) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as undecodable:
        return f"is not UTF-8 text (byte {undecodable.start + 1} of the line); save the file as UTF-8"
    if re.match(r'\s*([\[\]}]|\{(?!\s*")|"[^"]*"\s*:)', text) or text.rstrip().endswith(","):
        return f"is not JSON by itself, but looks like a part of a document that goes over several lines: {ONE_A_LINE}"
    return f"is not JSON ({str(wrong).partition(':')[0]}); {ONE_A_LINE}"
