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

from api.bootstrap import House, open_house
from api.settings import Settings
from tests.benchmarks.measuring import FIGURES
from tests.benchmarks.year import facts

# 200,000 and more by RETURNS_LEDGER_BENCHMARK_RETURNS; what is quoted in the notes is measured with that.
LARGE_RETURNS = int(os.environ.get("RETURNS_LEDGER_BENCHMARK_RETURNS", "40000"))
SMALL_RETURNS = LARGE_RETURNS // 10

OpenHouse = Callable[[int], House]


@contextmanager
def empty_house(database: str) -> Iterator[House]:
    name = f"bench_{uuid4().hex[:12]}"
    settings = Settings.model_validate({"schema": name, "database": {"url": database}})
    try:
        with open_house(settings) as opened:
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
def house_of(database: str, facts_file: Callable[[int], Path]) -> Iterator[OpenHouse]:
    """A house with so many returns, imported and folded in."""
    from adapters.importing import import_file

    made: dict[int, House] = {}
    with ExitStack() as stack:

        def make(returns: int) -> House:
            if returns not in made:
                made[returns] = opened = stack.enter_context(empty_house(database))
                assert import_file(opened.ledger, facts_file(returns), "facts", None).rejected == 0
                opened.catch_up()
                with opened.connection() as conn:
                    conn.execute("VACUUM ANALYZE")
            return made[returns]

        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"{'what':<58} {'house':>22} {'reference':>26} {'ratio':>8}   target")
        for line in FIGURES:
            terminalreporter.write_line(line)
