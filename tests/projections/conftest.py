"""Books for a test."""

from collections.abc import Iterator

import pytest

from tests.projections.books import Books, open_books


@pytest.fixture
def books(database: str, schema: str) -> Iterator[Books]:
    """Empty books; a test with many examples empties them itself at the beginning of each."""
    with open_books(database, schema) as books:
        yield books
