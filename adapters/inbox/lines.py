"""One line for each connection: its platform, what works its webhooks off, and what polls it; and the threads that keep them going."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.inbox import erasing, fortunes
from adapters.inbox.desk import HouseDesk
from adapters.inbox.drain import Drain
from adapters.inbox.polling import Poller
from adapters.inbox.recording import AWAY
from adapters.inbox.sealing import Seal
from adapters.inbox.turnstile import Turnstile
from adapters.platforms.port import ConnectionSettings, Orders, Platform

log = logging.getLogger("returns_ledger")

IDLE_SECONDS: Final = 0.5
TROUBLE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
ERASE_SECONDS: Final = 3600.0
# Longer than that nobody waits for a vendor's answer when the house stops.
STOP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Inbox:
    """What all lines share. `keep` is how long raw bodies are kept."""

    ledger: Ledger
    pool: ConnectionPool[Connection[Any]]
    seal: Seal
    clock: Callable[[], datetime]
    turnstile: Turnstile
    keep: timedelta


class Line:
    """`poll` None: webhooks only."""

    def __init__(
        self,
        inbox: Inbox,
        connection: ConnectionSettings,
        platform: Platform,
        stop: threading.Event,
        *,
        poll: timedelta | None = None,
        orders: Orders | None = None,
        refunds_for: Sequence[str] = (),
    ) -> None:
        self.name = connection.name
        self._turnstile, self._stop = inbox.turnstile, stop
        desk = HouseDesk(inbox.ledger, inbox.pool, connection.merchant, inbox.clock, orders, refunds_for)
        kept = (inbox.ledger, inbox.pool, inbox.seal, inbox.clock)
        self.drain = Drain(connection, platform, desk, *kept, stop)
        self.poller = None if poll is None else Poller(connection, platform, desk, *kept, poll)

    def go(self) -> float:
        """Work off what is due, and poll a page if it is time; gives the seconds until it is worth while to look again."""
        with self._turnstile.attempt(self.name) as mine:
            if not mine:
                return IDLE_SECONDS
            outcomes = self.drain.round()
        if self.poller is not None and not self._stop.is_set() and (self.poller.under_way or self.poller.due()):
            with self._turnstile.attempt(self.name) as mine:
                if mine and self.poller.step():
                    return 0.0
        if any(outcome.state == "pending" for outcome in outcomes):
            return TROUBLE_SECONDS
        return 0.0 if outcomes else IDLE_SECONDS

    def keep_going(self) -> None:
        """Until the house stops. A database that goes away is waited for."""
        pause = TROUBLE_SECONDS
        while not self._stop.is_set():
            try:
                seconds = self.go()
            except AWAY as failure:
                if self._stop.is_set():
                    return
                log.warning("inbox: %s: %s; trying again in %.0f s", self.name, str(failure).strip(), pause)
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except Exception:  # a mistake of ours must not stop this line for good, or any other at all
                if self._stop.is_set():
                    return
                log.exception("inbox: %s broke; trying again in %.0f s", self.name, pause)
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                pause = TROUBLE_SECONDS
                self._stop.wait(seconds)


def run_lines(inbox: Inbox, lines: Sequence[Line], stop: threading.Event) -> None:
    """Keep all lines going until `stop`, then let go of what they have not finished within a moment."""
    with inbox.pool.connection() as conn:
        fortunes.end_pauses(conn, [line.name for line in lines])
    threads = [threading.Thread(target=line.keep_going, name=f"inbox {line.name}", daemon=True) for line in lines]
    threads.append(threading.Thread(target=_erase, args=(inbox, stop), name="inbox erasing", daemon=True))
    for thread in threads:
        thread.start()
    stop.wait()
    ends = time.monotonic() + STOP_SECONDS
    for thread, line in zip(threads, [*lines, None], strict=True):
        thread.join(max(0.0, ends - time.monotonic()))
        if thread.is_alive() and line is not None:
            try:
                line.drain.let_go()
            except psycopg.Error as failure:
                log.warning("inbox: %s: what it was at is due again in a while: %s", line.name, str(failure).strip())


def _erase(inbox: Inbox, stop: threading.Event) -> None:
    seconds = 0.0
    while not stop.wait(seconds):
        try:
            with inbox.pool.connection() as conn:
                erased = erasing.erase_older(conn, inbox.clock(), inbox.keep)
        except psycopg.Error as failure:
            log.warning("inbox: old bodies could not be erased: %s", str(failure).strip())
            seconds = LONGEST_PAUSE_SECONDS
        else:
            if erased:
                log.info("inbox: erased the bodies of %d deliveries, which are older than %d days", erased, inbox.keep.days)
            seconds = ERASE_SECONDS
