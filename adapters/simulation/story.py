"""What happens to orders and returns, by seed: who sends what back, when, and when and how often the ledger is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from adapters.simulation.clocks import BEGINS
from adapters.simulation.ground import MERCHANT, PLATFORM
from domain.money import to_text, worth
from domain.policy import ErpTerms, Policy

SKUS = ("SHIRT-M", "SHIRT-L", "COAT-38", "SOCKS", "HAT", "SCARF")
CURRENCY = "GBP"


@dataclass(frozen=True, slots=True)
class SoldLine:
    """`items` and `tax` in minor units, for the whole quantity."""

    sku: str
    quantity: int
    items: int
    tax: int


@dataclass(slots=True)
class SimulatedOrder:
    reference: str
    lines: list[SoldLine]
    shipping: int
    shipping_tax: int
    # When its invoice is authorised; None: from the beginning.
    invoiced_at: datetime | None = None
    left: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One fact as the platform tells it, at a time of its own."""

    at: datetime
    row: dict[str, Any]


@dataclass(slots=True)
class Story:
    policy: Policy
    orders: list[SimulatedOrder]
    tellings: list[Told]
    ends: datetime


def write_story(rng: Random, returns: int, level: float, main: str, goods_in_with_note: bool) -> Story:
    """`main` is where the ERP keeps what may be sold.

    `level` 0: everything is told once, at once and in order; 1: late, twice, in any order.
    """
    policy = _policy(rng, main, goods_in_with_note)
    orders = [_order(rng, number) for number in range(max(1, returns * 3 // 4))]
    tellings: list[Told] = []
    for number in range(returns):
        order = rng.choice([one for one in orders if any(one.left.values())] or orders)
        tellings += _return(rng, number, order, level)
    ends = max(told.at for told in tellings)
    ends = max([ends, *(order.invoiced_at for order in orders if order.invoiced_at is not None)])
    return Story(policy, orders, sorted(tellings, key=lambda told: told.at), ends)


def _policy(rng: Random, main: str, goods_in_with_note: bool) -> Policy:
    location = {"saleable": {"action": "restock", "location": main}, "damaged": {"action": "write_off", "location": "Damaged"}}
    return Policy.model_validate(
        {
            "credit_note_on": rng.choice(("scanned", "received", "inspected", "restocked", "refunded")),
            "move_on": rng.choice(("scanned", "received", "received", "never")),
            "restock_on": rng.choice(("inspected", "inspected", "received")),
            "exchange_order_on": rng.choice(("initiated", "scanned", "received", "inspected")),
            "exchange_status": rng.choice(("authorised", "draft")),
            "shipping_refund": rng.choice(("platform", "platform", "prorated", "full", "none")),
            "dispositions": location,
            "erp": ErpTerms(name="erp", goods_in_with_note=goods_in_with_note),
        }
    )


def _order(rng: Random, number: int) -> SimulatedOrder:
    lines = []
    for sku in rng.sample(SKUS, rng.randint(1, 3)):
        quantity = rng.randint(1, 3)
        items = rng.randint(500, 9_000) * quantity - rng.randint(0, 2)
        lines.append(SoldLine(sku, quantity, items, items // 5))
    shipping = rng.choice((0, 495, 500))
    late = BEGINS + timedelta(hours=rng.randint(1, 60)) if rng.random() < 0.25 else None
    left = {place: one.quantity for place, one in enumerate(lines)}
    return SimulatedOrder(f"#{1001 + number}", lines, shipping, shipping // 5, late, left)


def _return(rng: Random, number: int, order: SimulatedOrder, level: float) -> list[Told]:
    name = f"R-{number + 1}"
    lines: list[dict[str, Any]] = []
    units: dict[str, int] = {}
    for place, one in enumerate(order.lines):
        count = rng.randint(0, order.left[place])
        if count:
            order.left[place] -= count
            units[str(place + 1)] = count
            items, tax = worth(one.items, count, one.quantity), worth(one.tax, count, one.quantity)
            lines.append({"line": str(place + 1), "sku": one.sku, "quantity": count, "items": _text(items), "tax": _text(tax)})
    if not lines:
        # Everything of the order went back already: one unit more than there ever was.
        one = order.lines[0]
        units["1"] = 1
        each = {"items": _text(one.items // one.quantity), "tax": _text(one.tax // one.quantity)}
        lines.append({"line": "1", "sku": one.sku, "quantity": 1, **each})
    exchange = rng.random() < 0.15
    value = sum(_minor(line["items"]) + _minor(line["tax"]) for line in lines)
    at = BEGINS + timedelta(minutes=rng.randint(0, 1_500))
    announced: dict[str, Any] = {"order": order.reference, "currency": CURRENCY, "resolution": "refund", "lines": lines}
    if exchange:
        announced |= {"resolution": "exchange", "exchange": [{"sku": rng.choice(SKUS), "quantity": 1}]}
    happened: list[tuple[datetime, str, dict[str, Any]]] = [(at, "Initiated", announced)]
    scanned, received, inspected = (at + timedelta(minutes=60 * hours + rng.randint(0, 59)) for hours in (2, 20, 30))
    if rng.random() < 0.05:
        return [_told(rng, name, *one, level) for one in [*happened, (scanned, "Cancelled", {})]]
    if rng.random() < 0.7:
        happened.append((scanned, "ScannedAtReturnBar", {}))
    if rng.random() < 0.9:
        happened.append((received, "Received", {}))
        if rng.random() < 0.85:
            found = [{"line": line, "quantity": count, "disposition": _disposition(rng)} for line, count in units.items()]
            happened.append((inspected, "Inspected", {"lines": found}))
    if not exchange and rng.random() < 0.9:
        extra = order.shipping if rng.random() < 0.3 else 0
        fee = -min(250, value // 2) if rng.random() < 0.2 else 0
        total = value + extra + fee
        items, tax = (sum(_minor(line[part]) for line in lines) for part in ("items", "tax"))
        amount = {"items": _text(items), "tax": _text(tax), "shipping": _text(extra), "fees": _text(fee), "total": _text(total)}
        paid = rng.choice((scanned, received, inspected)) + timedelta(minutes=rng.randint(1, 30))
        refund = {"refund": f"RF-{number + 1}", "currency": CURRENCY, "amount": amount, "method": "original_payment"}
        happened.append((paid, "Refunded", refund))
    told = [_told(rng, name, *one, level) for one in happened]
    return told + [Told(one.at + timedelta(minutes=rng.randint(1, 300)), one.row) for one in told if rng.random() < 0.2 * level]


def _disposition(rng: Random) -> str:
    return rng.choice(("saleable", "saleable", "saleable", "damaged", "tag-missing"))


def _told(rng: Random, name: str, at: datetime, fact: str, content: dict[str, Any], level: float) -> Told:
    row = {"fact": fact, "merchant": MERCHANT, "platform": PLATFORM, "return": name, "occurred_at": at.isoformat().replace("+00:00", "Z")}
    late = timedelta(minutes=rng.randint(0, 600)) if rng.random() < 0.3 * level else timedelta(seconds=rng.randint(1, 60))
    return Told(at + late, {**row, **content})


def _text(minor: int) -> str:
    return to_text(minor, CURRENCY)


def _minor(text: str) -> int:
    return int(text.replace(".", ""))
