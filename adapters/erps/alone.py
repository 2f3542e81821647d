"""One at a time at what is read and then written on the strength of it: among the threads of a process, or of all that share a database."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final, Self

import psycopg
from psycopg import Connection

from adapters.vendor.quota import QuotaSpent

# Named after the account and what is guarded there; whoever holds a name may ask for it again.
Alone = Callable[[str], AbstractContextManager[None]]
_WAIT_SECONDS: Final = 60
_AGAIN_SECONDS: Final = 2.0
# Any number will do, as long as it is always the same, and nobody else's.
_ALONE: Final = 7_310_565
_LOCKS: Final = defaultdict[str, Any](threading.RLock)


@contextmanager
def in_this_process(name: str) -> Iterator[None]:
    """Where there is no database to agree by."""
    with _LOCKS[name]:
        yield


class InDatabase:
    """For one thread. The locks belong to a database session of its own, so that whoever dies lets go of them; no transaction is open.

    The names are not the house's: several houses in one database that use one account keep out of each other's way as well.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._conn: Connection[Any] | None = None
        self._left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever is still at it when the house closes opens no session any more.
        self._left = True
        self._leave()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Raises QuotaSpent, before anything is asked of the vendor, where others hold it for too long or the database is away."""
        try:
            self._session().execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (_ALONE, name))
        except psycopg.Error as failure:
            self._leave()
            raise QuotaSpent(f"others are at the same stock or sale: {str(failure).strip()}", _AGAIN_SECONDS) from failure
        try:
            yield
        finally:
            # A session that is gone has let go.
            if self._conn is not None:
                try:
                    self._conn.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (_ALONE, name))
                except psycopg.Error:
                    self._leave()

    def _session(self) -> Connection[Any]:
        if self._left:
            raise psycopg.OperationalError("the house is closed")
        if self._conn is None or self._conn.closed:
            self._conn = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            self._conn.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'".encode())
        return self._conn

    def _leave(self) -> None:
        if self._conn is not None:
            with suppress(psycopg.Error):
                self._conn.close()
            self._conn = None
