"""The proof that nothing is missing: the books' clearing balance against the open gaps, and announced units against their places."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from domain.gap import TOLERATED
from domain.money import to_text
from domain.moves import PLACES
from domain.policy import CLEARING_KINDS
from projections.finding import parts, select
from projections.moments import BEFORE_ITS_DAY, REST_OF_ITS_DAY, Moment

_PLACES_OF_UNITS = PLACES[1:-1]


def money_tie_out(
    conn: Connection[Any], moment: Moment, *, merchant: str | None = None, currency: str | None = None
) -> list[dict[str, Any]]:
    """A row a currency. `difference` = clearing balance - open gaps - tolerated, and must be 0."""
    parameters: dict[str, Any] = moment.parameters() | {
        "kinds": [*map(str, CLEARING_KINDS), TOLERATED],
        "tolerated": TOLERATED,
        "merchant": merchant,
    }
    books = {row["currency"]: row for row in _rows(conn, _money_statement(conn, moment), parameters)}
    of_merchant = " AND merchant = %(merchant)s" if merchant else ""
    rows_of = select(parts(moment), "currency, kind, amount_minor", f"kind = ANY(%(kinds)s){of_merchant}")
    statement = f"""
        SELECT currency, coalesce(sum(amount_minor) FILTER (WHERE kind <> %(tolerated)s), 0) AS open_gaps,
               coalesce(sum(amount_minor) FILTER (WHERE kind = %(tolerated)s), 0) AS tolerated
        FROM ({rows_of}) AS held GROUP BY currency"""  # noqa: S608
    open_gaps = {row["currency"]: row for row in _rows(conn, statement, parameters)}
    rows = []
    for code in sorted({*books, *open_gaps}):
        if currency is not None and code != currency:
            continue
        refunded, credited = (int(books[code][side]) if code in books else 0 for side in ("refunded", "credited"))
        gaps, tolerated = (int(open_gaps[code][side]) if code in open_gaps else 0 for side in ("open_gaps", "tolerated"))
        balance = refunded - credited
        figures = {
            "refunded": refunded,
            "credited": credited,
            "clearing_balance": balance,
            "open_gaps": gaps,
            "tolerated": tolerated,
            "difference": balance - gaps - tolerated,
        }
        rows.append({"what": "money", "currency": code} | {name: to_text(minor, code) for name, minor in figures.items()})
    return rows


def unit_tie_out(conn: Connection[Any], moment: Moment, *, merchant: str | None = None) -> list[dict[str, Any]]:
    """A row a merchant and SKU (null: lines that nobody announced). `difference` = announced - units in all places, and must be 0."""
    of_merchant = "AND merchant = %(merchant)s" if merchant else ""
    sums = ", ".join(f"sum({place}) AS {place}" for place in PLACES)
    if _is_today(moment):
        statement = f"SELECT * FROM unit_balances WHERE true {of_merchant} ORDER BY merchant, sku"  # noqa: S608
    elif moment.known_at is None:
        statement = f"""
            SELECT merchant, sku, {sums} FROM (
                SELECT merchant, sku, {", ".join(PLACES)} FROM unit_days WHERE {BEFORE_ITS_DAY} UNION ALL
                SELECT merchant, coalesce(sku, ''), {", ".join(PLACES)} FROM unit_moves WHERE {REST_OF_ITS_DAY}
            ) AS moved WHERE true {of_merchant} GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608
    elif _is_late(conn, "unit_moves", moment):
        taken_back = ", ".join(f"-{place}" for place in PLACES)
        statement = f"""
            SELECT merchant, sku, {sums} FROM (
                SELECT merchant, sku, {", ".join(PLACES)} FROM unit_balances UNION ALL
                SELECT merchant, coalesce(sku, ''), {taken_back} FROM unit_moves WHERE {_later(moment)}
            ) AS moved WHERE true {of_merchant} GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608
    else:
        statement = f"""
            SELECT merchant, coalesce(sku, '') AS sku, {sums} FROM unit_moves
            WHERE {_by(moment)} {of_merchant} GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608
    rows = []
    for found in _rows(conn, statement, moment.parameters() | {"merchant": merchant}):
        units = {place: int(found[place]) for place in PLACES}
        if any(units.values()):
            difference = units["announced"] - sum(units[place] for place in _PLACES_OF_UNITS)
            rows.append({"what": "units", "merchant": found["merchant"], "sku": found["sku"] or None, **units, "difference": difference})
    return rows


def differs(row: dict[str, Any]) -> bool:
    """Does a row of either kind not tie out?"""
    return str(row["difference"]).strip("0.") != ""


def _money_statement(conn: Connection[Any], moment: Moment) -> str:
    of_merchant = "(%(merchant)s::text IS NULL OR merchant = %(merchant)s)"
    if _is_today(moment):
        sums = "sum(refunded) AS refunded, sum(credited) AS credited"
        return f"SELECT currency, {sums} FROM money_balances WHERE {of_merchant} GROUP BY currency"  # noqa: S608
    sums = ", ".join(f"coalesce(sum(total) FILTER (WHERE side = '{side}'), 0) AS {side}" for side in ("refunded", "credited"))
    if moment.known_at is None:
        return f"""
            SELECT currency, {sums} FROM (
                SELECT merchant, currency, side, total FROM money_days WHERE {BEFORE_ITS_DAY} UNION ALL
                SELECT merchant, currency, side, total FROM money_moves WHERE {REST_OF_ITS_DAY}
            ) AS moved WHERE {of_merchant} GROUP BY currency"""  # noqa: S608
    if not _is_late(conn, "money_moves", moment):
        return f"SELECT currency, {sums} FROM money_moves WHERE {_by(moment)} AND {of_merchant} GROUP BY currency"  # noqa: S608
    # A currency is told from its first move on, even where nothing is left of it.
    told = f"EXISTS (SELECT FROM money_moves m WHERE m.merchant = b.merchant AND m.currency = b.currency AND {_by(moment)})"
    sums_left = ", ".join(f"sum(b.{side} - coalesce(later.{side}, 0)) AS {side}" for side in ("refunded", "credited"))
    return f"""
        SELECT currency, {sums_left} FROM money_balances b LEFT JOIN (
            SELECT merchant, currency, {sums} FROM money_moves WHERE {_later(moment)} GROUP BY 1, 2
        ) AS later USING (merchant, currency)
        WHERE {of_merchant} AND {told} GROUP BY currency"""  # noqa: S608


def _is_today(moment: Moment) -> bool:
    return moment.as_of is None and moment.known_at is None


def _is_late(conn: Connection[Any], table: str, moment: Moment) -> bool:
    """Is it less work to take back from today's balances what moved later than to add up what moved by then?"""
    late = [f"{at} >= min({column}) + (max({column}) - min({column})) / 2" for column, at in _bounds(moment)]
    found = conn.execute(f"SELECT {' AND '.join(late)} FROM {table}", moment.parameters()).fetchone()  # noqa: S608
    return bool(found and found[0])


def _by(moment: Moment) -> str:
    return " AND ".join(f"{column} <= {at}" for column, at in _bounds(moment))


def _later(moment: Moment) -> str:
    return f"({' OR '.join(f'{column} > {at}' for column, at in _bounds(moment))})"


def _bounds(moment: Moment) -> list[tuple[str, str]]:
    bounds = (("occurred_at", "%(t)s", moment.as_of), ("recorded_at", "%(k)s", moment.known_at))
    return [(column, at) for column, at, given in bounds if given is not None]


def _rows(conn: Connection[Any], statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters).fetchall()
