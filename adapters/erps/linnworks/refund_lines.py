"""A credit note as refund lines: what it gives back of each row of the order, of shipping, and beside them; the sum is exact."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

from domain.erp_facts import InstructionIssued
from domain.money import allocate

Unit = Literal["Item", "Shipping", "Additional"]


class RefundLine(NamedTuple):
    """`amount` is gross, in minor units; `quantity` counts whole units of the row, 0 where only a part of a kit is credited."""

    unit: Unit
    amount: int
    order_line: str | None = None
    quantity: int = 0


def refund_lines(issued: InstructionIssued) -> list[RefundLine]:
    """Fees that add stand in a line of their own. Fees that lessen the note cannot: Linnworks has no negative refund. They come off the
    items, spread by their amounts, and off shipping where the items are worth less. What comes to nothing is left out."""
    assert issued.amount is not None, "a credit note has an amount"
    gross: dict[str, int] = defaultdict(int)
    units: dict[str, int] = defaultdict(int)
    for money in issued.money:
        gross[money.order_line] += money.items + money.tax
        units[money.order_line] += money.quantity if money.component is None else 0
    amount, items = issued.amount, sum(gross.values())
    shipping = max(0, amount.total - items - (amount.fees or 0)) if amount.shipping else 0
    beside = amount.total - items - shipping
    less = max(0, -beside)
    off_items = min(less, items)
    shipping -= less - off_items
    taken = allocate(off_items, list(gross.values())) if gross else []
    lines = [RefundLine("Item", whole - off, row, units[row]) for (row, whole), off in zip(gross.items(), taken, strict=True)]
    lines += [RefundLine("Shipping", shipping), RefundLine("Additional", max(0, beside))]
    return [line for line in lines if line.amount > 0]
