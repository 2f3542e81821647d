"""One Linnworks account behind the port: each instruction in the parts that it takes, looked for before they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from adapters.erps.linnworks.changes import Look
from adapters.erps.linnworks.client import LinnworksClient, Lost, No
from adapters.erps.linnworks.exchanges import Authorising, Exchange
from adapters.erps.linnworks.goods import ways_of
from adapters.erps.linnworks.levels import levels_of
from adapters.erps.linnworks.mapping import Mapping as LinnworksMapping
from adapters.erps.linnworks.moves import Move
from adapters.erps.linnworks.orders import Orders, ships_from_of
from adapters.erps.linnworks.places import Places, Skus
from adapters.erps.linnworks.refunds import Refunds
from adapters.erps.linnworks.rmas import Rma
from adapters.erps.linnworks.scraps import Scrap
from adapters.erps.port import FOUND_TWICE, REFUSED, Changes, ErpSettings, FoundTwice, Level, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.shapes import Document
from domain.erp_facts import OrderMatched, OrderNotFound

T = TypeVar("T")
_FOUND_TWICE = "keep one of them in Linnworks and delete the other, then retry"


class Part(Protocol):
    """One kind of document of an instruction. `do` looks by itself and finishes what was begun; `check` raises No before anything is
    written."""

    def look(self) -> Accepted | Unfinished | NotThere: ...

    def check(self) -> None: ...

    def do(self) -> Accepted: ...


class Linnworks:
    """The port, for Linnworks. An RMA brings goods in by itself; a refund moves none."""

    goods_in_with_note = False

    def __init__(self, settings: ErpSettings, client: LinnworksClient, mapping: LinnworksMapping) -> None:
        self._client, self._mapping = client, mapping
        self._orders = Orders(client, mapping, settings.name)
        self._places, self._skus = Places(client), Skus(client)
        self._refunds = Refunds(client)

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        return _asked(lambda: self._orders.match(reference))

    def carry_out(self, work: Work) -> Answer:
        self._client.begin()
        done: list[Accepted] = []
        try:
            parts = self._parts(work)
            if len(parts) > 1 and all(isinstance(part.look(), NotThere) for part in parts):
                for part in parts:
                    part.check()
            for part in parts:
                done.append(part.do())
        except No as no:
            before = f"; done before that: {', '.join(one.reference for one in done)}" if done else ""
            return Declined(no.code, no.reason + before, no.what_to_do)
        except Lost as lost:
            return Unknown(str(lost))
        except FoundTwice as twice:
            return Declined(FOUND_TWICE, str(twice), _FOUND_TWICE)
        except (VendorTrouble, VendorRefused, NotUnderstood) as trouble:
            if self._client.wrote:
                return Unknown(str(trouble))
            if isinstance(trouble, NotUnderstood):
                return Declined(REFUSED, str(trouble), "look at the order in Linnworks, then retry")
            raise
        # Goods that are to go where they stand need nothing.
        return done[0] if done else Accepted(work.issued.instruction)

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        try:
            found = _asked(lambda: [part.look() for part in self._parts(work)])
        except No as no:
            # What it would have been sent with does not exist in Linnworks.
            return NotThere(no.reason)
        if not found:
            return Accepted(work.issued.instruction)
        if all(isinstance(one, Accepted) for one in found):
            return found[0]
        begun = next((one for one in found if not isinstance(one, NotThere)), None)
        return found[0] if begun is None else Unfinished(begun.reference)

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        try:
            yield from Look(self._client, self._orders, self._places, self._mapping.exchange_sub_source).pages(cursor, now)
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused

    def levels(self, skus: Sequence[str]) -> list[Level]:
        return _asked(lambda: self._levels(skus))

    def check(self) -> str:
        names = _asked(self._places.names)
        return f"Linnworks answers; its locations: {', '.join(names) or 'none'}"

    def _levels(self, skus: Sequence[str]) -> list[Level]:
        by_item = {item.lower(): sku for sku, item in self._skus.ids(skus).items()}
        found = []
        for one in levels_of(self._client, by_item):
            sku, location = by_item.get(one.stock_item.lower()), one.location or self._places.name_of(one.location_id)
            if sku is not None and location is not None:
                found.append(Level(sku, location, one.available, one.on_hand))
        return found

    def _parts(self, work: Work) -> list[Part]:
        match work.issued.kind:
            case "post_credit_note":
                return [_OfWork(self._refunds, work)]
            case "book_in" | "move" | "restock" | "write_off":
                return self._goods(work)
            case "order_exchange":
                return [Exchange(self._client, self._orders, self._places, self._skus, self._mapping, work)]
            case "authorise_exchange":
                return [Authorising(self._client, self._orders, work)]
            case "release_refund":
                raise No(REFUSED, "Linnworks does not release the platform's refunds", "release it at the platform")

    def _goods(self, work: Work) -> list[Part]:
        kept: list[Document | None] = []

        def original() -> Document | None:
            if not kept:
                kept.append(self._orders.by_id(work.issued.order or ""))
            return kept[0]

        ways = ways_of(work, original)
        somewhere = any(one.location is None for one in ways.back) or any(location is None for _, location in ways.deltas)
        ships_from = ships_from_of(original()) if somewhere else None
        parts: list[Part] = []
        if ways.back:
            parts.append(
                Rma(self._client, self._places, self._refunds, work, ways.back, ships_from, scrapped=work.issued.kind == "write_off")
            )
        if ways.deltas:
            parts.append(Move(self._client, self._places, self._skus, work, ways.deltas, ships_from))
        if ways.out:
            parts.append(Scrap(self._client, self._places, self._skus, work, ways.out, self._mapping.scrap_category))
        if not parts and not work.issued.goods:
            raise No(REFUSED, "the instruction moves nothing", "waive the gap")
        return parts


class _OfWork:
    """The refund of one instruction, as a part."""

    def __init__(self, refunds: Refunds, work: Work) -> None:
        self._refunds, self._work = refunds, work

    def look(self) -> Accepted | Unfinished | NotThere:
        return self._refunds.look(self._work)

    def check(self) -> None:
        self._refunds.check(self._work)

    def do(self) -> Accepted:
        return self._refunds.do(self._work)


def _asked(ask: Callable[[], T]) -> T:
    """A question that Linnworks does not understand is trouble with the connection, not an answer."""
    try:
        return ask()
    except NotUnderstood as refused:
        raise VendorTrouble(str(refused)) from refused
