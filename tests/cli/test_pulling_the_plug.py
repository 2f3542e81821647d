"""kill -9: in the middle of an import, again and again, nothing is lost and nothing is twice; and no part outlives its house."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.typing import Terminal
from tests.oracle.identity import distinct
from tests.oracle.worlds import world


def test_an_import_killed_at_any_moment_can_be_run_again(terminal: Terminal) -> None:
    facts = world(7, 900)
    path = terminal.facts_file("world.jsonl", facts)
    rng = random.Random(7)
    kills = 0
    for _ in range(4):
        started = terminal.start("import", path, "--as", "facts", "--json")
        time.sleep(rng.uniform(0.8, 1.6))
        if started.poll() is None:
            started.send_signal(signal.SIGKILL)
            kills += 1
        started.communicate()
    assert kills, "the import was too quick to be killed"
    last = terminal.type("import", path, "--as", "facts", "--json").rows[0]
    assert last["rejected"] == 0
    assert last["recorded"] + last["known"] == len(facts)
    again = terminal.type("import", path, "--as", "facts", "--json").rows[0]
    assert (again["recorded"], again["known"]) == (0, len(facts))
    log = next(row for row in terminal.type("verify", "--json").rows if row["check"] == "log")
    assert log["counts"]["events"] == len(distinct(facts).recorded)
    assert terminal.type("tie-out", "--json").code == 0


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a launcher stands between the house and its parts")
def test_a_part_whose_house_died_before_it_was_awake_ends_by_itself(terminal: Terminal) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    terminal.env["RETURNS_LEDGER_PART_OF"] = str(gone.pid)
    part = terminal.start("run", "--only", "outbox", "--no-demo")
    part.communicate(timeout=60)
    assert part.returncode == 1
