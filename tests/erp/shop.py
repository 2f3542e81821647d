"""What merchant's people do in Tryton: sell, ship, invoice, credit by hand; and its books read independently of the adapter."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.demo.tryton_shop import AGREED, Customer, sell
from adapters.demo.tryton_shop import Item as SaleLine
from adapters.erps.tryton.client import TrytonClient
from adapters.erps.tryton.naming import named
from tests.erp.company import Company


class Item(NamedTuple):
    """A line of a sale: net price of one unit."""

    sku: str
    quantity: int
    price: str
    taxed: bool = True


class Shop:
    def __init__(self, client: TrytonClient) -> None:
        self.client = client
        self.company = Company(client, client.read("ir.date.today"))
        self.company.find()

    def sell(self, reference: str, items: Sequence[Item], *, ship: bool = True, invoice: bool = True) -> int:
        co = self.company
        customer = Customer(co.party, co.address, co.payment_term, co.currency, co.warehouse, co.unit)
        lines = [SaleLine(co.products[item.sku], item.quantity, Decimal(item.price), (co.tax,) if item.taxed else ()) for item in items]
        return sell(self.client, customer, reference, lines, co.today, ship=ship, invoice=invoice)

    def invoice_of(self, sale: int) -> int:
        return int(self.client.by_ids("sale.sale", [sale], "invoices")[sale]["invoices"][0])

    def credit_by_hand(self, sale: int, sku: str, units: int, *, reference: str = "", post: bool = True) -> int:
        """Way C, as a person would who knows Tryton well; Tryton minds no amount."""
        invoice = self.invoice_of(sale)
        names = ("party", "invoice_address", "account", "journal", "currency")
        told = self.client.by_ids("account.invoice", [invoice], *names)[invoice]
        fields = ("product", "product.code", "unit", "unit_price", "account", "taxes")
        rows = self.client.rows("account.invoice.line", [["invoice", "=", invoice]], *fields)
        row = next(row for row in rows if (row.get("product.") or {}).get("code") == sku)
        line = {name: row[name] for name in ("product", "unit", "unit_price", "account")}
        line |= {"type": "line", "quantity": -units, "origin": f"account.invoice.line,{row['id']}", "taxes": [["add", row["taxes"]]]}
        note = self.company.made(
            "account.invoice",
            **{name: told[name] for name in names},
            type="out",
            company=self.client.company,
            payment_term=self.company.payment_term,
            reference=reference or None,
            lines=[["create", [line]]],
        )
        if post:
            self.client.write("account.invoice.post", [note])
        return note

    def complain(self, sale: int, sku: str, units: int) -> int:
        """Way A, as Tryton's own people do it: a complaint, its return sale, and that one's credit note."""
        co = self.company
        kind_of = self.client.rows("ir.model", [["name", "=", "sale.sale"]], "id")
        kind = co.made("sale.complaint.type", name="Return", origin=kind_of[0]["id"])
        rows = self.client.rows("sale.line", [["sale", "=", sale]], "product.code", "unit_price")
        line = next(row for row in rows if (row.get("product.") or {}).get("code") == sku)
        part = {"line": line["id"], "quantity": units, "unit_price": line["unit_price"]}
        complaint = co.made(
            "sale.complaint",
            customer=co.party,
            company=self.client.company,
            type=kind,
            date=co.today,
            origin=f"sale.sale,{sale}",
            actions=[["create", [{"action": "sale_return", "sale_lines": [["create", [part]]]}]]],
        )
        for step in ("wait", "approve"):
            self.client.write(f"sale.complaint.{step}", [complaint], agreed=("complaint_similar",))
        action = self.client.rows("sale.complaint.action", [["complaint", "=", complaint]], "result")[0]
        returned = int(str(action["result"]).partition(",")[2])
        for step in ("quote", "confirm"):
            self.client.write(f"sale.sale.{step}", [returned])
        note = self.invoice_of(returned)
        self.client.write("account.invoice.post", [note], agreed=AGREED)
        return note

    def name_of(self, note: int) -> str:
        return named(self.client.by_ids("account.invoice", [note], "number")[note])

    # Its books

    def notes(self) -> list[dict[str, Any]]:
        """Booked credit notes: name as in the ledger, total (positive) and reference."""
        rows = self.client.rows(
            "account.invoice",
            [["type", "=", "out"], ["state", "in", ["posted", "paid"]]],
            *("number", "total_amount", "tax_amount", "reference", "state", "move"),
        )
        return [{**row, "name": named(row), "total": -row["total_amount"]} for row in rows if row["total_amount"] < 0]

    def drafts(self) -> list[int]:
        domain = [["type", "=", "out"], ["state", "in", ["draft", "validated"]]]
        return [row["id"] for row in self.client.rows("account.invoice", domain, "total_amount") if row["total_amount"] < 0]

    def at(self, place: str | int, sku: str) -> int:
        """Units by done moves, in and out of the place."""
        where = self.company.places[place] if isinstance(place, str) else place
        product = self.company.products[sku]
        total = Decimal(0)
        for side, sign in (("to_location", 1), ("from_location", -1)):
            domain = [[side, "=", where], ["product", "=", product], ["state", "=", "done"]]
            total += sign * sum((row["quantity"] for row in self.client.rows("stock.move", domain, "quantity")), Decimal(0))
        return int(total)

    def storage(self) -> int:
        house = self.company.warehouse
        return int(self.client.by_ids("stock.location", [house], "storage_location")[house]["storage_location"])

    def owed_by_customer(self) -> Decimal:
        return Decimal(self.client.by_ids("party.party", [self.company.party], "receivable")[self.company.party]["receivable"])
