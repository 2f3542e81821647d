"""Pages of numbered rows, the newest first: of the inbox, the outbox and the notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row


def newest_first(
    conn: Connection[Any],
    rows: str,
    number: str,
    *,
    among: Mapping[str, Sequence[str]],
    same: Mapping[str, str | None],
    limit: int | None,
    after: int | None,
) -> tuple[list[dict[str, Any]], int | None]:
    """Rows of the query `rows` with a smaller `number` than `after`; and the number to go on from, where there are more.

    `among`: columns with the values that are wanted, all where there are none. `same`: the one value that is wanted, any where it is None.
    """
    where, parameters = ["true"], dict[str, Any]()
    for column, values in among.items():
        if values:
            where.append(f"{column} = ANY(%({column})s)")
            parameters[column] = list(values)
    for column, value in same.items():
        if value is not None:
            where.append(f"{column} = %({column})s")
            parameters[column] = value
    if after is not None:
        where.append(f"{number} < %(after)s")
        parameters["after"] = after
    # Names of columns are ours, values are parameters.
    statement = f"SELECT * FROM ({rows}) AS rows WHERE {' AND '.join(where)} ORDER BY {number} DESC LIMIT %(limit)s"  # noqa: S608
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement.encode(), parameters | {"limit": None if limit is None else limit + 1}).fetchall()
    page = found if limit is None else found[:limit]
    return page, page[-1][number] if len(found) > len(page) else None
