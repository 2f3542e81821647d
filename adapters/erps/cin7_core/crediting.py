"""The body of a credit note, and what a note of Cin7 credits in the ledger's parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.erps.cin7_core.mapping import Cin7Mapping
from adapters.erps.cin7_core.sale import Bill, Note, Row, Sale
from adapters.erps.cin7_core.writing import charge_body, comment, line_body, moment, named
from adapters.erps.port import Work
from adapters.vendor.shapes import Document, nested, objects, text
from domain.content import Amount
from domain.erp_facts import MoneyLine
from domain.money import allocate


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a note is to credit of one invoice: money lines, each with the invoice's line that it is of."""

    bill: Bill
    amount: Amount
    chosen: tuple[tuple[MoneyLine, Row], ...]
    mapping: Cin7Mapping
    fee_rule: str | None

    @property
    def shipping(self) -> list[tuple[Row, int, int]]:
        """(charge of the invoice, net, tax): by what the invoice charged, exact in sum."""
        net = self.amount.shipping or 0
        tax = (self.amount.tax or 0) - sum(money.tax for money, _ in self.chosen)
        if not net and not tax:
            return []
        rows = [row for row in self.bill.charges if self.mapping.is_shipping(row.name) and row.items > 0]
        rows = rows or [self._new(self.mapping.shipping_name, None)]
        weights = [max(0, row.items) for row in rows]
        shares = zip(rows, allocate(net, weights), allocate(tax, weights) if tax >= 0 else [tax, *[0] * (len(rows) - 1)], strict=True)
        return [(row, items, of_tax) for row, items, of_tax in shares if items or of_tax]

    @property
    def fee(self) -> tuple[Row, int] | None:
        """What is left of the total beside items, tax and shipping: a restocking fee is negative."""
        items = sum(money.items for money, _ in self.chosen)
        left = self.amount.total - items - (self.amount.tax or 0) - (self.amount.shipping or 0)
        return (self._new(self.mapping.fee_name, self.fee_rule), left) if left else None

    def _new(self, name: str, rule: str | None) -> Row:
        """A charge that the invoice does not have; its tax rule, where none is told, is the invoice's."""
        rows = [*self.bill.charges, *self.bill.lines]
        like = rows[0] if rows else None
        tax_rule = rule or (like.tax_rule if like else "")
        return Row("", None, name, Decimal(1), Decimal(0), Decimal(0), tax_rule, like.account if like else None, "", 0, 0)


def credit_body(work: Work, sale: Sale, wanted: Wanted, task: str, status: str, *, plainly: bool) -> dict[str, Any]:
    """`POST /sale/creditnote`: the fields of its table, and no others."""
    gross, remark = wanted.bill.inclusive, comment(work)
    grouped: dict[tuple[str, bool], list[tuple[MoneyLine, Row]]] = {}
    for money, row in wanted.chosen:
        grouped.setdefault((row.line, money.component is not None), []).append((money, row))
    lines: list[dict[str, Any]] = []
    for (_, of_parts), pairs in grouped.items():
        row = pairs[0][1]
        items, tax = sum(money.items for money, _ in pairs), sum(money.tax for money, _ in pairs)
        if of_parts:
            # The invoice knows the kit alone: one line of it, at what its parts are worth.
            parts = ", ".join(f"{money.quantity} x {money.component}" for money, _ in pairs)
            lines += line_body(row, 1, items, tax, sale.currency, gross, f"{parts} of {row.sku}; {remark}"[-256:], plainly=True)
        else:
            units = sum(money.quantity for money, _ in pairs)
            lines += line_body(row, units, items, tax, sale.currency, gross, remark, plainly=plainly)
    charges = [charge_body(row, items, tax, sale.currency, gross, remark) for row, items, tax in wanted.shipping]
    if wanted.fee is not None:
        charges.append(charge_body(wanted.fee[0], wanted.fee[1], 0, sale.currency, gross, remark))
    return {
        "SaleID": sale.id,
        "TaskID": task,
        "CombineAdditionalCharges": False,
        "CreditNoteInvoiceNumber": wanted.bill.number,
        "Memo": named(work),
        "Status": status,
        "CreditNoteDate": moment(work.issued_at),
        "Lines": lines,
        "AdditionalCharges": charges,
        "Restock": _restock(work, sale, wanted),
    }


def restockable(work: Work, lines: Iterable[Row]) -> set[str]:
    """SKUs whose goods a note with these lines can bring back: each unit restocked must stand among its lines."""
    credited: Counter[str] = Counter()
    for row in lines:
        credited[row.sku] += row.units
    coming: Counter[str] = Counter()
    for goods in work.issued.goods:
        coming[goods.sku] += goods.quantity
    return {sku for sku, units in coming.items() if units <= credited[sku]}


def _restock(work: Work, sale: Sale, wanted: Wanted) -> list[dict[str, Any]]:
    rows = {row.sku: row for _, row in wanted.chosen}
    credited = [row._replace(quantity=Decimal(1 if money.component else money.quantity)) for money, row in wanted.chosen]
    inside, picked = restockable(work, credited), _picked(sale)
    units: Counter[tuple[str, str | None]] = Counter()
    for goods in work.issued.goods:
        if goods.sku in inside:
            units[goods.sku, goods.to_location] += goods.quantity
    told = []
    for (sku, to_location), count in units.items():
        row, pick = rows[sku], picked.get(sku, {})
        fields = {
            "ProductID": row.product_id,
            "SKU": sku,
            "Name": row.name,
            "Location": text(pick.get("Location")) or sale.location,
            "Quantity": count,
            "BatchSN": text(pick.get("BatchSN")),
            "ExpiryDate": text(pick.get("ExpiryDate")),
            "RestockLocation": to_location,
        }
        told.append({name: value for name, value in fields.items() if value is not None})
    return told


def _picked(sale: Sale) -> dict[str, Document]:
    """Where each SKU was picked from, by the first pick that has it."""
    picked: dict[str, Document] = {}
    for fulfilment in objects(sale.document.get("Fulfilments")):
        for line in objects(nested(fulfilment, "Pick").get("Lines")):
            sku = text(line.get("SKU"))
            if sku is not None:
                picked.setdefault(sku, line)
    return picked


def ledger_amount(note: Note, sale: Sale, mapping: Cin7Mapping) -> Amount:
    """A note in the ledger's parts. Where they make no sense, its total alone."""
    items = sum(row.items for row in note.lines)
    shipping = sum(row.items for row in note.charges if mapping.is_shipping(row.name))
    fees = sum(row.items for row in note.charges if not mapping.is_shipping(row.name))
    if min(items, note.tax, shipping) < 0 or items + note.tax + shipping + fees != note.total:
        return Amount(total=max(0, note.total))
    return Amount(total=note.total, items=items, tax=note.tax, shipping=shipping, fees=fees)
