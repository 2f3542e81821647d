"""A company in an empty Tryton, made over its RPC: chart, fiscal years, tax, places, products and a kit, as a merchant would have them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.erps.tryton.client import TrytonClient

QUARANTINE, DAMAGED, SCRAP, TRANSIT = "Quarantine", "Damaged", "Scrapped", "In transit"
PRICES = {"SHIRT": "29.99", "MUG": "40.00", "TEA": "10.00", "COAT": "99.99", "SHIRT-L": "31.00"}
KIT = "GIFTBOX"
KIT_PRICE = "59.00"
OPENING_UNITS = 100_000


class Company:
    """Ids of what was made. `today` is Tryton's day."""

    def __init__(self, client: TrytonClient, today: dt.date) -> None:
        self.client, self.today = client, today
        self.products: dict[str, int] = {}
        self.tax = self.party = self.address = self.payment_term = self.warehouse = self.currency = self.unit = 0
        self.places: dict[str, int] = {}

    def one(self, model: str, domain: list[Any]) -> int:
        return int(self.client.read(f"{model}.search", domain, 0, 1, [["id", "ASC"]])[0])

    def made(self, model: str, **fields: Any) -> int:
        return int(self.client.write(f"{model}.create", [fields])[0])

    def wizard(self, name: str, *states: tuple[str, Mapping[str, Any]]) -> None:
        """Each state with what is filled in before its button is pressed; a form's name and its button's share one step."""
        session, _, end = self.client.write(f"wizard.{name}.create")
        filled: dict[str, Any] = {}
        for button, form in states:
            filled |= form
            self.client.write(f"wizard.{name}.execute", session, filled, button)
        self.client.write(f"wizard.{name}.delete", session)
        assert end == "end"

    def set_up(self) -> None:
        self._company()
        self._accounts()
        self._places()
        self._products()
        self._stock()
        self._customer()

    def find(self) -> None:
        """What `set_up` made before, in a database that has it already."""
        self.currency, self.unit = self.one("currency.currency", [["code", "=", "GBP"]]), self.one("product.uom", [["name", "=", "Unit"]])
        self.tax = self.one("account.tax", [["name", "=", "VAT 20%"]])
        self.party = self.one("party.party", [["name", "=", "A Customer"]])
        self.address = self.one("party.address", [["party", "=", self.party]])
        self.payment_term = self.one("account.invoice.payment_term", [["name", "=", "Direct"]])
        self.warehouse = self.one("stock.location", [["type", "=", "warehouse"]])
        rows = self.client.rows("stock.location", [["type", "in", ["storage", "lost_found"]]], "name")
        self.places = {row["name"]: row["id"] for row in rows}
        self.products = {row["code"]: row["id"] for row in self.client.rows("product.product", [], "code")}

    def _company(self) -> None:
        self.currency = self.made("currency.currency", name="Pound", code="GBP", symbol="£", rounding=Decimal("0.01"))
        self.made("currency.currency.rate", date=dt.date(2000, 1, 1), rate=Decimal(1), currency=self.currency)
        party = self.made("party.party", name="Acme Ltd", addresses=[["create", [{}]]])
        self.wizard("company.company.config", ("company", {"start": {}}), ("add", {"company": {"party": party, "currency": self.currency}}))
        self.client.let_in_again()

    def _accounts(self) -> None:
        company = self.client.company
        template = self.one("account.account.template", [["parent", "=", None]])
        form = {"company": company, "account_template": template}

        def account(*domain: Any) -> int:
            return self.one("account.account", [["company", "=", company], ["closed", "!=", True], *domain])

        session, _, _ = self.client.write("wizard.account.create_chart.create")
        self.client.write("wizard.account.create_chart.execute", session, {"account": form}, "create_account")
        properties: dict[str, Any] = {"company": company}
        fields = self.client.read("account.create_chart.properties.fields_get", [])
        for name, kind in (
            ("account_receivable", "receivable"),
            ("account_payable", "payable"),
            ("category_account_expense", "expense"),
            ("category_account_revenue", "revenue"),
        ):
            if name in fields:
                properties[name] = account([f"type.{kind}", "=", True])
        self.client.write("wizard.account.create_chart.execute", session, {"account": form, "properties": properties}, "create_properties")
        self.client.write("wizard.account.create_chart.delete", session)
        self._fiscal_year(company)
        tax_account, cash = account(["code", "=", "6.3.6"]), account(["code", "=", "1.1.1"])
        self.tax = self.made(
            "account.tax",
            name="VAT 20%",
            description="VAT 20%",
            type="percentage",
            rate=Decimal("0.2"),
            invoice_account=tax_account,
            credit_note_account=tax_account,
        )
        self.made(
            "product.category",
            name="Goods",
            accounting=True,
            account_expense=account(["type.expense", "=", True]),
            account_revenue=account(["type.revenue", "=", True]),
            customer_taxes=[["add", [self.tax]]],
        )
        journal = self.one("account.journal", [["type", "=", "cash"]])
        self.made("account.invoice.payment.method", name="Refunds", journal=journal, credit_account=cash, debit_account=cash)
        self.payment_term = self.made("account.invoice.payment_term", name="Direct", lines=[["create", [{"type": "remainder"}]]])

    def _fiscal_year(self, company: int) -> None:
        start, end = dt.date(self.today.year, 1, 1), dt.date(self.today.year, 12, 31)

        def sequence(kind: str) -> int:
            of = self.one("ir.sequence.type", [["name", "=", kind]])
            return self.made("ir.sequence.strict", name=f"{kind} {start.year}", sequence_type=of, company=company)

        invoices = sequence("Invoice")
        names = ("out_invoice_sequence", "in_invoice_sequence", "out_credit_note_sequence", "in_credit_note_sequence")
        year = self.made(
            "account.fiscalyear",
            name=str(start.year),
            start_date=start,
            end_date=end,
            company=company,
            move_sequence=sequence("Account Move"),
            invoice_sequences=[["create", [{"company": company, **dict.fromkeys(names, invoices)}]]],
        )
        self.client.write("account.fiscalyear.create_period", [year])

    def _places(self) -> None:
        self.warehouse = self.one("stock.location", [["type", "=", "warehouse"]])
        for name in (QUARANTINE, DAMAGED, TRANSIT):
            self.places[name] = self.made("stock.location", name=name, type="storage", parent=self.warehouse)
        scrap = self.made("stock.location", name=SCRAP, type="lost_found")
        self.client.write("stock.location.write", [self.warehouse], {"waste_locations": [["add", [scrap]]]})

    def _products(self) -> None:
        self.unit = self.one("product.uom", [["name", "=", "Unit"]])
        for code, price in PRICES.items():
            self.add_product(code, price)
        parts = [{"product": self.products[code], "quantity": units, "unit": self.unit} for code, units in (("MUG", 1), ("TEA", 2))]
        self.add_product(KIT, KIT_PRICE, type="kit", components=[["create", parts]])
        self.add_product("SHIPPING", "5.00", type="service")

    def add_product(self, code: str, price: str, **more: Any) -> None:
        category = self.one("product.category", [["name", "=", "Goods"]])
        fields: dict[str, Any] = {
            "name": code.title(),
            "default_uom": self.unit,
            "type": "goods",
            "salable": True,
            "sale_uom": self.unit,
            "list_price": Decimal(price),
            "cost_price_method": "fixed",
            "account_category": category,
            "code": code,
            "products": [["create", [{"cost_price": Decimal("5.00")}]]],
            **more,
        }
        template = self.made("product.template", **fields)
        self.products[code] = self.one("product.product", [["template", "=", template]])

    def _stock(self) -> None:
        storage = self.client.by_ids("stock.location", [self.warehouse], "storage_location")[self.warehouse]["storage_location"]
        lines = [{"product": self.products[code], "quantity": OPENING_UNITS} for code in PRICES]
        inventory = self.made("stock.inventory", location=storage, lines=[["create", lines]])
        self.client.write("stock.inventory.confirm", [inventory])

    def _customer(self) -> None:
        self.party = self.made("party.party", name="A Customer", addresses=[["create", [{"street": "1 High Street"}]]])
        self.address = self.one("party.address", [["party", "=", self.party]])
