"""Which gaps facts leave open at an instant, worked out anew from the whole set: obviously right rather than fast."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from math import floor
from typing import Any

from tests.oracle.identity import DIGITS, Fact, distinct, instant

Gap = dict[str, Any]
Key = tuple[str, str, str]  # merchant, platform, return

RESTOCK = {"saleable", "sellable", "restockable"}
WRITE_OFF = {"damaged", "faulty", "defective"}
HOLD = {"tag-missing", "wrong-item", "quarantine", "refurbish"}
PARTS = ("items", "tax", "shipping", "fees")
SHORT_AFTER = timedelta(days=14)
STATUSES = ("draft", "authorised", "dispatched")


def written(amount: Fraction, currency: str) -> str:
    """Money as the contract writes it; it must be whole in the currency's minor unit."""
    minor = amount * 10 ** DIGITS[currency]
    assert minor.denominator == 1, f"{amount} {currency} has too many digits"
    sign, figures = "-" if minor < 0 else "", str(abs(int(minor))).rjust(DIGITS[currency] + 1, "0")
    return sign + (f"{figures[: -DIGITS[currency]]}.{figures[-DIGITS[currency] :]}" if DIGITS[currency] else figures)


class AtInstant:
    """One return as it stood at an instant: only what had occurred by then, nothing remembered from before."""

    def __init__(self, facts: list[Fact], at: datetime) -> None:
        self.at = at
        self.facts = [fact for fact in facts if instant(fact["occurred_at"]) <= at]
        self.initiated = next(iter(self.of("Initiated")), None)
        self.ended = bool(self.of("Cancelled") or self.of("Expired"))
        self.lines: dict[str, Fact] = {line["line"]: line for line in self.initiated["lines"]} if self.initiated else {}

    def of(self, name: str) -> list[Fact]:
        return [fact for fact in self.facts if fact["fact"] == name]

    # Money

    def refunds(self, currency: str) -> list[Fact]:
        """Those not reversed; one of 0 adds nothing to what was refunded, but its parts are told like any other's."""
        reversed_ = {fact["refund"] for fact in self.of("RefundReversed")}
        return [f for f in self.of("Refunded") if f["currency"] == currency and f["refund"] not in reversed_]

    def notes(self, currency: str) -> list[Fact]:
        """Those not voided; a note of 0 is none."""
        voided = {(fact["erp"], fact["credit_note"]) for fact in self.of("CreditNoteVoided")}
        return [
            f for f in self.of("CreditNoted") if f["currency"] == currency and (f["erp"], f["credit_note"]) not in voided and total(f) != 0
        ]

    def currencies(self) -> list[str]:
        return sorted({fact["currency"] for fact in self.of("Refunded") + self.of("CreditNoted")})

    def refunded_less_shipping(self) -> Fraction:
        """In the return's own currency, which is the one its lines are valued in."""
        assert self.initiated is not None
        return sum((total(f) - Fraction(f["amount"].get("shipping") or 0) for f in self.refunds(self.initiated["currency"])), Fraction())

    # Units

    def named(self) -> list[str]:
        """Every line that was announced or that some count of units names."""
        counted = ("ScannedAtReturnBar", "Received", "Inspected", "Restocked", "WrittenOff")
        return sorted(set(self.lines) | {line["line"] for name in counted for fact in self.of(name) for line in fact.get("lines") or []})

    def announced(self, line: str) -> int:
        return int(self.lines[line]["quantity"]) if line in self.lines else 0

    def moved(self, name: str, line: str) -> int:
        """Units of a line in all facts of that name; a fact that leaves its lines out stands for all announced ones."""
        told: int = sum(counted["quantity"] for fact in self.of(name) for counted in fact.get("lines") or [] if counted["line"] == line)
        everything = any(fact.get("lines") is None for fact in self.of(name))
        return max(self.announced(line), told) if everything else told

    def inspected(self, line: str, dispositions: set[str] | None = None) -> int:
        return sum(
            counted["quantity"]
            for fact in self.of("Inspected")
            for counted in fact["lines"]
            if counted["line"] == line and (dispositions is None or counted["disposition"] in dispositions)
        )

    def inspected_unmapped(self, line: str) -> int:
        return self.inspected(line) - self.inspected(line, RESTOCK | WRITE_OFF | HOLD)

    def units_in(self, line: str) -> int:
        return max(self.moved("ScannedAtReturnBar", line), self.moved("Received", line))

    def unexpected(self, line: str) -> int:
        gone = self.moved("Restocked", line) + self.moved("WrittenOff", line)
        return max(self.units_in(line), self.inspected(line), gone) - self.announced(line)

    def worth(self, line: str, units: int) -> Fraction:
        """(items + tax) · u / q, rounded half up to the minor unit."""
        assert self.initiated is not None
        scale = 10 ** DIGITS[self.initiated["currency"]]
        whole = Fraction(self.lines[line]["items"]) + Fraction(self.lines[line]["tax"])
        return Fraction(floor(whole * units / self.announced(line) * scale + Fraction(1, 2)), scale)


def total(fact: Fact) -> Fraction:
    return Fraction(fact["amount"]["total"])


def breakdown(refunds: list[Fact], notes: list[Fact], currency: str) -> dict[str, str]:
    """Part by part, where all of them give that part; the rest of the difference is unexplained."""
    difference = sum(map(total, refunds)) - sum(map(total, notes))
    found = {}
    for part in PARTS:
        if all(fact["amount"].get(part) is not None for fact in refunds + notes):
            found[part] = sum(Fraction(f["amount"][part]) for f in refunds) - sum(Fraction(f["amount"][part]) for f in notes)
        else:
            found[part] = Fraction()
    found["unexplained"] = difference - sum(found.values())
    return {part: written(Fraction(amount), currency) for part, amount in found.items()}


def is_whole_notes(excess: Fraction, notes: list[Fact]) -> bool:
    return any(sum(map(total, some)) == excess for size in range(1, len(notes) + 1) for some in combinations(notes, size))


def clearing_gaps(now: AtInstant) -> Iterator[Gap]:
    for currency in now.currencies():
        refunds, notes = now.refunds(currency), now.notes(currency)
        refunded, credited = sum(map(total, refunds), Fraction()), sum(map(total, notes), Fraction())
        difference = refunded - credited
        parts = None
        if refunded > 0 and not notes:
            kind = "refund_without_credit_note"
        elif credited > 0 and refunded == 0:
            kind = "credit_note_without_refund"
        elif difference == 0:
            continue
        elif len(notes) >= 2 and is_whole_notes(-difference, notes):
            kind = "duplicate_credit_note"
        else:
            kind, parts = "credit_note_mismatch", breakdown(refunds, notes, currency)
        yield {"kind": kind, "currency": currency, "amount": written(difference, currency), "owner": "finance", "breakdown": parts}


def return_gaps(now: AtInstant) -> Iterator[Gap]:
    """One row a return: what its money and its lines say together, and the exchange that somebody waits for."""
    if now.initiated is None:
        if now.facts:
            yield {"kind": "unannounced_return", "owner": "ops"}
        return
    currency = now.initiated["currency"]
    refunded = now.refunded_less_shipping()
    value = sum((now.worth(line, now.announced(line)) for line in now.lines), Fraction())
    if refunded > value:
        yield {"kind": "over_refund", "currency": currency, "amount": written(refunded - value, currency), "owner": "finance"}

    arrived = {line: min(now.announced(line), now.units_in(line)) for line in now.lines}
    missing = {line: now.announced(line) - arrived[line] for line in now.lines}
    value_in = sum((now.worth(line, units) for line, units in arrived.items()), Fraction())
    value_missing = sum((now.worth(line, units) for line, units in missing.items()), Fraction())
    amount = min(refunded - value_in, value_missing)
    if sum(missing.values()) > 0 and amount > 0:
        yield {
            "kind": "refund_before_receipt",
            "currency": currency,
            "amount": written(amount, currency),
            "units": sum(missing.values()),
            "owner": "ops",
        }

    if now.initiated["resolution"] == "exchange" and not now.ended and any(now.units_in(line) > 0 for line in now.named()):
        told = [fact["status"] for fact in now.of("ExchangeOrdered")]
        if not told:
            yield {"kind": "exchange_not_ordered", "owner": "cx"}
        elif max(told, key=STATUSES.index) == "draft":
            yield {"kind": "exchange_stuck_in_draft", "owner": "cx"}


def capped(announced: int, more: int, less: int) -> int:
    return min(announced, more) - min(announced, less)


def unit_gaps(now: AtInstant) -> Iterator[Gap]:
    if now.initiated is None:
        return
    currency = now.initiated["currency"]
    arrivals = [instant(fact["occurred_at"]) for fact in now.of("Received")]
    for line in now.named():
        place = {"line": line, "sku": now.lines[line]["sku"] if line in now.lines else None, "owner": "ops"}
        if now.unexpected(line) > 0:
            yield {"kind": "unexpected_units", **place, "units": now.unexpected(line)}
        if line not in now.lines:
            continue
        announced = now.announced(line)
        received, restocked, written_off = (now.moved(name, line) for name in ("Received", "Restocked", "WrittenOff"))
        saleable, damaged = now.inspected(line, RESTOCK), now.inspected(line, WRITE_OFF)
        open_units = {
            "uninspected_items": capped(announced, received, now.inspected(line)),
            "unrestocked_items": capped(announced, saleable, restocked),
            "damaged_not_written_off": capped(announced, damaged, written_off),
            "restocked_uninspected": capped(announced, restocked, saleable),
            "disposition_unmapped": capped(announced, now.inspected_unmapped(line), 0),
        }
        if arrivals and now.at >= max(arrivals) + SHORT_AFTER and not now.ended:
            open_units["received_short"] = capped(announced, announced, received)
        for kind, units in open_units.items():
            if units > 0:
                yield {"kind": kind, **place, "currency": currency, "amount": written(now.worth(line, units), currency), "units": units}


def open_at(facts: list[Fact], at: datetime) -> list[Gap]:
    now = AtInstant(facts, at)
    return [*clearing_gaps(now), *return_gaps(now), *unit_gaps(now)]


def same_gap(gap: Gap) -> tuple[Any, ...]:
    return gap["kind"], gap.get("line"), gap.get("currency")


def opened_at(gap: Gap, facts: list[Fact], at: datetime) -> datetime:
    """Since when it has been open without interruption, whatever its amount did meanwhile."""
    instants = {instant(fact["occurred_at"]) for fact in facts}
    instants |= {instant(fact["occurred_at"]) + SHORT_AFTER for fact in facts if fact["fact"] == "Received"}
    since = None
    for moment in sorted((moment for moment in instants if moment <= at), reverse=True):
        if same_gap(gap) not in map(same_gap, open_at(facts, moment)):
            break
        since = moment
    assert since is not None, "nothing changes between the instants of the facts"
    return since


def by_return(facts: Iterable[Fact]) -> dict[Key, list[Fact]]:
    """The distinct facts of each return."""
    found: dict[Key, list[Fact]] = defaultdict(list)
    for fact in distinct(facts).recorded:
        found[fact["merchant"], fact["platform"], fact["return"]].append(fact)
    return dict(sorted(found.items()))


def gaps(facts: Iterable[Fact], as_of: datetime | None, now: datetime) -> list[Gap]:
    """The gaps open at `as_of`, or at `now`; money as the contract writes it, `opened_at` a datetime in UTC."""
    at = (as_of or now).astimezone(UTC)
    blank = dict.fromkeys(("kind", "line", "currency", "amount", "units", "owner", "sku", "breakdown"))
    rows = []
    for (merchant, platform, name), told in by_return(facts).items():
        for gap in open_at(told, at):
            row = {"merchant": merchant, "platform": platform, "return": name, **blank, **gap}
            rows.append({**row, "opened_at": opened_at(gap, told, at)})
    return rows
