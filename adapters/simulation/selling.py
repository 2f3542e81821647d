"""What was sold in the simulated world, by seed, and what of it is left to be sent back: kits, and the same SKU at two prices among it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from adapters.simulation.clocks import BEGINS
from domain.money import worth

SKUS: Final = ("SHIRT-M", "SHIRT-L", "COAT-38", "SOCKS", "HAT", "SCARF")
KIT: Final = "WINTER-BOX"
# Units in one kit.
PARTS: Final = {"SOCKS": 2, "SCARF": 1}
CURRENCY: Final = "GBP"


@dataclass(frozen=True, slots=True)
class SoldLine:
    """`items` and `tax` in minor units, for the whole quantity."""

    sku: str
    quantity: int
    items: int
    tax: int


class Back(NamedTuple):
    """What goes back as one line of a return; `kit`: as the whole kit."""

    line: str
    sku: str
    units: int
    items: int
    tax: int
    kit: bool = False


@dataclass(slots=True)
class SimulatedOrder:
    """`left`: units that nobody has sent back, by the line's place and SKU; those of a kit are its parts."""

    reference: str
    lines: list[SoldLine]
    shipping: int
    shipping_tax: int
    # When its invoice is authorised; None: from the beginning.
    invoiced_at: datetime | None = None
    left: Counter[tuple[int, str]] = field(default_factory=Counter)

    def has_more(self) -> bool:
        return any(units > 0 for units in self.left.values())


def an_order(rng: Random, number: int) -> SimulatedOrder:
    lines = [_sold(rng, sku) for sku in rng.sample(SKUS, rng.randint(1, 3))]
    if rng.random() < 0.2:
        lines.append(_sold(rng, lines[0].sku))
    if rng.random() < 0.25:
        lines.append(_sold(rng, KIT))
    shipping = rng.choice((0, 495, 500))
    late = BEGINS + timedelta(hours=rng.randint(1, 60)) if rng.random() < 0.25 else None
    order = SimulatedOrder(f"#{1001 + number}", lines, shipping, shipping // 5, late)
    for place, one in enumerate(lines):
        for sku, each in parts_of(one.sku).items():
            order.left[place, sku] += each * one.quantity
    return order


def parts_of(sku: str) -> dict[str, int]:
    """What one of it is in stock."""
    return dict(PARTS) if sku == KIT else {sku: 1}


def send_back(rng: Random, order: SimulatedOrder) -> list[Back]:
    """Some of what is left. Where nothing is, one unit more than there ever was."""
    found = [one for place in range(len(order.lines)) for one in _of_line(rng, order, place)]
    if not found:
        one = order.lines[0]
        found = [Back("1", one.sku, 1, one.items // one.quantity, one.tax // one.quantity, one.sku == KIT)]
    return found


def _of_line(rng: Random, order: SimulatedOrder, place: int) -> list[Back]:
    sold, line = order.lines[place], str(place + 1)
    parts = parts_of(sold.sku)
    if sold.sku == KIT and rng.random() < 0.5:
        # One of its parts alone: the platform says what it is worth, each unit alike.
        sku = rng.choice(sorted(parts))
        units = rng.randint(0, order.left[place, sku])
        order.left[place, sku] -= units
        whole = sold.quantity * sum(parts.values())
        return [Back(line, sku, units, worth(sold.items, units, whole), worth(sold.tax, units, whole))] if units else []
    units = rng.randint(0, min(order.left[place, sku] // each for sku, each in parts.items()))
    for sku, each in parts.items():
        order.left[place, sku] -= each * units
    items, tax = worth(sold.items, units, sold.quantity), worth(sold.tax, units, sold.quantity)
    return [Back(line, sold.sku, units, items, tax, sold.sku == KIT)] if units else []


def _sold(rng: Random, sku: str) -> SoldLine:
    quantity = rng.randint(1, 3)
    items = rng.randint(500, 9_000) * quantity - rng.randint(0, 2)
    return SoldLine(sku, quantity, items, items // 5)
