"""What many tests need: one PostgreSQL for the whole run, and a schema of its own for each test."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from adapters.event_store import Ledger
from adapters.postgres import open_database

RunSql = Callable[..., list[tuple[Any, ...]]]

# Made by the process that runs the tests, and handed down to xdist's workers: they share the one server, by leases.
_TEST_DIR = "RETURNS_LEDGER_TEST_DIR"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        directory = tempfile.mkdtemp(prefix="returns-ledger-tests-")
        Path(directory).chmod(0o755)  # as root, the server runs as another user, who has to get in
        os.environ[_TEST_DIR] = directory


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_TEST_DIR), ignore_errors=True)


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The URL of a PostgreSQL: TEST_DATABASE_URL, or DATABASE_URL, or else an embedded server for this run."""
    given = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    with open_database(Path(os.environ[_TEST_DIR]), given) as url:
        yield url


@pytest.fixture
def schema(database: str) -> Iterator[str]:
    """A name for a schema that does not exist yet; whatever is in it afterwards goes."""
    name = f"test_{uuid4().hex[:16]}"
    yield name
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(name)))


@pytest.fixture
def ledger(database: str, schema: str) -> Iterator[Ledger]:
    """An empty ledger with the real time."""
    with Ledger(database, schema, lambda: datetime.now(UTC)) as ledger:
        ledger.migrate()
        yield ledger


@pytest.fixture
def run_sql(database: str, schema: str) -> Iterator[RunSql]:
    """Runs a statement in the test's schema, each in a transaction of its own; returns its rows."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SQL("SET search_path TO {}").format(Identifier(schema)))

        def run(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

        yield run
