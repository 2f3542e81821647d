"""Rows into PostgreSQL by COPY, as text: made here, since the same instants and names stand in row after row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BLOCK_ROWS = 1_000


def copy_rows(conn: Connection[Any], statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows of None, bool, int, str, datetime, and tuples or lists of int or datetime (arrays); nothing happens without rows."""
    texts: dict[Any, str] = {}
    block: list[str] = []
    waiting = iter(rows)
    first = next(waiting, None)
    if first is None:
        return
    with conn.cursor().copy(statement.encode()) as copy:
        block.append(_line(first, texts))
        for row in waiting:
            block.append(_line(row, texts))
            if len(block) >= _BLOCK_ROWS:
                copy.write("".join(block))
                block = []
        copy.write("".join(block))


def _line(row: Sequence[Any], texts: dict[Any, str]) -> str:
    cells = []
    for value in row:
        if value is None:
            cells.append("\\N")
            continue
        kind = type(value)
        if kind is int:
            cells.append(str(value))
        elif kind is datetime or isinstance(value, str):
            # Instants and names repeat: what was written once is looked up.
            text = texts.get(value)
            if text is None:
                text = texts[value] = value.isoformat() if kind is datetime else value.translate(_ESCAPES)
            cells.append(text)
        elif kind is bool:
            cells.append("t" if value else "f")
        elif not value:
            cells.append("{}")
        else:
            items = ",".join([item.isoformat() if type(item) is datetime else str(item) for item in value])
            cells.append("{" + items + "}")
    return "\t".join(cells) + "\n"
