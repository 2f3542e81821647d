"""The outbox at work: one thread decides, several for each account carry out, one for each ERP reads back. They stop within seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg

from adapters.event_store import LedgerError
from adapters.inbox.turnstile import Turnstile
from adapters.outbox import accounts, queue
from adapters.outbox.availability import Publisher
from adapters.outbox.batches import Proof
from adapters.outbox.decider import Decider
from adapters.outbox.drift import Drift
from adapters.outbox.shop import RENEW_SECONDS, Shop
from adapters.outbox.worker import Worker

log = logging.getLogger("returns_ledger")

IDLE_SECONDS: Final = 0.5
WAIT_SECONDS: Final = 2.0
TROUBLE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
# Longer than that nobody waits for an answer when the house stops: what was sent is asked about at the next start.
STOP_SECONDS: Final = 2.0
DECIDING: Final = "outbox deciding"
AWAY: Final = (psycopg.Error, LedgerError)


@dataclass(slots=True)
class Desk:
    """One account's hands: `workers` carry out; `drift` and `proof` read back, where it is an ERP that is polled; `publishers` tell a shop
    what may be sold."""

    account: str
    workers: Sequence[Worker]
    drift: Drift | None = None
    proof: Proof | None = None
    publishers: Sequence[Publisher] = ()


@dataclass(slots=True)
class Outbox:
    shop: Shop
    turnstile: Turnstile
    decider: Decider
    desks: Sequence[Desk] = field(default_factory=tuple)


def run_outbox(outbox: Outbox) -> None:
    """Keep everything going until the shop's `stop`, then let go of what is not finished within a moment."""
    shop, stop = outbox.shop, outbox.shop.stop
    with shop.pool.connection() as conn:
        accounts.start_anew(conn, [desk.account for desk in outbox.desks])
    jobs: list[tuple[str, Callable[[], float]]] = [("deciding", lambda: _decide(outbox)), ("leases", lambda: _renew(shop))]
    for desk in outbox.desks:
        jobs += [(f"{desk.account} {n}", _carrying(worker)) for n, worker in enumerate(desk.workers, 1)]
        if desk.drift is not None:
            jobs.append((f"{desk.account} reading back", _reading_back(outbox.turnstile, desk, desk.drift)))
        for n, publisher in enumerate(desk.publishers, 1):
            name = f"{desk.account} availability {n}"
            jobs.append((name, _publishing(outbox.turnstile, f"outbox {name}", publisher)))
    threads = [threading.Thread(target=_keep_going, args=(name, job, stop), name=f"outbox {name}", daemon=True) for name, job in jobs]
    for thread in threads:
        thread.start()
    stop.wait()
    ends = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    try:
        with shop.pool.connection(timeout=1) as conn:
            queue.let_go(conn, shop.owner)
    except psycopg.Error as failure:
        log.warning("outbox: what it was at is due again in a while: %s", str(failure).strip())


def _decide(outbox: Outbox) -> float:
    with outbox.turnstile.attempt(DECIDING) as mine:
        if not mine:
            return IDLE_SECONDS
        if not outbox.decider.step():
            # Whoever waits here keeps the others out: only for a moment.
            outbox.shop.ledger.wait(outbox.decider.position, WAIT_SECONDS)
    return 0.0


def _renew(shop: Shop) -> float:
    shop.renew()
    return RENEW_SECONDS


def _carrying(worker: Worker) -> Callable[[], float]:
    return lambda: 0.0 if worker.go() else IDLE_SECONDS


def _reading_back(turnstile: Turnstile, desk: Desk, drift: Drift) -> Callable[[], float]:
    def go() -> float:
        with turnstile.attempt(f"outbox {desk.account}") as mine:
            if not mine:
                return IDLE_SECONDS
            if drift.under_way or drift.due():
                return 0.0 if drift.step() else IDLE_SECONDS
            return 0.0 if desk.proof is not None and desk.proof.step() else IDLE_SECONDS

    return go


def _publishing(turnstile: Turnstile, name: str, publisher: Publisher) -> Callable[[], float]:
    def go() -> float:
        with turnstile.attempt(name) as mine:
            return 0.0 if mine and publisher.step() else IDLE_SECONDS

    return go


def _keep_going(name: str, job: Callable[[], float], stop: threading.Event) -> None:
    """A database that goes away is waited for; a mistake of ours stops nothing for good."""
    pause = TROUBLE_SECONDS
    while not stop.is_set():
        try:
            seconds = job()
        except Exception as failure:
            if stop.is_set():
                return
            if isinstance(failure, AWAY):
                log.warning("outbox: %s: %s; trying again in %.0f s", name, str(failure).strip(), pause)
            else:
                log.exception("outbox: %s broke; trying again in %.0f s", name, pause)
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            pause = TROUBLE_SECONDS
            stop.wait(seconds)
