"""A process that rebuilds read models and kills itself on the way: `python -m tests.adapters.rebuilding URL SCHEMA PHASE COUNT VERIFY`."""

import os
import signal
import sys
from datetime import UTC, datetime

import adapters.projector
from adapters.event_store import Ledger
from adapters.policies import Policies
from adapters.rebuild import rebuild
from adapters.side import Progress
from tests.adapters.proofs import SHAPE


def main(url: str, schema: str, phase: str, count: str, verify: str) -> None:
    """Ends by kill -9 when progress in `phase` is told for the COUNTth time."""
    adapters.projector.BATCH_EVENTS = 100
    left = int(count)

    def watch(progress: Progress) -> None:
        nonlocal left
        left -= progress.phase == phase
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger(url, schema, lambda: datetime.now(UTC)) as ledger:
        rebuild(url, schema, ledger, Policies({}).policy_of, SHAPE, verify=verify == "verify", watch=watch)


if __name__ == "__main__":
    main(*sys.argv[1:])
