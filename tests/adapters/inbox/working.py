"""The inbox at work in a process of its own: `python -m tests.adapters.inbox.working DATA_DIR URL SCHEMA VENDOR_URL CONNECTION [FALL_AT]`.

With FALL_AT, it kills itself with SIGKILL once so many facts are recorded, and not one delivery of theirs is marked.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx

from adapters.event_store import Appended, Ledger, Prepared
from adapters.inbox.lines import Inbox, Line, run_lines
from adapters.inbox.sealing import load_seal
from adapters.inbox.turnstile import Turnstile
from api.bootstrap import House, clock
from api.settings import Settings
from tests.adapters.inbox.conftest import CONNECTION
from tests.adapters.inbox.vendor import VendorPlatform


class FallingLedger(Ledger):
    """Dies in the very moment after it has recorded."""

    left = -1

    def append(self, prepared: Sequence[Prepared]) -> list[Appended]:
        appended = super().append(prepared)
        self.left -= len(prepared)
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return appended


def main(data_dir: str, url: str, schema: str, vendor_url: str, name: str, fall_at: str = "") -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    house = House(Settings.model_validate({"data_dir": Path(data_dir), "schema": schema}), url, None, 8)
    house.open()
    ledger: Ledger = house.ledger
    if fall_at:
        falling = FallingLedger(url, schema, clock)
        falling.left = int(fall_at)
        ledger = falling
    settings = replace(CONNECTION, name=name, base_url=vendor_url)
    with Turnstile(url, schema) as turnstile, httpx.Client(timeout=5) as http:
        inbox = Inbox(ledger, house.pool, load_seal(None, Path(data_dir)), clock, turnstile, timedelta(days=30))
        lines = [Line(inbox, settings, VendorPlatform(settings, http), stop)]
        print("at work", flush=True)
        run_lines(inbox, lines, stop)
    house.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
