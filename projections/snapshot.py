"""One moment's view of all read models together, for answers that are put together from several queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

# In the order in which a swap locks them: whoever takes more than one and keeps to it never stands in its way for long.
IN_ORDER = (
    "projection_position", "returns", "gaps", "money_moves", "unit_moves",
    "money_balances", "unit_balances", "money_days", "unit_days", "set_aside",
)  # fmt: skip


@contextmanager
def snapshot(conn: Connection[Any]) -> Iterator[None]:
    """Every query in the block sees the same state. `conn` must not be in a transaction yet.

    The tables are locked (against being dropped, not against writing) before the first look at them: to a look from before a rebuild
    was swapped in, the new tables would be empty.
    """
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute(f"LOCK TABLE {', '.join(IN_ORDER)} IN ACCESS SHARE MODE".encode())
        yield
