"""One account at Cin7 Core, behind the port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from adapters.erps.alone import Alone, in_this_process
from adapters.erps.cin7_core.catalog import Catalog, UnknownPlace, no_place
from adapters.erps.cin7_core.client import BASE_URL, Client
from adapters.erps.cin7_core.exchanges import Exchanges
from adapters.erps.cin7_core.feed import Feed
from adapters.erps.cin7_core.goods import Goods, UnknownSku, no_product
from adapters.erps.cin7_core.mapping import Cin7Mapping
from adapters.erps.cin7_core.notes import Notes
from adapters.erps.cin7_core.orders import Orders
from adapters.erps.port import (
    REFUSED,
    Changes,
    ErpSettings,
    Level,
    NotThere,
    Unfinished,
    WaitTurn,
    Work,
)
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.shapes import text
from domain.erp_facts import OrderMatched, OrderNotFound


def connect(*, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn, alone: Alone = in_this_process) -> Cin7Core:
    """`alone`: how the hands at one account keep out of each other's way.

    Raises KeyError for a credential that is missing, ValueError for a mapping that is not known.
    """
    account, key = settings.credentials["account_id"], settings.credentials["application_key"]
    base_url = settings.base_url or BASE_URL
    return Cin7Core(settings, Client(http, base_url, account, key, wait_turn), f"{base_url} {account}", alone)


class Cin7Core:
    def __init__(self, settings: ErpSettings, client: Client, account: str, alone: Alone) -> None:
        mapping = Cin7Mapping(settings.mappings)
        self._client = client
        self._catalog = Catalog(client, mapping.decompose)
        self._orders = Orders(settings.name, client, self._catalog, mapping)
        self._goods = Goods(f"cin7_core levels {account}", client, self._catalog, settings.accounts, alone)
        self._notes = Notes(client, self._catalog, self._orders, self._goods, mapping, settings.accounts.get("refund"), alone)
        self._exchanges = Exchanges(client, self._catalog, self._orders)
        self._feed = Feed(client, self._orders, mapping)

    @property
    def goods_in_with_note(self) -> bool:
        return True

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        try:
            return self._orders.match(reference, at)
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused

    def carry_out(self, work: Work) -> Answer:
        self._client.wrote = False
        try:
            return self._carry_out(work)
        except UnknownPlace as unknown:
            return no_place(unknown)
        except UnknownSku as unknown_sku:
            return no_product(unknown_sku)
        except NotUnderstood as refused:
            if self._client.wrote:
                return Unknown(str(refused))
            return Declined(REFUSED, str(refused), "look at what Cin7 says, mend it there, then let it be sent again")
        except (VendorTrouble, VendorRefused) as trouble:
            if self._client.wrote:
                # Some of it is written: what is there is looked at before it goes on.
                return Unknown(f"begun, and not finished: {trouble}")
            raise

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        try:
            match work.issued.kind:
                case "post_credit_note":
                    return self._notes.find(work)
                case "order_exchange" | "authorise_exchange":
                    return self._exchanges.find(work)
                case _:
                    return self._goods.find(work, self._home(work))
        except (UnknownPlace, UnknownSku) as unknown:
            return NotThere(str(unknown))
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        try:
            yield from self._feed.changes(cursor, now)
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused

    def levels(self, skus: Sequence[str]) -> list[Level]:
        return self._catalog.levels(skus)

    def check(self) -> str:
        try:
            me = self._client.read("me")
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused
        told = me[0] if isinstance(me, list) and me else me
        if not isinstance(told, Mapping):
            raise VendorTrouble("Cin7 answered GET me with nothing that names an account: check base_url")
        company, currency = text(told.get("Company")) or "an account without a name", text(told.get("Currency")) or "?"
        locked = text(told.get("LockDate"))
        return f"{company}, base currency {currency}" + (f", locked until {locked[:10]}" if locked else "")

    def _carry_out(self, work: Work) -> Answer:
        match work.issued.kind:
            case "post_credit_note":
                return self._notes.post(work)
            case "order_exchange":
                return self._exchanges.order(work)
            case "authorise_exchange":
                return self._exchanges.authorise(work)
            case "book_in" | "move" | "restock" | "write_off":
                return self._goods.do(work, work.issued.goods, self._home(work), look=False)
            case "release_refund":
                return Declined(REFUSED, "Cin7 Core pays no customer", "the platform releases its refunds")

    def _home(self, work: Work) -> str | None:
        """Where the order shipped from, where the goods' own places do not say enough."""
        goods = work.issued.goods
        write_off = work.issued.kind == "write_off"
        if not any((one.from_location if write_off else one.to_location) is None for one in goods):
            return None
        sale = self._orders.sale(work.issued.order) if work.issued.order else None
        return sale.location if sale is not None else None
