"""Linnworks' paged lists of what happened, from the newest back to a moment: which end is the newest is documented nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from adapters.vendor.shapes import Document, count, instant, listed, nested, objects

# Beyond so many pages a list is not what was asked for.
MOST_PAGES = 500


def rows_of(paged: object) -> list[Document]:
    return objects(listed(paged, "Data"))


def pages_of(paged: object) -> int:
    told = nested(paged)
    pages = count(told.get("TotalPages"))
    if pages is None:
        # It is a field that Linnworks calculates; what it is calculated from tells as much.
        rows, size = count(told.get("TotalEntries")) or 0, count(told.get("EntriesPerPage")) or 0
        pages = -(-rows // size) if size else 1
    return min(max(pages, 1), MOST_PAGES)


def all_rows(page: Callable[[int], object]) -> Iterator[list[Document]]:
    """Page by page, to the last."""
    first = page(1)
    yield rows_of(first)
    for number in range(2, pages_of(first) + 1):
        yield rows_of(page(number))


def recent_rows(page: Callable[[int], object], since: datetime, date_field: str) -> Iterator[Document]:
    """Rows since a moment, and some before it. A row without a date counts as recent."""
    first = page(1)
    rows, pages = rows_of(first), pages_of(first)
    yield from rows
    dates = [at for row in rows if (at := instant(row.get(date_field))) is not None]
    oldest_first = len(dates) > 1 and dates[0] < dates[-1]
    for number in range(pages, 1, -1) if oldest_first else range(2, pages + 1):
        if not oldest_first and dates and dates[-1] < since:
            return
        rows = rows_of(page(number))
        yield from rows
        dates = [at for row in rows if (at := instant(row.get(date_field))) is not None]
        if oldest_first and dates and dates[0] < since:
            return
