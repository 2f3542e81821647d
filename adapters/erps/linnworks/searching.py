"""Linnworks' history of returns and refunds: at most three months a question, by date of action or booking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.paging import all_rows
from adapters.erps.linnworks.refund_headers import reference_in
from adapters.vendor.shapes import Document, first_text

PAGE_ROWS: Final = 200
# "Max 3 months" [V]; the shortest three are 89 days.
LONGEST: Final = timedelta(days=85)
# Clocks differ, and a refund may be booked for a moment that is yet to come there.
SLACK: Final = timedelta(days=1)
History = Literal["RETURNS", "REFUNDS"]


def search(client: LinnworksClient, history: History, since: datetime, until: datetime) -> Iterator[list[Document]]:
    """Pages of rows that were actioned since then."""
    start = since
    while start < until:
        end = min(start + LONGEST, until)

        def page(number: int, start: datetime = start, end: datetime = end) -> object:
            return client.get(
                "ReturnsRefunds/SearchReturnsRefundsPaged",
                **{"from": _written(start), "to": _written(end)},
                dateType="ACTIONED",
                pageNum=str(number),
                numEntriesPerPage=str(PAGE_ROWS),
                historyType=history,
            )

        yield from all_rows(page)
        start = end


def reference_of_row(client: LinnworksClient, since: datetime, rows: set[str]) -> str | None:
    """The reference of a refund by the ids of its rows."""
    for page in search(client, "REFUNDS", since - SLACK, since + LONGEST - SLACK):
        for row in page:
            if (first_text(row, "pkRefundRowId") or "").lower() in rows and (found := reference_in(row)) is not None:
                return found
    return None


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
