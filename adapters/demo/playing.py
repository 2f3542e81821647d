"""Plays live returns into the simulators, in the time of somebody who watches: orders, parcels, money, and what goes wrong.

A story speaks to simulators only. What the house knows of it comes in by their webhooks and interfaces, and what it does goes out to the
simulated ERPs.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, Protocol

from adapters.demo.pairs import PAIRS, TRYTON, Pair
from adapters.demo.stories import CATALOGUE
from domain.money import to_text

log = logging.getLogger("returns_ledger")

SEED: Final = 2026
BEGIN_EVERY: Final = timedelta(seconds=6)
# Later on a return a minute is enough to see that it lives.
BEGIN_EVERY_LATER: Final = timedelta(minutes=1)
BUSY_RETURNS: Final = 50
PAY_OUT_EVERY: Final = timedelta(minutes=2)
TAX_PERCENT: Final = 20
FEE: Final = 5_00
# What becomes of a return, and how often. The first of each pair ends well.
TROUBLES: Final = {"none": 9, "late_refund": 3, "damaged": 2, "not_invoiced": 2, "unknown_sku": 1, "fee": 1, "edited": 1}
_INVOICED: Final = {"cin7-core", "linnworks", TRYTON}

Step = Callable[[], None]


class Stage(Protocol):
    """What is played on: a simulator, or a program that stands for one."""

    def seed(self, told: Mapping[str, Any], /) -> dict[str, Any]: ...
    def state(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Sold:
    """A line of an order; `net` and `tax` of one unit, in minor units."""

    sku: str
    quantity: int
    net: int

    @property
    def tax(self) -> int:
        return self.net * TAX_PERCENT // 100

    @property
    def paid(self) -> int:
        return (self.net + self.tax) * self.quantity


@dataclass(slots=True)
class Player:
    """`tick` does what is due. `first` is the number before that of the first order."""

    fronts: Mapping[str, Stage]
    clock: Callable[[], datetime]
    first: int
    pairs: Sequence[Pair] = PAIRS
    _begun: int = 0
    _steps: int = 0
    _due: list[tuple[datetime, int, Step]] = field(default_factory=list)

    def tick(self) -> float:
        """Gives the seconds until there is something to do again."""
        now = self.clock()
        if not self._due:
            self._at(now, self._begin)
            self._at(now + PAY_OUT_EVERY, self._pay_out)
        while self._due and self._due[0][0] <= now:
            step = heapq.heappop(self._due)[2]
            try:
                step()
            except (ValueError, LookupError, StopIteration) as wrong:
                # The one story ends here; a demo has others.
                log.warning("demo: a step could not be played: %s", wrong)
        return max(0.05, (self._due[0][0] - self.clock()).total_seconds()) if self._due else 1.0

    def _at(self, when: datetime, step: Step) -> None:
        self._steps += 1
        heapq.heappush(self._due, (when, self._steps, step))

    def _begin(self) -> None:
        now, pair = self.clock(), self.pairs[self._begun % len(self.pairs)]
        self._begun += 1
        self._at(now + (BEGIN_EVERY if self._begun < BUSY_RETURNS else BEGIN_EVERY_LATER), self._begin)
        rng = Random(f"{SEED}/{self._begun}")  # noqa: S311 (a seeded story, no secret)
        trouble = "none" if self._begun <= len(self.pairs) else rng.choices(list(TROUBLES), weights=list(TROUBLES.values()))[0]
        story = Story(self.fronts, pair, f"#{self.first + self._begun}", rng, trouble)
        for seconds, step in story.steps():
            self._at(now + timedelta(seconds=seconds), step)

    def _pay_out(self) -> None:
        self._at(self.clock() + PAY_OUT_EVERY, self._pay_out)
        for pair in self.pairs:
            if pair.shop is not None:
                self.fronts[pair.shop].seed({"pay_out": True})


class Story:
    """One order and its return. `steps` says what happens so many seconds after the order."""

    def __init__(self, fronts: Mapping[str, Stage], pair: Pair, order: str, rng: Random, trouble: str) -> None:
        self.pair, self.order, self.trouble = pair, order, trouble
        self._platform, self._erp = fronts[pair.connection], fronts[pair.erp]
        self._shop = fronts[pair.shop] if pair.shop is not None else None
        self._sold = [Sold(sku, rng.choice((1, 1, 2)), price) for sku, price in rng.sample(CATALOGUE, rng.choice((1, 1, 2)))]
        self._return_id = ""
        self._shop_order: dict[str, Any] = {}

    def steps(self) -> list[tuple[float, Step]]:
        paid_at = 75.0 if self.trouble == "late_refund" else 19.0
        told: list[tuple[float, Step]] = [(0, self._sell), (2, self._announce), (11, self._send), (paid_at, self._refund)]
        told += [(27, self._receive), (36, self._inspect)]
        if self.trouble == "not_invoiced" and self.pair.erp in _INVOICED:
            told.append((70, self._invoice))
        if self.trouble == "edited" and self.pair.erp == "cin7-core":
            told.append((60, self._edit_note))
        return told

    # The order

    def _sell(self) -> None:
        if self._shop is not None:
            lines = [
                {"sku": one.sku, "quantity": one.quantity, "price": one.net, "tax": one.tax * one.quantity, "rate": "0.2"}
                for one in self._sold
            ]
            self._shop_order = self._shop.seed({"orders": [{"name": self.order, "lines": lines}]})["orders"][0]
        self._erp.seed({"orders": [_ERP_ORDERS[self.pair.erp](self.order, self._in_erp(), self.trouble != "not_invoiced")]})

    def _in_erp(self) -> list[Sold]:
        """The connector of the shop may have written a SKU in its own way."""
        if self.trouble != "unknown_sku":
            return self._sold
        return [Sold(one.sku.replace("-", " "), one.quantity, one.net) for one in self._sold]

    def _invoice(self) -> None:
        self._erp.seed({"by_hand": [{"process": self.order} if self.pair.erp == "linnworks" else {"invoice": self.order}]})

    def _edit_note(self) -> None:
        """Somebody in accounts knows better."""
        sale = next(sale for sale in self._erp.state()["sales"] if sale["CustomerReference"] == self.order)
        note = next(note for note in sale["CreditNotes"] if note["Status"] == "AUTHORISED")
        self._erp.seed({"by_hand": [{"amend": {"credit_note": note["CreditNoteNumber"], "price": _text(self._sold[0].net - 1_00)}}]})

    # The return, as each platform tells it

    def _announce(self) -> None:
        match self.pair.platform:
            case "happy-returns":
                lines = [
                    {"line": str(line["id"]), "sku": one.sku, "quantity": one.quantity}
                    for one, line in zip(self._sold, self._shop_order["lines"], strict=True)
                ]
                self._return_id = self._platform.seed({"start": {"orders": {self.order: lines}}})["return"]
            case "returngo":
                units = [
                    {"sku": one.sku, "price": _text(one.net + one.tax), "tax": _text(one.tax)}
                    for one in self._sold
                    for _ in range(one.quantity)
                ]
                if self.trouble == "fee":
                    units[0]["restockingFee"] = str(FEE // 100)
                self._return_id = self._platform.seed({"create": {"items": units, "order": self.order}, "then": ["approve"]})["rma"]
            case _:
                items = [{"sku": one.sku, "quantity": one.quantity} for one in self._sold]
                create = {"items": items, "order_id": self._shop_order["id"], "instant": True}
                self._return_id = self._platform.seed({"create": create})["return"]

    def _send(self) -> None:
        self._then("hand_in" if self.pair.platform == "happy-returns" else "ship")

    def _refund(self) -> None:
        amount = sum(one.paid for one in self._sold) - (FEE if self.trouble == "fee" else 0)
        match self.pair.platform:
            case "happy-returns":
                assert self._shop is not None, "Happy Returns refunds through the shop"
                self._shop.seed({"refund": {"order": self.order, "kept": FEE if self.trouble == "fee" else 0}})
            case "returngo":
                self._then({"refund": {"amount": _text(amount)}})
            case _:
                self._then({"pay_instantly": {"amount": _text(amount)}})

    def _receive(self) -> None:
        self._then("ship" if self.pair.platform == "happy-returns" else "receive")

    def _inspect(self) -> None:
        damaged = self.trouble == "damaged"
        match self.pair.platform:
            case "happy-returns":
                self._then({"inspect": {"*": "damaged" if damaged else "sellable"}})
            case "returngo":
                self._then({"validate": {"found": "damaged" if damaged else "restockable"}})
            case _:
                self._then("validate")

    def _then(self, step: str | dict[str, Any]) -> None:
        name = "rma" if self.pair.platform == "returngo" else "return"
        if self._return_id:
            self._platform.seed({name: self._return_id, "then": [step]})


def _cin7_order(order: str, sold: list[Sold], invoiced: bool) -> dict[str, Any]:
    lines = [{"sku": one.sku, "quantity": one.quantity, "price": _text(one.net), "tax": _text(one.tax * one.quantity)} for one in sold]
    return {"reference": order, "lines": lines, "invoice": "authorised" if invoiced else "draft"}


def _linnworks_order(order: str, sold: list[Sold], invoiced: bool) -> dict[str, Any]:
    lines = [
        {"sku": one.sku, "quantity": one.quantity, "net": _text(one.net * one.quantity), "tax": _text(one.tax * one.quantity)}
        for one in sold
    ]
    return {"reference": order, "lines": lines, "processed": invoiced}


def _patchworks_order(order: str, sold: list[Sold], _: bool) -> dict[str, Any]:
    lines = [
        {"sku": one.sku, "quantity": one.quantity, "items": _text(one.net * one.quantity), "tax": _text(one.tax * one.quantity)}
        for one in sold
    ]
    return {"order_ref": order, "lines": lines, "invoice": "authorised"}


def _tryton_order(order: str, sold: list[Sold], invoiced: bool) -> dict[str, Any]:
    lines = [{"sku": one.sku, "quantity": one.quantity, "net": _text(one.net)} for one in sold]
    return {"reference": order, "lines": lines, "invoiced": invoiced}


_ERP_ORDERS: Final[Mapping[str, Callable[[str, list[Sold], bool], dict[str, Any]]]] = {
    "cin7-core": _cin7_order,
    "linnworks": _linnworks_order,
    "patchworks": _patchworks_order,
    TRYTON: _tryton_order,
}


def _text(minor: int) -> str:
    return to_text(minor, "GBP")
