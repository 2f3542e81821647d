"""What the shop's payouts hold: movements of the Shopify Payments balance → settlements of refunds.

By REST, whose documents the vendor publishes with examples; GraphQL has the same for apps that may not use REST. A payout itself is a
movement too, with its sign turned, and charges, fees and reserves are nothing to a return: only refunds are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.files.shopify_amounts import minor, objects
from adapters.platforms.port import NotUnderstood, RawFact, Reading, Unmapped
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.mapping import Mappings
from adapters.platforms.shopify.shapes import id_of, number_of
from domain.money import CURRENCIES, to_text
from domain.telling import ReturnKey

LARGEST_PAGE: Final = 250
# Only of a payout that was paid is it certain what it holds: one that fails gives its movements to another.
PAID: Final = "paid"


class Settlement(NamedTuple):
    """A refund's movement in a payout. `amount` is what was taken from the merchant, without a sign."""

    movement: str
    payout: str
    date: str
    order_id: str
    transaction: str
    currency: str
    amount: str
    fee: str | None

    def fact(self, key: ReturnKey, refund: str) -> RawFact:
        told: RawFact = {
            "fact": "PayoutSettled",
            "merchant": key.merchant,
            "platform": key.platform,
            "return": key.return_id,
            # A payout has a day and no hour.
            "occurred_at": f"{self.date}T00:00:00Z",
            "source_id": f"shopify/balance/{self.movement}/{key.return_id}",
            "payout": self.payout,
            "refund": refund,
            "transaction": self.transaction,
            "currency": self.currency,
            "amount": self.amount,
        }
        return told | ({"fee": self.fee} if self.fee else {})


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


def read_settlement(document: dict[str, Any], mappings: Mappings) -> Settlement | Reading:
    """`document` holds a `movement` and the `payout` it is in; a Reading where it settles no refund. Raises NotUnderstood."""
    movement, payout = document.get("movement"), document.get("payout")
    if not isinstance(movement, dict) or not isinstance(payout, dict):
        raise NotUnderstood("a settlement without its movement or payout")
    number, named = id_of(movement), id_of(payout)
    if number is None or named is None:
        raise NotUnderstood("a movement or payout without its id")
    settles = mappings.settles_refund(movement.get("type"))
    if settles is None:
        return Reading(unmapped=(Unmapped("movement.type", str(movement.get("type"))),))
    if not settles or movement.get("test") is True:
        return Reading(ignored=f"movement {number} of type {movement.get('type')} settles no refund")
    order_id, transaction = number_of(movement.get("source_order_id")), number_of(movement.get("source_order_transaction_id"))
    if order_id is None or transaction is None:
        return Reading(unmapped=(Unmapped("movement", f"{number} of payout {named} names no payment"),))
    currency = str(movement.get("currency"))
    amount = minor(movement.get("amount"), currency) if currency in CURRENCIES else None
    if amount is None or amount > 0:
        raise NotUnderstood(
            f"movement {number} is a refund, and {str(movement.get('amount'))[:40]} {currency[:10]} does not leave the balance"
        )
    fee = minor(movement.get("fee"), currency)
    return Settlement(
        number,
        named,
        str(payout.get("date")),
        order_id,
        transaction,
        currency,
        to_text(-amount, currency),
        to_text(fee, currency) if fee else None,
    )
