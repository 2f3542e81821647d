"""What happens to returns, by seed: who sends what back, when, and when and how often the ledger is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from adapters.outbox.terms import PostingTimes
from adapters.simulation.clocks import BEGINS
from adapters.simulation.ground import MERCHANT, PLATFORM
from adapters.simulation.rma_story import rma_steps
from adapters.simulation.selling import CURRENCY, SKUS, Back, SimulatedOrder, an_order, send_back
from adapters.simulation.told import Told, old_name
from domain.money import to_text
from domain.policy import ErpTerms, Policy

# So many worlds of a hundred have a platform of their own, which has to be listened to and asked.
_BY_PLATFORM: Final = 0.34
# In so many worlds of a hundred of those the house says when refunds are paid.
_RELEASED: Final = 0.5
# At what time of the day credit notes go, where they go together.
_BATCHES: Final = PostingTimes(("12:00", "18:00"), "Europe/London")


@dataclass(slots=True)
class Story:
    """`posting` None: credit notes go at once. `by_platform`: told by ReturnGO's simulator, not fact by fact.

    `skus`: what people know that a platform's SKU is. `released`: the house has the platform refund, by its policy.
    """

    policy: Policy
    posting: PostingTimes | None
    orders: list[SimulatedOrder]
    tellings: list[Told]
    ends: datetime
    by_platform: bool = False
    skus: dict[str, str] = field(default_factory=dict)
    released: bool = False


def write_story(rng: Random, releasing: Random, returns: int, level: float, main: str, goods_in_with_note: bool) -> Story:
    """`main` is where the ERP keeps what may be sold. `releasing` has the dice for refunds that the house releases.

    `level` 0: everything is told once, at once and in order; 1: late, twice, in any order.
    """
    policy = _policy(rng, main, goods_in_with_note)
    posting = _BATCHES if rng.random() < 0.25 else None
    orders = [an_order(rng, number) for number in range(max(1, returns * 3 // 4))]
    tellings: list[Told] = []
    by_platform = rng.random() < _BY_PLATFORM
    for number in range(returns):
        order = rng.choice([one for one in orders if one.has_more()] or orders)
        tellings += rma_steps(rng, number, order) if by_platform else _return(rng, number, order, level)
    released = by_platform and releasing.random() < _RELEASED
    if released:
        policy = policy.model_copy(update={"release_refund_on": releasing.choice(("scanned", "received", "inspected", "restocked"))})
        # Some people at the platform pay all the same.
        tellings = [told for told in tellings if told.row["step"] != "refund" or releasing.random() < 0.3]
    ends = max(told.at for told in tellings)
    ends = max([ends, *(order.invoiced_at for order in orders if order.invoiced_at is not None)])
    known = {old_name(sku): sku for sku in SKUS}
    return Story(policy, posting, orders, sorted(tellings, key=lambda told: told.at), ends, by_platform, known, released)


def _policy(rng: Random, main: str, goods_in_with_note: bool) -> Policy:
    location = {name: {"action": "restock", "location": main} for name in ("saleable", "restockable")}
    location |= {"damaged": {"action": "write_off", "location": "Damaged"}}
    return Policy.model_validate(
        {
            "credit_note_on": rng.choice(("scanned", "received", "inspected", "restocked", "refunded")),
            "move_on": rng.choice(("scanned", "received", "received", "never")),
            "restock_on": rng.choice(("inspected", "inspected", "received")),
            "exchange_order_on": rng.choice(("initiated", "scanned", "received", "inspected")),
            "exchange_status": rng.choice(("authorised", "draft")),
            "shipping_refund": rng.choice(("platform", "platform", "prorated", "full", "none")),
            "write_off": rng.choice(("automatic", "automatic", "approve")),
            "dispositions": location,
            "erp": ErpTerms(name="erp", goods_in_with_note=goods_in_with_note),
        }
    )


def _return(rng: Random, number: int, order: SimulatedOrder, level: float) -> list[Told]:
    name, back = f"R-{number + 1}", send_back(rng, order)
    old = rng.random() < 0.15
    lines = [_announced(rng, one, old=old) for one in back]
    units = {one.line: one.units for one in back}
    exchange = rng.random() < 0.15
    value = sum(one.items + one.tax for one in back)
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
        items, tax = sum(one.items for one in back), sum(one.tax for one in back)
        amount = {"items": _text(items), "tax": _text(tax), "shipping": _text(extra), "fees": _text(fee), "total": _text(total)}
        paid = rng.choice((scanned, received, inspected)) + timedelta(minutes=rng.randint(1, 30))
        refund = {"refund": f"RF-{number + 1}", "currency": CURRENCY, "amount": amount, "method": "original_payment"}
        happened.append((paid, "Refunded", refund))
    told = [_told(rng, name, *one, level) for one in happened]
    return told + [Told(one.at + timedelta(minutes=rng.randint(1, 300)), one.row) for one in told if rng.random() < 0.2 * level]


def _announced(rng: Random, back: Back, *, old: bool) -> dict[str, Any]:
    sku = old_name(back.sku) if old and back.sku in SKUS and rng.random() < 0.7 else back.sku
    row = {"line": back.line, "sku": sku, "quantity": back.units, "items": _text(back.items), "tax": _text(back.tax)}
    return {**row, "kit": True} if back.kit else row


def _disposition(rng: Random) -> str:
    return rng.choice(("saleable", "saleable", "saleable", "damaged", "tag-missing"))


def _told(rng: Random, name: str, at: datetime, fact: str, content: dict[str, Any], level: float) -> Told:
    row = {"fact": fact, "merchant": MERCHANT, "platform": PLATFORM, "return": name, "occurred_at": at.isoformat().replace("+00:00", "Z")}
    late = timedelta(minutes=rng.randint(0, 600)) if rng.random() < 0.3 * level else timedelta(seconds=rng.randint(1, 60))
    return Told(at + late, {**row, **content})


def _text(minor: int) -> str:
    return to_text(minor, CURRENCY)
