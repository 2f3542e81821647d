"""The outbox in figures, by account: for a monitoring system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from psycopg import Connection

STATES: Final = ("pending", "leased", "waiting", "unknown", "dead")
BREAKERS: Final = ("closed", "open", "half_open")


class AccountFigures(NamedTuple):
    """`counts` by state, each instruction once; one that was sent and not answered is `unknown`, whoever holds it."""

    account: str
    counts: Mapping[str, int]
    oldest_seconds: float
    breaker: str
    paused: bool


def outbox_figures(conn: Connection[Any], accounts: Iterable[str]) -> list[AccountFigures]:
    """Of these accounts, and of others that something waits for."""
    counted: dict[str, dict[str, int]] = {account: dict.fromkeys(STATES, 0) for account in accounts}
    oldest: dict[str, float] = {}
    for account, state, count, seconds in conn.execute(_COUNTS).fetchall():
        counted.setdefault(account, dict.fromkeys(STATES, 0))[state] += count
        oldest[account] = max(oldest.get(account, 0.0), float(seconds or 0))
    fares = {row[0]: row[1:] for row in conn.execute("SELECT account, breaker, paused_at IS NOT NULL FROM outbox_accounts").fetchall()}
    return [
        AccountFigures(account, counts, oldest.get(account, 0.0), *(fares.get(account) or ("closed", False)))
        for account, counts in sorted(counted.items())
    ]


_COUNTS = """
    SELECT account,
        CASE WHEN state = 'dead' THEN 'dead' WHEN sent_at IS NOT NULL AND coalesce(waits_for, '') <> 'acknowledgement'
                AND state = 'pending' AND lease_owner IS NULL THEN 'unknown'
            WHEN lease_until > now() THEN 'leased' ELSE state END AS shown,
        count(*), extract(epoch FROM now() - min(next_at) FILTER (WHERE next_at <= now()))
    FROM outbox WHERE state IN ('pending', 'waiting', 'dead') GROUP BY 1, 2"""
