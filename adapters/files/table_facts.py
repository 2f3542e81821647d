"""From cells of a CSV file to a telling, of one row or of several that are one fact; a rejection names its row and column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from adapters.files.columns import Column, CsvKind, money
from adapters.files.csv_records import Record, taken_apart
from adapters.files.headings import Headings
from adapters.files.rows import told
from domain.refusals import Rejected
from domain.telling import Telling, read_instant

_IN_LINES = re.compile(r"lines\[(\d+)\]\.(\w+)")


class FileRow(NamedTuple):
    """A row with its cells trimmed and one for every heading at least; `problem` where it is no row of this table."""

    line: int
    cells: list[str]
    problem: Rejected | None

    @property
    def is_blank(self) -> bool:
        return self.problem is None and not any(self.cells)


def _place(columns: list[tuple[Column, int]], *places: str) -> list[tuple[Column, int]]:
    return [(column, at) for column, at in columns if column.place in places]


class RowsRejected(Exception):
    """No fact can be made of these rows: `reasons` by line number, at least one."""

    def __init__(self, reasons: Mapping[int, Rejected]) -> None:
        super().__init__()
        self.reasons = reasons


class TableFacts:
    """Reads the rows of one file; `given` are columns that the command names, for rows that do not."""

    def __init__(self, kind: CsvKind, headings: Headings, given: Mapping[str, str | None]) -> None:
        self._kind, self._headings, self._given = kind, headings, given
        columns = [(column, headings.places[column.name]) for column in kind.columns if column.name in headings.places]
        self._of_fact, self._of_line, self._of_amount = _place(columns, "fact"), _place(columns, "line"), _place(columns, "amount")
        self._key = [next(column for column in kind.columns if column.name == name) for name in kind.one_fact]
        self._lines_optional = not any(column.place == "line" and column.required for column in kind.columns)
        # What makes two rows the same. A return's lines have names, so columns that nobody reads do not tell them apart;
        # elsewhere such a column, a serial number perhaps, may be all that does.
        self._telling_apart = [at for _, at in (columns if kind.fact == "Initiated" else headings.of_the_row)]
        # Rows that name their record at the source only belong together where there is such a column.
        self.gathers = bool(kind.one_fact) and ("source_id" not in kind.one_fact or "source_id" in headings.places)

    def row(self, record: Record) -> FileRow:
        found, problem = taken_apart(record.content, self._headings.delimiter)
        cells = [cell.strip() for cell in found]
        cells += [""] * (len(self._headings.names) - len(cells))
        if len(cells) > len(self._headings.names) and self._headings.beyond(cells):
            mark = f"a cell with a {self._headings.delimiter!r} in it needs quotation marks around it"
            surplus = Rejected("row", f"has {len(cells)} cells under {len(self._headings.names)} headings; {mark}")
            problem = problem or surplus
        return FileRow(record.line, cells, problem)

    def own(self, row: FileRow) -> dict[str, str]:
        """The row under the file's own headings."""
        return self._headings.own(row.cells)

    def key_of(self, record: Record) -> str | None:
        """What the rows of one fact have in common; None for a row that is a fact of its own."""
        cells = self.row(record).cells
        parts = [_one_spelling(column, self._cell(column.name, cells)) for column in self._key]
        # A row that does not say what it belongs to drags no other row along.
        named = all(part for part, column in zip(parts, self._key, strict=True) if column.place == "fact")
        return "\x1f".join(parts) if named else None

    def telling(self, rows: Sequence[FileRow]) -> Telling:
        """What these rows say together. Raises RowsRejected."""
        reasons = {row.line: row.problem for row in rows if row.problem is not None}
        sound = [row for row in rows if row.problem is None]
        lines: dict[int, dict[str, Any]] = {}
        seen: dict[tuple[str, ...], int] = {}
        for row in sound:
            # The very same row twice is a repeat, as when two exports overlap.
            if len(sound) > 1 and seen.setdefault(tuple(row.cells[at] for at in self._telling_apart), row.line) != row.line:
                continue
            try:
                self._agrees(row, sound[0])
                lines[row.line] = _fields(row, self._of_line)
            except Rejected as rejected:
                reasons[row.line] = rejected
        if len(lines) > 1:
            reasons |= self._clashes(lines)
        fact: dict[str, Any] = {"fact": self._kind.fact}
        try:
            fact |= _fields(sound[0], self._of_fact) if sound else {}
            if self._of_amount:
                fact["amount"] = _fields(sound[0], self._of_amount) if sound else {}
        except Rejected as rejected:
            reasons.setdefault(sound[0].line, rejected)
        if reasons:
            raise RowsRejected(reasons)
        if self._of_line and not (self._lines_optional and not any(lines.values())):
            fact["lines"] = list(lines.values())
        try:
            return told(fact, self._given["merchant"], self._given["platform"])
        except Rejected as rejected:
            raise RowsRejected(_at_its_row(rejected, list(lines), "total" if self._of_amount else "amount")) from None

    def _cell(self, name: str, cells: list[str]) -> str:
        at = self._headings.places.get(name)
        return (cells[at] if at is not None else "") or self._given.get(name) or ""

    def _agrees(self, row: FileRow, first: FileRow) -> None:
        if row is first:
            return
        for column, at in (*self._of_fact, *self._of_amount):
            if row.cells[at] != first.cells[at] and _one_spelling(column, row.cells[at]) != _one_spelling(column, first.cells[at]):
                here, there = (repr(cell[:60]) if cell else "empty" for cell in (row.cells[at], first.cells[at]))
                raise Rejected(column.name, f"is {here}, but {there} on line {first.line}, which belongs to the same fact; they must agree")

    def _clashes(self, lines: Mapping[int, dict[str, Any]]) -> dict[int, Rejected]:
        """Lines that cannot stand in one fact."""
        reasons: dict[int, Rejected] = {}
        if self._lines_optional and any(lines.values()):
            at = next(number for number, line in lines.items() if line)
            meant = f"is empty, but line {at} belongs to the same fact and names one; a fact names its lines or means all of them"
            reasons |= {number: Rejected("line", meant) for number, line in lines.items() if not line}
        if self._kind.fact == "Initiated":
            first_at: dict[str, int] = {}
            for number, line in lines.items():
                if (name := line.get("line")) is not None and (before := first_at.setdefault(name, number)) != number:
                    twice = f"{name[:60]!r} stands on line {before} already, with other content; a line is unique within its return"
                    reasons[number] = Rejected("line", twice)
        return reasons


def _fields(row: FileRow, columns: list[tuple[Column, int]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for column, at in columns:
        if cell := row.cells[at]:
            fields[column.name] = cell if column.read is None else column.read(cell, column.name)
    return fields


def _one_spelling(column: Column, cell: str) -> str:
    """The cell as it is compared: `10.0` is `10.00`, and an instant is the same in every offset."""
    if column.read is money and "." in cell:
        return cell.rstrip("0").rstrip(".")
    if column.name == "occurred_at":
        try:
            return read_instant(cell).isoformat()
        except Rejected:
            return cell
    return cell


def _at_its_row(rejected: Rejected, line_numbers: list[int], amount: str) -> dict[int, Rejected]:
    """The rejection of a fact as that of one row, in the words of the file: its columns in place of a path into the fact.

    `amount` is the column that the amount as a whole stands in.
    """
    if found := _IN_LINES.match(rejected.field):
        return {line_numbers[int(found[1])]: Rejected(found[2], rejected.reason)}
    column = {"amount": amount, "lines": "line"}.get(rejected.field) or re.sub(r"^amount\.|\[.*", "", rejected.field)
    return {line_numbers[0]: Rejected(column, rejected.reason)}
