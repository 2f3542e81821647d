"""Which refunds no payout holds though their time is over, worked out anew from the whole set: told apart refund by refund."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

from tests.oracle.gaps import written
from tests.oracle.identity import Fact, instant


def missing(facts: Iterable[Fact], at: datetime, after: timedelta) -> dict[str, tuple[str, frozenset[str]]]:
    """Of one return, by currency: how much is missing in all, and the refunds that are."""
    told = [fact for fact in facts if instant(fact["occurred_at"]) <= at]
    gone = {fact["refund"] for fact in told if fact["fact"] in ("RefundReversed", "PayoutSettled")}
    found: dict[str, dict[str, Fraction]] = defaultdict(dict)
    for fact in told:
        if fact["fact"] != "Refunded" or fact["refund"] in gone or instant(fact["occurred_at"]) + after > at:
            continue
        if fact["method"] == "original_payment" and fact.get("transaction") and Fraction(fact["amount"]["total"]):
            found[fact["currency"]][fact["refund"]] = Fraction(fact["amount"]["total"])
    return {currency: (written(sum(of.values(), Fraction()), currency), frozenset(of)) for currency, of in found.items()}
