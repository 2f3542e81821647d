"""Sales of a simulated Cin7 Core account: orders, invoices, credit notes and payments, with what the API refuses."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from adapters.sandbox.cin7_core.amounts import NOTHING, Refused, Row, decimal, line_total, total_up
from adapters.sandbox.cin7_core.warehouse import Warehouse

EMPTY = "00000000-0000-0000-0000-000000000000"
DONE = ("AUTHORISED", "PAID")


class Sales:
    """`checks_over_credit`: does the vendor cap what a note credits? `second_note_on_simple`: does a Simple Sale take a second note?

    Nobody has published either, so both can be had both ways.
    """

    def __init__(self, warehouse: Warehouse, *, checks_over_credit: bool = True, second_note_on_simple: bool = False) -> None:
        self.warehouse = warehouse
        self.documents: dict[str, Row] = {}
        self.tax_rules: dict[str, Decimal] = {}
        # An article on the API's first version says ROUNDUP; whether it means what spreadsheets mean by it is not known.
        self.rounding = ROUND_HALF_UP
        self.checks_over_credit, self.second_note_on_simple = checks_over_credit, second_note_on_simple

    def sale(self, sale_id: object) -> Row:
        if str(sale_id) not in self.documents:
            raise Refused("Sale not found")
        return self.documents[str(sale_id)]

    def touched(self, sale: Row) -> None:
        sale["LastModifiedOn"] = self.warehouse.now()

    # Header and order

    def create(self, told: Row) -> Row:
        if not told.get("Customer") and not told.get("CustomerID"):
            raise Refused("Customer is required")
        location, _ = self.warehouse.place({"Location": told.get("Location")}, "Location", "LocationID")
        sale: Row = {
            "ID": self.warehouse.new_id(),
            "Customer": told.get("Customer") or "Known customer",
            "CustomerID": told.get("CustomerID") or self.warehouse.new_id(),
            "Contact": told.get("Contact"),
            "Phone": None,
            "Email": told.get("Email"),
            "SkipQuote": bool(told.get("SkipQuote")),
            "BillingAddress": told.get("BillingAddress") or {},
            "ShippingAddress": told.get("ShippingAddress") or {},
            "BaseCurrency": told.get("BaseCurrency", "GBP"),
            "CustomerCurrency": told.get("CustomerCurrency", "GBP"),
            "TaxRule": told.get("TaxRule"),
            "TaxCalculation": "Inclusive" if told.get("TaxInclusive") else "Exclusive",
            "Terms": told.get("Terms"),
            "PriceTier": told.get("PriceTier"),
            "Location": location,
            "SaleOrderDate": self.warehouse.now(),
            "LastModifiedOn": self.warehouse.now(),
            "Note": told.get("Note"),
            "CustomerReference": told.get("CustomerReference") or "",
            "Status": "ESTIMATED" if told.get("SkipQuote") else "DRAFT",
            "CurrencyRate": decimal(told.get("CurrencyRate"), "CurrencyRate", Decimal(1)),
            "Type": f"{told.get('SaleType') or 'Simple'} Sale",
            "SourceChannel": None,
            "ExternalID": told.get("ExternalID") or None,
            "Quote": {"Status": "AUTHORISED" if told.get("SkipQuote") else "NOT AVAILABLE", "Lines": [], "AdditionalCharges": []},
            "Order": {
                "SaleOrderNumber": self.warehouse.number("SO"),
                "Memo": "",
                "Status": "NOT AVAILABLE",
                "Lines": [],
                "AdditionalCharges": [],
                "TotalBeforeTax": NOTHING,
                "Tax": NOTHING,
                "Total": NOTHING,
            },
            "Fulfilments": [],
            "Invoices": [],
            "CreditNotes": [],
            "_payments": [],
        }
        self.documents[sale["ID"]] = sale
        return sale

    def order(self, told: Row) -> Row:
        sale = self.sale(told.get("SaleID"))
        status = self._status(told)
        order = sale["Order"]
        if sale["Status"] == "VOIDED" or order["Status"] not in ("DRAFT", "NOT AVAILABLE"):
            raise Refused("Sale order status is not DRAFT or NOT AVAILABLE")
        if sale["Quote"]["Status"] != "AUTHORISED":
            raise Refused("Sale quote status is not AUTHORISED")
        if "Memo" not in told:
            raise Refused("Memo is required")
        lines = [self._line(line) for line in self._rows(told, "Lines", required=True)]
        order |= {"Memo": told["Memo"], "Status": status, "Lines": lines, "AdditionalCharges": self._charges(told)}
        total_up(order, sale["TaxCalculation"] == "Inclusive")
        sale["Status"] = "ORDERING"
        if status == "AUTHORISED":
            short = False
            for line in lines:
                key = (line["SKU"], sale["Location"])
                free = self.warehouse.on_hand[key] - self.warehouse.allocated[key]
                line["BackorderQuantity"] = max(NOTHING, line["Quantity"] - max(NOTHING, free))
                self.warehouse.allocated[key] += line["Quantity"] - line["BackorderQuantity"]
                short = short or line["BackorderQuantity"] > 0
            sale["Status"] = "BACKORDERED" if short else "ORDERED"
        self.touched(sale)
        return {"SaleID": sale["ID"], **order}

    def void(self, sale_id: str, void: bool) -> Row:
        sale = self.sale(sale_id)
        if void and any(invoice["Status"] in DONE for invoice in sale["Invoices"]):
            raise Refused("Sale with an authorised invoice cannot be voided")
        if sale["Order"]["Status"] == "AUTHORISED":
            for line in sale["Order"]["Lines"]:
                self.warehouse.allocated[line["SKU"], sale["Location"]] -= line["Quantity"] - line.get("BackorderQuantity", NOTHING)
        sale["Order"]["Status"] = "VOIDED" if void else "DRAFT"
        sale["Status"] = "VOIDED" if void else "ORDERING"
        self.touched(sale)
        return sale

    # Credit notes

    def credit(self, told: Row) -> Row:
        sale = self.sale(told.get("SaleID"))
        for name in ("TaskID", "CombineAdditionalCharges", "CreditNoteInvoiceNumber", "Status", "CreditNoteDate"):
            if told.get(name) in (None, ""):
                raise Refused(f"{name} is required")
        status = self._status(told)
        invoice = next((one for one in sale["Invoices"] if one["InvoiceNumber"] == told["CreditNoteInvoiceNumber"]), None)
        if invoice is None:
            raise Refused(f"Invoice {told['CreditNoteInvoiceNumber']} not found")
        if invoice["Status"] not in DONE:
            raise Refused("Invoice status is not AUTHORISED or PAID")
        note = self._task(sale, told)
        filled = self._filled(sale, invoice, told)
        if note is None:
            note = {"TaskID": self._new_task(sale), "CreditNoteNumber": self.warehouse.number("CR"), "Refunds": []}
            sale["CreditNotes"].append(note)
        note |= filled | {"Status": status}
        if status == "AUTHORISED":
            self.restock(note, 1)
        self.touched(sale)
        return sale

    def withdraw_note(self, task: str, void: bool, by_hand: bool = False) -> Row:
        """Void for good, or undo: an authorised note is a draft again, a draft is gone. The API does it on Advanced Sales only."""
        for sale in self.documents.values():
            for note in sale["CreditNotes"]:
                if note["TaskID"] != task and note["CreditNoteNumber"] != task:
                    continue
                if not by_hand and sale["Type"] != "Advanced Sale":
                    raise Refused("This method works only for Advanced Sale")
                if note["Refunds"]:
                    raise Refused("Credit note has refunds")
                if note["Status"] == "AUTHORISED":
                    self.restock(note, -1)
                if void:
                    note |= {"Status": "VOIDED", "Lines": [], "AdditionalCharges": [], "_restock": []}
                elif note["Status"] == "DRAFT":
                    sale["CreditNotes"].remove(note)
                    note = {**note, "Lines": [], "AdditionalCharges": [], "_restock": []}
                else:
                    note["Status"] = "DRAFT"
                self.touched(sale)
                return {"SaleID": sale["ID"], "CreditNotes": [note]}
        raise Refused("Credit note not found")

    def _task(self, sale: Row, told: Row) -> Row | None:
        """The note that is addressed; None for a new one."""
        there = [note for note in sale["CreditNotes"] if note["Status"] != "VOIDED"]
        if told["TaskID"] == EMPTY or (told["TaskID"] == sale["ID"] and sale["Type"] != "Advanced Sale" and not there):
            if sale["Type"] != "Advanced Sale" and there and not self.second_note_on_simple:
                raise Refused("Simple Sale can have only one Credit Note")
            return None
        note: Row | None = next((note for note in sale["CreditNotes"] if note["TaskID"] == told["TaskID"]), None)
        if note is None:
            raise Refused("Credit note not found")
        if note["Status"] != "DRAFT":
            raise Refused("Credit Note status is not DRAFT or NOT AVAILABLE")
        return note

    def _new_task(self, sale: Row) -> str:
        taken = {note["TaskID"] for note in sale["CreditNotes"]}
        return sale["ID"] if sale["Type"] != "Advanced Sale" and sale["ID"] not in taken else self.warehouse.new_id()

    def _filled(self, sale: Row, invoice: Row, told: Row) -> Row:
        lines = [self._line(line, needs_total=True) | {"Account": line.get("Account") or "200"} for line in self._rows(told, "Lines")]
        sold = {line["SKU"]: NOTHING for line in invoice["Lines"]}
        for line in invoice["Lines"]:
            sold[line["SKU"]] += line["Quantity"]
        for line in lines:
            if line["SKU"] not in sold:
                raise Refused(f"Product {line['SKU']} is not in invoice {invoice['InvoiceNumber']}")
        restock = [self._back(line) for line in self._rows(told, "Restock")]
        for line in restock:
            if line["Quantity"] > sum((one["Quantity"] for one in lines if one["SKU"] == line["SKU"]), NOTHING):
                raise Refused(f"Restock line {line['SKU']} must be present in Lines")
        note: Row = {
            "CreditNoteInvoiceNumber": told["CreditNoteInvoiceNumber"],
            "Memo": str(told.get("Memo") or "")[:1024],
            "CreditNoteDate": told["CreditNoteDate"],
            "CreditNoteConversionRate": decimal(told.get("CreditNoteConversionRate"), "CreditNoteConversionRate", Decimal(1)),
            "Lines": lines,
            "AdditionalCharges": self._charges(told),
            "_restock": restock,
        }
        total_up(note, sale["TaxCalculation"] == "Inclusive")
        others = [one for one in sale["CreditNotes"] if one["TaskID"] != told["TaskID"] and one["Status"] != "VOIDED"]
        if self.checks_over_credit:
            credited = sum((one["Total"] for one in others if one["CreditNoteInvoiceNumber"] == invoice["InvoiceNumber"]), NOTHING)
            if credited + note["Total"] > invoice["Total"]:
                raise Refused("Credit note total is greater than the invoice balance")
        return note

    def _back(self, line: Row) -> Row:
        product = self.warehouse.product(line)
        place, number = self.warehouse.place(line, "Location", "LocationID")
        if line.get("RestockLocation") or line.get("RestockLocationID"):
            place, number = self.warehouse.place(line, "RestockLocation", "RestockLocationID")
        return {
            "ProductID": product["ID"],
            "SKU": product["SKU"],
            "Name": product["Name"],
            "Location": place,
            "LocationID": number,
            "Quantity": decimal(line.get("Quantity"), "Quantity"),
            "BatchSN": line.get("BatchSN"),
            "ExpiryDate": line.get("ExpiryDate"),
        }

    def restock(self, note: Row, sign: int) -> None:
        for line in note["_restock"]:
            self.warehouse.move(line["SKU"], line["Location"], sign * line["Quantity"])

    # Payments

    def pay(self, told: Row) -> Row:
        kind = str(told.get("Type", "")).upper()
        for name in ("TaskID", "DatePaid", "Account"):
            if not told.get(name):
                raise Refused(f"{name} is required")
        amount = decimal(told.get("Amount"), "Amount")
        decimal(told.get("CurrencyRate"), "CurrencyRate")
        for sale in self.documents.values():
            note = next((one for one in sale["CreditNotes"] if one["TaskID"] == told["TaskID"] and one["Status"] == "AUTHORISED"), None)
            if kind != "REFUND" or note is None:
                continue
            if sum((one["Amount"] for one in note["Refunds"]), NOTHING) + amount > note["Total"]:
                raise Refused("Refund amount is greater than the credit note balance")
            payment = {
                "ID": self.warehouse.new_id(),
                "SaleID": sale["ID"],
                "SaleOrderNumber": sale["Order"]["SaleOrderNumber"],
                "InvoiceNumber": None,
                "CreditNoteNumber": note["CreditNoteNumber"],
                "TaskID": told["TaskID"],
                "Type": "Refund",
                "Reference": told.get("Reference") or "",
                "Amount": amount,
                "DatePaid": told["DatePaid"],
                "Account": told["Account"],
                "CurrencyRate": decimal(told["CurrencyRate"], "CurrencyRate"),
                "CreditID": None,
                "DateCreated": self.warehouse.now(),
            }
            note["Refunds"].append(payment)
            sale["_payments"].append(payment)
            self.touched(sale)
            return payment
        raise Refused("Credit note is not AUTHORISED" if kind == "REFUND" else "Type must be REFUND here")

    # Lines

    def _line(self, told: Row, *, needs_total: bool = False) -> Row:
        product = self.warehouse.product(told)
        for name in ("ProductID", "SKU", "Name", "TaxRule"):
            if not told.get(name):
                raise Refused(f"{name} is required")
        named = {"ProductID": product["ID"], "SKU": product["SKU"], "Name": product["Name"], "AverageCost": product["AverageCost"]}
        return self._priced(told, needs_total) | named

    def _charges(self, told: Row) -> list[Row]:
        charges = []
        for charge in self._rows(told, "AdditionalCharges"):
            if not charge.get("Description"):
                raise Refused("Description is required")
            charges.append(self._priced(charge, False) | {"Description": charge["Description"]})
        return charges

    def _priced(self, told: Row, needs_total: bool) -> Row:
        quantity, price = decimal(told.get("Quantity"), "Quantity"), decimal(told.get("Price"), "Price")
        discount, tax = decimal(told.get("Discount"), "Discount", NOTHING), decimal(told.get("Tax"), "Tax")
        if told.get("TaxRule") not in self.tax_rules:
            raise Refused(f"Tax rule not found: {told.get('TaxRule')}")
        if quantity < 1 or not 0 <= discount <= 100 or max(-one.as_tuple().exponent for one in (price, quantity, tax)) > 4:  # type: ignore[operator]
            raise Refused("Quantity, Discount, or the decimals of a line are out of range")
        total = line_total(price, discount, quantity, self.rounding)
        told_total = decimal(told.get("Total"), "Total", None if needs_total else total)
        if told_total != total:
            raise Refused(f"Line total {told_total} is not valid, expected {total}")
        return {
            "Quantity": quantity,
            "Price": price,
            "Discount": discount,
            "Tax": tax,
            "Total": total,
            "TaxRule": told["TaxRule"],
            "Comment": told.get("Comment") or "",
        }

    def _status(self, told: Row) -> str:
        status = str(told.get("Status", "")).upper()
        if status not in ("DRAFT", "AUTHORISED"):
            raise Refused("Status must be DRAFT or AUTHORISED")
        return status

    def _rows(self, told: Row, name: str, *, required: bool = False) -> list[Row]:
        rows: Any = told.get(name) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or (required and not rows):
            raise Refused(f"{name} are required")
        return rows
