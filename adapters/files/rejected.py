"""The rejected file: a file's own rows that were not understood, each with its error and line number, to be mended and imported again."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from adapters.files import exact_json
from adapters.files.columns import CSV_KINDS
from adapters.files.errors import NoRejectedFile
from adapters.files.rows import ABOUT_THE_ROW


class RejectedFile:
    """`FILE.rejected.csv` for a CSV kind, else `FILE.rejected.jsonl`. A context manager; the file is made on the first rejected row.

    `path` is None until then. What stood there before is replaced. Raises NoRejectedFile where it cannot be written.
    """

    def __init__(self, file: Path, kind: str) -> None:
        self.path: Path | None = None
        self._planned = file.with_name(f"{file.name}.rejected.{'csv' if kind in CSV_KINDS else 'jsonl'}")
        self._stream: TextIO | None = None
        self._columns: tuple[str, ...] = ()

    def write(self, own_row: Mapping[str, Any], line_number: int, error: str) -> None:
        about = {"error": error, "line_number": line_number}
        fields = {field: value for field, value in own_row.items() if field not in ABOUT_THE_ROW}
        try:
            stream = self._stream or self._made(fields)
            if self._planned.suffix == ".jsonl":
                stream.write(_line(fields, about))
            else:
                cells = [str(fields.get(column, "")) for column in self._columns] + [error, str(line_number)]
                # What belongs to no column stands behind the last one, so that it is not lost and the row is told again until it is mended.
                csv.writer(stream, lineterminator="\n").writerow(cells + ([str(fields["raw"])] if "raw" in fields else []))
        except OSError as unwritable:
            raise NoRejectedFile(
                f"{self._planned} cannot be written: {unwritable.strerror or unwritable}. Rejected rows go there; "
                "make the folder writable, or copy the file to one that is, and import it again: nothing is recorded twice."
            ) from None

    def _made(self, first: Mapping[str, Any]) -> TextIO:
        self._stream = self._planned.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        self.path = self._planned
        self._columns = tuple(field for field in first if field != "raw")
        if self._planned.suffix == ".csv":
            csv.writer(self._stream, lineterminator="\n").writerow([*self._columns, *ABOUT_THE_ROW])
        return self._stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._stream is not None:
            try:
                self._stream.close()
            except OSError as unwritable:
                reason = unwritable.strerror or unwritable
                raise NoRejectedFile(f"{self._planned} cannot be finished: {reason}. Free some space and import the file again.") from None


def _line(fields: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    try:
        return exact_json.dumps({**fields, **about}) + "\n"
    except RecursionError:
        return exact_json.dumps({"raw": "what stands there is nested too deep to be copied", **about}) + "\n"
