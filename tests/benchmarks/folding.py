"""Folds a house's log in a process of its own; tells how far, how long, how large: `python -m tests.benchmarks.folding URL SCHEMA`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass

from api.bootstrap import open_house
from api.settings import Settings

MARKS = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """After so many events: seconds since the beginning, and the most memory that the process has had so far."""

    events: int
    seconds: float
    megabytes: int


def settings_for(url: str, schema: str) -> Settings:
    return Settings.model_validate({"schema": schema, "database": {"url": url}})


def fold(url: str, schema: str) -> list[Mark]:
    """Catch up in a fresh process, whose memory nobody else has filled; a mark at about each fifth of the log."""
    ended = subprocess.run([sys.executable, "-m", "tests.benchmarks.folding", url, schema], check=True, stdout=subprocess.PIPE)
    return [Mark(**json.loads(line)) for line in ended.stdout.splitlines()]


def main(url: str, schema: str) -> None:
    with open_house(settings_for(url, schema)) as house:
        head, began, told = house.ledger.head(), time.perf_counter(), 0

        def tell(position: int) -> None:
            nonlocal told
            if position * MARKS // head > told:
                told = position * MARKS // head
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024 * 1024)
                print(json.dumps({"events": position, "seconds": time.perf_counter() - began, "megabytes": memory}), flush=True)

        house.catch_up(tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
