"""Houses of some size for the benchmarks, made once a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import orjson
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from adapters.importing import import_file
from api.bootstrap import House, open_house
from tests.benchmarks.folding import Mark, fold, settings_for
from tests.benchmarks.measuring import FIGURES
from tests.benchmarks.year import facts

# 200,000 and more by RETURNS_LEDGER_BENCHMARK_RETURNS; what is quoted in the notes is measured with that.
LARGE_RETURNS = int(os.environ.get("RETURNS_LEDGER_BENCHMARK_RETURNS", "40000"))
SMALL_RETURNS = LARGE_RETURNS // 10

OpenHouse = Callable[[int], House]


@contextmanager
def empty_house(database: str) -> Iterator[House]:
    name = f"bench_{uuid4().hex[:12]}"
    try:
        with open_house(settings_for(database, name)) as opened:
            yield opened
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(name)))


@pytest.fixture(scope="session")
def facts_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A facts file of a year with so many returns."""
    made: dict[int, Path] = {}

    def make(returns: int) -> Path:
        if returns not in made:
            made[returns] = tmp_path_factory.mktemp("facts") / f"{returns}.jsonl"
            with made[returns].open("wb") as file:
                file.writelines(orjson.dumps(fact) + b"\n" for fact in facts(returns))
        return made[returns]

    return make


@pytest.fixture(scope="session")
def marks_of() -> dict[int, list[Mark]]:
    """How the houses of `house_of` were folded, by their size."""
    return {}


@pytest.fixture(scope="session")
def house_of(database: str, facts_file: Callable[[int], Path], marks_of: dict[int, list[Mark]]) -> Iterator[OpenHouse]:
    """A house with so many returns, imported and folded in."""
    made: dict[int, House] = {}
    with ExitStack() as stack:

        def make(returns: int) -> House:
            if returns not in made:
                made[returns] = opened = stack.enter_context(empty_house(database))
                assert import_file(opened.ledger, facts_file(returns), "facts", None).rejected == 0
                marks_of[returns] = fold(database, opened.schema)
                with opened.connection() as conn:
                    conn.execute("VACUUM ANALYZE")
            return made[returns]

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"{'what':<74} {'house':>24} {'reference':>26} {'ratio':>7}   target")
        for line in FIGURES:
            terminalreporter.write_line(line)
