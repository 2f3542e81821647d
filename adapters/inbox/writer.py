"""Stores what comes in, durably, many at a time: whatever arrives while commits are under way shares the next one.

It lives on the web server's event loop. Measured with 32 senders: a thread beside the loop waits for the interpreter's lock so often
that it stores a third as much.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, sql

from adapters.inbox.store import Arrival, store_statement

MOST_WAITING, MOST_WAITING_BYTES = 5_000, 200_000_000
MOST_ROWS, MOST_BYTES = 500, 8_000_000
CONNECT_SECONDS, STATEMENT_SECONDS = 5, 10
ATTEMPTS = 2
# While one group is on its way to the disk, the next ones can be, too. Measured: half as much with one hand, no more with six.
HANDS = 4
_Waiting = tuple[Arrival, asyncio.Future[None]]


class InboxUnavailable(Exception):
    """Nothing was stored, or nobody can say: it should be sent again."""


class GroupWriter:
    """One of these for each web server. `put` returns once the delivery is on disk."""

    def __init__(self, url: str, schema: str, *, most_waiting: int = MOST_WAITING, hands: int = HANDS) -> None:
        self._most_waiting = most_waiting
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = 0
        self._hands = [_Hand(url, schema) for _ in range(hands)]
        self._loop: asyncio.AbstractEventLoop | None = None

    async def put(self, arrival: Arrival) -> None:
        """Raises InboxUnavailable."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if len(self._waiting) >= self._most_waiting or self._waiting_bytes >= MOST_WAITING_BYTES:
            raise InboxUnavailable(f"{len(self._waiting)} deliveries wait to be stored already")
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.append((arrival, stored))
        self._waiting_bytes += len(arrival.sealed)
        idle = next((hand for hand in self._hands if hand.at_work is None or hand.at_work.done()), None)
        if idle is not None:
            idle.at_work = loop.create_task(self._work(idle))
        await stored

    async def close(self) -> None:
        """Once nobody puts any more: what is under way is stored first."""
        for hand in self._hands:
            if hand.at_work is not None:
                with suppress(asyncio.CancelledError):
                    await hand.at_work
            await hand.close()

    async def _work(self, hand: _Hand) -> None:
        while group := self._next_group():
            if not await _try(hand, group):
                # Perhaps one of them is to blame, and the others need not suffer for it.
                for one in group:
                    await _try(hand, [one])

    def _next_group(self) -> list[_Waiting]:
        size, count = 0, 0
        for arrival, _ in self._waiting[:MOST_ROWS]:
            size += len(arrival.sealed)
            if count and size > MOST_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        self._waiting_bytes -= sum(len(arrival.sealed) for arrival, _ in group)
        return group

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """A server that was started anew has another loop; what belonged to the old one is of no use."""
        self._waiting, self._waiting_bytes, self._loop = [], 0, loop
        for hand in self._hands:
            hand.drop()


class _Hand:
    """A connection that stores one group at a time."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._schema = url, schema
        self._conn: AsyncConnection | None = None
        self.at_work: asyncio.Task[None] | None = None

    async def store(self, arrivals: list[Arrival]) -> None:
        statement, parameters = store_statement(arrivals)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                conn = await self.connection()
                await conn.execute(statement, parameters)
            except psycopg.OperationalError:
                # The connection may be from before the server went away. To store the same again is no harm.
                await self.close()
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    async def connection(self) -> AsyncConnection:
        if self._conn is None or self._conn.closed:
            conn = await AsyncConnection.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, client_encoding="utf8")
            await conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self._schema)))
            # A 202 is a promise, whatever the database's default is.
            await conn.execute(f"SET synchronous_commit = on; SET statement_timeout = '{STATEMENT_SECONDS}s'".encode())
            self._conn = conn
        return self._conn

    async def close(self) -> None:
        if self._conn is not None:
            await self._conn.close()
            self._conn = None

    def drop(self) -> None:
        """As `close`, where its loop is gone."""
        if self._conn is not None:
            self._conn.pgconn.finish()
        self._conn = self.at_work = None


async def _try(hand: _Hand, group: list[_Waiting]) -> bool:
    """Store them and tell those who wait; False where that should be tried one by one."""
    try:
        await hand.store([arrival for arrival, _ in group])
    except Exception as failure:  # whatever it is, nobody must wait in vain
        if len(group) > 1 and not isinstance(failure, psycopg.OperationalError):
            return False
        for _, stored in group:
            if not stored.done():
                stored.set_exception(InboxUnavailable(f"{type(failure).__name__}: {str(failure).strip()}"))
    else:
        for _, stored in group:
            if not stored.done():  # whoever sent it may have gone
                stored.set_result(None)
    return True
