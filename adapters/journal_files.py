"""The journal as files for others to check: CSV for people and spreadsheets, JSON Lines for programs, hledger and beancount as ledgers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final, TextIO

from psycopg import Connection

from adapters import journal_beancount, journal_hledger
from adapters.spreadsheets import cell_text
from projections.journal import Entry, Span, currencies, entries, opening, posting_rows, skus
from projections.snapshot import snapshot

COLUMNS = ("date", "occurred_at", "merchant", "platform", "return", "fact", "document", "account", "commodity", "amount")

Progress = Callable[[int], None]
FORMATS: Final = ("csv", "hledger", "beancount", "json")


def write_journal(conn: Connection[Any], stream: TextIO, form: str, span: Span, progress: Progress = lambda _: None) -> int:
    """The span's journal in one of FORMATS; gives the number of entries. `conn` must not be in a transaction.

    With a `from_` the file begins with what each account held before, so that at its end the balances are those of the books.
    The same facts give the same bytes, in whatever order they were recorded. `progress` is told the entries written so far.
    """
    with snapshot(conn):
        told = _Counted(chain(opening(conn, span), entries(conn, span)), progress)
        match form:
            case "csv":
                _write_csv(stream, told)
            case "hledger":
                journal_hledger.write(stream, currencies(conn, span), skus(conn, span), told)
            case "json":
                stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for entry in told for row in posting_rows(entry))
            case "beancount":
                journal_beancount.write(stream, currencies(conn, span), skus(conn, span), told)
            case _:
                raise ValueError(f"the format must be one of {', '.join(FORMATS)}, not {form!r}")
        return told.count


def _write_csv(stream: TextIO, told: Iterator[Entry]) -> None:
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    for entry in told:
        for row in posting_rows(entry):
            amount = row.pop("amount")
            rows.writerow([*("" if text is None else cell_text(text) for text in row.values()), amount])


class _Counted(Iterator[Entry]):
    def __init__(self, entries_told: Iterator[Entry], progress: Progress) -> None:
        self.count = 0
        self._entries = entries_told
        self._progress = progress

    def __next__(self) -> Entry:
        entry = next(self._entries)
        self.count += 1
        if self.count % 1000 == 0:
            self._progress(self.count)
        return entry
