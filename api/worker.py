"""What runs beside the web server: the projector that keeps the read models fresh, the inbox, and the demo's feed."""

from __future__ import annotations

import logging
import threading

import psycopg

from adapters.alerts.running import ROUND_SECONDS, round_of
from adapters.demo.feed import Feed, count_live
from adapters.event_store import LedgerError
from adapters.inbox.lines import run_lines
from adapters.outbox.running import run_outbox
from adapters.sku_map import SkuMap
from api.alerting import alert_terms
from api.bootstrap import House, clock
from api.connecting import open_lines
from api.posting import open_outbox
from api.releasing import release_desks

log = logging.getLogger("returns_ledger")

WAIT_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0


def project(house: House, stop: threading.Event) -> None:
    """Fold in what is recorded, as it is recorded, until `stop`. A database that goes away is waited for."""
    pause = 1.0
    while not stop.is_set():
        try:
            with house.connection() as conn:
                shape = None
                while not stop.is_set():
                    if (now := house.renew_policies(conn, shape)) != shape:
                        projector, shape, before = house.projector(conn), now, -1
                        skus = SkuMap(house.ledger, house.policies.policy_of)
                    position = projector.catch_up()
                    if position != before:
                        # What waits for a SKU that somebody has matched on another return need not wait.
                        skus.free_waiting(conn, clock())
                    before = position
                    house.ledger.wait(position, WAIT_SECONDS)
                    pause = 1.0
        except (psycopg.Error, LedgerError) as failure:
            log.warning("projections: %s; trying again in %.0f s", str(failure).strip(), pause)
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def work_inbox(house: House, stop: threading.Event) -> None:
    """Work off what the platforms send, and poll them, until `stop`."""
    with open_lines(house, stop) as (inbox, lines):
        run_lines(inbox, lines, stop)


def work_outbox(house: House, stop: threading.Event) -> None:
    """Decide what the ERPs are to do, have them do it, and read them back, until `stop`."""
    with open_outbox(house, stop, release_desks) as outbox:
        run_outbox(outbox)


def tell_people(house: House, stop: threading.Event) -> None:
    """Tell people of gaps, as the configuration says, until `stop`. A database that goes away is waited for."""
    terms = alert_terms(house.settings)
    while not stop.is_set():
        try:
            with house.connection() as conn:
                round_of(conn, terms, clock())
        except psycopg.Error as failure:
            log.warning("alerts: %s; trying again", str(failure).strip())
        stop.wait(ROUND_SECONDS)


def feed(house: House, stop: threading.Event) -> None:
    """Play the demo into its house until `stop`."""
    with house.connection() as conn:
        house.projector(conn).catch_up()
        player = Feed(house.ledger, clock, count_live(conn))
    told = player.begin()
    if told:
        log.info("demo: told a month of returns, %d facts", told)
    while not stop.is_set():
        try:
            stop.wait(player.tick())
        except (psycopg.Error, LedgerError) as failure:
            log.warning("demo: %s", str(failure).strip())
            stop.wait(1.0)
