"""The outbox at work in a process of its own: `python -m tests.adapters.outbox.working DATA_DIR URL SCHEMA BOOK [fall]`.

With `fall` it is killed by SIGKILL in the very moment after the ERP has written its first document, and before anybody is told.
"""

from __future__ import annotations

import signal
import sys
import threading
from datetime import timedelta
from pathlib import Path

from adapters.inbox.turnstile import Turnstile
from adapters.outbox.decider import Decider
from adapters.outbox.drift import Drift
from adapters.outbox.running import Desk, Outbox, run_outbox
from adapters.outbox.shop import Shop
from adapters.outbox.terms import Terms, erp_account
from adapters.outbox.worker import Worker
from api.bootstrap import House, clock
from api.settings import Settings
from domain.policy import ErpTerms, Policy
from tests.adapters.outbox.ledgers_erp import BookErp, order

EVERY = timedelta(seconds=2)


def main(data_dir: str, url: str, schema: str, book: str, fall: str = "") -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    house = House(Settings.model_validate({"data_dir": Path(data_dir), "schema": schema}), url, None, 12)
    house.open()
    orders = {f"#{n}": order(str(n), ("SHIRT", 3, 12000, 2400)) for n in range(1_000)}
    terms = Terms("uk", Policy(erp=ErpTerms(name="uk-erp")), 1)
    shop = Shop(house.ledger, house.pool, clock, stop)
    hands = [BookErp(Path(book), orders, fall_after_write=bool(fall)) for _ in range(3)]
    with Turnstile(url, schema) as turnstile:
        workers = [Worker(shop, "uk-erp", hand, EVERY) for hand in hands[:2]]
        desk = Desk(erp_account("uk-erp"), workers, Drift(shop, "uk-erp", hands[2], ["acme"], EVERY))
        decider = Decider(house.ledger, house.pool, clock, lambda key: terms if key.platform == "returngo" else None)
        print("at work", flush=True)
        run_outbox(Outbox(shop, turnstile, decider, [desk]))
    house.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
