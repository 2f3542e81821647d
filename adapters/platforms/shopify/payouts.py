"""What the shop's payouts hold: movements of the Shopify Payments balance → settlements of refunds.

By REST, whose documents the vendor publishes with examples; GraphQL has the same for apps that may not use REST. A payout itself is a
movement too, with its sign turned, and charges, fees and reserves are nothing to a return: only refunds are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.files.shopify_amounts import objects
from adapters.files.shopify_payouts import Settlement, read_settlement
from adapters.platforms.port import Reading, Unmapped
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.shapes import id_of, number_of
from adapters.vendor.answers import NotUnderstood
from domain.refusals import Rejected

LARGEST_PAGE: Final = 250
# Only of a payout that was paid is it certain what it holds: one that fails gives its movements to another.
PAID: Final = "paid"


class Found(NamedTuple):
    """A settlement, and the order whose payment it is of."""

    settlement: Settlement
    order_id: str


def paid_payouts(admin: Admin, since: datetime) -> list[dict[str, Any]]:
    """Those of the days from `since` on, the oldest first."""
    asked = {"status": PAID, "date_min": since.date().isoformat(), "limit": str(LARGEST_PAGE)}
    found = admin.rest("shopify_payments/payouts.json", asked)
    payouts = [each for each in objects((found or {}).get("payouts")) if str(each.get("status")).casefold() == PAID and each.get("date")]
    return sorted((each for each in payouts if id_of(each)), key=lambda each: (str(each["date"]), int(id_of(each) or 0)))


def movements_of(admin: Admin, payout: str) -> Iterator[dict[str, Any]]:
    """All of one payout. The vendor shows the newest first; pages go on both ways from the first, in case that is not so."""
    first = _page(admin, payout)
    yield from first
    for way, end in (("last_id", min), ("since_id", max)):
        page = first
        while len(page) >= LARGEST_PAGE:
            page = _page(admin, payout, **{way: str(end(int(id_of(each) or 0) for each in page))})
            yield from page


def _page(admin: Admin, payout: str, **more: str) -> list[dict[str, Any]]:
    asked = {"payout_id": payout, "limit": str(LARGEST_PAGE), **more}
    found = admin.rest("shopify_payments/balance/transactions.json", asked)
    return [each for each in objects((found or {}).get("transactions")) if id_of(each)]


def find_settlement(document: dict[str, Any], mappings: Mappings) -> Found | Reading:
    """`document` holds a `movement` and the `payout` it is in; a Reading where it settles no refund. Raises NotUnderstood."""
    movement, payout = document.get("movement"), document.get("payout")
    if not isinstance(movement, dict) or not isinstance(payout, dict):
        raise NotUnderstood("a settlement without its movement or payout")
    number, named = id_of(movement), id_of(payout)
    settles = mappings.settles_refund(movement.get("type"))
    if settles is None:
        return Reading(unmapped=(Unmapped("movement.type", str(movement.get("type"))),))
    if not settles or movement.get("test") is True:
        return Reading(ignored=f"movement {number} of type {movement.get('type')} settles no refund")
    order_id = number_of(movement.get("source_order_id"))
    if order_id is None or number_of(movement.get("source_order_transaction_id")) is None:
        return Reading(unmapped=(Unmapped("movement", f"{number} of payout {named} names no payment"),))
    try:
        return Found(read_settlement({**movement, "payout_id": named, "payout_status": PAID}, payout.get("date")), order_id)
    except Rejected as rejected:
        raise NotUnderstood(f"movement {number}: {rejected.field} {rejected.reason}") from None
