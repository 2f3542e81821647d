"""What changed in Tryton: credit notes, return and internal shipments and exchange sales, ours or made by hand; polled, with overlap.

Tryton stamps each row that is written, and nothing that can be asked for says when a transaction ended. So each look reaches back by more
than a transaction lasts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adapters.erps.port import Changes, DocumentLine, ErpDocument
from adapters.erps.tryton.client import Row, TrytonClient
from adapters.erps.tryton.exchanges import MODEL as SALE
from adapters.erps.tryton.exchanges import status_of
from adapters.erps.tryton.goods import INTERNAL, RETURN, shipment_name
from adapters.erps.tryton.mapping import TrytonMapping
from adapters.erps.tryton.naming import named
from adapters.erps.tryton.notes import MODEL as INVOICE
from adapters.erps.tryton.places import Places
from adapters.erps.tryton.sale import BOOKED, OURS, instruction_of, minor_of, nested, referred, sku_of
from adapters.vendor.shapes import instant
from domain.content import Amount
from domain.money import CURRENCIES

OVERLAP: Final = timedelta(minutes=10)
_ROWS_A_PAGE: Final = 200
_STAMPS: Final = ("create_date", "write_date")


class Feed:
    def __init__(self, client: TrytonClient, places: Places, mapping: TrytonMapping) -> None:
        self._client, self._places, self._mapping = client, places, mapping

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        """The cursor has `since`, the newest stamp of Tryton's own clock that is recorded."""
        since = instant((cursor or {}).get("since")) or now - timedelta(days=self._mapping.first_look_days)
        reached = since
        for model, fields, told_by in (
            (INVOICE, _NOTE, self._notes),
            (RETURN, _SHIPMENT, self._shipments),
            (INTERNAL, _MOVED, self._shipments),
            (SALE, _EXCHANGE, self._exchanges),
        ):
            for rows in self._moved(model, fields, since - OVERLAP):
                reached = max(reached, *(stamp for row in rows if (stamp := _stamp(row)) is not None))
                yield Changes(tuple(told_by(rows)), {"since": since.isoformat()})
        yield Changes((), {"since": reached.isoformat()})

    def _moved(self, model: str, fields: tuple[str, ...], since: datetime) -> Iterator[list[Row]]:
        domain: list[Any] = [["company", "=", self._client.company], ["OR", *([[name, ">", since]] for name in _STAMPS)]]
        if model == INVOICE:
            domain.append(["type", "=", "out"])
        elif model != RETURN:
            domain.append(["reference", "like", f"{OURS}%"])
        last = 0
        while rows := self._client.rows(model, [*domain, ["id", ">", last]], *_STAMPS, *fields, limit=_ROWS_A_PAGE):
            yield rows
            last = rows[-1]["id"]

    def _notes(self, rows: list[Row]) -> Iterator[ErpDocument]:
        notes = [row for row in rows if row["total_amount"] < 0]
        if not notes:
            return
        fields = ("invoice", "origin", "product", "product.code", "description", "quantity", "amount", "taxes")
        lines: dict[int, list[Row]] = defaultdict(list)
        for line in self._client.rows("account.invoice.line", [["invoice", "in", [row["id"] for row in notes]]], *fields):
            lines[line["invoice"]].append(line)
        sale_line_of, sale_of = self._origins([line for group in lines.values() for line in group])
        for note in notes:
            currency = str(nested(note, "currency")["code"])
            if currency not in CURRENCIES:
                continue
            own = lines[note["id"]]
            sales = [sale_of[line["id"]] for line in own if line["id"] in sale_of]
            total = -minor_of(note["total_amount"], currency)
            yield ErpDocument(
                kind="credit_note",
                number=named(note),
                status="active" if note["state"] in BOOKED else "voided" if note["state"] == "cancelled" else "draft",
                at=_stamp(note) or datetime.now(UTC),
                order=str(sales[0]["id"]) if sales else None,
                order_reference=sales[0]["reference"] if sales else None,
                instruction=instruction_of(note, own),
                currency=currency,
                amount=self._amount(note, own, currency, total),
                lines=tuple(
                    DocumentLine(
                        str(sale_line_of[line["id"]]) if line["id"] in sale_line_of else None,
                        sku_of(line) or "",
                        -int(line["quantity"]),
                        -minor_of(line["amount"], currency),
                    )
                    for line in own
                    if line["product"] is not None and line["quantity"] < 0 and not self._mapping.is_shipping(sku_of(line))
                ),
            )

    def _origins(self, lines: list[Row]) -> tuple[dict[int, int], dict[int, Row]]:
        """Of each line the line of the sale that it credits, and that sale; by the invoice's line, or the complaint, that it names."""
        by_invoice = {line["id"]: one for line in lines if (one := referred(line["origin"], "account.invoice.line")) is not None}
        told = self._client.by_ids("account.invoice.line", by_invoice.values(), "origin")
        origin_of = {row_id: row["origin"] for row_id, row in told.items()}
        sale_line_of = {
            line: one for line, billed in by_invoice.items() if (one := referred(origin_of.get(billed), "sale.line")) is not None
        }
        returned = {line["id"]: one for line in lines if (one := referred(line["origin"], "sale.line")) is not None}
        of_sales = self._client.by_ids("sale.line", [*sale_line_of.values(), *returned.values()], "sale")
        sale_by_line = {row_id: row["sale"] for row_id, row in of_sales.items()}
        sale_of = {line: sale_by_line[one] for line, one in sale_line_of.items() if one in sale_by_line}
        results = {f"sale.sale,{sale_by_line[one]}" for one in returned.values() if one in sale_by_line}
        by_complaint = {line["id"]: one for line in lines if (one := referred(line["origin"], "sale.complaint")) is not None}
        complaints: dict[int, int | None] = {}
        if results:
            # A return sale of a complaint: the complaint knows the original.
            actions = self._client.rows("sale.complaint.action", [["result", "in", sorted(results)]], "result", "complaint")
            of_action = {str(row["result"]): row["complaint"] for row in actions}
            for line, one in returned.items():
                if (complaint := of_action.get(f"sale.sale,{sale_by_line.get(one)}")) is not None:
                    by_complaint[line] = complaint
        origins = self._client.by_ids("sale.complaint", by_complaint.values(), "origin")
        for complaint, row in origins.items():
            complaints[complaint] = referred(row["origin"], "sale.sale")
        sale_of |= {line: sale for line, complaint in by_complaint.items() if (sale := complaints.get(complaint)) is not None}
        sales = self._client.by_ids(SALE, sale_of.values(), "reference")
        return sale_line_of, {line: sales[sale] for line, sale in sale_of.items() if sale in sales}

    def _amount(self, note: Row, lines: list[Row], currency: str, total: int) -> Amount:
        """In the ledger's parts; where they make no sense, the total alone."""
        items = shipping = fees = 0
        for line in lines:
            minor = -minor_of(line["amount"], currency)
            if self._mapping.is_shipping(sku_of(line), line["description"]):
                shipping += minor
            elif line["product"] is None and (line["description"] or "").startswith(self._mapping.fee_name):
                fees += minor
            else:
                items += minor
        tax = -minor_of(note["tax_amount"], currency)
        if min(items, tax, shipping) < 0 or items + tax + shipping + fees != total:
            return Amount(total=total)
        return Amount(total=total, items=items, tax=tax, shipping=shipping, fees=fees)

    def _shipments(self, rows: list[Row]) -> Iterator[ErpDocument]:
        shipments = {row["id"]: row for row in rows if row["state"] == "done"}
        model = INTERNAL if rows and "from_location" in rows[0] else RETURN
        ids = [f"{model},{row_id}" for row_id in shipments]
        if not ids:
            return
        moves: dict[int, list[Row]] = defaultdict(list)
        fields = ("shipment", "product.code", "quantity", "to_location", "from_location", "from_location.type", "origin")
        for move in self._client.rows("stock.move", [["shipment", "in", ids], ["state", "=", "done"]], *fields):
            if model == INTERNAL or nested(move, "from_location").get("type") == "customer":
                moves[referred(move["shipment"], model) or 0].append(move)
        for row_id, row in shipments.items():
            lines = tuple(
                DocumentLine(None, sku_of(move) or "", int(move["quantity"]), location=self._places.name_of(move["to_location"]))
                for move in moves[row_id]
            )
            if lines:
                ours = row["reference"] if str(row["reference"] or "").startswith(OURS) else None
                at = _stamp(row) or datetime.now(UTC)
                yield ErpDocument("goods", shipment_name(model, row), "active", at, instruction=ours, lines=lines)

    def _exchanges(self, rows: list[Row]) -> Iterator[ErpDocument]:
        lines: dict[int, list[Row]] = defaultdict(list)
        ids = [row["id"] for row in rows]
        for line in self._client.rows("sale.line", [["sale", "in", ids], ["type", "=", "line"]], "sale", "product.code", "quantity"):
            lines[line["sale"]].append(line)
        for row in rows:
            yield ErpDocument(
                kind="exchange_order",
                number=named(row),
                status=status_of(row),
                at=_stamp(row) or datetime.now(UTC),
                order=str(row["id"]),
                instruction=row["reference"],
                lines=tuple(DocumentLine(None, sku_of(line) or "", int(line["quantity"])) for line in lines[row["id"]]),
            )


_NOTE: Final = ("number", "state", "reference", "total_amount", "tax_amount", "currency.code", "invoice_date")
_SHIPMENT: Final = ("number", "state", "reference")
_MOVED: Final = (*_SHIPMENT, "from_location")
_EXCHANGE: Final = ("number", "state", "reference", "shipment_state")


def _stamp(row: Row) -> datetime | None:
    return max((row[name] for name in _STAMPS if row[name] is not None), default=None)
