"""Typing commands: a process each, in a house of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """A working directory and an environment; `type` runs a command to its end."""

    def __init__(self, where: Path, database: str, schema: str) -> None:
        self.where = where
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
        started = self.start(*words, merged=merged, **more)
        out, err = started.communicate(timeout=120)
        err = err or ""
        assert "Traceback" not in out + err, out + err
        return Typed(started.returncode, out, err)

    def start(self, *words: str | Path, merged: bool = False, **more: str) -> subprocess.Popen[str]:
        command = [*COMMAND, *map(str, words)]
        to = subprocess.STDOUT if merged else subprocess.PIPE
        return subprocess.Popen(command, cwd=self.where, env=self.env | more, stdout=subprocess.PIPE, stderr=to, text=True)

    def facts_file(self, name: str, facts: Iterable[Mapping[str, Any] | str]) -> Path:
        path = self.where / name
        path.write_text("".join((fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)) + "\n" for fact in facts))
        return path
