"""The tie-out: the money of each currency and the units of each SKU by place, each counted on its own."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from tests.oracle.gaps import HOLD, AtInstant, by_return, clearing_gaps, total, written
from tests.oracle.identity import Fact

PLACES = ("with_customer", "in_transit", "quarantine", "held", "saleable", "written_off")


def money(facts: Iterable[Fact], as_of: datetime | None, now: datetime) -> list[dict[str, Any]]:
    """One row a currency in which any refund or note has occurred; nothing is tolerated by default."""
    at = (as_of or now).astimezone(UTC)
    sums: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for told in by_return(facts).values():
        state = AtInstant(told, at)
        for currency in state.currencies():
            sums[currency]["refunded"] += sum(map(total, state.refunds(currency)))
            sums[currency]["credited"] += sum(map(total, state.notes(currency)))
            sums[currency]["clearing_balance"] += clearing_balance(state, currency)
        for gap in clearing_gaps(state):
            sums[gap["currency"]]["open_gaps"] += Fraction(gap["amount"])
    rows = []
    for currency, row in sorted(sums.items()):
        row["difference"] = row["clearing_balance"] - row["open_gaps"] - row["tolerated"]
        figures = ("refunded", "credited", "clearing_balance", "open_gaps", "tolerated", "difference")
        rows.append({"what": "money", "currency": currency, **{name: written(row[name], currency) for name in figures}})
    return rows


def clearing_balance(state: AtInstant, currency: str) -> Fraction:
    """What the journal's clearing account holds: refunds and voids debit it, reversals and notes credit it, each once."""
    balance = Fraction()
    reversed_ = {fact["refund"] for fact in state.of("RefundReversed")}
    voided = {(fact["erp"], fact["credit_note"]) for fact in state.of("CreditNoteVoided")}
    for refund in state.of("Refunded"):
        if refund["currency"] == currency:
            balance += total(refund)
            balance -= total(refund) if refund["refund"] in reversed_ else 0
    for note in state.of("CreditNoted"):
        if note["currency"] == currency:
            balance -= total(note)
            balance += total(note) if (note["erp"], note["credit_note"]) in voided else 0
    return balance


def units(facts: Iterable[Fact], as_of: datetime | None, now: datetime) -> list[dict[str, Any]]:
    """One row a merchant and SKU; what nobody announced has no SKU and stands in the row whose `sku` is None."""
    at = (as_of or now).astimezone(UTC)
    sums: dict[tuple[str, str | None], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (merchant, _, _), told in by_return(facts).items():
        state = AtInstant(told, at)
        for line in state.named():
            unexpected = max(0, state.unexpected(line))
            if line in state.lines or unexpected:
                row = sums[merchant, state.lines[line]["sku"] if line in state.lines else None]
                row["announced"] += state.announced(line)
                row["unexpected"] += unexpected
                for place, count in by_place(state, line).items():
                    row[place] += count
    rows = []
    for (merchant, sku), row in sorted(sums.items(), key=lambda item: (item[0][0], item[0][1] or "")):
        row["difference"] = row["announced"] - sum(row[place] for place in PLACES)
        figures = ("announced", *PLACES, "unexpected", "difference")
        rows.append({"what": "units", "merchant": merchant, "sku": sku, **{name: row[name] for name in figures}})
    return rows


def by_place(state: AtInstant, line: str) -> dict[str, int]:
    """Where the announced units of a line are: what happened later in the way of goods implies what comes before it."""
    announced = state.announced(line)
    received, restocked, written_off = (state.moved(name, line) for name in ("Received", "Restocked", "WrittenOff"))
    in_warehouse = min(announced, max(received, state.inspected(line), restocked + written_off))
    arrived = min(announced, max(state.moved("ScannedAtReturnBar", line), in_warehouse))
    saleable = min(announced, restocked)
    lost = min(announced - saleable, written_off)
    held = min(in_warehouse - saleable - lost, state.inspected(line, HOLD))
    return {
        "with_customer": announced - arrived,
        "in_transit": arrived - in_warehouse,
        "quarantine": in_warehouse - saleable - lost - held,
        "held": held,
        "saleable": saleable,
        "written_off": lost,
    }
