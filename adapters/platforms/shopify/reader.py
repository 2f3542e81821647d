"""Refunds and returns of one shop → readings: fetched where a webhook does not hold them, and put on the return that they belong to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from adapters.files.exact_json import dumps
from adapters.files.shopify_amounts import objects
from adapters.platforms.port import Delivery, Desk, Joined, RawFact, Reading, Unmapped
from adapters.platforms.shopify import queries
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.joins import (
    PLATFORM,
    fitting,
    place,
    returns_of,
    settlements_of,
    standing,
    taken_back,
    unjoined,
)
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.payouts import find_settlement
from adapters.platforms.shopify.refunds import needs_shop_money, read_shop_refund
from adapters.platforms.shopify.returns import ShopReturn, read_shop_return, unnamed_variants
from adapters.platforms.shopify.shapes import gid, id_of
from domain.facts import Cancelled, Initiated
from domain.telling import ReturnKey, write_instant

# The topic of our own under which a polled record stands in the inbox; its body says what it is and which.
POLLED: Final = "poll"
REFUND: Final = "refund"
RETURN: Final = "return"
SETTLEMENT: Final = "settlement"
_NAMES_KEPT: Final = 1_000
_FULFILMENT: Final = "reverseFulfillmentOrder"


class Reader:
    """Reads one refund or one return to its end. Raises NotUnderstood, VendorTrouble and VendorRefused."""

    def __init__(self, connection: str, merchant: str, admin: Admin, mappings: Mappings) -> None:
        self._connection, self._merchant, self._admin, self._mappings = connection, merchant, admin, mappings
        self._names: OrderedDict[str, str | None] = OrderedDict()

    def key(self, return_id: str) -> ReturnKey:
        return ReturnKey(self._merchant, PLATFORM, return_id)

    def polled(self, kind: str, number: str, desk: Desk, **more: Any) -> Delivery:
        return Delivery(self._connection, POLLED, desk.now(), {}, dumps({"kind": kind, "id": number, **more}).encode())

    def refund_of_body(self, document: dict[str, Any], desk: Desk) -> Reading:
        """From the webhook's own body, where it holds all that is needed; its amounts are exact."""
        known = read_shop_refund(document, self._merchant, self._mappings)
        if known.waits_for or (known.fact and needs_shop_money(document)):
            # The body is frozen as it was at first; a retried delivery would say so for ever.
            return self.refund(known.refund, desk)
        return self._placed(document, desk)

    def refund(self, number: str, desk: Desk) -> Reading:
        """As the API shows it now."""
        document = self._admin.ask_whole(queries.REFUND, "refund", "refundLineItems", id=gid("Refund", number))
        if document is None:
            return Reading(waits_for=f"refund {number} in the shop's API, which does not know it (yet)")
        return self._placed(document, desk)

    def refund_of_transaction(self, transaction: str, order_id: str, desk: Desk) -> Reading:
        order = self._admin.ask(queries.REFUNDS_OF_ORDER, id=gid("Order", order_id)).get("order")
        for refund in objects((order or {}).get("refunds")):
            number = id_of(refund)
            if number and any(id_of(each) == transaction for each in objects(refund.get("transactions"))):
                return self.refund(number, desk)
        return Reading(waits_for=f"the refund of transaction {transaction} in the shop's API, which does not show it (yet)")

    def homes(self, refund: str, order_id: str, order_name: str, returns: Iterable[str], desk: Desk) -> list[ReturnKey]:
        """Where the refund stands, asked of the ledger alone; `returns` are Shopify's own returns of the order."""
        told = desk.return_of_refund(refund)
        own = [unjoined(self._merchant, order_id), *(self.key(each) for each in returns)]
        return list(standing(refund, [*own, *returns_of(order_name, desk), *([told] if told else [])], desk))

    def _placed(self, document: dict[str, Any], desk: Desk) -> Reading:
        known = read_shop_refund(document, self._merchant, self._mappings)
        if known.fact is None:
            return Reading(ignored=known.nothing, waits_for=known.waits_for, unmapped=known.unmapped)
        own = self.key(str(known.fact["return"]))
        name = known.order_name or self._order_name(known.order_id, desk)
        found = place(known.refund, own, known.order_id, name, known.lines, desk)
        # What payouts settled goes along.
        facts = [*taken_back(found.wrong), *settlements_of(found, known.refund, desk)]
        if not found.recorded:
            facts.append(known.fact | {"platform": found.key.platform, "return": found.key.return_id})
        ignored = None if facts else f"refund {known.refund} is recorded already, on {found.key.platform} return {found.key.return_id}"
        return Reading(tuple(facts), ignored, joined=(found.joined,) if found.joined else ())

    def _order_name(self, order_id: str | None, desk: Desk) -> str | None:
        """Only asked for where it can decide something: with no other voice, a refund is read without the API."""
        if order_id is None or not desk.refunds_for:
            return None
        if order_id not in self._names:
            order = self._admin.ask(queries.ORDER_NAME, id=gid("Order", order_id)).get("order")
            if order is None:
                return None
            self._names[order_id] = str(order.get("name"))
            if len(self._names) > _NAMES_KEPT:
                self._names.popitem(last=False)
        return self._names[order_id]

    def settlement(self, document: dict[str, Any], desk: Desk) -> Reading:
        """A movement of the balance that a payout took along: of which refund, the payment's id says, and never the amount."""
        found = find_settlement(document, self._mappings)
        if isinstance(found, Reading):
            return found
        settlement = found.settlement
        order = self._admin.ask(queries.REFUNDS_OF_ORDER, id=gid("Order", found.order_id)).get("order") or {}
        refunds = objects(order.get("refunds"))
        paid = [one for one in refunds if any(id_of(each) == settlement.transaction for each in objects(one.get("transactions")))]
        refund = id_of(paid[0]) if paid else None
        if refund is None:
            return Reading(waits_for=f"a refund that payment {settlement.transaction} of payout {settlement.payout} is of")
        returns = [number for each in objects(order.get("returns")) if (number := id_of(each)) is not None]
        homes = self.homes(refund, found.order_id, str(order.get("name")), returns, desk)
        if not homes:
            return Reading(waits_for=f"refund {refund}, which payout {settlement.payout} holds, to be recorded")
        key = next((home for home in homes if home.platform != PLATFORM), homes[0])
        fact = settlement.fact(key, refund)
        if any(each.source_id == fact["source_id"] for each in desk.told(key)):
            return Reading(ignored=f"payout {settlement.payout} is recorded already as what settled refund {refund}")
        return Reading((fact,))

    def shop_return(self, number: str, desk: Desk, *, with_refunds: bool = True) -> tuple[Reading, ShopReturn | None]:
        """The whole return as the API shows it now, its refunds too where they are not known yet."""
        document = self._admin.ask_whole(queries.RETURN, "return", "returnLineItems", id=gid("Return", number))
        if document is None:
            return Reading(waits_for=f"return {number} in the shop's API, which does not know it (yet)"), None
        fulfilments = [
            whole
            for each in objects(document.get("reverse_fulfillment_orders"))
            if (whole := self._admin.ask_whole(queries.REVERSE_FULFILLMENT, _FULFILMENT, "lineItems", id=each["id"])) is not None
        ]
        found = read_shop_return(document, fulfilments, self._skus(unnamed_variants(document)), self.key(number), self._mappings)
        reading = self._voiced(found, desk)
        refunds = (
            []
            if not with_refunds
            else [
                self.refund(each, desk) for each in found.refunds if not self.homes(each, found.order_id, found.order_name, [number], desk)
            ]
        )
        return together(reading, refunds), found

    def return_of_fulfilment(self, number: str, desk: Desk) -> Reading:
        """A reverse fulfilment order's webhook names no return: the API knows by way of the order."""
        asked = gid("ReverseFulfillmentOrder", number)
        found = self._admin.ask(queries.RETURN_OF_REVERSE_FULFILLMENT, id=asked).get("reverse_fulfillment_order")
        for each in objects(((found or {}).get("order") or {}).get("returns")):
            if any(id_of(one) == number for one in objects(each.get("reverse_fulfillment_orders"))) and (of := id_of(each)):
                return self.shop_return(of, desk)[0]
        return Reading(waits_for=f"the return of reverse fulfilment order {number} in the shop's API, which does not show it (yet)")

    def _voiced(self, found: ShopReturn, desk: Desk) -> Reading:
        """A return that another platform announced is that platform's: Shopify's part of it is the money."""
        candidates = returns_of(found.order_name, desk)
        may, _ = fitting(candidates, found.lines, desk)
        announced = desk.announced(found.key)
        unmapped = tuple(found.unmapped)
        if may:
            why = f"order {found.order_name} has it there, and a return is announced once, by the platform that handles it"
            joined = Joined(f"Shopify return {found.key.return_id}", may[0], why, tuple(str(key) for key in may[1:]))
            facts = self._withdrawn(found, desk) if announced else []
            ignored = None if facts else f"goods and announcement of this return are told by {may[0].platform}, return {may[0].return_id}"
            return Reading(tuple(facts), ignored, unmapped, joined=(joined,))
        until = found.created_at + self._mappings.wait_for_platform
        if desk.refunds_for and not announced and desk.now() < until:
            platforms = " or ".join(sorted(desk.refunds_for))
            waits = f"{platforms} to announce a return of order {found.order_name}, until {write_instant(until)}"
            return Reading(unmapped=unmapped, waits_for=waits)
        known = {each.source_id for each in desk.told(found.key)}
        whole = [*([found.announcement] if found.announcement and not announced else []), *found.goods, *([found.end] if found.end else [])]
        facts = [fact for fact in whole if fact["source_id"] not in known]
        changed = _changed(found, desk) if announced else ()
        ignored = None if facts else f"return {found.key.return_id} tells nothing that is not recorded already"
        return Reading(tuple(facts), ignored, (*unmapped, *changed))

    def _withdrawn(self, found: ShopReturn, desk: Desk) -> list[RawFact]:
        """It was announced as Shopify's own before the platform's announcement came: from now on nothing is expected of it."""
        if any(isinstance(each.fact, Cancelled) for each in desk.told(found.key)):
            return []
        return [
            {
                "fact": "Cancelled",
                "merchant": found.key.merchant,
                "platform": found.key.platform,
                "return": found.key.return_id,
                "occurred_at": write_instant(found.created_at),
                "source_id": f"shopify/return/{found.key.return_id}/told-elsewhere",
            }
        ]

    def _skus(self, variants: list[str]) -> dict[str, str]:
        if not variants:
            return {}
        found = objects(self._admin.ask(queries.VARIANTS, ids=[gid("ProductVariant", each) for each in variants]).get("variants"))
        return {number: str(each["sku"]) for each in found if each.get("sku") and (number := id_of(each)) is not None}


def _changed(found: ShopReturn, desk: Desk) -> tuple[Unmapped, ...]:
    """Units that were taken off a return after it was announced. An announcement stands as it was told: a person has to know."""
    if found.announcement is None:
        return ()
    before = next((each.fact for each in desk.told(found.key) if isinstance(each.fact, Initiated)), None)
    units = {line["line"]: line["quantity"] for line in found.announcement["lines"]}
    gone = {line.line: line.quantity - units.get(line.line, 0) for line in before.lines} if before else {}
    return tuple(
        Unmapped("return.lines", f"{fewer} fewer units of line {line} than were announced", found.key.return_id)
        for line, fewer in gone.items()
        if fewer > 0
    )


def together(reading: Reading, refunds: Iterable[Reading]) -> Reading:
    parts = [reading, *refunds]
    facts = tuple(fact for part in parts for fact in part.facts)
    waits = "; ".join(dict.fromkeys(part.waits_for for part in parts if part.waits_for)) or None
    ignored = None if facts or waits else reading.ignored
    unmapped = tuple(dict.fromkeys(each for part in parts for each in part.unmapped))
    return Reading(facts, ignored, unmapped, waits, joined=tuple(dict.fromkeys(each for part in parts for each in part.joined)))
