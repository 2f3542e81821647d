"""What runs beside the web server: the projector that keeps the read models fresh, the inbox, the outbox, and the demo's sandbox."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import uvicorn

from adapters.alerts.running import ROUND_SECONDS, round_of
from adapters.demo.feed import knows_month, number_of_run, tell_month
from adapters.demo.pairs import TRYTON, make_fronts, webhook_targets
from adapters.demo.playing import TAX_PERCENT, Player, Stage
from adapters.demo.tryton_shop import TrytonShop
from adapters.event_store import LedgerError
from adapters.inbox.lines import run_lines
from adapters.outbox.running import run_outbox
from adapters.sandbox.serving import sandbox_app
from adapters.sku_map import SkuMap
from api.alerting import alert_terms
from api.bootstrap import House, clock
from api.connecting import open_lines
from api.demo import HOST, demo_pairs, demo_tryton, sandbox_port
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


def play_demo(house: House, stop: threading.Event, web: str) -> None:
    """Tell the month, serve the demo's simulators and play returns into them, until `stop`; `web` is where webhooks go."""
    with house.connection() as conn:
        house.projector(conn).catch_up()
        known = knows_month(conn)
    if not known:
        log.info("demo: told a month of returns, %d facts", tell_month(house.ledger, clock()))
    first = number_of_run(clock())
    pairs, tryton = demo_pairs(house.settings), demo_tryton(house.settings)
    fronts = make_fronts(clock, first, pairs)
    stages: dict[str, Stage] = dict(fronts)
    if tryton is not None:
        stages[TRYTON] = TrytonShop(tryton.told(), TAX_PERCENT)
    with serving(sandbox_app(fronts, webhook_targets(web, pairs)), sandbox_port(house.settings.data_dir)):
        player = Player(stages, clock, first, pairs)
        while not stop.is_set():
            stop.wait(player.tick())


@contextmanager
def serving(app: Any, port: int) -> Iterator[None]:
    """Answers on this machine as long as the block runs."""
    server = uvicorn.Server(
        uvicorn.Config(app, host=HOST, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none")
    )
    thread = threading.Thread(target=server.run, name="sandbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2.0)
