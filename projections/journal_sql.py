"""The statements behind the journal: moves of one fact and document are summed up, and what was corrected away is left out.

Sorted by bytes, not by the database's language, so that every database gives the same journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.moves import PLACES, MoneyMove

KEYS = ("occurred_at", "merchant", "platform", "return_id", "fact", "book", "document", "detail", "commodity")
UNITS_BOOK = "units"
_AMOUNTS = MoneyMove._fields[-6:]
_FIGURES = tuple(f"n{number}" for number in range(1, len(PLACES) + 1))
_OF_RETURN = 'm.occurred_at, r.merchant COLLATE "C", r.platform COLLATE "C", r.return_id COLLATE "C", m.fact COLLATE "C"'
# Up to which instant so many moves reach, counted in the book that gets there first.
BOUND = """
    SELECT least(
        (SELECT occurred_at FROM money_moves WHERE occurred_at >= coalesce(%(begin)s::timestamptz, '-infinity')
         ORDER BY 1 OFFSET %(window)s LIMIT 1),
        (SELECT occurred_at FROM unit_moves WHERE occurred_at >= coalesce(%(begin)s::timestamptz, '-infinity')
         ORDER BY 1 OFFSET %(window)s LIMIT 1))"""


def entries(asked: Mapping[str, Any], after: Mapping[str, str] | None = None) -> str:
    """Parameters: `asked` (from, to, merchant; None is no condition) and, by KEYS, the place `after` which to begin."""
    conditions = {"from": "m.occurred_at >= %(from)s", "to": "m.occurred_at <= %(to)s", "merchant": "r.merchant = %(merchant)s"}
    where = " AND ".join(["true", *(condition for name, condition in conditions.items() if asked[name] is not None)])
    order = f"{', '.join(KEYS[:-1])}, coalesce(commodity, '')"
    beyond = f"WHERE ({order}) > (%(occurred_at)s::timestamptz, {', '.join(f'%({key})s' for key in KEYS[1:])})" if after else ""
    no_figures = ", NULL" * (len(PLACES) - len(_AMOUNTS))
    return f"""
        SELECT occurred_at AT TIME ZONE 'UTC', {", ".join((*KEYS[1:], *_FIGURES))} FROM (
            SELECT {_OF_RETURN}, m.side COLLATE "C", m.document COLLATE "C", m.detail COLLATE "C", m.currency COLLATE "C",
                {_sums(_AMOUNTS, "bigint")}{no_figures}
            FROM money_moves m JOIN returns r USING (return_no) WHERE {where}
            GROUP BY r.return_no, m.occurred_at, m.fact, m.side, m.document, m.detail, m.currency
            HAVING sum(total) <> 0 OR (m.side = 'credited' AND ({_any(_AMOUNTS)}))
            UNION ALL
            SELECT {_OF_RETURN}, '{UNITS_BOOK}' COLLATE "C", m.line COLLATE "C", '' COLLATE "C", m.sku COLLATE "C",
                {_sums(PLACES, "bigint")}
            FROM unit_moves m JOIN returns r USING (return_no) WHERE {where}
            GROUP BY r.return_no, m.occurred_at, m.fact, m.line, m.sku
            HAVING {_any(PLACES)}
        ) AS posted ({", ".join((*KEYS, *_FIGURES))}) {beyond} ORDER BY {order}"""  # noqa: S608 (our own column names)


def opening_money(merchant: str | None) -> str:
    return f"""
        SELECT r.merchant COLLATE "C", m.currency COLLATE "C", m.side, CASE m.side WHEN 'refunded' THEN m.detail ELSE '' END,
            {_sums(_AMOUNTS)}
        FROM money_moves m JOIN returns r USING (return_no) WHERE occurred_at < %(from)s {_of(merchant)}
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"""  # noqa: S608 (our own column names)


def opening_units(merchant: str | None) -> str:
    return f"""
        SELECT r.merchant COLLATE "C", m.sku COLLATE "C", {_sums(PLACES)}
        FROM unit_moves m JOIN returns r USING (return_no) WHERE occurred_at < %(from)s {_of(merchant)}
        GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608 (our own column names)


def moved(column: str, table: str, merchant: str | None, to: datetime | None) -> str:
    """Which values of `column` there are, of all moves up to `to`."""
    until = "" if to is None else "AND occurred_at <= %(to)s"
    return f"""
        SELECT DISTINCT m.{column} COLLATE "C" FROM {table} m JOIN returns r USING (return_no)
        WHERE true {until} {_of(merchant)} ORDER BY 1"""  # noqa: S608 (our own names)


def _of(merchant: str | None) -> str:
    return "" if merchant is None else "AND r.merchant = %(merchant)s"


def _sums(columns: tuple[str, ...], kind: str = "numeric") -> str:
    return ", ".join(f"sum({column})::{kind}" for column in columns)


def _any(columns: tuple[str, ...]) -> str:
    return " OR ".join(f"sum({column}) <> 0" for column in columns)
