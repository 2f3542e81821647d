"""What changed at Cin7: credit notes of every sale whose row moved, and exchange orders of ours; polled, with overlap.

Cin7's webhooks carry no signature, come a minute late and tell nothing of voids, so that polling is what is relied on. Lists have a row
per sale with one note's number, so that each sale that moved is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.erps.cin7_core.catalog import no_such_call
from adapters.erps.cin7_core.client import Client
from adapters.erps.cin7_core.crediting import ledger_amount
from adapters.erps.cin7_core.mapping import Cin7Mapping
from adapters.erps.cin7_core.orders import Orders
from adapters.erps.cin7_core.sale import Note, Row, Sale, fitting, instruction_in, minor, read_sale
from adapters.erps.cin7_core.writing import moment
from adapters.erps.port import Changes, DocumentLine, ErpDocument
from adapters.vendor.answers import NotUnderstood
from adapters.vendor.shapes import Document, count, first_instant, first_text, instant, number, plain, text
from domain.content import Amount

OVERLAP: Final = timedelta(minutes=10)
# A sale that stands in the overlap is read so often; a change within the same tick of Cin7's clock is then seen, too.
_READ_TIMES: Final = 2
_SALES_A_PAGE: Final = 20
# So many sales are remembered with their notes.
_MOST_NOTED: Final = 1000


class Feed:
    def __init__(self, client: Client, orders: Orders, mapping: Cin7Mapping) -> None:
        self._client, self._orders, self._mapping = client, orders, mapping

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        """The cursor: `since`, the newest update that is recorded; `read`, how often each sale of the overlap was read and at which
        update; `noted`, the active notes of each sale that was read lately, so that one that is gone is missed."""
        told = cursor or {}
        since = instant(told.get("since")) or now - timedelta(days=self._mapping.first_look_days)
        read = {str(sale): (str(at), int(times)) for sale, (at, times) in dict(told.get("read", {})).items()}
        noted = {str(sale): [str(name) for name in names] for sale, names in dict(told.get("noted", {})).items()}
        rows = sorted(self._moved(since - OVERLAP, noted), key=lambda row: text(row.get("Updated")) or "")
        reached, documents = since, list[ErpDocument]()
        for place, row in enumerate(rows, start=1):
            sale_id, updated = first_text(row, "SaleID", "ID") or "", text(row.get("Updated")) or ""
            before = read.get(sale_id, ("", 0))
            if updated and before[0] == updated and before[1] >= _READ_TIMES:
                continue
            found = self._documents(row, sale_id, noted.pop(sale_id, []), now)
            documents += found
            if active := [one.number for one in found if one.kind == "credit_note" and one.status == "active"]:
                noted[sale_id] = active
            read[sale_id] = (updated, before[1] + 1 if before[0] == updated else 1)
            reached = max(reached, instant(updated) or reached)
            if place % _SALES_A_PAGE == 0:
                yield Changes(tuple(documents), _cursor(since, read, noted))
                documents = []
        kept = {sale: seen for sale, seen in read.items() if (instant(seen[0]) or reached) >= reached - OVERLAP}
        yield Changes(tuple(documents), _cursor(reached, kept, noted))

    def _moved(self, since: datetime, noted: Mapping[str, Any]) -> list[Document]:
        """Rows of sales that have credit notes, whatever became of them, and of exchange orders of ours."""
        rows: dict[str, Document] = {}
        for path in ("saleCreditNoteList", "saleList"):
            for row in self._rows(path, since):
                sale_id = first_text(row, "SaleID", "ID")
                has_notes = path == "saleCreditNoteList" or text(row.get("CreditNoteNumber")) is not None
                has_notes = has_notes or plain(text(row.get("CreditNoteStatus")) or "notavailable") != "notavailable"
                ours = instruction_in(text(row.get("ExternalID")), text(row.get("CustomerReference")))
                if sale_id is not None and (has_notes or ours is not None or sale_id in noted):
                    rows[sale_id] = row
        return list(rows.values())

    def _rows(self, path: str, since: datetime) -> Iterator[Document]:
        try:
            yield from self._client.rows(path, "SaleList", UpdatedSince=moment(since))
        except NotUnderstood as refused:
            # The sales' own list tells which of them have notes, too.
            if path == "saleList" or not no_such_call(refused):
                raise

    def _documents(self, row: Document, sale_id: str, before: list[str], now: datetime) -> list[ErpDocument]:
        """`before`: the notes that were active when the sale was read last; undone or gone, they count as voided."""
        sale = self._orders.sale(sale_id)
        changed = first_instant(row, "Updated") or now
        if sale is None:
            # A credit note that stands alone is no sale that could be read: its row is all there is.
            sale = read_sale({**row, "ID": sale_id})
            return [] if sale is None else _alone(row, sale, changed)
        told = [document for note in sale.notes for document in self._of_note(sale, note, changed, before)]
        there = {note.number for note in sale.notes}
        told += [_gone(sale, number_, changed) for number_ in before if number_ not in there]
        if sale.instruction is not None and sale.order.status != "notavailable":
            told.append(_exchange(sale, row, changed))
        return told

    def _of_note(self, sale: Sale, note: Note, changed: datetime, before: list[str]) -> Iterator[ErpDocument]:
        if not note.number or note.status not in ("authorised", "draft", "voided"):
            return
        lines = [line for bill in sale.billed for line in bill.lines]
        undone = note.status == "draft" and note.number in before
        status = "active" if note.active else "voided" if undone else note.status
        common: dict[str, Any] = {
            "number": note.number,
            "order": sale.id,
            "order_reference": sale.reference,
            "instruction": note.instruction,
            "at": note.at or changed if note.active else changed,
        }
        yield ErpDocument(
            kind="credit_note",
            status=status,  # type: ignore[arg-type]
            currency=sale.currency,
            amount=ledger_amount(note, sale, self._mapping),
            lines=tuple(_line(row, lines, note.invoice) for row in note.lines if row.units),
            **common,
        )
        goods = tuple(
            DocumentLine(_which(sku, lines), sku, int(units), location=text(back.get("RestockLocation")) or text(back.get("Location")))
            for back in note.restock
            if (sku := text(back.get("SKU"))) is not None and (units := _units(back)) > 0
        )
        if note.active and goods:
            yield ErpDocument(kind="goods", status="active", lines=goods, **common)


def _exchange(sale: Sale, row: Document, changed: datetime) -> ErpDocument:
    voided = "voided" in (sale.order.status, plain(text(row.get("Status")) or ""), plain(text(sale.document.get("Status")) or ""))
    said = {plain(text(row.get(name)) or "") for name in ("CombinedShippingStatus", "FulFilmentStatus")}
    dispatched = "shipped" in said or plain(text(row.get("Status")) or "") == "completed" or "fulfilled" in said
    status = "voided" if voided else "draft" if sale.order.status == "draft" else "dispatched" if dispatched else "authorised"
    return ErpDocument(
        kind="exchange_order",
        number=sale.number or sale.id,
        status=status,  # type: ignore[arg-type]
        at=changed,
        order=sale.id,
        order_reference=sale.reference,
        instruction=sale.instruction,
        lines=tuple(DocumentLine(None, line.sku, line.units) for line in sale.order.lines if line.units),
    )


def _alone(row: Document, sale: Sale, changed: datetime) -> list[ErpDocument]:
    named = first_text(row, "CreditNoteNumber")
    status = plain(text(row.get("CreditNoteStatus")) or "")
    if named is None or status not in ("authorised", "voided"):
        return []
    told = number(row.get("InvoiceAmount"))
    return [
        ErpDocument(
            kind="credit_note",
            number=named,
            status="active" if status == "authorised" else "voided",
            at=changed,
            order=sale.id,
            order_reference=sale.reference,
            currency=sale.currency,
            amount=Amount(total=abs(minor(told, sale.currency))) if told is not None else None,
        )
    ]


def _line(row: Row, lines: list[Row], invoice: str | None) -> DocumentLine:
    best = next(iter(fitting(row, lines, invoice)), None)
    return DocumentLine(best.line if best else None, row.sku, row.units, row.items, row.tax)


def _which(sku: str, lines: list[Row]) -> str | None:
    return next((line.line for line in lines if line.sku == sku), None)


def _units(back: Document) -> int:
    return count(back.get("Quantity")) or 0


def _gone(sale: Sale, number_: str, changed: datetime) -> ErpDocument:
    common: dict[str, Any] = {"order": sale.id, "order_reference": sale.reference, "currency": sale.currency, "amount": Amount(total=0)}
    return ErpDocument(kind="credit_note", number=number_, status="voided", at=changed, **common)


def _cursor(since: datetime, read: Mapping[str, Any], noted: Mapping[str, Any]) -> dict[str, Any]:
    return {"since": since.isoformat(), "read": dict(read), "noted": dict(list(noted.items())[-_MOST_NOTED:])}
