"""One at a time for each connection, over all processes: what is read of a return must be recorded before it is read again.

The locks belong to one database session, so that whoever dies lets go of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg import Connection

# Any number will do, as long as it is always the same.
_READING: Final = 7_310_564
_SECONDS_TO_OTHERS: Final = 60


class Turnstile:
    """Threads may share it, one for each connection that they hold."""

    def __init__(self, url: str, schema: str) -> None:
        self._url, self._schema = url, schema
        self._conn: Connection[Any] | None = None
        self._left = False
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._left = True
            if self._conn is not None:
                self._conn.close()
                self._conn = None

    @contextmanager
    def attempt(self, name: str) -> Iterator[bool]:
        """Gives False where another process holds `name` just now."""
        got = self._ask("SELECT pg_try_advisory_lock(%s, hashtext(%s))", name)
        try:
            yield got
        finally:
            if got:
                self._let_go(name)

    @contextmanager
    def wait(self, name: str) -> Iterator[None]:
        """Raises psycopg.OperationalError where another process holds `name` for too long."""
        self._ask("SELECT true FROM pg_advisory_lock(%s, hashtext(%s))", name)
        try:
            yield
        finally:
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        # Who comes late, after the house was closed, finds that its session has let go of everything.
        if not self._left:
            self._ask("SELECT pg_advisory_unlock(%s, hashtext(%s))", name)

    def _ask(self, question: str, name: str) -> bool:
        with self._guard:
            if self._left:
                raise psycopg.OperationalError("the house is closed")
            if self._conn is None or self._conn.closed:
                self._conn = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
                self._conn.execute(f"SET statement_timeout = '{_SECONDS_TO_OTHERS}s'".encode())
            found = self._conn.execute(question.encode(), (_READING, f"{self._schema}/{name}")).fetchone()
        return bool(found and found[0])
