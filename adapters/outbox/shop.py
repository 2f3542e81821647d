"""What all hands of the outbox share: the log, the database, the time, and by what name this process takes rows."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.outbox import queue
from adapters.vendor.quota import QuotaSpent

RENEW_SECONDS: Final = 4.0
# How often what waits for its cause is looked at, where an ERP is not polled.
LOOK_AGAIN: Final = timedelta(hours=1)


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(slots=True)
class Shop:
    """One for each process. `renewed_at` (of the monotonic clock): the last time that the leases were renewed, if anybody does."""

    ledger: Ledger
    pool: ConnectionPool[Connection[Any]]
    clock: Callable[[], datetime]
    stop: threading.Event = field(default_factory=threading.Event)
    owner: str = field(default_factory=_name)
    renewed_at: float | None = None

    def renew(self) -> None:
        before = time.monotonic()
        with self.pool.connection() as conn:
            queue.renew(conn, self.owner, self.clock())
        self.renewed_at = before

    def still_ours(self) -> None:
        """Called before each request: raises QuotaSpent where this process stood still for so long that others may have taken its work."""
        if self.renewed_at is not None and time.monotonic() - self.renewed_at > queue.LEASE.total_seconds() - 1:
            raise QuotaSpent("this process stood still for too long; another may have taken its work", 1)
