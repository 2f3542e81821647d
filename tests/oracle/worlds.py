"""Seeded worlds of nasty but valid facts: late, twice, in any order, and saying what nobody expects."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from tests.oracle.identity import DIGITS, Fact, instant

EPOCH = datetime(2025, 1, 6, 8, tzinfo=UTC)
OFFSETS = (None, 0, 60, -300, 330, 765)  # minutes; None is written Z
MERCHANTS = ("acme", "bolt & sons", "Müller/Söhne", "50% off?#")
PLATFORMS = ("happy_returns", "returngo", "reveni", "shopify", "own-portal")
ERPS = ("cin7", "linnworks", "tryton")
METHODS = ("original_payment", "store_credit", "gift_card", "bank_transfer", "platform_instant", "exchange")
DISPOSITIONS = (
    "saleable",
    "sellable",
    "restockable",
    "damaged",
    "faulty",
    "defective",
    "tag-missing",
    "wrong-item",
    "quarantine",
    "refurbish",
)
UNMAPPED = ("Saleable", "half-eaten", "größer")
PEOPLE = ("portal", "warehouse:anna", "Zoë")
SPACINGS = (timedelta(0), timedelta(microseconds=1), timedelta(minutes=7), timedelta(hours=5), timedelta(days=2), timedelta(days=14))


def world(seed: int, returns: int) -> list[Fact]:
    """Facts of that many returns in the order in which they are told, repeats among them; no two of them conflict."""
    rng = Random(seed)
    told: list[tuple[datetime, Fact]] = []
    numbers: Counter[tuple[str, str]] = Counter()  # returns are numbered within their scope, so that scopes share ids
    for _ in range(returns):
        scope = rng.choice(MERCHANTS), rng.choice(PLATFORMS)
        numbers[scope] += 1
        for fact in Telling(rng, *scope, numbers[scope]).facts:
            late = rng.choice((timedelta(0), timedelta(0), timedelta(minutes=1), timedelta(days=rng.randrange(40))))
            told.append((instant(fact["occurred_at"]) + late, fact))
            while rng.random() < 0.12:
                told.append((instant(fact["occurred_at"]) + timedelta(days=rng.randrange(40)), repeat(rng, fact)))
    told.sort(key=lambda pair: pair[0])
    return [fact for _, fact in told]


def text(rng: Random, minor: int, currency: str) -> str:
    """An amount with all its digits, or with fewer where zeros end it."""
    digits = DIGITS[currency]
    if not digits:
        return str(minor)
    whole, part = divmod(abs(minor), 10**digits)
    decimals = f"{part:0{digits}}"
    if rng.random() < 0.3:
        decimals = decimals.rstrip("0")
    return f"{'-' if minor < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"


def when(rng: Random, at: datetime) -> str:
    minutes = rng.choice(OFFSETS)
    if minutes is None:
        return at.isoformat().replace("+00:00", "Z")
    return at.astimezone(timezone(timedelta(minutes=minutes))).isoformat()


def repeat(rng: Random, fact: Fact) -> Fact:
    """The same fact once more, told in other words."""

    def reworded(told: Any, name: str = "") -> Any:
        if isinstance(told, dict):
            fields = [(field, reworded(inner, field)) for field, inner in told.items()]
            return dict(rng.sample(fields, len(fields)))
        if isinstance(told, list):
            return [reworded(inner) for inner in rng.sample(told, len(told))]
        if name in ("items", "tax", "shipping", "fees", "total") and "." in told:
            return told.rstrip("0").rstrip(".")
        return when(rng, instant(told)) if name == "occurred_at" else told

    again: Fact = dict(fact) if rng.random() < 0.3 else reworded(fact)
    if rng.random() < 0.3:
        again["by"] = rng.choice(PEOPLE)
    if again["fact"] in ("Initiated", "Refunded", "CreditNoted") and rng.random() < 0.3:  # known by its business key all the same
        again["source_id"] = f"another of {fact.get('source_id') or rng.random()}"
    return again


class Telling:
    """One return and what is told of it."""

    def __init__(self, rng: Random, merchant: str, platform: str, number: int) -> None:
        self.rng, self.merchant, self.platform, self.number = rng, merchant, platform, number
        self.facts: list[Fact] = []
        self.name = rng.choice((f"R-{number}", f"R-{number}/ä&b", f"#{number} %2F"))
        self.currency = rng.choice(("GBP", "GBP", "EUR", "USD", "JPY", "KWD"))
        self.clock = self.started = EPOCH + timedelta(minutes=rng.randrange(60 * 24 * 40))
        self.resolution = rng.choice(("refund", "refund", "exchange", "store_credit"))
        self.lines = [self.line(index) for index in range(1, rng.choice((1, 1, 2, 3, 5)) + 1)]
        self.quantities = {line["line"]: int(line["quantity"]) for line in self.lines}
        self.announce()
        steps = [self.goods, self.money] if rng.random() < 0.6 else [self.money, self.goods]
        for step in steps:
            step()
        if self.resolution == "exchange" or rng.random() < 0.05:
            self.exchange()
        if rng.random() < 0.15:
            self.clock = self.started + timedelta(hours=rng.randrange(24 * 30))
            self.tell(rng.choice(("Cancelled", "Expired")))

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def tell(self, fact: str, **fields: Any) -> None:
        self.clock += self.rng.choice(SPACINGS[:3] if self.maybe(0.6) else SPACINGS)
        at = self.clock - timedelta(days=self.rng.randrange(20)) if self.maybe(0.06) else self.clock
        common: Fact = {
            "fact": fact,
            "merchant": self.merchant,
            "platform": self.platform,
            "return": self.name,
            "occurred_at": when(self.rng, at),
        }
        fields = {name: given for name, given in fields.items() if given is not None}
        if self.maybe(0.5):  # other merchants and platforms have the same ones
            fields["source_id"] = f"{self.number}-{len(self.facts)}"
        if self.maybe(0.2):
            fields["by"] = self.rng.choice(PEOPLE)
        self.facts.append({**common, **fields})

    # What was announced

    def line(self, index: int) -> Fact:
        items = 0 if self.maybe(0.05) else self.rng.randrange(1, 60_000)
        tax = 0 if self.maybe(0.4) else items // self.rng.choice((5, 7, 20))
        return {
            "line": self.rng.choice((f"L{index}", f"Zeile/{index} ü")),
            "sku": f"SKU-{self.rng.randrange(12):03}",
            "quantity": self.rng.choice((1, 1, 2, 2, 3, 4, 7)),
            "items": text(self.rng, items, self.currency),
            "tax": text(self.rng, tax, self.currency),
            **({"order_line": f"ol-{index}", "reason": "too small, größer?"} if self.maybe(0.4) else {}),
            "value": items + tax,  # for this generator only
        }

    def announce(self) -> None:
        self.value = sum(line.pop("value") for line in self.lines)
        if self.maybe(0.08):
            return
        if self.maybe(0.12):  # announced when other things have long happened
            self.clock += timedelta(days=self.rng.randrange(1, 25))
        wished = [{"sku": "SKU-NEW", "quantity": 1}] if self.resolution == "exchange" and self.maybe(0.7) else None
        erp = self.rng.choice((None, *ERPS))
        order = f"#{10_000 + self.number}"
        self.tell("Initiated", order=order, currency=self.currency, resolution=self.resolution, lines=self.lines, exchange=wished, erp=erp)
        self.clock = self.started

    # Goods

    def counted(self, quantities: dict[str, int], **fields: Any) -> list[Fact]:
        """Lines of a fact, with now and then more, fewer, or one that nobody announced."""
        told = dict(quantities)
        for line in list(told):
            if self.maybe(0.08):
                told[line] += self.rng.randrange(1, 4)
            elif self.maybe(0.12):
                told[line] -= 1
        if self.maybe(0.04):
            told["X9"] = 1
        return [{"line": line, "quantity": units, **fields} for line, units in told.items() if units > 0]

    def some_units(self) -> dict[str, int]:
        """All that was announced, or anything less."""
        return {line: self.rng.randrange(units + 1) for line, units in self.quantities.items()} if self.maybe(0.3) else self.quantities

    def moved(self, fact: str, chance: float, leave_out: float) -> None:
        """Some or all units, at once or in two, rarely twice over."""
        location = self.rng.choice((None, "Main Warehouse"))
        while self.maybe(chance):
            if self.maybe(leave_out):
                self.tell(fact, location=location)
            elif lines := self.counted(self.some_units()):
                first = self.rng.sample(lines, self.rng.randrange(1, len(lines) + 1))
                self.tell(fact, lines=first, location=location)
                rest = [line for line in lines if line not in first]
                if rest and self.maybe(0.7):
                    self.tell(fact, lines=rest)
            chance = 0.15

    def goods(self) -> None:
        self.moved("ScannedAtReturnBar", 0.4, 0.5)
        self.moved("Received", 0.85, 0.3)
        found: dict[str, dict[str, int]] = {}
        for line, units in self.quantities.items():
            for _ in range(units):
                disposition = self.rng.choice(("saleable", "saleable", "saleable", *DISPOSITIONS) if self.maybe(0.93) else UNMAPPED)
                found.setdefault(disposition, {}).setdefault(line, 0)
                found[disposition][line] += 1
        inspected = [line for disposition, units in found.items() for line in self.counted(units, disposition=disposition)]
        if self.maybe(0.75):
            self.inspect(inspected)
            if self.maybe(0.05):
                self.inspect(inspected)
        for fact, names in (("Restocked", DISPOSITIONS[:3]), ("WrittenOff", DISPOSITIONS[3:6])):
            for name in names:
                place = {"location": "Main Warehouse"} if fact == "Restocked" and self.maybe(0.5) else {}
                lines = self.counted(found.get(name, {}), **place)
                while lines and self.maybe(0.65):
                    self.tell(fact, lines=lines, erp=self.rng.choice((None, *ERPS)))
                    lines = lines if self.maybe(0.08) else []
        if self.maybe(0.05):  # back on the shelf though nobody looked at it
            self.tell("Restocked", lines=self.counted(self.quantities) or [{"line": "X9", "quantity": 2}])

    def inspect(self, lines: list[Fact]) -> None:
        cut = self.rng.randrange(len(lines) + 1)
        for some in (lines[:cut], lines[cut:]):
            if some:
                self.tell("Inspected", lines=some)

    # Money

    def other(self, currency: str) -> str:
        return currency if self.maybe(0.93) else self.rng.choice(sorted(DIGITS))

    def parts(self, items: int) -> dict[str, int]:
        """An amount about that large, in minor units: tax, shipping and fees beside the items."""
        tax = items // self.rng.choice((5, 7, 20)) if self.maybe(0.6) else 0
        shipping = self.rng.choice((0, 0, 399, 1250))
        fees = self.rng.choice((0, 0, 150, -min(items, 275)))
        return {"items": items, "tax": tax, "shipping": shipping, "fees": fees, "total": items + tax + shipping + fees}

    def amount(self, parts: dict[str, int], currency: str) -> dict[str, str]:
        """As a source would tell it: often not all of the parts, and then the total is whatever it says."""
        names = self.rng.choice((tuple(parts), tuple(parts), tuple(parts), ("items", "tax", "total"), ("shipping", "total"), ("total",)))
        return {name: text(self.rng, parts[name], currency) for name in names}

    def money(self) -> None:
        refunds = []
        for index in range(self.rng.choice((0, 1, 1, 1, 2, 3))):
            items = self.value // self.rng.choice((1, 1, 1, 2, 3))
            parts = dict.fromkeys(("items", "tax", "shipping", "fees", "total"), 0) if self.maybe(0.06) else self.parts(items)
            if self.maybe(0.25):  # neither more nor less than the lines are worth
                parts = {"items": self.value, "tax": 0, "shipping": 0, "fees": 0, "total": self.value}
            if self.maybe(0.03):  # fees that eat up all of it
                parts = {"items": 275, "tax": 0, "shipping": 100, "fees": -375, "total": 0}
            refunds.append((parts, self.refund(index, parts)))
        notes = [parts for parts, _ in refunds if self.maybe(0.75)]
        if notes and self.maybe(0.2):  # one that is the sum of others, one again, or both
            sums = {name: sum(note[name] for note in notes) for name in notes[0]}
            notes += self.rng.choice(([sums], [notes[0]], [sums, notes[-1]]))
        if self.maybe(0.1):
            notes.append(self.parts(self.rng.randrange(self.value + 1)))
        for index, note in enumerate(notes):
            self.note(index, note)
        for _, refund in refunds:
            if self.maybe(0.12):
                self.clock -= self.rng.choice((timedelta(0), timedelta(days=9)))
                for _ in range(self.rng.choice((1, 1, 2))):
                    self.tell("RefundReversed", refund=refund)
        if self.maybe(0.03):
            self.tell("RefundReversed", refund="nobody knows it")

    def refund(self, index: int, parts: dict[str, int]) -> str:
        currency = self.other(self.currency)
        refund = f"RF-{index}" if self.maybe(0.2) else f"RF-{self.number}-{index}"  # some stand on several returns
        transaction = f"tx-{self.number}" if self.maybe(0.3) else None
        method = self.rng.choice(METHODS)
        self.tell("Refunded", refund=refund, currency=currency, amount=self.amount(parts, currency), method=method, transaction=transaction)
        return refund

    def note(self, index: int, parts: dict[str, int]) -> None:
        erp, currency = ERPS[(self.number + index) % len(ERPS)], self.other(self.currency)
        count = index // 2  # of two notes of one number each is in an ERP of its own
        number = f"CN-{count}" if self.maybe(0.2) else f"CN/{self.number}-{count}"
        if self.maybe(0.15) and parts["total"]:  # a unit or so off in one of its parts
            part = self.rng.choice(("items", "tax", "shipping", "fees"))
            parts = {**parts, part: parts[part] + 1, "total": parts["total"] + 1}
        if self.maybe(0.04):
            parts = dict.fromkeys(parts, 0)
        lines = self.counted(self.quantities) if self.maybe(0.3) else None
        self.tell("CreditNoted", credit_note=number, erp=erp, currency=currency, amount=self.amount(parts, currency), lines=lines or None)
        if self.maybe(0.1):
            self.clock -= self.rng.choice((timedelta(0), timedelta(days=5)))
            self.tell("CreditNoteVoided", credit_note=number, erp=erp if self.maybe(0.9) else "another")

    def exchange(self) -> None:
        orders = [f"EX-{self.number}", f"EX-{self.number}-b"][: 1 if self.maybe(0.8) else 2]
        for order in orders:
            for status in self.rng.sample(("draft", "draft", "authorised", "dispatched"), self.rng.randrange(3)):
                self.tell("ExchangeOrdered", order=order, status=status, erp=self.rng.choice((None, *ERPS)))
