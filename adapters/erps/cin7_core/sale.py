"""A sale of Cin7 as the ledger reads it: invoices, credit notes and their lines, in minor units; lines have an identity of our making.

Cin7 gives its lines no ids. A line is known by its invoice, SKU, price, discount and tax rule, and by its place among those alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from adapters.vendor.shapes import Document, first_instant, first_text, mark, nested, number, objects, plain, text
from domain.money import CURRENCIES

_NOTHING: Final = Decimal(0)
_INSTRUCTION = re.compile(r"rl-[0-9a-z]{17}")
_LONGEST_ID: Final = 200
AUTHORISED: Final = ("authorised", "paid")


class Row(NamedTuple):
    """A line or a charge. `total` as the document has it, with or without tax; `items` is net of tax. Minor units."""

    sku: str
    product_id: str | None
    name: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax_rule: str
    account: str | None
    comment: str
    items: int
    tax: int
    line: str = ""

    @property
    def units(self) -> int:
        """Whole units; 0 for a quantity that is not whole."""
        return int(self.quantity) if self.quantity == self.quantity.to_integral_value() and self.quantity > 0 else 0


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice, or the order where there is none yet (`number` None)."""

    number: str | None
    status: str
    lines: tuple[Row, ...]
    charges: tuple[Row, ...]
    total: int
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Note:
    task: str
    number: str
    status: str
    invoice: str | None
    memo: str
    instruction: str | None
    lines: tuple[Row, ...]
    charges: tuple[Row, ...]
    total: int
    tax: int
    at: datetime | None
    restock: tuple[Document, ...]

    @property
    def active(self) -> bool:
        return self.status == "authorised"


@dataclass(frozen=True, slots=True)
class Sale:
    """`document` is as Cin7 told it: what of it is passed on is never kept."""

    id: str
    number: str | None
    reference: str | None
    instruction: str | None
    kind: str
    currency: str
    inclusive: bool
    location: str | None
    bills: tuple[Bill, ...]
    order: Bill
    notes: tuple[Note, ...]
    changed: datetime | None
    document: Document

    @property
    def billed(self) -> tuple[Bill, ...]:
        return tuple(bill for bill in self.bills if bill.status in AUTHORISED)

    @property
    def simple(self) -> bool:
        return self.kind in ("simplesale", "servicesale", "simple", "service")

    def standing_notes(self, *, without: Note | None = None) -> list[Note]:
        """Authorised notes and drafts: both use up what an invoice allows."""
        return [note for note in self.notes if note.status in ("authorised", "draft") and note is not without]


def read_sale(document: Document) -> Sale | None:
    """None for what has no id or no currency that is known."""
    sale_id = first_text(document, "ID", "SaleID")
    base = (text(document.get("CustomerCurrency")), text(document.get("BaseCurrency")))
    currency = next((code.upper() for code in base if code and code.upper() in CURRENCIES), None)
    if sale_id is None or currency is None:
        return None
    inclusive = plain(text(document.get("TaxCalculation")) or "") == "inclusive"
    order = nested(document, "Order")
    bills = [read_bill(invoice, currency, inclusive) for invoice in objects(document.get("Invoices"))]
    number_ = first_text(order, "SaleOrderNumber", "OrderNumber") or first_text(document, "OrderNumber", "SaleOrderNumber")
    return Sale(
        id=sale_id,
        number=number_,
        reference=text(document.get("CustomerReference")),
        instruction=instruction_in(text(document.get("ExternalID")), text(document.get("CustomerReference"))),
        kind=plain(text(document.get("Type")) or ""),
        currency=currency,
        inclusive=inclusive,
        location=text(document.get("Location")),
        bills=tuple(bill for bill in bills if bill.lines or bill.charges or bill.status in AUTHORISED),
        order=read_bill(order, currency, inclusive, of_order=True),
        notes=tuple(read_note(note, currency, inclusive) for note in objects(document.get("CreditNotes"))),
        changed=first_instant(document, "LastModifiedOn", "Updated"),
        document=document,
    )


def read_bill(document: Document, currency: str, inclusive: bool, *, of_order: bool = False) -> Bill:
    gross = _inclusive(document, inclusive)
    number_ = None if of_order else first_text(document, "InvoiceNumber", "TaskID")
    lines = [_row(line, currency, gross) for line in objects(document.get("Lines"))]
    charges = tuple(_row(charge, currency, gross) for charge in objects(document.get("AdditionalCharges")))
    return Bill(
        number_, status_of(document), _identified(number_ or "order", lines), charges, _total(document, currency, lines, charges), gross
    )


def read_note(document: Document, currency: str, inclusive: bool) -> Note:
    gross = _inclusive(document, inclusive)
    lines = [_row(line, currency, gross) for line in objects(document.get("Lines"))]
    charges = [_row(charge, currency, gross) for charge in objects(document.get("AdditionalCharges"))]
    told_tax = number(document.get("Tax"))
    comments = [row.comment for row in (*lines, *charges)]
    return Note(
        task=text(document.get("TaskID")) or "",
        number=first_text(document, "CreditNoteNumber", "TaskID") or "",
        status=status_of(document),
        invoice=text(document.get("CreditNoteInvoiceNumber")),
        memo=text(document.get("Memo")) or "",
        instruction=instruction_in(text(document.get("Memo")), *comments),
        lines=tuple(lines),
        charges=tuple(charges),
        total=_total(document, currency, lines, charges),
        tax=minor(told_tax, currency) if told_tax is not None else sum(row.tax for row in (*lines, *charges)),
        at=first_instant(document, "CreditNoteDate"),
        restock=tuple(objects(document.get("Restock"))),
    )


def status_of(document: Document) -> str:
    return plain(text(document.get("Status")) or "notavailable")


def instruction_in(*texts: str | None) -> str | None:
    """Our instruction's id in one of these texts."""
    return next((found[0] for each in texts if each and (found := _INSTRUCTION.search(each))), None)


def minor(value: Decimal, currency: str) -> int:
    """Minor units, rounded half up: Cin7 keeps four digits."""
    return int(value.scaleb(CURRENCIES[currency]).quantize(Decimal(1), ROUND_HALF_UP))


def major(value_minor: int, currency: str) -> Decimal:
    return Decimal(value_minor).scaleb(-CURRENCIES[currency])


def line_total(price: Decimal, discount: Decimal, quantity: Decimal) -> Decimal:
    """As Cin7 reckons it: each at four digits after the discount, the line at two."""
    each = (price * (100 - discount) / 100).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return (each * quantity).quantize(Decimal("0.01"), ROUND_HALF_UP)


def credited_units(sale: Sale, lines: Sequence[Row], notes: Iterable[Note]) -> Counter[str]:
    """Units by our line identity that these notes credit: each is taken for the line that it fits best, up to that line's quantity."""
    counted: Counter[str] = Counter()
    for note in notes:
        for row in note.lines:
            units = row.units
            for one in fitting(row, lines, note.invoice):
                taken = min(units, one.units - counted[one.line])
                counted[one.line] += max(0, taken)
                units -= max(0, taken)
    return counted


def fitting(row: Row, lines: Sequence[Row], invoice: str | None) -> list[Row]:
    """The invoice's lines that a note's line may be of, the likeliest first."""
    terms = (row.price, row.discount, row.tax_rule)
    same = [one for one in lines if one.sku == row.sku]
    of_invoice = f"{invoice}/"
    return sorted(same, key=lambda one: (not one.line.startswith(of_invoice), (one.price, one.discount, one.tax_rule) != terms))


def _row(line: Document, currency: str, gross: bool) -> Row:
    quantity = number(line.get("Quantity")) or _NOTHING
    price, discount = number(line.get("Price")) or _NOTHING, number(line.get("Discount")) or _NOTHING
    told = number(line.get("Total"))
    total = minor(told if told is not None else line_total(price, discount, quantity), currency)
    tax = minor(number(line.get("Tax")) or _NOTHING, currency)
    return Row(
        sku=first_text(line, "SKU", "Sku", "ProductCode") or "",
        product_id=text(line.get("ProductID")),
        name=first_text(line, "Name", "Description") or "",
        quantity=quantity,
        price=price,
        discount=discount,
        tax_rule=text(line.get("TaxRule")) or "",
        account=text(line.get("Account")),
        comment=text(line.get("Comment")) or "",
        items=total - tax if gross else total,
        tax=tax,
    )


def _identified(document: str, lines: Iterable[Row]) -> tuple[Row, ...]:
    """With identities: the place counts among lines alike only, so that a line put in before them changes none."""
    alike: Counter[str] = Counter()
    told = []
    for row in lines:
        price, discount = (format(value.normalize(), "f") for value in (row.price, row.discount))
        name = f"{document}/{row.sku}/{price}/{discount}/{row.tax_rule}"
        alike[name] += 1
        name += f"#{alike[name]}"
        name = "".join(letter if letter.isprintable() else "?" for letter in name)
        told.append(row._replace(line=name if len(name) <= _LONGEST_ID else f"{document[:100]}/{mark(name, 16)}"))
    return tuple(told)


def _inclusive(document: Document, default: bool) -> bool:
    """Do the lines' totals contain their tax? The document's own totals say so where they can."""
    total, net, tax = (number(document.get(name)) for name in ("Total", "TotalBeforeTax", "Tax"))
    rows = [*objects(document.get("Lines")), *objects(document.get("AdditionalCharges"))]
    totals = [number(row.get("Total")) for row in rows]
    if not rows or total is None or net is None or not tax or total == net or None in totals:
        return default
    lines = sum((each for each in totals if each is not None), _NOTHING)
    return lines == total if (lines == total) != (lines == net) else default


def _total(document: Document, currency: str, lines: Iterable[Row], charges: Iterable[Row]) -> int:
    told = number(document.get("Total"))
    return minor(told, currency) if told is not None else sum(row.items + row.tax for row in (*lines, *charges))
