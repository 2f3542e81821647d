"""What a credit note credits: shares of the order's lines, of its shipping and of the refund's fees, exact over any series of parts.

Every share is the difference of two cumulative shares, so that whatever partial returns come, the last one takes the remainder and the
sum is the order's to the minor unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from domain.content import Amount
from domain.erp_facts import InstructionIssued, MoneyLine, OrderLine, OrderMatched
from domain.matching import SHIPPING, Credited, CreditKey, Slot
from domain.money import allocate, worth


class Share(NamedTuple):
    items: int
    tax: int


@dataclass(frozen=True, slots=True)
class Extras:
    """What a note credits beside goods, in minor units: `shipping` net, its `shipping_tax`, and `fees`, negative where they lessen it."""

    shipping: int = 0
    shipping_tax: int = 0
    fees: int = 0


def credited_by(issued: Iterable[InstructionIssued]) -> Counter[CreditKey]:
    """Units of each order line that these instructions credit, whole kits counted as kits, and the order's shipping."""
    counted: Counter[CreditKey] = Counter()
    for one in issued:
        if one.amount is not None and one.amount.shipping:
            counted[SHIPPING] += one.amount.shipping
        for money in one.money:
            counted[CreditKey(money.order_line, money.component)] += money.quantity
    return counted


def credit(line: str, slots: Iterable[Slot], units: int, before: Counter[CreditKey], skip: int = 0) -> list[MoneyLine]:
    """Credit `units` more of a line of the return, after `skip` that are credited already. `before` is what was credited on the order so
    far: it is counted on, so that the next line of the same note goes on from there.

    Units beyond what the order line still allows credit nothing.
    """
    told: list[MoneyLine] = []
    for slot in slots:
        passed = min(skip, slot.units)
        skip -= passed
        wanted = min(units, slot.units - passed)
        one, component = slot.order_line, slot.component.sku if slot.component else None
        taken = min(wanted, _left(one, component, before))
        if taken > 0:
            share = _share(one, component, taken, before)
            before[CreditKey(one.order_line, component)] += taken
            told.append(
                MoneyLine(
                    line=line,
                    order_line=one.order_line,
                    sku=one.sku,
                    quantity=taken,
                    items=share.items,
                    tax=share.tax,
                    component=component,
                )
            )
        units -= wanted
    return told


def shipping_tax(order: OrderMatched, shipping: int, before: int) -> int:
    """The tax on `shipping`, when `before` of the order's shipping was credited before."""
    if not order.shipping:
        return 0
    return worth(order.shipping_tax, before + shipping, order.shipping) - worth(order.shipping_tax, before, order.shipping)


def prorated_shipping(order: OrderMatched, before: Credited, after: Credited) -> int:
    """The order's shipping by the share of its goods that is credited, from before a note to after it."""
    whole = sum(one.items for one in order.lines)
    return worth(order.shipping, _items(order, after), whole) - worth(order.shipping, _items(order, before), whole)


def amount_of(money: Iterable[MoneyLine], extras: Extras) -> Amount:
    items, tax = 0, extras.shipping_tax
    for one in money:
        items, tax = items + one.items, tax + one.tax
    return Amount(items=items, tax=tax, shipping=extras.shipping, fees=extras.fees, total=items + tax + extras.shipping + extras.fees)


def _left(one: OrderLine, component: str | None, before: Credited) -> int:
    kits = one.credited + before.get(CreditKey(one.order_line), 0)
    if component is None:
        # A kit is whole only where none of its parts was credited alone.
        parts = [-(-before.get(CreditKey(one.order_line, part.sku), 0) // part.quantity) for part in one.kit or ()]
        return one.quantity - kits - max(parts, default=0)
    per_kit = next(part.quantity for part in one.kit or () if part.sku == component)
    return (one.quantity - kits) * per_kit - before.get(CreditKey(one.order_line, component), 0)


def _share(one: OrderLine, component: str | None, units: int, before: Credited) -> Share:
    """Of `units` more of an order line, or of one of its kit's components."""
    if not one.kit:
        done = one.credited + before.get(CreditKey(one.order_line), 0)
        return Share(*(worth(value, done + units, one.quantity) - worth(value, done, one.quantity) for value in (one.items, one.tax)))
    # By components always, so that whole kits and single parts add up: each component has its share of the line's value.
    kits = one.credited + before.get(CreditKey(one.order_line), 0)
    weights = [part.weight * part.quantity for part in one.kit]
    shares = []
    for value in (one.items, one.tax):
        total = 0
        for part, of_part in zip(one.kit, allocate(value, weights), strict=True):
            if component is not None and part.sku != component:
                continue
            done = kits * part.quantity + before.get(CreditKey(one.order_line, part.sku), 0)
            more = units if component is not None else units * part.quantity
            all_units = one.quantity * part.quantity
            total += worth(of_part, done + more, all_units) - worth(of_part, done, all_units)
        shares.append(total)
    return Share(*shares)


def _items(order: OrderMatched, credited: Credited) -> int:
    """The items, net, that are credited so far on the whole order."""
    total = 0
    for one in order.lines:
        nothing: Counter[CreditKey] = Counter()
        kits = one.credited + credited.get(CreditKey(one.order_line), 0)
        bare = one.model_copy(update={"credited": 0})
        total += _share(bare, None, min(kits, one.quantity), nothing).items
        nothing[CreditKey(one.order_line)] = min(kits, one.quantity)
        for part in one.kit or ():
            alone = credited.get(CreditKey(one.order_line, part.sku), 0)
            if alone:
                total += _share(bare, part.sku, alone, nothing).items
    return total
