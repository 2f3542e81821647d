"""The kind `facts`: each line a fact or a rejection, whatever stands in it."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.files import read_file
from tests.adapters.files.reading import RETURN, errors, json_lines, rows_of, tellings, write_rejected

REFUND: dict[str, Any] = {
    **RETURN,
    "fact": "Refunded",
    "refund": "1",
    "currency": "GBP",
    "amount": {"total": "12.00"},
    "method": "original_payment",
}
INSPECTED: dict[str, Any] = {**RETURN, "fact": "Inspected", "lines": [{"line": "1", "quantity": 1, "disposition": "saleable"}]}
INITIATED: dict[str, Any] = {
    **RETURN,
    "fact": "Initiated",
    "order": "#1",
    "currency": "GBP",
    "resolution": "refund",
    "lines": [{"line": "1", "sku": "TEE", "quantity": 1, "items": "10.00", "tax": "2.00"}],
}


def test_lines_with_byte_order_mark_crlf_blank_lines_and_no_last_end(tmp_path: Path) -> None:
    one, two = json.dumps(REFUND), json.dumps({**REFUND, "refund": "2"})
    rows = rows_of(tmp_path, b"\xef\xbb\xbf" + f"{one}\r\n\r\n  \n{two}".encode(), "facts")
    assert [row.line_numbers for row in rows] == [(1,), (4,)]
    assert len(tellings(rows)) == 2


def test_a_merchant_stands_in_where_a_row_names_none(tmp_path: Path) -> None:
    [telling] = tellings(
        rows_of(tmp_path, json_lines([{**REFUND, "merchant": None, "platform": None}]), "facts", merchant="m", platform="p")
    )
    assert telling.key == ("m", "p", "R1")


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"fact": "Refundet"}, "fact", "'Refundet' is not known; it must be one of Initiated"),
    ({"fact": None}, "fact", "is missing"),
    ({"currency": "XXX"}, "currency", "'XXX' is not a currency of ISO 4217"),
    ({"currency": None}, "currency", "is missing"),
    ({"amount": {"total": "12.001"}}, "amount.total", "has 3 digits after the point; GBP has 2"),
    ({"amount": {"total": 12.0}}, "amount.total", "must be a decimal string"),
    ({"amount": {"total": 12}}, "amount.total", "must be a decimal string"),
    ({"amount": {"total": "-1"}}, "amount.total", "must not be negative"),
    ({"amount": {"items": "1"}}, "amount.total", "is missing"),
    ({"amount": {"total": "3", "items": "1", "tax": "1", "shipping": "0", "fees": "0"}}, "amount", "are 2.00, but total is 3.00"),
    ({"refund": None}, "refund", "must be text"),
    ({"refund": 123}, "refund", "must be text"),
    ({"refund": 12345678901234567890123}, "refund", "must be text"),
    ({"refnd": "1"}, "refnd", "is not a field of Refunded; check the spelling"),
    ({"method": "cash"}, "method", "must be 'original_payment'"),
    ({"merchant": None}, "merchant", "is missing"),
    ({"platform": "Shopify"}, "platform", "must be a lower-case name"),
    ({"occurred_at": None}, "occurred_at", "is missing"),
    ({"occurred_at": "2026-10-02 09:30"}, "occurred_at", "is not an instant with its offset"),
    ({"occurred_at": "2026-02-30T09:30:00Z"}, "occurred_at", "is no date and time that exists"),
    ({"occurred_at": 1790000000}, "occurred_at", "must be an instant"),
]


@pytest.mark.parametrize(("change", "field", "reason"), BAD)
def test_a_bad_row_is_rejected_with_field_and_reason_and_its_neighbours_go_on(
    change: dict[str, Any], field: str, reason: str, tmp_path: Path
) -> None:
    rows = rows_of(tmp_path, json_lines([REFUND, {**REFUND, **change}, {**REFUND, "refund": "3"}]), "facts")
    assert [row.line_numbers for row in rows if row.telling] == [(1,), (3,)]
    rejected = rows[1].rejected
    assert rejected is not None
    assert rejected.field == field
    assert reason in rejected.reason


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 1.0, "1", "one", None, True, 10**30])
def test_a_quantity_is_a_whole_number_above_zero(quantity: object, tmp_path: Path) -> None:
    row = {**INSPECTED, "lines": [{"line": "1", "quantity": quantity, "disposition": "saleable"}]}
    [error] = errors(rows_of(tmp_path, json_lines([row]), "facts")).values()
    assert error.startswith("lines[0].quantity: must be a whole number from 1 to 1000000")


def test_lines_are_unique_within_a_return(tmp_path: Path) -> None:
    [error] = errors(rows_of(tmp_path, json_lines([{**INITIATED, "lines": INITIATED["lines"] * 2}]), "facts")).values()
    assert error == "lines: line '1' stands twice; lines are unique within a return"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{not json}", "is not JSON"),
        (b'{"fact": NaN}', "is not JSON"),
        (b'{"fact": -Infinity}', "is not JSON"),
        (b'{"a": "\xff"}', "is not UTF-8 text (byte 8 of the line)"),
        (b'{"a": "\\ud800"}', "is not JSON"),
        (b'"text"', "is JSON but no JSON object"),
        (b"[1, 2]", "is JSON but no JSON object"),
        (b"5", "is JSON but no JSON object"),
        (b"null", "is JSON but no JSON object"),
        (b"[" * 5000, "is not JSON"),
        (b"\x00\x01", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (json.dumps(REFUND).encode() + b"\r" + json.dumps(REFUND).encode(), "is not JSON"),
    ],
)
def test_what_is_no_json_object_stands_in_raw(line: bytes, reason: str, tmp_path: Path) -> None:
    good = json.dumps(REFUND).encode()
    rows = rows_of(tmp_path, good + b"\n" + line + b"\n" + good + b"\n", "facts")
    assert [row.rejected is None for row in rows] == [True, False, True]
    assert rows[1].own == ({"raw": line.decode("utf-8", "replace")[:10_000]},)
    assert reason in str(rows[1].rejected)
    assert "UTF-8" in reason or "one fact a line" in str(rows[1].rejected)


def test_a_document_over_several_lines_is_told_to_write_one_fact_a_line(tmp_path: Path) -> None:
    for content in (json.dumps([REFUND, REFUND], indent=2), "[\n" + json.dumps(REFUND) + ",\n" + json.dumps(REFUND) + ",\n]"):
        rejected = errors(rows_of(tmp_path, content, "facts")).values()
        assert rejected
        assert all("one fact a line" in error for error in rejected)


def test_a_line_longer_than_a_megabyte_is_rejected_and_the_next_one_read(tmp_path: Path) -> None:
    good, long = json.dumps(REFUND).encode(), b'{"fact": "' + b"x" * (3 << 20) + b'"}'
    rows = rows_of(tmp_path, b"\n".join((good, long, good, long)), "facts")
    assert [(row.line_numbers, row.rejected is None) for row in rows] == [((1,), True), ((2,), False), ((3,), True), ((4,), False)]
    assert "is longer than 1048576 bytes" in str(rows[1].rejected)
    assert len(rows[1].own[0]["raw"]) == 10_000


@pytest.mark.parametrize("length", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 20) + 2, (1 << 20) + 3])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_limit_of_a_line_is_exact(length: int, end: bytes, tmp_path: Path) -> None:
    line = json.dumps(REFUND).encode().ljust(length)
    rows = rows_of(tmp_path, line + end, "facts")
    assert [row.rejected is None for row in rows] == [length <= 1 << 20]


def test_deep_nesting_is_a_rejection(tmp_path: Path) -> None:
    for depth in (200, 900, 1000, 1020):
        [row] = rows_of(tmp_path, json.dumps(REFUND)[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}", "facts")
        assert row.rejected is not None


def test_numbers_of_a_rejected_row_keep_every_digit(tmp_path: Path) -> None:
    text = json.dumps(REFUND)[:-1] + ', "total": 123456789012345678901234567890, "rate": 0.10000000000000000000000001, "small": 1.50}'
    rows = rows_of(tmp_path, text, "facts")
    path = write_rejected(tmp_path, rows, "facts")
    assert path is not None
    written = path.read_text()
    assert '"total": 123456789012345678901234567890' in written
    assert '"rate": 0.10000000000000000000000001' in written
    assert '"small": 1.50' in written


def test_an_unmended_raw_row_says_what_to_do(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "{no json\n", "facts")
    path = write_rejected(tmp_path, rows, "facts")
    assert path is not None
    [again] = list(read_file(path, "facts"))
    assert again.rejected is not None
    assert again.rejected.field == "raw"
