"""The trial balance: what every account of the journal holds at a moment, by currency; debits and credits are the same sum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from domain.money import to_text
from domain.moves import MoneyMove
from domain.postings import ACCOUNTS, money_postings
from projections.moments import BEFORE_ITS_DAY, REST_OF_ITS_DAY
from projections.writing import MONEY_FIGURES

_FIGURES = ", ".join(MONEY_FIGURES)
_DAYS = f"SELECT merchant, currency, side, detail, {_FIGURES} FROM money_days"  # noqa: S608 (our own column names)
_BY = f"""
    {_DAYS} WHERE {BEFORE_ITS_DAY} UNION ALL
    SELECT merchant, currency, side, detail, {_FIGURES} FROM money_moves WHERE {REST_OF_ITS_DAY}"""  # noqa: S608
_AT_ANY_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Balance:
    """`debit` or `credit` is what the account holds, the other one is None."""

    account: str
    debit: str | None
    credit: str | None


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Of one currency. The two sums must be the same."""

    currency: str
    rows: list[Balance]
    debits: str
    credits: str

    @property
    def balances(self) -> bool:
        return self.debits == self.credits


def trial_balance(conn: Connection[Any], as_of: datetime | None = None, merchant: str | None = None) -> list[TrialBalance]:
    """Counts what had happened by `as_of`, inclusive, as it is known now."""
    # By what the accounts are told apart: the method of a refund.
    statement = f"""
        SELECT currency, side, CASE side WHEN 'refunded' THEN detail ELSE '' END, {", ".join(f"sum({one})" for one in MONEY_FIGURES)}
        FROM ({_BY if as_of else _DAYS}) AS moved
        WHERE %(merchant)s::text IS NULL OR merchant = %(merchant)s GROUP BY 1, 2, 3"""  # noqa: S608
    held: dict[str, dict[str, int]] = {}
    for currency, side, detail, *figures in conn.execute(statement.encode(), {"t": as_of, "merchant": merchant}):
        move = MoneyMove(_AT_ANY_TIME, "", side, "", detail, currency, *map(int, figures))
        accounts = held.setdefault(currency, dict.fromkeys(ACCOUNTS, 0))
        for posting in money_postings(move):
            accounts[posting.account] = accounts.get(posting.account, 0) + posting.amount
    return [_of_currency(currency, held[currency]) for currency in sorted(held)]


def _of_currency(currency: str, accounts: dict[str, int]) -> TrialBalance:
    rows = [
        Balance(account, to_text(minor, currency) if minor > 0 else None, to_text(-minor, currency) if minor < 0 else None)
        for account, minor in sorted(accounts.items())
        if minor
    ]
    debits = sum(minor for minor in accounts.values() if minor > 0)
    credits = -sum(minor for minor in accounts.values() if minor < 0)
    return TrialBalance(currency, rows, to_text(debits, currency), to_text(credits, currency))
