"""The gap register, asked: which gaps are open, closed or overdue, page by page, at any moment in both times."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from domain.gap import PARTS, TOLERATED
from domain.money import to_text
from domain.telling import write_instant
from projections.finding import Due, parts, select, whole
from projections.moments import Moment, went_at
from projections.narrowing import Narrowed

# What a list can be sorted by; a minus in front turns it round. The number of the row breaks ties, so that pages never overlap.
SORTS: Final = {
    "due_at": ("due_at", "timestamptz"),
    "opened_at": ("opened_at", "timestamptz"),
    # What is not closed comes last.
    "closed_at": ("valid_to", "timestamptz"),
    "amount": ("coalesce(amount_minor, 0)", "bigint"),
    "kind": ("kind", "text"),
    "merchant": ("merchant", "text"),
    "return": ("return_id", "text"),
}
_MOST_ROWS_A_READ = 1000


@dataclass(frozen=True, slots=True)
class GapFilter:
    """Which gaps. Several values of one field are alternatives; None asks nothing."""

    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    merchants: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    return_id: str | None = None
    return_nos: tuple[int, ...] | None = None
    overdue: bool = False
    status: str = "open"
    narrowed: tuple[Narrowed, ...] = ()

    def select(
        self, moment: Moment, columns: str, beyond: str = "true", order: str = "", due: Due | None = None
    ) -> tuple[str, dict[str, Any]]:
        """A SELECT of columns of `gaps`, and its parameters. `beyond` is a further condition, `order` and `due` are `finding`'s."""
        where = [f"kind <> '{TOLERATED}'", beyond]
        parameters: dict[str, Any] = moment.parameters()
        for column, values in (
            ("kind", self.kinds),
            ("owner", self.owners),
            ("merchant", self.merchants),
            ("platform", self.platforms),
            ("currency", self.currencies),
        ):
            if len(values) == 1:
                # One value as an equation lets an index in order of due_at be read from its beginning.
                where.append(f"{column} = %({column})s")
                parameters[column] = values[0]
            elif values:
                where.append(f"{column} = ANY(%({column})s)")
                parameters[column] = list(values)
        for number, one in enumerate(self.narrowed):
            condition, parameters[f"narrowed_{number}"] = one.told(f"narrowed_{number}")
            where.append(condition)
        if self.return_nos is not None:
            where.append("return_no = ANY(%(return_nos)s)")
            parameters["return_nos"] = list(self.return_nos)
        # A few returns have a few rows: there is nothing to search for.
        found = whole(moment, self.status) if self.return_nos is not None else parts(moment, self.status, listed=bool(order), due=due)
        return select(found, columns, " AND ".join(where), order, overdue=self.overdue), parameters


@dataclass(frozen=True, slots=True)
class GapPage:
    """Rows as contract.md names them, and where the next page begins: the last row's sort value (as text) and number."""

    items: list[dict[str, Any]]
    after: tuple[str, int] | None


def gap_page(
    conn: Connection[Any], asked: GapFilter, moment: Moment, *, sort: str = "due_at", limit: int = 100, after: tuple[str, int] | None = None
) -> GapPage:
    """One page. Raises ValueError for an unknown sort."""
    descending, name = sort.startswith("-"), sort.removeprefix("-")
    if name not in SORTS:
        raise ValueError(f"sort must be one of {', '.join(SORTS)} (a minus in front turns it round), not {sort!r}")
    column, kind = SORTS[name]
    column = went_at(moment) if name == "closed_at" else column
    direction, beyond = " DESC" if descending else "", "true"
    paging: dict[str, Any] = {}
    if after is not None:
        beyond = f"({column}, gap_no) {'<' if descending else '>'} (%(after)s::{kind}, %(after_no)s)"
        paging = {"after": after[0], "after_no": after[1]}
    order = f"ORDER BY {column}{direction}, gap_no{direction} LIMIT %(limit)s"
    found: list[dict[str, Any]] = []
    for due in _in_turn(moment, name, descending) if asked.return_nos is None else (None,):
        if len(found) <= limit:
            rows_of, parameters = asked.select(moment, _COLUMNS, beyond, order, due)
            statement = f"SELECT {_SHOWN}, ended_at, end_known_at, ({column})::text AS sort_value FROM ({rows_of}) AS merged {order}"  # noqa: S608 (values are parameters)
            with conn.cursor(row_factory=dict_row) as cursor:
                found += cursor.execute(statement, parameters | paging | {"limit": limit + 1 - len(found)})
    more = len(found) > limit
    rows = found[:limit]
    last = rows[-1] if rows else None
    _number_evidence(conn, rows, moment)
    return GapPage([_row(row, moment) for row in rows], (last["sort_value"], last["gap_no"]) if more and last else None)


def _in_turn(moment: Moment, sort: str, descending: bool) -> tuple[Due | None, ...]:
    """As of T, what was due by T is quickly found in that order; as a rule it fills the page, and the rest need not be asked for."""
    if moment.as_of is None or sort != "due_at":
        return (None,)
    return ("after T", "by T") if descending else ("by T", "after T")


def all_gaps(
    conn: Connection[Any], asked: GapFilter, moment: Moment, *, sort: str = "due_at", limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every row, read page by page so that memory stays flat."""
    after: tuple[str, int] | None = None
    left = limit
    while left is None or left > 0:
        page = gap_page(
            conn, asked, moment, sort=sort, limit=min(_MOST_ROWS_A_READ, left) if left is not None else _MOST_ROWS_A_READ, after=after
        )
        yield from page.items
        if page.after is None:
            return
        after = page.after
        left = left - len(page.items) if left is not None else None


def _number_evidence(conn: Connection[Any], rows: list[dict[str, Any]], moment: Moment) -> None:
    """The register keeps evidence by the order of recording, which late facts don't change; the history counts by occurrence."""
    wanted = list({row["return_no"] for row in rows})
    numbers: dict[int, dict[int, int]] = {}
    rows_of = conn.execute("SELECT return_no, sequence, recorded_ats FROM returns WHERE return_no = ANY(%s)", [wanted])
    for return_no, sequence, recorded_ats in rows_of:
        known = len(recorded_ats) if moment.known_at is None else bisect_right(recorded_ats, moment.known_at)
        numbers[return_no] = {version: number for number, version in enumerate((v for v in sequence if v <= known), start=1)}
    for row in rows:
        counted = numbers.get(row["return_no"], {})
        row["evidence"] = sorted(counted[version] for version in row["evidence"] if version in counted)


def count_gaps(conn: Connection[Any], asked: GapFilter, moment: Moment) -> int:
    rows_of, parameters = asked.select(moment, "1")
    found = conn.execute(f"SELECT count(*) FROM ({rows_of}) AS held", parameters).fetchone()  # noqa: S608
    assert found is not None
    return int(found[0])


def count_up_to(conn: Connection[Any], asked: GapFilter, moment: Moment, most: int) -> int:
    """How many there are, or `most` where there are more."""
    rows_of, parameters = asked.select(moment, "1")
    found = conn.execute(f"SELECT count(*) FROM (SELECT FROM ({rows_of}) AS held LIMIT %(most)s) AS counted", parameters | {"most": most})  # noqa: S608
    row = found.fetchone()
    assert row is not None
    return int(row[0])


def gaps_of_return(conn: Connection[Any], return_no: int, moment: Moment, status: str = "all") -> list[dict[str, Any]]:
    return list(all_gaps(conn, replace(GapFilter(), return_nos=(return_no,), status=status), moment, sort="opened_at"))


_SHOWN = """gap_no, return_no, merchant, platform, return_id, kind, line, sku, order_ref, erp, currency, amount_minor, units, owner,
    assigned_to, breakdown, evidence, explanation, opened_at, due_at, closed"""
# What a list is in order of may be infinity, which is no instant of Python's.
_COLUMNS = f"""{_SHOWN}, valid_to, end_known_from,
    CASE WHEN valid_to < 'infinity' THEN valid_to END AS ended_at,
    CASE WHEN end_known_from < 'infinity' THEN end_known_from END AS end_known_at"""


def _row(found: dict[str, Any], moment: Moment) -> dict[str, Any]:
    currency = found["currency"]
    closed_at = found["ended_at"] if found["closed"] and _is_past(found, moment) else None
    return {
        "kind": found["kind"],
        "return": found["return_id"],
        "merchant": found["merchant"],
        "platform": found["platform"],
        "erp": found["erp"],
        "order": found["order_ref"],
        "line": found["line"],
        "sku": found["sku"],
        "currency": currency,
        "amount": None if found["amount_minor"] is None or currency is None else to_text(found["amount_minor"], currency),
        "units": found["units"],
        "owner": found["owner"],
        "assigned_to": found["assigned_to"],
        "opened_at": write_instant(found["opened_at"]),
        "due_at": write_instant(found["due_at"]),
        "overdue": found["due_at"] < (closed_at or moment.clock),
        "closed_at": write_instant(closed_at) if closed_at else None,
        "breakdown": None
        if found["breakdown"] is None
        else {part: to_text(minor, currency) for part, minor in zip(PARTS, found["breakdown"], strict=True)},
        "explanation": found["explanation"],
        "evidence": found["evidence"],
    }


def _is_past(found: dict[str, Any], moment: Moment) -> bool:
    ended: datetime | None = found["ended_at"]
    if ended is None or (moment.as_of is not None and ended > moment.as_of):
        return False
    return moment.known_at is None or found["end_known_at"] is None or found["end_known_at"] <= moment.known_at
