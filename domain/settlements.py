"""Refunds against payouts: what the payment provider should have settled, and what it has. Joined by id, never by amount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from domain.facts import PayoutSettled, Refunded
from domain.policy import Policy
from domain.returns import ReturnState


def unsettled(state: ReturnState, policy: Policy) -> list[Refunded]:
    """Refunds that a payout should hold and none does: those back to the original payment that name the payment.

    A refund without its payment is not looked for: gift cards, store credit, bank transfers and what a platform pays itself never are in
    a payout, and of a refund by a route outside of payouts (PayPal, say) the source names no payment.
    """
    if not policy.payouts:
        return []
    known = {settlement.refund for settlement in state.settled.values()}
    return [
        refund
        for refund in state.active_refunds()
        if refund.method == "original_payment" and refund.transaction is not None and refund.amount.total and refund.refund not in known
    ]


def missing_from(state: ReturnState, policy: Policy) -> list[tuple[datetime, Refunded]]:
    """The unsettled refunds, each with the instant from which on its payout is called missing: it has then waited long enough itself."""
    found = []
    for refund in unsettled(state, policy):
        try:
            found.append((state.told_at[refund.refund] + policy.payout_after, refund))
        except OverflowError:
            continue  # beyond the end of time
    return sorted(found, key=lambda one: (one[0], one[1].refund))


def settled_otherwise(state: ReturnState) -> Iterator[tuple[PayoutSettled, Refunded | None, int]]:
    """(a settlement of the refund, the refund, refunded - settled) for each refund that payouts hold with another amount.

    A settlement in another currency than the refund's, or of another payment than it names, cannot be compared. Where no such refund is
    recorded (yet), all of the settlement differs; what was reversed is not looked at.
    """
    together: dict[str, list[PayoutSettled]] = {}
    for settlement in state.settled.values():
        together.setdefault(settlement.refund, []).append(settlement)
    for name, settlements in together.items():
        refund = state.refunds.get(name)
        if name in state.reversed:
            continue
        if refund is None:
            for currency in {settlement.currency for settlement in settlements}:
                of_currency = [settlement for settlement in settlements if settlement.currency == currency]
                yield of_currency[0], None, -sum(settlement.amount for settlement in of_currency)
            continue
        alike = [s for s in settlements if s.currency == refund.currency and s.transaction in (None, refund.transaction)]
        difference = refund.amount.total - sum(settlement.amount for settlement in alike)
        if alike and difference:
            yield alike[0], refund, difference
