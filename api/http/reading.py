"""One question to the house: a connection, one moment's view of all read models, and how far behind the log they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

import orjson
import psycopg
from fastapi import Depends, Request
from psycopg import Connection
from starlette.responses import Response

from api.bootstrap import House
from projections.snapshot import snapshot

STATEMENT_SECONDS: Final = 10
# Longer than a busy pool needs, shorter than a client waits.
CONNECT_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Reading:
    """`position`: how far the log is folded into the read models; `lag`: how many events are recorded behind it."""

    conn: Connection[Any]
    position: int
    lag: int

    def headers(self) -> dict[str, str]:
        return {"X-Ledger-Position": str(self.position), "X-Ledger-Lag": str(self.lag)}

    def answer(self, body: object) -> Response:
        return Response(orjson.dumps(body), media_type="application/json", headers=self.headers())


@contextmanager
def reading(house: House) -> Iterator[Reading]:
    """Every query in the block sees the same state. Raises psycopg.OperationalError where the database is away or takes too long."""
    with connection(house) as conn, snapshot(conn):
        found = conn.execute("SELECT position FROM projection_position").fetchone()
        position = int(found[0]) if found else 0
        yield Reading(conn, position, max(0, house.ledger.head() - position))


@contextmanager
def connection(house: House) -> Iterator[Connection[Any]]:
    """One that nobody waits for long, and on which no query takes long."""
    conn = _take(house)
    try:
        yield conn
    finally:
        try:
            conn.execute("RESET statement_timeout")
        except psycopg.Error:
            conn.close()  # whatever state it is in, nobody gets it again
        house.pool.putconn(conn)


def _take(house: House) -> Connection[Any]:
    while True:
        conn = house.pool.getconn(timeout=CONNECT_SECONDS)
        try:
            conn.execute("SELECT set_config('statement_timeout', %s, false)", (f"{STATEMENT_SECONDS}s",))
        except psycopg.OperationalError:
            # A connection from before the server went away; there may be more of them. Without any left, getconn says how things are.
            conn.close()
            house.pool.putconn(conn)
        else:
            return conn


async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


TheHouse = Annotated[House, Depends(_house)]
