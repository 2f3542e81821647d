"""ReturnGO's amounts, from JSON numbers to minor units: which of its two currencies, what a unit is worth, what a refund is made of.

Every amount comes twice: `shopAmount` in the shop's currency and `amount` in the customer's. The house keeps its books in the shop's, as
Shopify's refunds (`shop_money`) are told, so that one is taken wherever the whole return has it; an RMA is never read half in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from adapters.platforms.returngo.fields import Document, flag, nested, number, text
from domain.money import CURRENCIES, allocate, to_text

# JavaScript writes 30.000000000000004 where it means 30.
_NOISE_MINOR = Decimal("0.0001")
_FEES = ("restockingFee", "returnFee", "shipmentFee")


class Unreadable(Exception):
    """A field of the document that makes no sense: nothing is told of what hangs on it."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(f"{field}: {said}")
        self.field, self.said = field, said


class Worth(NamedTuple):
    """What a line is worth, net and tax, in minor units."""

    items: int
    tax: int


@dataclass(frozen=True, slots=True)
class Priced:
    """A line to be priced: units of one order line share what rounding leaves over."""

    line: str
    order_line: str | None
    quantity: int
    item: Document


def side_of(amounts: Sequence[Document]) -> tuple[str, str]:
    """The side (`shop` or `customer`) on which all of these amounts stand in one currency, and that currency. Raises Unreadable."""
    for side in ("shop", "customer"):
        sides = [on_side(amount, side) for amount in amounts]
        currencies = {read[1] for read in sides if read is not None}
        if None not in sides and len(currencies) == 1:
            return side, currencies.pop()
    raise Unreadable("items.paidPrice", "no currency of ISO 4217 in which all items are told")


def on_side(amount: Document, side: str) -> tuple[Decimal, str] | None:
    """The amount and its currency on that side; None where that side does not tell it."""
    value = number(amount.get("shopAmount" if side == "shop" else "amount"))
    currency = (text(amount.get("shopCurrency" if side == "shop" else "currency")) or "").upper()
    if value is None or currency not in CURRENCIES:
        return None
    # A side that nobody filled in says 0 of it.
    other = number(amount.get("amount" if side == "shop" else "shopAmount"))
    return None if value == 0 and other else (value, currency)


def worths(lines: Sequence[Priced], side: str, currency: str) -> dict[str, Worth]:
    """What each line is worth. `paidPrice` and `paidTax` are per unit; the price holds the tax where `taxIncluded`.

    A unit's share of a discount or a tax can have more digits than the currency. Units of one order line are therefore rounded together,
    half up, and share the sum by largest remainder: three units of 5.00 tax are 1.67, 1.67 and 1.66. Raises Unreadable.
    """
    shop_way = {included for priced in lines if (included := flag(priced.item.get("taxIncluded"))) is not None}
    together: dict[tuple[str, Decimal, Decimal, bool], list[Priced]] = {}
    for priced in lines:
        price = on_side(nested(priced.item, "paidPrice"), side)
        if price is None:
            raise Unreadable("items.paidPrice", f"not told in {currency}")
        tax_value = _tax(priced.item, side, currency)
        included = flag(priced.item.get("taxIncluded"))
        if included is None and tax_value and len(shop_way) != 1:
            raise Unreadable("items.taxIncluded", "missing")
        # An item that does not say it is read like the others of its shop.
        included = included if included is not None else True in shop_way
        together.setdefault((priced.order_line or priced.line, price[0], tax_value, included), []).append(priced)
    found: dict[str, Worth] = {}
    for (_, price_value, tax_value, included), group in together.items():
        group = sorted(group, key=lambda priced: priced.line)
        weights = [priced.quantity for priced in group]
        paid = allocate(_rounded(price_value * sum(weights), currency), weights)
        taxes = allocate(_rounded(tax_value * sum(weights), currency), weights)
        for priced, paid_minor, tax_minor in zip(group, paid, taxes, strict=True):
            found[priced.line] = Worth(paid_minor - tax_minor if included else paid_minor, tax_minor)
    return found


def exact_minor(value: Decimal, currency: str, field: str) -> int:
    """Minor units of money that moved, which has no fractions of a penny. Raises Unreadable."""
    minor = value.scaleb(CURRENCIES[currency])
    whole = minor.to_integral_value(ROUND_HALF_UP)
    if abs(minor - whole) > _NOISE_MINOR:
        raise Unreadable(field, f"{value} has more digits than {currency}")
    return int(whole)


def breakdown(total: int, currency: str, lines: Iterable[tuple[Worth, Document]]) -> dict[str, str]:
    """The parts of a refund of these lines, where goods less fees are exactly what was paid; otherwise the total alone.

    ReturnGO's refund is the price with incentives and penalties by its rules, which it does not show: parts that do not add up are no
    parts of this total.
    """
    lines = list(lines)
    items, tax = sum(worth.items for worth, _ in lines), sum(worth.tax for worth, _ in lines)
    fees = [number(item.get(name)) for _, item in lines for name in _FEES]
    try:
        taken = exact_minor(sum((fee for fee in fees if fee is not None), Decimal(0)), currency, "fees")
    except Unreadable:
        taken = None
    if not lines or taken is None or items + tax - taken != total:
        return {"total": to_text(total, currency)}
    parts = {"items": items, "tax": tax, "shipping": 0, "fees": -taken, "total": total}
    return {name: to_text(minor, currency) for name, minor in parts.items()}


def _tax(item: Document, side: str, currency: str) -> Decimal:
    """The tax of one unit on that side; no tax told is none. Raises Unreadable where it is told on the other side only."""
    tax = nested(item, "paidTax")
    here, there = ("shopAmount", "amount") if side == "shop" else ("amount", "shopAmount")
    value = number(tax.get(here)) or Decimal(0)
    stated = text(tax.get("shopCurrency" if side == "shop" else "currency"))
    if (value and stated not in (None, currency)) or (not value and number(tax.get(there))):
        raise Unreadable("items.paidTax", f"not told in {currency}")
    return value


def _rounded(value: Decimal, currency: str) -> int:
    return int(value.scaleb(CURRENCIES[currency]).to_integral_value(ROUND_HALF_UP))
