"""What happens to returns as ReturnGO's RMAs, by seed: step by step, each at its time; what goes astray is up to the wire."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.simulation.clocks import BEGINS
from adapters.simulation.selling import CURRENCY, SKUS, SimulatedOrder, send_back
from adapters.simulation.told import Told, old_name
from domain.money import to_text

_FOUND: Final = ("restockable", "restockable", "restockable", "damaged", "missing")


def rma_steps(rng: Random, number: int, order: SimulatedOrder) -> list[Told]:
    """One RMA from its creation to its end. Each unit is an item of its own, as the vendor has it."""
    name, old = f"R-{number + 1}", rng.random() < 0.15
    items, value = [], 0
    for back in send_back(rng, order):
        price, tax = (back.items + back.tax) // back.units, back.tax // back.units
        sku = old_name(back.sku) if old and back.sku in SKUS and rng.random() < 0.7 else back.sku
        items += [{"sku": sku, "price": _text(price), "tax": _text(tax)} for _ in range(back.units)]
        value += price * back.units
    at = BEGINS + timedelta(minutes=rng.randint(0, 1_500))
    shipped, received, inspected = (at + timedelta(minutes=60 * hours + rng.randint(0, 59)) for hours in (2, 20, 30))
    happened: list[tuple[datetime, str, dict[str, Any]]] = [(at, "create", {"items": items, "order": order.reference})]
    happened.append((at + timedelta(minutes=10), "approve", {}))
    if rng.random() < 0.05:
        return _told(name, [*happened, (shipped, "cancel", {})])
    if rng.random() < 0.9:
        happened.append((shipped, "ship", {}))
        if rng.random() < 0.9:
            happened.append((received, "receive", {}))
            if rng.random() < 0.85:
                found = {place: rng.choice(_FOUND) for place in range(len(items))}
                happened.append((inspected, "validate", {"found": found}))
    if rng.random() < 0.9:
        fee = min(250, value // 2) if rng.random() < 0.2 else 0
        paid = rng.choice((shipped, received, inspected)) + timedelta(minutes=rng.randint(1, 30))
        happened.append((paid, "refund", {"amount": _text(value - fee)}))
    return _told(name, happened)


def _told(name: str, happened: list[tuple[datetime, str, dict[str, Any]]]) -> list[Told]:
    return [Told(at, {"return": name, "step": step, "with": arguments}) for at, step, arguments in happened]


def _text(minor: int) -> str:
    return to_text(minor, CURRENCY)
