"""The CSV kinds: a file's rows brought together into facts, in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from adapters.files import grouping
from adapters.files.columns import CsvKind
from adapters.files.csv_records import LONGEST_RECORD_BYTES, Record, again, records, taken_apart
from adapters.files.errors import WrongHeadings
from adapters.files.headings import Headings, read_headings, wrong_headings
from adapters.files.rows import REPORT_EVERY_BYTES, Progress, Row, opened, physical_lines, rejected_row, shown_raw
from adapters.files.table_facts import RowsRejected, TableFacts
from domain.refusals import Rejected

# Up to this size a file's rows are brought together in memory, beyond it on disk.
IN_MEMORY_BYTES = 10_000_000
MOST_ROWS_OF_A_FACT = 1000


def read_table(path: Path, kind: CsvKind, merchant: str | None, platform: str | None, progress: Progress) -> Iterator[Row]:
    """Every row of a CSV file; rows that are one fact come as one. Raises UnusableFile, as a rule before the first row."""
    given = {"merchant": merchant, "platform": platform}
    headings = read_headings(path, kind, given)
    facts = TableFacts(kind, headings, given)
    with opened(path) as stream:
        size = path.stat().st_size
        if not facts.gathers:
            for record in _records(stream, headings, progress):
                yield from _rows(facts, iter((record,)))
        elif size < IN_MEMORY_BYTES:
            yield from _rows_of_groups(facts, grouping.in_memory(_records(stream, headings), facts.key_of), progress)
        else:
            # The file is read twice, so each reading is half of the way.
            found = _records(stream, headings, lambda position: progress(position // 2))
            groups = grouping.on_disk(found, facts.key_of, lambda line, start, end: _again(stream, line, start, end))
            yield from _rows_of_groups(facts, groups, lambda position: progress((size + position) // 2))
        progress(size)


def rows_under_wrong_headings(path: Path, kind: CsvKind, wrong: WrongHeadings) -> Iterator[Row]:
    """Every row of a file that has not the headings of its kind, rejected: by its own headings where some are of the kind, else as text."""
    headings = wrong_headings(path, kind)
    rejected = Rejected("headings", str(wrong))
    with opened(path) as stream:
        if headings is None:
            lines = physical_lines(stream, LONGEST_RECORD_BYTES)
            yield from (rejected_row(line.number, shown_raw(line.content), rejected) for line in lines if line.content.strip())
            return
        for record in _records(stream, headings):
            cells = taken_apart(record.content, headings.delimiter).cells
            if any(cell.strip() for cell in cells):
                yield rejected_row(record.line, headings.own(cells + [""] * (len(headings.names) - len(cells))), rejected)


def _records(stream: BinaryIO, headings: Headings, progress: Progress | None = None) -> Iterator[Record]:
    lines = physical_lines(stream, LONGEST_RECORD_BYTES, progress)
    return records((line for line in lines if line.number > headings.line), headings.delimiter)


def _again(stream: BinaryIO, line: int, start: int, end: int) -> Record:
    stream.seek(start)
    return Record(line, start, end, again(stream.read(min(end - start, LONGEST_RECORD_BYTES + 2))))


def _rows_of_groups(facts: TableFacts, groups: Iterator[Iterator[Record]], progress: Progress) -> Iterator[Row]:
    consumed, said = 0, 0

    def counted(group: Iterator[Record]) -> Iterator[Record]:
        nonlocal consumed
        for record in group:
            consumed += record.end - record.offset
            yield record

    for group in groups:
        yield from _rows(facts, counted(group))
        if consumed - said >= REPORT_EVERY_BYTES:
            said = consumed
            progress(consumed)


def _rows(facts: TableFacts, group: Iterator[Record]) -> Iterator[Row]:
    """What the records of one fact say: one telling, or every one of them rejected, each with its reason."""
    found = (facts.row(record) for record in group)
    rows = [row for row in islice(found, MOST_ROWS_OF_A_FACT + 1) if not row.is_blank]
    if not rows:
        return
    if len(rows) > MOST_ROWS_OF_A_FACT:
        first = f"the first of them line {rows[0].line}"
        too_many = Rejected("row", f"belongs to one fact with more than {MOST_ROWS_OF_A_FACT} rows, {first}; no fact can have so many")
        yield from (rejected_row(row.line, facts.own(row), too_many) for row in chain(rows, found))
        return
    try:
        telling = facts.telling(rows)
    except RowsRejected as rejected:
        bad = min(rejected.reasons)
        why = "without that line the fact would be wrong; mend it and import them together"
        beside = Rejected("row", f"belongs to one fact with line {bad}, which is rejected: {why}")
        yield from (rejected_row(row.line, facts.own(row), rejected.reasons.get(row.line, beside)) for row in rows)
    else:
        yield Row(tuple(row.line for row in rows), tuple(facts.own(row) for row in rows), telling, None)
