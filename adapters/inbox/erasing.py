"""Raw bodies do not stay: they are erased after some days, or when a person asks that an order be forgotten."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection

from adapters.inbox.sealing import Seal, SealError
from domain.telling import ReturnKey

_AT_ONCE: Final = 1_000
_OPENED_AT_ONCE: Final = 50
# A shorter number stands in too many bodies for other reasons: a quantity, a position, a price.
_SHORTEST_NUMBER: Final = 4


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`bodies`: how many were erased. `pending`: deliveries that name the order and are not worked off yet: theirs stay until they are.

    `unreadable`: bodies that no key at hand opens, so that nobody knows whether they name it. `facts`: how many facts of `returns` stay.
    """

    bodies: int
    pending: tuple[int, ...]
    unreadable: int
    returns: tuple[ReturnKey, ...]
    facts: int


def erase_older(conn: Connection[Any], now: datetime, keep: timedelta) -> int:
    """Erase what came longer than `keep` ago; a delivery that has waited all the time for something has failed then."""
    erased = 0
    while True:
        done = conn.execute(_ERASE_OLDER, {"now": now, "before": now - keep, "rows": _AT_ONCE}).rowcount
        erased += done
        if done < _AT_ONCE:
            return erased


def forget(conn: Connection[Any], seal: Seal, *, merchant: str, order: str, by: str, reason: str, now: datetime) -> Forgotten:
    """Erase every body that belongs to the order or names it. What the log holds stays: facts hold nothing of a person."""
    bare = order.removeprefix("#")
    orders = [order, bare, f"#{bare}"]
    found = conn.execute(_RETURNS, {"merchant": merchant, "orders": orders, "own": f"order-{bare}"}).fetchall()
    returns = [ReturnKey(*row[:3]) for row in found]
    erase, pending, unreadable = _find(conn, seal, merchant, orders, {str(key) for key in returns}, _naming(bare))
    with conn.transaction():
        erased = conn.execute(_ERASE, {"ids": erase, "now": now}).rowcount
        conn.execute(
            "INSERT INTO erasures (merchant, order_ref, erased_at, by, reason, bodies) VALUES (%s, %s, %s, %s, %s, %s)",
            (merchant, order, now, by, reason, erased),
        )
    return Forgotten(erased, tuple(pending), unreadable, tuple(returns), sum(row[3] for row in found))


def _find(
    conn: Connection[Any], seal: Seal, merchant: str, orders: list[str], returns: set[str], names: re.Pattern[bytes]
) -> tuple[list[int], list[int], int]:
    """Deliveries to erase, deliveries that are pending yet, and how many could not be opened."""
    erase: list[int] = []
    pending: list[int] = []
    unreadable, last = 0, 0
    while rows := conn.execute(_KEPT, {"merchant": merchant, "after": last, "rows": _OPENED_AT_ONCE}, binary=True).fetchall():
        for id_, state, sealed, of_returns, of_orders in rows:
            last = id_
            named = not (returns.isdisjoint(of_returns) and set(orders).isdisjoint(of_orders))
            try:
                named = named or names.search(seal.open(sealed)) is not None
            except SealError:
                unreadable += 1
            if named:
                (pending if state == "pending" else erase).append(id_)
    return erase, pending, unreadable


def _naming(bare: str) -> re.Pattern[bytes]:
    """The order as a JSON text, with or without the `#` before it, or at the end of a longer id, or as a number."""
    forms = []
    for name in sorted({re.escape(bare.encode()), re.escape(json.dumps(bare)[1:-1].encode())}):
        forms += [rb'"#?' + name + rb'"', rb'"gid:[^"]*/' + name + rb'"']
    if bare.isascii() and bare.isdigit() and len(bare) >= _SHORTEST_NUMBER:
        forms.append(rb"(?<=[:\[,\s])" + bare.encode() + rb"(?=[,\]}\s])")
    return re.compile(b"|".join(forms))


_ERASE_OLDER = """
    UPDATE inbox SET body = NULL, body_erased_at = %(now)s,
        state = CASE state WHEN 'pending' THEN 'failed' ELSE state END,
        finished_at = coalesce(finished_at, %(now)s),
        error = CASE state
            WHEN 'pending' THEN
                concat('its body was erased before it could be worked off', ': ' || coalesce(error, 'it waited for ' || waits_for))
            ELSE error END
    WHERE id IN (
        SELECT id FROM inbox WHERE body_erased_at IS NULL AND received_at < %(before)s
        ORDER BY received_at LIMIT %(rows)s FOR UPDATE SKIP LOCKED
    )"""
_ERASE = "UPDATE inbox SET body = NULL, body_erased_at = %(now)s WHERE id = ANY(%(ids)s) AND body_erased_at IS NULL AND state <> 'pending'"
_KEPT = """
    SELECT id, state, body, returns, orders FROM inbox
    WHERE merchant = %(merchant)s AND body_erased_at IS NULL AND id > %(after)s ORDER BY id LIMIT %(rows)s"""
_RETURNS = """
    SELECT merchant, platform, return_id, events FROM returns
    WHERE merchant = %(merchant)s AND (order_ref = ANY(%(orders)s) OR return_id = %(own)s) ORDER BY return_no"""
