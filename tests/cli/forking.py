"""Commands without the second that a process takes to import them: one process has everything imported, and forks for each.

A command still has a process, an environment, a working directory and an end of its own. `python -m tests.cli.forking` is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Timer

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120


class Forking:
    """Runs commands one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forking"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, words: Sequence[str], where: Path, env: Mapping[str, str], out: Path, err: Path) -> int:
        """Its exit code, negative for a signal. `out` and `err` may be one file."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": list(words), "where": str(where), "env": dict(env), "out": str(out), "err": str(err)}
        impatient = Timer(PATIENCE_SECONDS, self._process.kill)
        impatient.start()
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        finally:
            impatient.cancel()
        assert answer, f"it did not end within {PATIENCE_SECONDS} s: {' '.join(words)}"
        return int(answer)

    def close(self) -> None:
        self._process.communicate(timeout=30)


def _serve() -> dict[str, object] | None:
    """In the process that stays: None, once nobody asks any more. In each that is forked: what it is to do."""
    for line in sys.stdin:
        asked: dict[str, object] = json.loads(line)
        child = os.fork()
        if child == 0:
            return asked
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _become(asked: dict[str, object]) -> None:
    os.chdir(str(asked["where"]))
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]
    for descriptor, path in ((1, asked["out"]), (2, asked["err"])):
        file = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (what the other had read ahead is not this one's)
    sys.argv = ["returns-ledger", *asked["words"]]  # type: ignore[misc]


if __name__ == "__main__":
    from api.cli.main import main

    if (command := _serve()) is not None:
        _become(command)
        main()
