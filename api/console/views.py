"""Saved views: questions to the gap register that people keep, their own and everybody's, and the ones every house begins with."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from api.bootstrap import clock
from api.console.viewer import Fields, Viewer, Viewing, field
from api.http.auth import Permission, needs
from api.http.problems import Problem, bad_parameter
from api.http.reading import TheHouse, connection

_MOST_VIEWS, _MOST_NAME, _MOST_QUERY = 60, 60, 2000
# A view is a question, not the moment or the page at which it was asked.
_NOT_KEPT: Final = ("cursor", "limit", "as_of", "known_at")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class View:
    """`number` None: one of the house's own, which cannot be taken away."""

    name: str
    query: str
    number: int | None = None
    shared: bool = True

    @property
    def address(self) -> str:
        return "/gaps" + (f"?{self.query}" if self.query else "")

    def is_shown(self, query: list[tuple[str, str]]) -> bool:
        return sorted(parse_qsl(self.query)) == sorted((name, value) for name, value in query if name not in _NOT_KEPT)


def _of(**asked: str) -> str:
    return urlencode(asked, quote_via=quote)


FIRST: Final = (
    View("All open", ""),
    View("Overdue", _of(overdue="true", sort="due_at")),
    View("Mine", _of(q="owner:me")),
    View("Refunds to credit", _of(kind="refund_without_credit_note", sort="-amount")),
    View("Differences", _of(q="kind:credit_note_mismatch,duplicate", sort="-amount")),
    View("Money out, goods not in", _of(kind="refund_before_receipt", sort="-amount")),
    View("Old and large", _of(q="age:>14 amount:>100", sort="opened_at")),
    View("Goods to put away", _of(q="kind:uninspected_items,unrestocked_items,damaged_not_written_off", sort="opened_at")),
    View("Closed lately", _of(status="closed", sort="-closed_at")),
)


def views_of(conn: Connection[Any], viewer: Viewer) -> list[View]:
    """The house's own, then everybody's, then the viewer's."""
    rows = conn.execute(_LIST, (viewer.name, _MOST_VIEWS))
    return [*FIRST, *(View(*row) for row in rows)]


@router.post("/views", dependencies=[needs(Permission.READ)])
def save_view(fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    name, told = field(fields, "name", _MOST_NAME), field(fields, "query", _MOST_QUERY) or ""
    if name is None:
        raise bad_parameter("name", "must not be empty")
    query = urlencode([(key, value) for key, value in parse_qsl(told.removeprefix("?")) if key not in _NOT_KEPT], quote_via=quote)
    shared = field(fields, "shared") is not None
    with connection(house) as conn:
        conn.execute(_SAVE, (None if shared else viewer.name, name, query, viewer.name, clock()))
    return RedirectResponse(View(name, query).address, HTTPStatus.SEE_OTHER)


@router.post("/views/{number}/forget", dependencies=[needs(Permission.READ)])
def forget_view(number: int, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    """Whoever saved a view may take it away."""
    with connection(house) as conn:
        gone = conn.execute("DELETE FROM saved_views WHERE id = %s AND saved_by = %s", (number, viewer.name)).rowcount
    if not gone:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-view", "There is no such view of yours; only who saved a view can take it away.")
    return RedirectResponse("/gaps", HTTPStatus.SEE_OTHER)


_LIST: Final = """
    SELECT name, query, id, owner IS NULL FROM saved_views
    WHERE owner IS NULL OR owner = %s ORDER BY owner NULLS FIRST, name LIMIT %s"""
_SAVE: Final = """
    INSERT INTO saved_views (owner, name, query, saved_by, saved_at) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (coalesce(owner, ''), name)
    DO UPDATE SET query = EXCLUDED.query, saved_by = EXCLUDED.saved_by, saved_at = EXCLUDED.saved_at"""
