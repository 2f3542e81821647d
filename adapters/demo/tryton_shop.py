"""A running Tryton in which the demo sells: what a merchant's people do there before a return, over the program's own RPC.

It has a company with a chart of accounts, a fiscal year, and a sales tax as high as the demo's; products, places and the customer are made
where they are not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, NamedTuple

import httpx

from adapters.erps.port import ErpSettings
from adapters.erps.registry import check_credentials
from adapters.erps.tryton.client import Lost, SaidNo, TrytonClient
from adapters.vendor.answers import VendorError

# What Tryton asks when goods go and invoices are posted, and a person would say yes to.
AGREED: Final = ("done", "check_quantity_product", "invoice_payment_term")
CUSTOMER: Final = "A customer of the demo"
PLACES: Final = ("In transit", "Quarantine", "Damaged")
WASTE: Final = "Scrapped"
CURRENCY: Final = "GBP"
_UNITS_ON_THE_SHELF: Final = 10_000
_COST: Final = Decimal("5.00")
_TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)


class Customer(NamedTuple):
    """Who buys, and on which terms: ids in Tryton."""

    party: int
    address: int
    payment_term: int
    currency: int
    warehouse: int
    unit: int


class Item(NamedTuple):
    """A line of a sale: product, net price of one unit, and tax, as ids in Tryton where they are ids."""

    product: int
    quantity: int
    price: Decimal
    taxes: tuple[int, ...]


def sell(client: TrytonClient, customer: Customer, reference: str, items: Sequence[Item], today: Any, *, ship: bool, invoice: bool) -> int:
    """A sale, confirmed, and where it is said shipped and invoiced. Gives its id; raises as the client does."""
    lines = [
        {
            "type": "line",
            "product": item.product,
            "quantity": item.quantity,
            "unit": customer.unit,
            "base_price": item.price,
            "unit_price": item.price,
            "taxes": [["add", list(item.taxes)]] if item.taxes else [],
        }
        for item in items
    ]
    fields = {
        "party": customer.party,
        "company": client.company,
        "currency": customer.currency,
        "reference": reference,
        "sale_date": today,
        "invoice_address": customer.address,
        "shipment_address": customer.address,
        "payment_term": customer.payment_term,
        "invoice_method": "order",
        "shipment_method": "order",
        "warehouse": customer.warehouse,
        "lines": [["create", lines]],
    }
    sale = int(client.write("sale.sale.create", [fields])[0])
    for step in ("quote", "confirm"):
        client.write(f"sale.sale.{step}", [sale])
    made = client.by_ids("sale.sale", [sale], "shipments", "invoices")[sale]
    if ship:
        for step in ("assign_try", "pick", "pack", "do"):
            client.write(f"stock.shipment.out.{step}", made["shipments"], agreed=AGREED)
    if invoice:
        client.write("account.invoice.post", made["invoices"], agreed=AGREED)
    return sale


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except (VendorError, SaidNo, Lost) as failure:
        raise ValueError(str(failure)) from failure


class TrytonShop:
    """Stands where the demo has a simulator otherwise. What goes wrong there is a ValueError, in a sentence."""

    def __init__(self, settings: ErpSettings, tax_percent: int) -> None:
        """Asks nothing yet. Raises UnusableErp for credentials that are missing."""
        check_credentials(settings)
        self._client = TrytonClient(settings, httpx.Client(timeout=_TIMEOUT), lambda _: None)
        self._rate = Decimal(tax_percent) / 100
        self._customer: Customer | None = None
        self._tax = self._category = self._shelf = 0
        self._products: dict[str, int] = {}

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """`orders`: [{`reference`, `lines` [{`sku`, `quantity`, `net`}], `invoiced`}]; `by_hand`: [{`invoice`: reference}]."""
        with _said_plainly():
            for order in told.get("orders", ()):
                self._sell(order)
            for done in told.get("by_hand", ()):
                self._post_invoices(done["invoice"])
        return {}

    def open_for_business(self) -> None:
        """Make what is missing there. Raises ValueError, with what to do, where it cannot be reached or is no company to sell in."""
        with _said_plainly():
            self._get_ready()

    def state(self) -> dict[str, Any]:
        """Nothing: the demo looks at nothing there, people do."""
        return {}

    def _sell(self, order: Mapping[str, Any]) -> None:
        customer = self._customer or self._get_ready()
        items = [
            Item(self._product(line["sku"], line["net"]), line["quantity"], Decimal(line["net"]), (self._tax,)) for line in order["lines"]
        ]
        today = self._client.read("ir.date.today")
        sell(self._client, customer, order["reference"], items, today, ship=True, invoice=order["invoiced"])

    def _post_invoices(self, reference: str) -> None:
        (sale,) = self._client.rows("sale.sale", [["reference", "=", reference]], "invoices")
        self._client.write("account.invoice.post", sale["invoices"], agreed=AGREED)

    # What has to be there

    def _get_ready(self) -> Customer:
        one = self._one
        warehouse = one("stock.location", [["type", "=", "warehouse"]], "a warehouse")
        currency = one("currency.currency", [["code", "=", CURRENCY]], f"the currency {CURRENCY}")
        self._tax = one("account.tax", [["type", "=", "percentage"], ["rate", "=", self._rate]], f"a tax of {self._rate:%}")
        self._category = one("product.category", [["accounting", "=", True]], "a product category with accounts")
        unit = one("product.uom", [["name", "=", "Unit"]], "the unit of measure Unit")
        term = one("account.invoice.payment_term", [], "a payment term")
        self._make_places(warehouse)
        self._customer = Customer(*self._buyer(), term, currency, warehouse, unit)
        return self._customer

    def _one(self, model: str, domain: list[Any], what: str) -> int:
        found = self._client.rows(model, domain, "id", limit=1)
        if not found:
            raise ValueError(f"Tryton has no {what.removeprefix('a ').removeprefix('the ')}: set it up there, then start the demo again")
        return int(found[0]["id"])

    def _make_places(self, warehouse: int) -> None:
        house = self._client.by_ids("stock.location", [warehouse], "storage_location", "waste_locations")[warehouse]
        self._shelf = int(house["storage_location"])
        there = {row["name"] for row in self._client.rows("stock.location", [["name", "in", list(PLACES)]], "name")}
        for name in PLACES:
            if name not in there:
                self._make("stock.location", name=name, type="storage", parent=warehouse)
        if not house["waste_locations"]:
            waste = self._make("stock.location", name=WASTE, type="lost_found")
            self._client.write("stock.location.write", [warehouse], {"waste_locations": [["add", [waste]]]})

    def _buyer(self) -> tuple[int, int]:
        found = self._client.rows("party.party", [["name", "=", CUSTOMER]], "addresses", limit=1)
        if not found:
            self._make("party.party", name=CUSTOMER, addresses=[["create", [{"street": "1 High Street"}]]])
            found = self._client.rows("party.party", [["name", "=", CUSTOMER]], "addresses", limit=1)
        return int(found[0]["id"]), int(found[0]["addresses"][0])

    def _product(self, sku: str, price: str) -> int:
        if sku not in self._products:
            found = self._client.rows("product.product", [["code", "=", sku]], "id", limit=1)
            self._products[sku] = int(found[0]["id"]) if found else self._make_product(sku, price)
        return self._products[sku]

    def _make_product(self, sku: str, price: str) -> int:
        assert self._customer is not None, "what has to be there is there"
        unit = self._customer.unit
        template = self._make(
            "product.template",
            name=sku.replace("-", " ").title(),
            code=sku,
            type="goods",
            salable=True,
            default_uom=unit,
            sale_uom=unit,
            list_price=Decimal(price),
            cost_price_method="fixed",
            account_category=self._category,
            products=[["create", [{"cost_price": _COST}]]],
        )
        product = int(self._client.rows("product.product", [["template", "=", template]], "id")[0]["id"])
        lines = [["create", [{"product": product, "quantity": _UNITS_ON_THE_SHELF}]]]
        inventory = self._make("stock.inventory", location=self._shelf, lines=lines)
        self._client.write("stock.inventory.confirm", [inventory])
        return product

    def _make(self, model: str, **fields: Any) -> int:
        return int(self._client.write(f"{model}.create", [fields])[0])
