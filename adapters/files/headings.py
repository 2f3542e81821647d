"""The heading line of a CSV file: which delimiter, which column stands where, and whether the file can be what it was said to be."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from adapters.files.columns import CsvKind, heading
from adapters.files.csv_records import DELIMITERS, LONGEST_RECORD_BYTES
from adapters.files.errors import UnusableFile, WrongHeadings
from adapters.files.rows import ABOUT_THE_ROW, PhysicalLine, opened, physical_lines

_NO_CSV = {
    b"PK\x03\x04": "a spreadsheet workbook",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet workbook",
    b"\x1f\x8b": "a compressed file",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class Headings:
    """`line` is where they stand; `names` are the file's own, each once; `places` tells at which cell a column of the kind stands."""

    line: int
    delimiter: str
    names: tuple[str, ...]
    places: Mapping[str, int]

    def own(self, cells: list[str]) -> dict[str, str]:
        """A row with a cell for each heading at least, for the rejected file; cells beyond the last heading are kept in `raw`."""
        row = {name: cells[at] for name, at in self.of_the_row}
        beyond = self.beyond(cells)
        return row | {"raw": beyond} if beyond else row

    @cached_property
    def of_the_row(self) -> list[tuple[str, int]]:
        """The columns that a source wrote, without those that a rejected file adds."""
        return [(name, at) for at, name in enumerate(self.names) if heading(name) not in ABOUT_THE_ROW]

    def beyond(self, cells: list[str]) -> str:
        """What stands in cells that have no heading."""
        surplus = cells[len(self.names) :]
        return self.delimiter.join(surplus) if any(cell.strip() for cell in surplus) else ""


def read_headings(path: Path, kind: CsvKind, given: Mapping[str, str | None]) -> Headings:
    """`given` are columns that need not be there, because the command names them. Raises UnusableFile."""
    line, delimiter, cells = _heading_cells(path, kind)
    places: dict[str, int] = {}
    for at, column in enumerate(map(heading, cells)):
        if column in kind.headings and places.setdefault(column, at) != at:
            raise WrongHeadings(f"{path} has two columns {column}; take one of them out, so that it is clear which one counts.")
    missing = [column.name for column in kind.columns if column.required and column.name not in places and not given.get(column.name)]
    if missing:
        found = ", ".join(cell.strip()[:40] for cell in cells if cell.strip())[:400]
        option = " or ".join(f"--{name}" for name in given if name in missing)
        instead = f" {option} can stand in for {'it' if len(missing) == 1 else 'a column of that name'}." if option else ""
        raise WrongHeadings(
            f"{path} has no column {', '.join(missing)}, which a file of {kind.name} needs; it has: {found or 'nothing'}.{instead} "
            f"`returns-ledger template {kind.name}` prints all the headings."
        )
    return Headings(line.number, delimiter, _each_once(cells), places)


def wrong_headings(path: Path, kind: CsvKind) -> Headings | None:
    """The headings of a file that has not those of its kind, to show its rows by; None where not one is of the kind."""
    try:
        line, delimiter, cells = _heading_cells(path, kind)
    except WrongHeadings:
        return None
    if not {heading(cell) for cell in cells} & set(kind.headings):
        return None
    return Headings(line.number, delimiter, _each_once(cells), {})


def _heading_cells(path: Path, kind: CsvKind) -> tuple[PhysicalLine, str, list[str]]:
    line, text = _heading_line(path)
    delimiter = max(DELIMITERS, key=lambda each: len({heading(cell) for cell in _cells(text, each)} & set(kind.headings)))
    return line, delimiter, _cells(text, delimiter)


def _heading_line(path: Path) -> tuple[PhysicalLine, str]:
    with opened(path) as stream:
        start = stream.read(8)
        stream.seek(0)
        for magic, what in _NO_CSV.items():
            if start.startswith(magic):
                raise UnusableFile(f"{path} is {what}, not CSV; save it as CSV UTF-8 and import that.")
        for line in physical_lines(stream, LONGEST_RECORD_BYTES):
            text = line.content.decode("utf-8", "replace")
            # Spreadsheets write `sep=;` above the headings.
            if not text.strip() or (text.lower().startswith("sep=") and len(text.strip()) <= 5):
                continue
            if line.too_long or "\r" in text:
                raise WrongHeadings(f"{path} has no heading line that ends; save it as CSV UTF-8 with ordinary line ends.")
            return line, text
    raise UnusableFile(f"{path} is empty; its first line must hold the headings.")


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return text.split(delimiter)


def _each_once(cells: list[str]) -> tuple[str, ...]:
    # `raw` is taken: in a rejected file it is what stands beyond the headings.
    names: list[str] = []
    for at, cell in enumerate(cells):
        name, again = cell.strip() or f"column {at + 1}", 2
        while name in (*names, "raw"):
            name, again = f"{cell.strip()} ({again})", again + 1
        names.append(name)
    return tuple(names)
