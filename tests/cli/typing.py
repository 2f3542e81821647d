"""Typing commands: a process each, in a house of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.cli.forking import Forking

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "api.cli.main")


@dataclass(frozen=True)
class Typed:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Terminal:
    """A working directory and an environment; `type` runs a command to its end, by `forking` where that is given."""

    def __init__(self, where: Path, database: str, schema: str, forking: Forking | None = None) -> None:
        self.where = where
        self.forking = forking
        self.env: dict[str, str] = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RETURNS_LEDGER_")},
            "DATABASE_URL": database,
            "RETURNS_LEDGER_SCHEMA": schema,
            "RETURNS_LEDGER_DATA_DIR": str(where / "data"),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
        }

    def type(self, *words: str | Path, merged: bool = False, **more: str) -> Typed:
        """`merged`: what is said on stderr stands between the answers, as on a screen."""
        if self.forking is not None:
            code, out, err = self._fork(self.forking, *words, merged=merged, **more)
        else:
            started = self.start(*words, merged=merged, **more)
            out, err = started.communicate(timeout=120)
            code, err = started.returncode, err or ""
        assert "Traceback" not in out + err, out + err
        return Typed(code, out, err)

    def _fork(self, forking: Forking, *words: str | Path, merged: bool, **more: str) -> tuple[int, str, str]:
        with TemporaryDirectory(prefix="typed-") as said:
            out, err = Path(said, "out"), Path(said, "out" if merged else "err")
            code = forking.run([*map(str, words)], self.where, self.env | more, out, err)
            return code, out.read_text(), "" if merged else err.read_text()

    def start(self, *words: str | Path, merged: bool = False, **more: str) -> subprocess.Popen[str]:
        command = [*COMMAND, *map(str, words)]
        to = subprocess.STDOUT if merged else subprocess.PIPE
        return subprocess.Popen(command, cwd=self.where, env=self.env | more, stdout=subprocess.PIPE, stderr=to, text=True)

    def facts_file(self, name: str, facts: Iterable[Mapping[str, Any] | str]) -> Path:
        path = self.where / name
        path.write_text("".join((fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)) + "\n" for fact in facts))
        return path
