"""Seeded stories of single returns, as facts of the contract: what goes well, and each way in which it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from domain.money import CURRENCIES, to_text
from domain.telling import write_instant

Fact = dict[str, Any]

CATALOGUE = (
    ("LINEN-SHIRT-M", 45_00),
    ("LINEN-SHIRT-L", 45_00),
    ("WOOL-COAT-38", 189_00),
    ("DENIM-32-34", 79_00),
    ("TRAINER-EU42", 110_00),
    ("TRAINER-EU43", 110_00),
    ("SILK-SCARF", 38_50),
    ("CANVAS-TOTE", 24_90),
    ("RAIN-JACKET-S", 129_95),
    ("MERINO-SOCK-3PK", 27_00),
)
# Merchant, platform, currency, ERP, tax in percent.
CHANNELS = (
    ("northwind", "happy_returns", "USD", "cin7", 8),
    ("northwind", "returngo", "GBP", "cin7", 20),
    ("northwind", "returngo", "GBP", "cin7", 20),
    ("atelier-lune", "reveni", "EUR", "cin7", 21),
    ("atelier-lune", "returngo", "EUR", "linnworks", 21),
    ("kumo-shop", "happy_returns", "JPY", "linnworks", 10),
)
# What becomes of a return, and how often in a hundred.
SCENARIOS = {
    "clean": 52,
    "note_missing": 6,
    "note_shipping": 4,
    "note_fee": 4,
    "note_penny": 3,
    "note_twice": 2,
    "note_early": 3,
    "instant": 4,
    "over_refunded": 2,
    "not_inspected": 4,
    "not_restocked": 4,
    "damaged": 3,
    "restocked_blind": 2,
    "short": 2,
    "too_many": 1,
    "unannounced": 1,
    "exchange_forgotten": 1,
    "exchange_draft": 1,
    "odd_condition": 1,
}


@dataclass(frozen=True, slots=True)
class Line:
    line: str
    sku: str
    quantity: int
    items: int
    tax: int

    def told(self, currency: str) -> Fact:
        return {
            "line": self.line,
            "sku": self.sku,
            "quantity": self.quantity,
            "items": to_text(self.items, currency),
            "tax": to_text(self.tax, currency),
        }


class Story:
    """One return from its announcement on. `pace` is the usual time between two steps; every fact goes to `facts`."""

    def __init__(self, rng: Random, number: int, begins: datetime, pace: timedelta, prefix: str = "", scenario: str | None = None) -> None:
        self.rng, self.at, self.pace = rng, begins, pace
        self.merchant, self.platform, self.currency, self.erp, tax = rng.choice(CHANNELS)
        self.return_id = f"{prefix}{ {'happy_returns': 'HR', 'returngo': 'RMA', 'reveni': 'RV'}[self.platform] }-{number:05d}"
        self.order = f"#{10_000 + number}"
        self.number = number
        self.facts: list[Fact] = []
        self.lines = self._lines(tax)
        self.items, self.tax = sum(line.items for line in self.lines), sum(line.tax for line in self.lines)
        self.shipping = self._money(rng.choice((0, 0, 3_95, 4_95)))
        self.scenario = scenario or rng.choices(list(SCENARIOS), weights=list(SCENARIOS.values()))[0]
        getattr(self, f"_{self.scenario}")()

    def _lines(self, tax: int) -> list[Line]:
        lines = []
        for index, (sku, price) in enumerate(self.rng.sample(CATALOGUE, self.rng.choice((1, 1, 1, 2, 2, 3))), start=1):
            quantity = self.rng.choice((1, 1, 1, 2))
            items = self._money(price) * quantity
            lines.append(Line(f"L{index}", sku, quantity, items, items * tax // 100))
        return lines

    def _money(self, hundredths: int) -> int:
        """Prices are told in hundredths; a currency with other digits gets prices of its own size."""
        return hundredths if CURRENCIES[self.currency] == 2 else hundredths * 150 // 100

    # Steps

    def tell(self, fact: str, after: float, **content: Any) -> None:
        self.at += self.pace * (after * self.rng.uniform(0.6, 1.4))
        row = {
            "fact": fact,
            "merchant": self.merchant,
            "platform": self.platform,
            "return": self.return_id,
            "occurred_at": write_instant(self.at),
        }
        self.facts.append(row | content | {"source_id": f"{self.return_id}/{len(self.facts) + 1}"})

    def announce(self, resolution: str = "refund", **more: Any) -> None:
        self.tell(
            "Initiated",
            0.2,
            order=self.order,
            currency=self.currency,
            resolution=resolution,
            erp=self.erp,
            lines=[line.told(self.currency) for line in self.lines],
            **more,
        )

    def arrive(self, lines: list[Fact] | None = None) -> None:
        if self.platform == "happy_returns":
            self.tell("ScannedAtReturnBar", 1.5, location=f"Return Bar {self.rng.randint(1, 40)}")
        self.tell("Received", 2.5, location="Main Warehouse", **({"lines": lines} if lines else {}))

    def inspect(self, disposition: str = "saleable") -> None:
        self.tell("Inspected", 1, lines=[{"line": line.line, "quantity": line.quantity, "disposition": disposition} for line in self.lines])

    def restock(self) -> None:
        self.tell(
            "Restocked",
            0.8,
            erp=self.erp,
            lines=[{"line": line.line, "quantity": line.quantity, "location": "Main Warehouse"} for line in self.lines],
        )

    def amount(self, *, shipping: int = 0, fees: int = 0, tax: int | None = None) -> Fact:
        parts = {"items": self.items, "tax": self.tax if tax is None else tax, "shipping": shipping, "fees": fees}
        return {name: to_text(part, self.currency) for name, part in (*parts.items(), ("total", sum(parts.values())))}

    def refund(self, after: float = 0.5, method: str | None = None, **amount: int) -> None:
        paid = method or ("platform_instant" if self.platform == "reveni" else "original_payment")
        self.tell("Refunded", after, refund=f"R-{self.number}", currency=self.currency, amount=self.amount(**amount), method=paid)

    def credit(self, after: float = 0.4, copy: str = "", **amount: int) -> None:
        self.tell(
            "CreditNoted", after, credit_note=f"CN-{self.number}{copy}", erp=self.erp, currency=self.currency, amount=self.amount(**amount)
        )

    def put_away(self) -> None:
        self.inspect()
        self.restock()

    # Scenarios

    def _clean(self) -> None:
        self.announce()
        self.arrive()
        self.refund(shipping=self.shipping)
        self.credit(shipping=self.shipping)
        self.put_away()

    def _note_missing(self) -> None:
        self.announce()
        self.arrive()
        self.refund()
        self.put_away()

    def _note_shipping(self) -> None:
        self.announce()
        self.arrive()
        self.refund(shipping=self._money(4_95))
        self.credit()
        self.put_away()

    def _note_fee(self) -> None:
        self.announce()
        self.arrive()
        self.refund(fees=-self._money(5_00))
        self.credit()
        self.put_away()

    def _note_penny(self) -> None:
        self.announce()
        self.arrive()
        self.refund()
        self.credit(tax=self.tax + 1)
        self.put_away()

    def _note_twice(self) -> None:
        self.announce()
        self.arrive()
        self.refund()
        self.credit()
        self.credit(0.1, copy="-2")
        self.put_away()

    def _note_early(self) -> None:
        self.announce()
        self.arrive()
        self.credit()
        self.put_away()

    def _instant(self) -> None:
        self.announce()
        self.refund(0.1, method="platform_instant")
        self.credit()

    def _over_refunded(self) -> None:
        self.announce()
        self.arrive()
        self.refund(fees=self._money(10_00))
        self.credit(fees=self._money(10_00))
        self.put_away()

    def _not_inspected(self) -> None:
        self.announce()
        self.arrive()
        self.refund()
        self.credit()

    def _not_restocked(self) -> None:
        self._not_inspected()
        self.inspect()

    def _damaged(self) -> None:
        self._not_inspected()
        self.inspect("damaged")

    def _restocked_blind(self) -> None:
        self._not_inspected()
        self.restock()

    def _short(self) -> None:
        self.announce()
        first = self.lines[0]
        self.lines = [Line(first.line, first.sku, first.quantity + 1, first.items * 2, first.tax * 2), *self.lines[1:]]
        self.facts[-1]["lines"] = [line.told(self.currency) for line in self.lines]
        self.arrive([{"line": first.line, "quantity": first.quantity}])

    def _too_many(self) -> None:
        self.announce()
        self.arrive(
            [
                {"line": self.lines[0].line, "quantity": self.lines[0].quantity + 1},
                *({"line": line.line, "quantity": line.quantity} for line in self.lines[1:]),
            ]
        )
        self.refund()
        self.credit()
        self.put_away()

    def _unannounced(self) -> None:
        self.tell("Received", 1, location="Main Warehouse", lines=[{"line": "L1", "quantity": 1}])

    def _exchange_forgotten(self) -> None:
        self.announce("exchange", exchange=[{"sku": "TRAINER-EU43", "quantity": 1}])
        self.arrive()
        self.put_away()

    def _exchange_draft(self) -> None:
        self._exchange_forgotten()
        self.tell("ExchangeOrdered", 0.5, order=f"#X{self.number}", status="draft", erp=self.erp)

    def _odd_condition(self) -> None:
        self._not_inspected()
        self.inspect("smells of smoke")
