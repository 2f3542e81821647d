"""The house rules, as a test: who may import whom, what the domain must not know, and how a room is kept."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("domain", "projections", "adapters", "api")
# Beside the standard library. A room may use the rooms before it.
LIBRARIES = {
    "domain": {"pydantic", "pydantic_core"},
    "projections": {"psycopg"},
}
LONGEST_ROOM = 400


def files(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files(*ROOMS), ids=named)
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    for module in imports(path):
        top = module.partition(".")[0]
        assert top not in ROOMS or top in allowed, f"{room} must not import {module}"
        if room in LIBRARIES and top not in allowed:
            assert top in sys.stdlib_module_names or top in LIBRARIES[room], f"{room} must not use {module}"


def test_the_eventsourcing_library_stays_behind_its_wall() -> None:
    knowing = {named(path.parent) for path in files(*ROOMS) if any(m.startswith("eventsourcing") for m in imports(path))}
    assert knowing == {"adapters/event_store"}


@pytest.mark.parametrize("path", files("domain"), ids=named)
def test_the_domain_knows_no_clock_no_chance_and_no_world(path: Path) -> None:
    worldly = {"time", "random", "uuid", "os", "socket", "subprocess", "asyncio", "pathlib"}
    assert not {module.partition(".")[0] for module in imports(path)} & worldly
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "today"), f"line {node.lineno}: time comes in as an argument"


@pytest.mark.parametrize("path", files("domain", "projections"), ids=named)
def test_no_float_anywhere_near_money(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"line {node.lineno}"
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)), f"line {node.lineno}: / makes floats"


@pytest.mark.parametrize("path", files(*ROOMS), ids=named)
def test_a_room_says_what_it_is_for_and_fits_in_the_head(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a room opens with one line saying what it is for"
    assert len(path.read_text().splitlines()) <= LONGEST_ROOM


def test_every_match_ends_in_assert_never_or_says_why_not() -> None:
    unguarded = []
    for path in files("domain"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Match) and not _closed(node):
                unguarded.append(f"{named(path)}:{node.lineno}")
    assert unguarded == []


def _closed(node: ast.Match) -> bool:
    last = node.cases[-1]
    catches_all = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None
    # A closed set of literals that the type checker proves complete needs no last case.
    return catches_all or all(isinstance(case.pattern, ast.MatchValue | ast.MatchSingleton) for case in node.cases)


def test_nothing_is_left_unfinished() -> None:
    unfinished = re.compile(r"\b(TO[D]O|FIX[M]E|X{3})\b|NotImplemented[E]rror")
    found = [named(path) for path in files(*ROOMS) if unfinished.search(path.read_text())]
    assert found == []


def test_no_address_or_path_of_a_machine_is_in_the_repository() -> None:
    machine = re.compile(r"https?://[^ \"']+/simple|--(index.url|find.links)|/(root|home/[a-z]+)/")
    kept = [ROOT / name for name in ("pyproject.toml", "Makefile", "requirements.lock", "requirements-dev.lock", "README.md", "Dockerfile")]
    found = [named(path) for path in [*kept, *files(*ROOMS)] if path.exists() and machine.search(path.read_text())]
    assert found == []
