"""The lists of a simulated Cin7 Core: rows per sale, filters, pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.sandbox.cin7_core.amounts import NOTHING, Refused, Row

SEARCHED = ("OrderNumber", "Status", "Customer", "InvoiceNumber", "CustomerReference", "CreditNoteNumber")
_SINCE: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "UpdatedSince": lambda at, limit: at >= limit,
    "UpdatedUntil": lambda at, limit: at <= limit,
}


def paged(query: Mapping[str, str], name: str, rows: Iterable[Any]) -> Row:
    asked = {key.lower(): text for key, text in query.items()}
    try:
        page, limit = int(asked.get("page", "1")), int(asked.get("limit", "100"))
    except ValueError:
        raise Refused("Page and Limit must be numbers") from None
    if page < 1 or not 1 <= limit <= 1000:
        raise Refused("Page must be at least 1, Limit from 1 to 1000")
    every = list(rows)
    return {"Total": len(every), "Page": page, name: every[(page - 1) * limit : page * limit]}


def sale_row(sale: Row) -> Row:
    notes = [note for note in sale["CreditNotes"] if note["Status"] != "VOIDED"] or sale["CreditNotes"]
    invoices = [invoice for invoice in sale["Invoices"] if invoice["Status"] in ("AUTHORISED", "PAID")]
    invoiced = sum((invoice["Total"] for invoice in invoices), NOTHING)
    credited = sum((note["Total"] for note in notes if note["Status"] == "AUTHORISED"), NOTHING)
    return {
        "SaleID": sale["ID"],
        "OrderNumber": sale["Order"]["SaleOrderNumber"],
        "Status": sale["Status"],
        "OrderDate": sale["SaleOrderDate"],
        "Customer": sale["Customer"],
        "CustomerID": sale["CustomerID"],
        "InvoiceNumber": sale["Invoices"][0]["InvoiceNumber"] if sale["Invoices"] else None,
        "CustomerReference": sale["CustomerReference"],
        "InvoiceAmount": invoiced - credited,
        "PaidAmount": NOTHING,
        "BaseCurrency": sale["BaseCurrency"],
        "CustomerCurrency": sale["CustomerCurrency"],
        # One number, even where a sale has several notes.
        "CreditNoteNumber": notes[0]["CreditNoteNumber"] if notes else None,
        "Updated": sale["LastModifiedOn"],
        "QuoteStatus": sale["Quote"]["Status"],
        "OrderStatus": sale["Order"]["Status"],
        "CombinedInvoiceStatus": "INVOICED / CREDITED" if credited else "INVOICED" if invoices else "NOT INVOICED",
        "CombinedShippingStatus": sale.get("CombinedShippingStatus", "NOT AVAILABLE"),
        "CreditNoteStatus": notes[0]["Status"] if notes else "NOT AVAILABLE",
        "FulFilmentStatus": "FULFILLED" if sale["Fulfilments"] else "NOT FULFILLED",
        "Type": sale["Type"],
        "SourceChannel": sale["SourceChannel"],
        "ExternalID": sale["ExternalID"],
    }


def sale_rows(sales: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    rows = [(sale, sale_row(sale)) for sale in sales]
    for name, fits in _SINCE.items():
        if query.get(name):
            limit = moment(query[name])
            rows = [(sale, row) for sale, row in rows if fits(sale["LastModifiedOn"], limit)]
    if search := query.get("Search", "").lower():
        rows = [(sale, row) for sale, row in rows if any(search in str(row[name] or "").lower() for name in SEARCHED)]
    for name in ("ExternalID", "Status", "OrderStatus", "CreditNoteStatus"):
        if query.get(name):
            rows = [(sale, row) for sale, row in rows if row[name] == query[name]]
    return [row for _, row in rows]


def moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text} is not a date") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
