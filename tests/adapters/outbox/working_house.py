"""A house with its outbox at work in a process of its own: `python -m tests.adapters.outbox.working_house URL SETTINGS_JSON`."""

from __future__ import annotations

import json
import signal
import sys
import threading

from adapters.outbox.running import run_outbox
from api.bootstrap import House
from api.posting import open_outbox
from api.settings import Settings


def main(url: str, settings: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    house = House(Settings.model_validate(json.loads(settings)), url, None, 16)
    house.open()
    try:
        with open_outbox(house, stop) as outbox:
            print("at work", flush=True)
            run_outbox(outbox)
    finally:
        house.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
