"""Rows that belong together are brought together, wherever they stand in the file, in the order in which the first of each stands there.

A small file is held in memory. Of a large one only keys and places are kept, in a temporary database on disk, and the rows are
read again from their places: memory stays flat whatever the size.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

from adapters.files.csv_records import Record
from adapters.files.errors import UnusableFile

# The key of a record, or None for one that stands alone.
KeyOf = Callable[[Record], str | None]
# Reads a record again: line, offset, end.
ReadAgain = Callable[[int, int, int], Record]


def in_memory(records: Iterable[Record], key_of: KeyOf) -> Iterator[Iterator[Record]]:
    """The records of each key together; a record without a key stands alone."""
    together: dict[str | int, list[Record]] = {}
    for record in records:
        key = key_of(record)
        together.setdefault(record.line if key is None else key, []).append(record)
    for group in together.values():
        yield iter(group)


def on_disk(records: Iterable[Record], key_of: KeyOf, read_again: ReadAgain) -> Iterator[Iterator[Record]]:
    """The same for a file of any size. Each group has to be read to its end before the next is asked for. Raises UnusableFile."""
    try:
        # The empty name is a database of our own that spills to the temporary folder and vanishes with the connection.
        with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as places:
            for setting in ("journal_mode = off", "synchronous = off", "cache_size = -16000", "temp_store = file"):
                places.execute(f"pragma {setting}")
            places.execute("create table place (key, line integer, start integer, finish integer)")
            places.execute("begin")
            rows = ((_digest(key_of(one), one.line), one.line, one.offset, one.end) for one in records)
            places.executemany("insert into place values (?, ?, ?, ?)", rows)
            places.execute("commit")
            found = places.execute("select line, start, finish, min(line) over (partition by key) as first from place order by first, line")
            for _, group in groupby(found, key=itemgetter(3)):
                yield (read_again(line, start, finish) for line, start, finish, _ in group)
    except sqlite3.Error as full:
        raise UnusableFile(
            f"The file's rows cannot be sorted: {full}. That takes about a third of the file's size as temporary space; "
            "free some, or set SQLITE_TMPDIR to a folder that has it."
        ) from None


def _digest(key: str | None, line: int) -> bytes | int:
    return line if key is None else blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
