"""Refunds and RMAs of one order, read back as the port's documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.places import Places
from adapters.erps.linnworks.refund_headers import (
    amount_minor,
    happened_at,
    headers_of,
    instruction_of,
    is_actioned,
    is_gone,
    likely_reference,
    live_lines,
    reference_in,
    row_of,
    unit_of,
)
from adapters.erps.linnworks.rmas import instruction_of as instruction_of_rma
from adapters.erps.linnworks.rmas import rma_headers, rma_lines, with_lines
from adapters.erps.port import DocumentLine, ErpDocument
from adapters.vendor.shapes import Document, count, first_text, instant, nested
from domain.content import Amount
from domain.money import CURRENCIES


class OfOrder(NamedTuple):
    """What a document shows of its order. `at` is for documents without a date of their own."""

    order_id: str
    reference: str | None
    currency: str | None
    at: datetime


def credit_notes(client: LinnworksClient, of: OfOrder, rows: list[Document]) -> list[ErpDocument]:
    """Actioned refunds of an order. `rows` are those of the history search: they know the refunds' references."""
    references = {(first_text(row, "pkRefundRowId") or "").lower(): reference_in(row) for row in rows}
    found = []
    for header in headers_of(client, of.order_id):
        if is_gone(header) or not is_actioned(header):
            continue
        currency = (first_text(header, "Currency") or of.currency or "").upper()
        if currency not in CURRENCIES:
            continue
        found.append(
            ErpDocument(
                "credit_note",
                _number(header, references),
                "active",
                instant(happened_at(header)) or of.at,
                of.order_id,
                of.reference,
                instruction_of(header),
                currency,
                amount_of(header, currency),
                tuple(_line(line) for line in live_lines(header) if unit_of(line) == "Item" and count(line.get("Quantity"))),
            )
        )
    return found


def amount_of(header: Document, currency: str) -> Amount:
    """Linnworks' refunds are gross and do not say what of them is tax: the total is what can be compared."""
    return Amount(total=max(0, amount_minor(header, currency)))


def returned_goods(client: LinnworksClient, places: Places, of: OfOrder) -> list[ErpDocument]:
    """Actioned RMAs of an order."""
    found = []
    for header in rma_headers(client, of.order_id):
        lines = tuple(_goods(line, places) for line in rma_lines(header) if count(line.get("ReturnQuantity")))
        if is_actioned(with_lines(header)) and lines:
            number, at = str(header.get("RMAHeaderId")), _acted(header) or of.at
            found.append(ErpDocument("goods", number, "active", at, of.order_id, of.reference, instruction_of_rma(header), lines=lines))
    return found


def _number(header: Document, references: Mapping[str, str | None]) -> str:
    known = next((said for line in live_lines(header) if (said := references.get(str(line.get("RefundRowId")).lower())) is not None), None)
    return reference_in(header) or known or likely_reference(header)


def _line(line: Document) -> DocumentLine:
    sku = first_text(nested(line, "RefundedItem"), "ItemSKU", "ChannelSKU") or first_text(line, "SKU") or ""
    return DocumentLine(row_of(line), sku, count(line.get("Quantity")) or 0)


def _goods(line: Document, places: Places) -> DocumentLine:
    return DocumentLine(
        first_text(line, "OrderItemRowId"),
        first_text(line, "ReturnItemSKU", "SKU") or "",
        count(line.get("ReturnQuantity")) or 0,
        location=places.name_of(first_text(line, "ReturnLocation")),
    )


def _acted(header: Document) -> datetime | None:
    lines = [at for line in rma_lines(header) if (at := instant(line.get("ActionedDate"))) is not None]
    return instant(header.get("LastActionDate")) or max(lines, default=None) or instant(header.get("CreatedDate"))
