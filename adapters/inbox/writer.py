"""Stores what comes in, durably, many at a time: whatever arrives while one commit is under way shares the next one.

It lives on the web server's event loop. Measured with 32 senders: a thread beside the loop waits for the interpreter's lock so often
that it stores a third as much.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, sql

from adapters.inbox.store import Arrival, store_statement

MOST_WAITING = 5_000
MOST_ROWS, MOST_BYTES = 500, 8_000_000
CONNECT_SECONDS, STATEMENT_SECONDS = 5, 10
ATTEMPTS = 2
_Waiting = tuple[Arrival, asyncio.Future[None]]


class InboxUnavailable(Exception):
    """Nothing was stored, or nobody can say: it should be sent again."""


class GroupWriter:
    """One of these for each web server. `put` returns once the delivery is on disk."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._schema = url, schema
        self._waiting: list[_Waiting] = []
        self._at_work: asyncio.Task[None] | None = None
        self._conn: AsyncConnection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def put(self, arrival: Arrival) -> None:
        """Raises InboxUnavailable."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if len(self._waiting) >= MOST_WAITING:
            raise InboxUnavailable(f"{MOST_WAITING} deliveries wait to be stored already")
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.append((arrival, stored))
        if self._at_work is None or self._at_work.done():
            self._at_work = loop.create_task(self._work())
        await stored

    async def close(self) -> None:
        """Once nobody puts any more: what is under way is stored first."""
        if self._at_work is not None:
            with suppress(asyncio.CancelledError):
                await self._at_work
        if self._conn is not None:
            await self._conn.close()
            self._conn = None

    async def _work(self) -> None:
        while self._waiting:
            group = self._next_group()
            try:
                await self._store([arrival for arrival, _ in group])
            except psycopg.Error as failure:
                away = InboxUnavailable(str(failure).strip())
                for _, stored in group:
                    if not stored.done():
                        stored.set_exception(away)
            else:
                for _, stored in group:
                    if not stored.done():  # whoever sent it may have gone
                        stored.set_result(None)

    def _next_group(self) -> list[_Waiting]:
        size, count = 0, 0
        for arrival, _ in self._waiting[:MOST_ROWS]:
            size += len(arrival.sealed)
            if count and size > MOST_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _store(self, arrivals: list[Arrival]) -> None:
        statement, parameters = store_statement(arrivals)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                conn = await self._connection()
                await conn.execute(statement, parameters)
            except psycopg.OperationalError:
                # The connection may be from before the server went away. To store the same again is no harm.
                if self._conn is not None:
                    await self._conn.close()
                    self._conn = None
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    async def _connection(self) -> AsyncConnection:
        if self._conn is None or self._conn.closed:
            conn = await AsyncConnection.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, client_encoding="utf8")
            await conn.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self._schema)))
            # A 202 is a promise, whatever the database's default is.
            await conn.execute(f"SET synchronous_commit = on; SET statement_timeout = '{STATEMENT_SECONDS}s'".encode())
            self._conn = conn
        return self._conn

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """A server that was started anew has another loop; what belonged to the old one is of no use."""
        if self._conn is not None:
            self._conn.pgconn.finish()
        self._waiting, self._at_work, self._conn, self._loop = [], None, None, loop
