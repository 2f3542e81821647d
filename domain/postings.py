"""The double-entry journal: each move as balanced postings, money and units alike (a SKU is a commodity)."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from domain.facts import Refunded
from domain.gap import PARTS
from domain.moves import PLACES, MoneyMove, UnitMove

CLEARING = "clearing:returns"
# What the books held before the first day of an export stands against this one.
OPENING = "equity:opening"
# Announced units come out of what the customer bought; the places where they are sum up to it.
_UNIT_ACCOUNTS = {
    "announced": "units:announced",
    "with_customer": "units:with-customer",
    "in_transit": "units:in-transit",
    "quarantine": "units:quarantine",
    "held": "units:held",
    "saleable": "units:saleable",
    "written_off": "units:written-off",
}
_UNEXPECTED = ("units:unexpected", "units:unexplained-source")
# Every account that a posting can name.
ACCOUNTS = (
    CLEARING,
    *(f"refunds-paid:{method}" for method in get_args(Refunded.model_fields["method"].annotation)),
    *(f"sales-returns:{part}" for part in PARTS),
    *_UNIT_ACCOUNTS.values(),
    *_UNEXPECTED,
    OPENING,
)
AccountKind = Literal["asset", "liability", "revenue", "expense", "equity"]


class Posting(NamedTuple):
    """`amount` in minor units of a currency, or whole units of a SKU; a debit is positive."""

    account: str
    amount: int


def money_postings(move: MoneyMove) -> list[Posting]:
    """Balanced. A refund debits `clearing:returns` and credits what it was paid with; a credit note goes the other way, by its parts."""
    if move.side == "refunded":
        return [Posting(CLEARING, move.total), Posting(f"refunds-paid:{move.detail}", -move.total)]
    parts = (("items", move.items), ("tax", move.tax), ("shipping", move.shipping), ("fees", move.fees), ("unexplained", move.unexplained))
    return [*(Posting(f"sales-returns:{name}", part) for name, part in parts if part), Posting(CLEARING, -move.total)]


def unit_postings(move: UnitMove) -> list[Posting]:
    """Balanced: what was announced stands against the places where the units are; unexpected units against their unexplained source."""
    postings = [
        Posting(_UNIT_ACCOUNTS[place], -units if place == "announced" else units)
        for place, units in zip(PLACES, move.units, strict=True)
        if units and place in _UNIT_ACCOUNTS
    ]
    unexpected = move.units[PLACES.index("unexpected")]
    if unexpected:
        postings += [Posting(_UNEXPECTED[0], unexpected), Posting(_UNEXPECTED[1], -unexpected)]
    return postings


def kind_of(account: str) -> AccountKind:
    """What books call such an account. Who paid a refund for us is owed it; what was announced is the other side of where the units are."""
    match account.partition(":")[0]:
        case "refunds-paid":
            return "liability"
        case "sales-returns":
            return "revenue"
        case "equity":
            return "equity"
        case "units" if account in (_UNIT_ACCOUNTS["announced"], _UNEXPECTED[1]):
            return "equity"
        case "units" if account == _UNIT_ACCOUNTS["written_off"]:
            return "expense"
        case _:
            return "asset"
