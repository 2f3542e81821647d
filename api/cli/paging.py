"""All rows of a list, page by page: no connection is held while somebody reads what was written so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from psycopg import Connection

from api.bootstrap import House

PAGE_ROWS = 1000

Page = tuple[list[dict[str, Any]], int | None]


def every_row(house: House, page: Callable[[Connection[Any], int, int | None], Page], most: int | None) -> Iterator[dict[str, Any]]:
    """`page(conn, limit, after)` gives some rows and the number to go on from; `most` rows at the most."""
    after: int | None = None
    left = most
    while left is None or left > 0:
        with house.connection() as conn:
            rows, after = page(conn, PAGE_ROWS if left is None else min(left, PAGE_ROWS), after)
        yield from rows
        if after is None:
            return
        left = None if left is None else left - len(rows)
