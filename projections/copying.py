"""Rows into PostgreSQL by COPY, as text: made here, since the same instants and names stand in row after row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from psycopg import Connection

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BLOCK_ROWS = 1_000


class Texts(dict[Any, str]):
    """Value → its text in COPY: None, bool, int, str, datetime, and tuples of int or datetime (arrays). Each is written once."""

    def __missing__(self, value: Any) -> str:
        if value is None:
            text = "\\N"
        elif isinstance(value, str):
            text = value.translate(_ESCAPES)
        elif isinstance(value, datetime):
            text = value.isoformat()
        elif isinstance(value, tuple):
            text = "{" + ",".join([self[item] for item in value]) + "}"
        else:
            # True and 1 are one key, and 1 is what PostgreSQL takes for both.
            text = str(int(value))
        self[value] = text
        return text


def copy_rows(conn: Connection[Any], statement: str, rows: Iterable[Sequence[Any]], texts: Texts | None = None) -> None:
    """Copy rows; nothing happens without any. `texts` may be shared by several calls, as long as it does not grow for ever."""
    text_of = (Texts() if texts is None else texts).__getitem__
    waiting = iter(rows)
    block = list(islice(waiting, _BLOCK_ROWS))
    if not block:
        return
    with conn.cursor().copy(statement.encode()) as copy:
        while block:
            copy.write("".join(["\t".join(map(text_of, row)) + "\n" for row in block]))
            block = list(islice(waiting, _BLOCK_ROWS))
