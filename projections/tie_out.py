"""The proof that nothing is missing: the books' clearing balance against the open gaps, and announced units against their places."""

from __future__ import annotations

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from domain.gaps import TOLERATED
from domain.money import to_text
from domain.moves import PLACES
from domain.policy import CLEARING_KINDS
from projections.moments import Moment, holds

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
    books = {row["currency"]: row for row in _rows(conn, _money_statement(moment), parameters)}
    of_merchant = " AND merchant = %(merchant)s" if merchant else ""
    statement = f"""
        SELECT currency, coalesce(sum(amount_minor) FILTER (WHERE kind <> %(tolerated)s), 0) AS open_gaps,
               coalesce(sum(amount_minor) FILTER (WHERE kind = %(tolerated)s), 0) AS tolerated
        FROM gaps WHERE {holds(moment)} AND kind = ANY(%(kinds)s){of_merchant} GROUP BY currency"""  # noqa: S608
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
    if moment.as_of is None and moment.known_at is None:
        statement = f"SELECT * FROM unit_balances WHERE true {of_merchant} ORDER BY merchant, sku"  # noqa: S608
    else:
        sums = ", ".join(f"sum({place}) AS {place}" for place in PLACES)
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


def _money_statement(moment: Moment) -> str:
    if moment.as_of is None and moment.known_at is None:
        return """
            SELECT currency, sum(refunded) AS refunded, sum(credited) AS credited FROM money_balances
            WHERE %(merchant)s::text IS NULL OR merchant = %(merchant)s GROUP BY currency"""
    return f"""
        SELECT currency, coalesce(sum(total) FILTER (WHERE side = 'refunded'), 0) AS refunded,
               coalesce(sum(total) FILTER (WHERE side = 'credited'), 0) AS credited
        FROM money_moves
        WHERE {_by(moment)} AND (%(merchant)s::text IS NULL OR merchant = %(merchant)s) GROUP BY currency"""  # noqa: S608


def _by(moment: Moment) -> str:
    known = [] if moment.known_at is None else ["recorded_at <= %(k)s"]
    return " AND ".join(known + ([] if moment.as_of is None else ["occurred_at <= %(t)s"])) or "true"


def _rows(conn: Connection[Any], statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, parameters).fetchall()
