"""How often a vendor may be called: token buckets in the database, which all processes share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.vendor.answers import VendorTrouble

# Longer than that nobody stands and waits: the work is put back until there is a token again.
PATIENCE_SECONDS: Final = 5.0


class QuotaSpent(VendorTrouble):
    """No call was made: the account's quota is used up for now, or the house stops. The vendor has done nothing wrong."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in a time, and so many at once."""

    calls: float
    per: timedelta
    burst: float

    @property
    def per_second(self) -> float:
        return self.calls / self.per.total_seconds()


def take(conn: Connection[Any], account: str, rate: float, burst: float) -> float:
    """One call to `account`, of `rate` a second and `burst` at once: 0 where it may be made now, else the seconds until one may be.

    Nothing is reserved for who has to wait: he asks again. The time is the database's, whatever the processes' clocks say.
    """
    asked = {"account": account, "rate": rate, "burst": max(burst, 1.0)}
    if conn.execute(_TAKE, asked).fetchone() is not None:
        return 0.0
    found = conn.execute(_LACKING, asked).fetchone()
    # A thousandth on top: asked at the very moment, rounding could say no once more.
    return max(float(found[0]) / rate, 0.0) + 0.001 if found is not None else 0.001


class Turns:
    """`wait_turn` of one account: waits until a call may be made. Raises VendorTrouble where that is long, or the house stops."""

    def __init__(
        self, pool: ConnectionPool[Connection[Any]], account: str, rate: Rate, stop: threading.Event, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._pool, self._account, self._rate, self._stop, self._patience = pool, account, rate, stop, patience

    def __call__(self) -> None:
        waited = 0.0
        while True:
            if self._stop.is_set():
                raise QuotaSpent("the house is stopping", 0)
            with self._pool.connection() as conn:
                seconds = take(conn, self._account, self._rate.per_second, self._rate.burst)
            if not seconds:
                return
            if waited + seconds > self._patience:
                raise QuotaSpent(f"the vendor's quota is used up; the next call may be made in {seconds:.0f} s", seconds)
            self._stop.wait(seconds)
            waited += seconds


WaitTurn = Callable[[], None]


class MethodTurns:
    """`wait_turn` of an account whose vendor counts each method by itself; where it counts none apart, all calls are of the method ""."""

    def __init__(
        self,
        pool: ConnectionPool[Connection[Any]],
        account: str,
        rate_of: Callable[[str], Rate],
        stop: threading.Event,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._pool, self._account, self._rate_of, self._stop, self._patience = pool, account, rate_of, stop, patience
        self._turns: dict[str, Turns] = {}

    def __call__(self, method: str) -> None:
        turns = self._turns.get(method)
        if turns is None:
            account = f"{self._account}/{method}" if method else self._account
            turns = self._turns[method] = Turns(self._pool, account, self._rate_of(method), self._stop, self._patience)
        turns()


_TAKE = """
    INSERT INTO api_quota AS q (account, tokens, updated_at) VALUES (%(account)s, %(burst)s - 1, clock_timestamp())
    ON CONFLICT (account) DO UPDATE
        SET tokens = least(%(burst)s, q.tokens + greatest(0, extract(epoch FROM excluded.updated_at - q.updated_at)) * %(rate)s) - 1,
            updated_at = greatest(q.updated_at, excluded.updated_at)
        WHERE least(%(burst)s, q.tokens + greatest(0, extract(epoch FROM excluded.updated_at - q.updated_at)) * %(rate)s) >= 1
    RETURNING tokens"""
_LACKING = """
    SELECT 1 - least(%(burst)s, tokens + greatest(0, extract(epoch FROM clock_timestamp() - updated_at)) * %(rate)s)
    FROM api_quota WHERE account = %(account)s"""
