"""One company in Tryton behind the port: documents that carry the instruction's id are looked for before they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, assert_never

from adapters.erps.alone import Alone
from adapters.erps.port import FOUND_TWICE, REFUSED, Changes, ErpSettings, FoundTwice, Level, NotThere, Unfinished, Work
from adapters.erps.tryton.client import Lost, No, SaidNo, TrytonClient
from adapters.erps.tryton.exchanges import Exchanges
from adapters.erps.tryton.feed import Feed
from adapters.erps.tryton.goods import Goods
from adapters.erps.tryton.mapping import TrytonMapping
from adapters.erps.tryton.notes import Notes
from adapters.erps.tryton.orders import Orders
from adapters.erps.tryton.places import Places, Products
from adapters.erps.tryton.sale import Sales
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorRefused, VendorTrouble
from domain.erp_facts import OrderMatched, OrderNotFound

T = TypeVar("T")
_FOUND_TWICE: Final = "keep one of them in Tryton and reverse the other, then retry"
# What the adapter needs: another version of Tryton, or one without a module, is told at once and by name.
_NEEDED: Final = {
    "sale.sale": ("reference", "lines", "invoices", "warehouse"),
    "sale.line": ("components", "base_price"),
    "sale.complaint": ("origin", "actions"),
    "account.invoice": ("reference", "origins", "taxes"),
    "stock.shipment.out.return": ("reference", "warehouse_input", "warehouse_storage"),
    "stock.shipment.internal": ("reference", "transit_location"),
}


class Tryton:
    """The port, for Tryton. A credit note moves no goods: return shipments do."""

    goods_in_with_note = False

    def __init__(self, settings: ErpSettings, client: TrytonClient, mapping: TrytonMapping, alone: Alone) -> None:
        self._client = client
        sales, self._places, self._products = Sales(client, mapping), Places(client, mapping), Products(client)
        self._orders = Orders(settings.name, sales)
        self._notes = Notes(client, sales, settings.accounts.get("refund"), alone)
        self._goods = Goods(client, sales, self._places, self._products)
        self._exchanges = Exchanges(client, sales, self._products)
        self._feed = Feed(client, self._places, mapping)

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        return _asked(lambda: self._orders.match(reference))

    def carry_out(self, work: Work) -> Answer:
        self._client.wrote = False
        try:
            return self._part(work).do(work)
        except No as no:
            return Declined(no.code, no.reason, no.what_to_do)
        except Lost as lost:
            return Unknown(str(lost))
        except FoundTwice as twice:
            return Declined(FOUND_TWICE, str(twice), _FOUND_TWICE)
        except SaidNo as said:
            if self._client.wrote:
                # Some of it is written: what is there is looked at before it goes on.
                return Unknown(f"begun, and not finished: {said}")
            return Declined(REFUSED, str(said), "look at what Tryton says, mend it there, then let it be sent again")
        except (VendorTrouble, VendorRefused) as trouble:
            if self._client.wrote:
                return Unknown(f"begun, and not finished: {trouble}")
            raise

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        try:
            return _asked(lambda: self._part(work).find(work))
        except No as no:
            # What it would have been sent with does not exist in Tryton.
            return NotThere(no.reason)

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        try:
            yield from self._feed.changes(cursor, now)
        except SaidNo as said:
            raise VendorTrouble(str(said)) from said

    def levels(self, skus: Sequence[str]) -> list[Level]:
        return _asked(lambda: self._levels(skus))

    def check(self) -> str:
        return _asked(self._check)

    def _part(self, work: Work) -> Notes | Goods | Exchanges | _Nothing:
        match work.issued.kind:
            case "post_credit_note":
                return self._notes
            case "book_in" | "move" | "restock" | "write_off":
                return self._goods
            case "order_exchange" | "authorise_exchange":
                return self._exchanges
            case "release_refund":
                return _Nothing()
            case _:
                assert_never(work.issued.kind)

    def _levels(self, skus: Sequence[str]) -> list[Level]:
        """Kits are left out: Tryton counts them by their parts."""
        products = {row["id"]: sku for sku, row in self._products.by_skus(skus).items() if row["type"] == "goods"}
        today = self._client.read("ir.date.today")
        told = []
        for place, name in self._places.storage() if products else ():
            context = {"locations": [place], "stock_date_end": today, "with_childs": False}
            fields = ["quantity", "forecast_quantity"]
            for row in self._client.read("product.product.read", sorted(products), fields, context=context):
                told.append(Level(products[row["id"]], name, int(row["forecast_quantity"]), int(row["quantity"])))
        return told

    def _check(self) -> str:
        version = self._client.version()
        company = self._client.by_ids("company.company", [self._client.company], "rec_name", "currency.code")[self._client.company]
        for model, fields in _NEEDED.items():
            told = self._client.read(f"{model}.fields_get", list(fields))
            if missing := [name for name in fields if name not in told]:
                raise VendorRefused(f"Tryton {version} has no {model}.{missing[0]}: install its modules sale_complaint and product_kit")
        return f"Tryton {version}, company {company['rec_name']}, currency {company['currency.']['code']}"


class _Nothing:
    def do(self, work: Work) -> Accepted:
        raise No(REFUSED, "Tryton does not release the platform's refunds", "the platform releases its refunds")

    def find(self, work: Work) -> NotThere:
        return NotThere("nothing: Tryton does not release the platform's refunds")


def _asked(ask: Callable[[], T]) -> T:
    """A question that Tryton refuses is trouble with the connection, not an answer."""
    try:
        return ask()
    except SaidNo as said:
        raise VendorTrouble(str(said)) from said
