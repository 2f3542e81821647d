"""Facts by number, and a process that appends them: `python -m tests.adapters.appending URL SCHEMA WRITER FACTS BATCH`."""

import sys
from datetime import UTC, datetime
from typing import Any

from adapters.event_store import Ledger, Prepared, prepare
from domain.telling import read_telling
from tests.examples import CONTRACT_EXAMPLES


def told(name: str, cause: str = "test", **other: Any) -> Prepared:
    """The example of a fact, with some fields told otherwise; None leaves a field out."""
    row = {**CONTRACT_EXAMPLES[name], **other}
    return prepare(read_telling({field: value for field, value in row.items() if value is not None}), cause)


def numbered(writer: str, number: int, cause: str = "test") -> Prepared:
    """A refund of its own for each writer and number; ten of them stand on one return."""
    return told("Refunded", cause, source_id=None, refund=f"{writer}-{number}", **{"return": f"{writer}-{number // 10}"})


def main(url: str, schema: str, writer: str, facts: str, batch: str) -> None:
    """Append batch after batch; the number of facts appended so far is printed after each."""
    size = int(batch)
    with Ledger(url, schema, lambda: datetime.now(UTC)) as ledger:
        for first in range(0, int(facts), size):
            ledger.append([numbered(writer, number, f"batch {first}") for number in range(first, first + size)])
            print(first + size, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
