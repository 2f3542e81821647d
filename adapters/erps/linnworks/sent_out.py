"""Exchange orders of ours that were processed, found by their sub-source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.paging import all_rows
from adapters.erps.linnworks.refund_headers import OURS
from adapters.erps.port import ErpDocument
from adapters.vendor.answers import NotUnderstood, VendorRefused
from adapters.vendor.shapes import first_instant, first_text, flag, nested

_PAGE_ROWS: Final = 200


def exchanges_sent(client: LinnworksClient, sub_source: str, since: datetime, until: datetime) -> Iterator[ErpDocument]:
    def page(number: int) -> object:
        asked = {
            "SearchTerm": "",
            "SearchFilters": [{"SearchField": "SubSource", "SearchTerm": sub_source}],
            "DateField": "processed",
            "FromDate": _written(since),
            "ToDate": _written(until),
            "PageNumber": number,
            "ResultsPerPage": _PAGE_ROWS,
        }
        told = client.ask("ProcessedOrders/SearchProcessedOrders", {"request": asked})
        return nested(told, "ProcessedOrders") or told

    try:
        for rows in all_rows(page):
            for row in rows:
                reference, number = first_text(row, "ReferenceNum"), first_text(row, "nOrderId") or first_text(row, "pkOrderID")
                at = first_instant(row, "dProcessedOn", "dReceivedDate")
                if reference is None or not reference.startswith(OURS) or number is None or at is None:
                    continue
                if first_text(row, "SubSource") not in (None, sub_source):
                    continue
                voided = flag(row.get("HoldOrCancel"))
                yield ErpDocument("exchange_order", number, "voided" if voided else "dispatched", at, instruction=reference)
    except (NotUnderstood, VendorRefused):
        # An account whose rights stop short of processed orders still tells of its refunds.
        return


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
