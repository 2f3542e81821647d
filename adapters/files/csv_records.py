"""CSV as people have it: records and their place in the file, quoted cells over several lines, and what is no CSV."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adapters.files.rows import PhysicalLine
from domain.refusals import Rejected

LONGEST_RECORD_BYTES = 1 << 20
# A quoted cell with more lines than this is a quotation mark that somebody forgot to close.
MOST_LINES_OF_A_RECORD = 100
DELIMITERS = (",", ";", "\t")


class Record(NamedTuple):
    """One record of a CSV file, not taken apart yet. `line` is the first line on which it stands."""

    line: int
    offset: int
    end: int
    content: bytes


class Cells(NamedTuple):
    """A record taken apart. Where there is a `problem`, the cells are a guess, good enough to show and to find the fact it belongs to."""

    cells: list[str]
    problem: Rejected | None


def records(lines: Iterable[PhysicalLine], delimiter: str) -> Iterator[Record]:
    """The records that these lines make. A quotation mark that is never closed spoils its own line only: the next one starts afresh."""
    source = iter(lines)
    ahead: deque[PhysicalLine] = deque()
    while (line := ahead.popleft() if ahead else next(source, None)) is not None:
        if b'"' not in line.content or line.too_long or not _is_open(line.content, delimiter):
            yield Record(line.number, line.offset, line.end, line.content)
            continue
        content, taken = line.content, 0
        while taken < MOST_LINES_OF_A_RECORD and len(content) <= LONGEST_RECORD_BYTES:
            if taken == len(ahead):
                following = next(source, None)
                if following is None:
                    break
                ahead.append(following)
            content += b"\n" + ahead[taken].content
            taken += 1
            if b'"' in ahead[taken - 1].content and not _is_open(content, delimiter):
                if _is_csv(content, delimiter):
                    line = line._replace(content=content, end=ahead[taken - 1].end)
                    for _ in range(taken):
                        ahead.popleft()
                break
        yield Record(line.number, line.offset, line.end, line.content)


def taken_apart(content: bytes, delimiter: str) -> Cells:
    """The cells of one record, with what is wrong with it as a whole."""
    problem = None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
        problem = Rejected("row", _NOT_UTF_8)
    if len(content) > LONGEST_RECORD_BYTES:
        problem = Rejected("row", f"is longer than {LONGEST_RECORD_BYTES} bytes; is a line end or a quotation mark missing?")
    if '"' not in text:
        return Cells(text.split(delimiter), problem)
    try:
        return Cells(next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True)), problem)
    except csv.Error as wrong:
        reason = "has a quotation mark that is never closed" if _OPEN in str(wrong) else f"is not CSV ({wrong})"
        how = "put quotation marks around the whole cell, and double those that belong to its text"
        return Cells(_guessed(text, delimiter), problem or Rejected("row", f"{reason}; {how}"))


def again(raw: bytes) -> bytes:
    """The content of a record from the file's bytes, as `records` gave it."""
    return raw.removesuffix(b"\n").removesuffix(b"\r").replace(b"\r\n", b"\n")


_OPEN = "unexpected end of data"
_NOT_UTF_8 = (
    "is not UTF-8 text. The rejected file shows it read as Windows-1252: check it there and import that, or save the file as CSV UTF-8"
)


def _problem(content: bytes, delimiter: str) -> str:
    try:
        next(csv.reader([content.decode("latin-1")], delimiter=delimiter, strict=True, skipinitialspace=True), None)
    except csv.Error as wrong:
        return str(wrong)
    return ""


def _is_open(content: bytes, delimiter: str) -> bool:
    return _OPEN in _problem(content, delimiter)


def _is_csv(content: bytes, delimiter: str) -> bool:
    return not _problem(content, delimiter)


def _guessed(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text.replace("\n", " ")], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return text.split(delimiter)
