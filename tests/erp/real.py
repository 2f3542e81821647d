"""A running Tryton as the other side of the contract's rig: its own calls go through, and the contract's faults stand before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from adapters.erps.tryton import connect
from adapters.erps.tryton.naming import id_in, named
from adapters.sandbox.faults import Front
from adapters.sandbox.port import OutgoingWebhook, SandboxRequest, SandboxResponse
from adapters.sandbox.transport import SandboxTransport
from domain.money import to_text
from tests.adapters.erps.rig import Rig, SeenNote, SeenOrder, Sold, SteppedClock
from tests.erp.server import Server
from tests.erp.shop import Item, Shop

_KEPT = ("content-type", "authorization", "accept-encoding")


class RealTryton:
    """Stands where a simulator stands."""

    def __init__(self, server: Server) -> None:
        self._http, self._url = httpx.Client(timeout=60), server.url

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        answered = self._http.request(request.method, self._url + request.path, content=request.body, headers=headers)
        told = {"content-type": answered.headers.get("content-type", "")}
        return SandboxResponse(answered.status_code, told, answered.content)

    def refuse(self, status: int) -> SandboxResponse:
        return SandboxResponse(status, {"content-type": "text/html"}, b"<title>refused</title>")

    def take_webhooks(self) -> list[OutgoingWebhook]:
        return []

    def state(self) -> dict[str, Any]:
        return {}

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        raise ValueError("Tryton is seeded by its own people")


class TrytonRig(Rig):
    main = "Storage Zone"

    def __init__(self, server: Server, front: Callable[..., Front] = Front) -> None:
        # Its stamps are those of the machine.
        self.clock = SteppedClock(datetime.now(UTC))
        self.shop = Shop(server.client())
        self.front = front(RealTryton(server))
        http = httpx.Client(transport=SandboxTransport(self.front))
        self.erp = connect(settings=server.settings(), http=http, wait_turn=lambda _: None)

    def seed_order(self, reference: str, lines: Sequence[Sold], *, shipping: int = 0, shipping_tax: int = 0, invoiced: bool = True) -> None:
        items = []
        for one in lines:
            self._product(one.sku)
            # 114.98 for three is a price of four digits.
            price = (Decimal(one.items_minor) / 100 / one.quantity).quantize(Decimal("0.0001"))
            items.append(Item(one.sku, one.quantity, str(price)))
        if shipping:
            items.append(Item("SHIPPING", 1, to_text(shipping, "GBP"), bool(shipping_tax)))
        self.shop.sell(reference, items, ship=False, invoice=invoiced)

    def seed_stock(self, sku: str, location: str, units: int) -> None:
        product, company = self._product(sku), self.shop.company
        place = self._place(location)
        lines = [{"product": product, "quantity": units}]
        made = company.made("stock.inventory", location=place, lines=[["create", lines]])
        company.client.write("stock.inventory.confirm", [made])

    def stock(self, sku: str, location: str) -> int:
        return self.shop.at(self._place(location), sku)

    def notes(self, reference: str) -> list[SeenNote]:
        sales = {row["id"] for row in self.shop.client.rows("sale.sale", [["reference", "=", reference]], "id")}
        found = []
        for note in self.shop.notes():
            fields = ("product", "product.code", "quantity", "origin")
            rows = self.shop.client.rows("account.invoice.line", [["invoice", "=", note["id"]]], *fields)
            units = tuple(sorted((row["product."]["code"], -int(row["quantity"])) for row in rows if row["product"]))
            if sales:
                found.append(SeenNote(note["name"], int(note["total"] * 100), units))
        return found

    def leftovers(self) -> list[str]:
        left = [f"note {one}" for one in self.shop.drafts()]
        for model in ("stock.shipment.out.return", "stock.shipment.internal"):
            rows = self.shop.client.rows(model, [["state", "not in", ["done", "cancelled"]]], "id")
            left += [f"{model} {row['id']}" for row in rows]
        return left

    def exchanges(self) -> list[SeenOrder]:
        found = []
        domain = [["reference", "like", "rl-%"], ["state", "!=", "cancelled"]]
        for sale in self.shop.client.rows("sale.sale", domain, "number", "state", "total_amount"):
            rows = self.shop.client.rows("sale.line", [["sale", "=", sale["id"]]], "product.code", "quantity")
            units = tuple(sorted((row["product."]["code"], int(row["quantity"])) for row in rows))
            status = "authorised" if sale["state"] in ("confirmed", "processing", "done") else "draft"
            found.append(SeenOrder(named(sale), status, int(sale["total_amount"] * 100), units))
        return found

    def note_by_hand(self, reference: str, sku: str, units: int) -> str:
        sale = self.shop.client.rows("sale.sale", [["reference", "=", reference]], "id")[0]["id"]
        return self.shop.name_of(self.shop.credit_by_hand(sale, sku, units))

    def void_by_hand(self, number: str) -> None:
        """Tryton voids nothing that is posted, unless the company allows it; and then by its own way, "cancel"."""
        self.shop.client.write("company.company.write", [self.shop.client.company], {"cancel_invoice_out": True})
        self.shop.client.write("account.invoice.cancel", [id_in(number)])

    def _product(self, sku: str) -> int:
        company = self.shop.company
        if sku not in company.products:
            company.add_product(sku, "10.00")
        return company.products[sku]

    def _place(self, name: str) -> int:
        return self.shop.storage() if name == self.main else self.shop.company.places[name]
