"""The kind `shopify-refunds`: finds the refunds in Shopify's JSON, be it webhook bodies, API answers, orders, or JSON Lines of these."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from adapters.files import exact_json
from adapters.files.errors import UnusableFile
from adapters.files.rows import (
    ABOUT_THE_ROW,
    BYTE_ORDER_MARK,
    RAW_CHARACTERS,
    REPORT_EVERY_BYTES,
    Progress,
    Row,
    opened,
    physical_lines,
    rejected_row,
    shown_raw,
)
from adapters.files.shopify_refunds import read_refund
from domain.refusals import Rejected

# A document is read whole; JSON Lines are read line by line, whatever their size.
LARGEST_DOCUMENT_BYTES = 200_000_000
LONGEST_LINE_BYTES = 16 << 20
EXAMPLE = (
    '{"id":929361463,"order_id":450789469,"created_at":"2026-10-06T11:00:00+01:00","processed_at":"2026-10-06T11:00:00+01:00","return":{"id":87654321},'
    '"refund_line_items":[{"quantity":2,"subtotal_set":{"shop_money":{"amount":"38.32","currency_code":"GBP"}},'
    '"total_tax_set":{"shop_money":{"amount":"7.66","currency_code":"GBP"}}}],"refund_shipping_lines":[],"order_adjustments":[],'
    '"transactions":[{"id":1068278587,"kind":"refund","status":"success","gateway":"shopify_payments","amount":"45.98","currency":"GBP","test":false}]}\n'
)

# What a refund takes from the order around it.
_OF_THE_ORDER = ("id", "currency", "taxes_included")
_WRAPPERS = {"refund": "{", "order": "{", "refunds": "[", "orders": "["}
_SPACE = re.compile(r"[ \t\r\n]*")


class _Found(NamedTuple):
    """Where a refund should stand, and what is known of the object around it, which may be an order."""

    position: int
    order: dict[str, Any]


def read_shopify_refunds(path: Path, merchant: str | None, include_test: bool, progress: Progress) -> Iterator[Row]:
    """Every refund of the file as a row. Raises UnusableFile."""
    if merchant is None:
        raise UnusableFile(f"{path} names no merchant, as Shopify's files never do; give --merchant.")
    with opened(path) as stream:
        size = path.stat().st_size
        if _is_json_lines(stream):
            stream.seek(0)
            for line in physical_lines(stream, LONGEST_LINE_BYTES, progress):
                if line.too_long:
                    too_long = Rejected("row", f"is longer than {LONGEST_LINE_BYTES} bytes; write one refund a line")
                    yield rejected_row(line.number, shown_raw(line.content), too_long)
                elif line.content.strip():
                    yield from _rows(line.content, line.number, merchant, include_test, None)
        elif size > LARGEST_DOCUMENT_BYTES:
            large = f"{path} is one JSON document of more than {LARGEST_DOCUMENT_BYTES} bytes"
            raise UnusableFile(f"{large}; write it as JSON Lines, one refund a line (jq -c '.refunds[]'), and import that.")
        else:
            stream.seek(0)
            yield from _rows(stream.read().removeprefix(BYTE_ORDER_MARK), 1, merchant, include_test, progress)
        progress(size)


def _is_json_lines(stream: BinaryIO) -> bool:
    """Whether each line is JSON by itself: the first line of a document that goes over several lines ends where something goes on."""
    for line in physical_lines(stream, LONGEST_LINE_BYTES):
        if text := line.content.strip():
            return not line.too_long and not (text[:1] in (b"{", b"[") and text[-1:] in (b"{", b"[", b":", b","))
    return True


def _rows(content: bytes, first_line: int, merchant: str, include_test: bool, progress: Progress | None) -> Iterator[Row]:
    try:
        text = content.decode()
    except UnicodeDecodeError as wrong:
        number = first_line + content.count(b"\n", 0, wrong.start)
        yield rejected_row(number, shown_raw(content), Rejected("row", "is not UTF-8 text; save the file as UTF-8"))
        return
    documents = _Documents(text)
    broken: tuple[int, str] | None = None
    try:
        documents.read()
    except json.JSONDecodeError as wrong:
        broken = wrong.pos, f"is not JSON ({wrong.msg})"
    except ValueError as wrong:
        broken = documents.position, f"is not JSON ({wrong})"
    except RecursionError:
        broken = documents.position, "is nested too deep to be a refund"
    number, counted, said = first_line, 0, 0
    for position, order in documents.found:
        number, counted = number + text.count("\n", counted, position), position
        yield _row(text, position, order, number, merchant, include_test)
        if progress is not None and position - said >= REPORT_EVERY_BYTES:
            said = position
            progress(position)
    if broken is not None:
        position, reason = broken
        rest = text[documents.position : documents.position + RAW_CHARACTERS]
        what = Rejected("row", f"{reason}; the refunds before this place are read, those behind it are not")
        yield rejected_row(first_line + text.count("\n", 0, position), {"raw": rest}, what)


def _row(text: str, position: int, order: dict[str, Any], line_number: int, merchant: str, include_test: bool) -> Row:
    try:
        refund = exact_json.DECODER.raw_decode(text, position)[0]
    except RecursionError:
        raw = {"raw": text[position : position + RAW_CHARACTERS]}
        return rejected_row(line_number, raw, Rejected("row", "is nested too deep to be a refund"))
    own = _own(refund, order)
    try:
        return Row((line_number,), (own,), read_refund(refund, order, merchant, include_test), None)
    except Rejected as rejected:
        return rejected_row(line_number, own, rejected)


def _own(refund: object, order: dict[str, Any]) -> dict[str, Any]:
    """The refund, with what it takes from the order around it: enough to be read again, and nothing else of the order."""
    if not isinstance(refund, dict):
        return {"raw": exact_json.dumps(refund)[:RAW_CHARACTERS]}
    refund = {field: value for field, value in refund.items() if field not in ABOUT_THE_ROW}
    return {"order": order | {"refunds": [refund]}} if order else refund


class _Documents:
    """Walks the JSON values of a text down to the refunds, which it keeps with their positions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.found: list[_Found] = []
        # How far everything has been read and kept.
        self.position = 0

    def read(self) -> None:
        """Raises ValueError where the text is no JSON, RecursionError where it is nested too deep; what was found before stays."""
        position = self._skip(0)
        while position < len(self._text):
            position = self._skip(self._value(position, {}))

    def _value(self, position: int, order: dict[str, Any]) -> int:
        match self._text[position : position + 1]:
            case "[":
                return self._list(position, order)
            case "{":
                return self._object(position, order)
            case _:
                return self._keep(position, order, exact_json.DECODER.raw_decode(self._text, position)[1])

    def _list(self, position: int, order: dict[str, Any]) -> int:
        position = self._skip(position + 1)
        if self._text[position : position + 1] == "]":
            return position + 1
        while True:
            position = self._skip(self._value(position, order))
            if self._text[position : position + 1] == "]":
                return position + 1
            position = self._skip(self._expect(",", position))

    def _object(self, start: int, order: dict[str, Any]) -> int:
        own: dict[str, Any] = {}
        wraps = says_more = False
        position = self._skip(start + 1)
        if self._text[position : position + 1] == "}":
            return self._keep(start, order, position + 1)
        while True:
            if self._text[position : position + 1] != '"':
                raise json.JSONDecodeError("a name in quotation marks is expected", self._text, position)
            key, position = exact_json.DECODER.raw_decode(self._text, position)
            position = self._skip(self._expect(":", self._skip(position)))
            # An order has its refunds among other fields; the other wrappers hold nothing else, and a refund may well tell of its order.
            if _WRAPPERS.get(key) == self._text[position : position + 1] and (key == "refunds" or not says_more):
                wraps = True
                # Read on with this object as the order: its own fields may follow after its refunds.
                position = self._value(position, own)
            else:
                value, position = exact_json.DECODER.raw_decode(self._text, position)
                if key in _OF_THE_ORDER and isinstance(value, str | int):
                    own[key] = value
                says_more = says_more or key not in ABOUT_THE_ROW
            position = self._skip(position)
            if self._text[position : position + 1] == "}":
                return position + 1 if wraps else self._keep(start, order, position + 1)
            position = self._skip(self._expect(",", position))

    def _keep(self, position: int, order: dict[str, Any], end: int) -> int:
        self.found.append(_Found(position, order))
        self.position = end
        return end

    def _skip(self, position: int) -> int:
        found = _SPACE.match(self._text, position)
        return found.end() if found else position

    def _expect(self, mark: str, position: int) -> int:
        if self._text[position : position + 1] != mark:
            raise json.JSONDecodeError(f"{mark!r} is expected", self._text, position)
        return position + 1
