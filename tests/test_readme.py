"""The README is true: its files are imported, its commands typed, and what it shows is what they answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from api.cli.main import app
from api.console.help import HELP
from domain.facts import FACTS
from domain.policy import DEFAULT_OWNERS, GapKind
from tests.cli.typing import ROOT, Terminal

README = (ROOT / "README.md").read_text()
FILES = re.findall(r"<!-- file: (\S+) -->\n```csv\n(.*?)```", README, re.DOTALL)
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
# What differs from run to run: moments of recording, durations, hashes, fresh keys.
PASSING = re.compile(r"(?<=recorded )[\dT:.Z-]+|\d+\.\d s\b|[0-9a-f]{64}|rl_\S+|key_[0-9a-f]+")


@pytest.fixture
def terminal(tmp_path: Path, database: str, schema: str) -> Terminal:
    opened = Terminal(tmp_path, database, schema)
    opened.env |= {"COLUMNS": "110", "PYTHONUNBUFFERED": "1"}
    for name, text in FILES:
        (tmp_path / name).write_text(text)
    return opened


def test_the_walk_through_answers_what_the_readme_shows(terminal: Terminal) -> None:
    assert len(FILES) >= 3
    tried = 0
    for block in CONSOLE:
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            words = shlex.split(command)
            assert words[0] == "returns-ledger", command
            answered = terminal.type(*words[1:], merged=True)
            assert PASSING.sub("…", answered.out).strip() == PASSING.sub("…", shown).strip(), command
            tried += 1
    assert tried >= 8


def test_every_command_is_named() -> None:
    commands = [command.name for command in app.registered_commands] + [group.name for group in app.registered_groups]
    missing = [name for name in commands if f"`{name}" not in README and f"returns-ledger {name}" not in README]
    assert missing == []


def test_every_command_named_exists() -> None:
    known = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    named = set(re.findall(r"returns-ledger ([a-z][a-z-]+)", README)) - {"toml"}
    assert named - known == set()


def test_the_table_of_gaps_is_complete() -> None:
    lines = [re.split(r"\s*\|\s*", line.strip("| \n")) for line in README.splitlines() if line.startswith("| `")]
    rows = {kind: cells for kind, *cells in lines}
    for kind in GapKind:
        assert rows[f"`{kind}`"][-1] == DEFAULT_OWNERS[kind], kind
        # The runbook is the console's own: what a kind means, and the first thing to do about it.
        assert rows[f"`{kind}`"][:2] == [HELP[kind].means, HELP[kind].todo[0]], kind


def test_every_fact_is_named() -> None:
    assert [fact for fact in FACTS if f"`{fact}`" not in README] == []
