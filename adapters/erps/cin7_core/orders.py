"""The original order at Cin7: found by its reference, exactly, and read from its invoices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from adapters.erps.cin7_core.catalog import Catalog, not_there
from adapters.erps.cin7_core.client import Client
from adapters.erps.cin7_core.mapping import Cin7Mapping
from adapters.erps.cin7_core.sale import Bill, Row, Sale, credited_units, instruction_in, read_sale
from adapters.vendor.answers import NotUnderstood, VendorTrouble
from adapters.vendor.shapes import Document, first_text, plain, text
from domain.erp_facts import Invoice, OrderLine, OrderMatched, OrderNotFound
from domain.money import allocate

_MOST_CANDIDATES = 10


class Orders:
    def __init__(self, erp: str, client: Client, catalog: Catalog, mapping: Cin7Mapping) -> None:
        self._erp, self._client, self._catalog, self._mapping = erp, client, catalog, mapping

    def match(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        rows = self._fitting(reference.strip())
        if not rows:
            reason = f"no sale of Cin7 has the customer reference {reference!r}"
            return OrderNotFound(erp=self._erp, reference=reference, reason=reason)
        if len(rows) > 1:
            names = sorted({first_text(row, "OrderNumber", "SaleID") or "?" for row in rows})[:_MOST_CANDIDATES]
            reason = f"{len(rows)} sales of Cin7 have the customer reference {reference!r}"
            return OrderNotFound(erp=self._erp, reference=reference, reason=reason, candidates=tuple(names))
        sale = self.sale(first_text(rows[0], "SaleID", "ID") or "")
        if sale is None:
            raise VendorTrouble(f"Cin7 lists a sale for {reference!r} and does not show it; its list may be ahead of it")
        return self.matched(sale, first_text(rows[0], "OrderNumber"))

    def sale(self, sale_id: str) -> Sale | None:
        """None for a sale that is not there. Raises VendorTrouble, VendorRefused."""
        try:
            content = self._client.read("sale", ID=sale_id)
        except NotUnderstood as refused:
            if not_there(refused):
                return None
            raise VendorTrouble(str(refused)) from refused
        document = content[0] if isinstance(content, list) and content else content
        return read_sale(document) if isinstance(document, dict) else None

    def matched(self, sale: Sale, number: str | None = None) -> OrderMatched:
        lines = self.lines(sale)
        hand_made = [note for note in sale.notes if note.active and note.instruction is None]
        credited = credited_units(sale, lines, hand_made)
        charges = [charge for bill in _bills(sale) for charge in bill.charges]
        shipping = [charge for charge in charges if self._mapping.is_shipping(charge.name)]
        told = self._discounted(lines, [charge for charge in charges if charge not in shipping and charge.items < 0])
        billed = sum(bill.total for bill in sale.billed)
        return OrderMatched(
            erp=self._erp,
            order=sale.id,
            number=number or sale.number,
            currency=sale.currency,
            invoice=_invoice_of(sale),
            lines=tuple(
                OrderLine(
                    order_line=row.line,
                    sku=row.sku,
                    quantity=row.units,
                    items=max(0, row.items),
                    tax=max(0, row.tax),
                    credited=min(credited[row.line], row.units),
                    kit=self._catalog.kit(row.sku),
                )
                for row in told
                if row.units and row.sku
            ),
            shipping=max(0, sum(charge.items for charge in shipping)),
            shipping_tax=max(0, sum(charge.tax for charge in shipping)),
            creditable=max(0, billed - sum(note.total for note in sale.standing_notes())) if sale.billed else None,
        )

    def lines(self, sale: Sale) -> list[Row]:
        """Of the invoices; units that were ordered and are not invoiced yet stand beside them, as lines of the order."""
        lines = [row for bill in _bills(sale) for row in bill.lines]
        if not sale.billed:
            return lines
        invoiced: Counter[str] = Counter()
        for row in lines:
            invoiced[row.sku] += row.units
        for row in sale.order.lines:
            already = min(row.units, invoiced[row.sku])
            invoiced[row.sku] -= already
            left = row.units - already
            if left and row.units:
                share = (row.items * left // row.units, row.tax * left // row.units)
                lines.append(row._replace(quantity=row.quantity - already, items=share[0], tax=share[1]))
        return lines

    def _discounted(self, lines: list[Row], discounts: Iterable[Row]) -> list[Row]:
        """A discount on the whole order stands as a negative charge: the lines carry it by their value."""
        items, tax = list(row.items for row in lines), list(row.tax for row in lines)
        for discount in discounts:
            weights = [max(0, value) for value in items]
            if sum(weights):
                items = [value - share for value, share in zip(items, allocate(-discount.items, weights), strict=True)]
                tax = [value - share for value, share in zip(tax, allocate(max(0, -discount.tax), weights), strict=True)]
        return [row._replace(items=net, tax=of_tax) for row, net, of_tax in zip(lines, items, tax, strict=True)]

    def _fitting(self, reference: str) -> list[Document]:
        """Rows of the sales list whose reference is this one; where none is, and one only is so without its `#`, that one."""
        bare = reference.removeprefix("#").strip()
        search = bare if self._mapping.strip_hash and bare else reference
        rows: dict[str, Document] = {}
        for row in self._client.rows("saleList", "SaleList", Search=search):
            sale_id = first_text(row, "SaleID", "ID")
            ours = instruction_in(text(row.get("ExternalID")), text(row.get("CustomerReference")))
            if sale_id is not None and ours is None and plain(text(row.get("Type")) or "") != "creditnote":
                rows[sale_id] = row
        exact = [row for row in rows.values() if text(row.get("CustomerReference")) == reference]
        if not exact and self._mapping.strip_hash:
            exact = [row for row in rows.values() if (text(row.get("CustomerReference")) or "").removeprefix("#").strip() == bare]
        if not exact:
            exact = [row for row in rows.values() if _is_named(row, reference)]
        alive = [row for row in exact if plain(text(row.get("Status")) or "") != "voided"]
        return alive or exact


def _is_named(row: Document, reference: str) -> bool:
    """A person may name the sale as Cin7 does; its numbers begin with letters, so that no shop's number is one by chance."""
    return reference[:1].isalpha() and reference in (text(row.get("OrderNumber")), text(row.get("InvoiceNumber")))


def _bills(sale: Sale) -> tuple[Bill, ...]:
    return sale.billed or ((sale.order,) if sale.order.lines else sale.bills)


def _invoice_of(sale: Sale) -> Invoice:
    if sale.billed:
        return "authorised"
    states = {bill.status for bill in sale.bills} | {"voided" for _ in (1,) if plain(text(sale.document.get("Status")) or "") == "voided"}
    return "draft" if "draft" in states else "voided" if "voided" in states else "none"
