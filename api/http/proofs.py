"""The proofs over HTTP: the tie-out, and the double-entry journal behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.http.asking import JournalAsked, TieOutAsked
from api.http.auth import Permission, needs
from api.http.cursors import broken, read_cursor, write_cursor
from api.http.gaps import page_of
from api.http.reading import Reading, TheHouse, reading
from api.http.shapes import JournalPage, TieOutPage
from projections.journal import Span, entries_page, posting_rows
from projections.tie_out import differs, money_tie_out, unit_tie_out

router = APIRouter(prefix="/api", tags=["proofs"])


@router.get(
    "/tie-out",
    dependencies=[needs(Permission.READ)],
    responses={200: {"model": TieOutPage}},
    summary="Refunded less credited is the clearing balance is the open gaps",
)
def tie_out(asked: Annotated[TieOutAsked, Query()], house: TheHouse) -> Response:
    after, moment = read_cursor(asked, int), asked.moment()
    merchant, currency = next(iter(asked.merchant), None), next(iter(asked.currency), None)
    with reading(house) as now:
        rows = [
            *money_tie_out(now.conn, moment, merchant=merchant, currency=currency),
            *unit_tie_out(now.conn, moment, merchant=merchant),
        ]
        return now.answer(page_of(rows, asked, after[0] if after else 0) | {"ties_out": not any(map(differs, rows))})


@router.get(
    "/journal",
    dependencies=[needs(Permission.READ)],
    responses={200: {"model": JournalPage}},
    summary="The double-entry journal, posting by posting",
)
def journal(asked: Annotated[JournalAsked, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer(journal_page(now, asked))


def journal_page(now: Reading, asked: JournalAsked) -> dict[str, Any]:
    """Postings; a page may end within an entry, so the cursor is the entry before and how many postings of the next one were given."""
    begun = read_cursor(asked, *[str] * _PLACE_PARTS, int)
    place, given = (begun[:-1], begun[-1]) if begun else (None, 0)
    if place and not place[0]:
        place = None
    span = Span(asked.from_, asked.to, next(iter(asked.merchant), None))
    if place is not None:
        _check(place[0])
    # Every entry has two postings at least, but the first one may have been given in part.
    page = entries_page(now.conn, span, limit=asked.limit, after=place)
    items: list[dict[str, Any]] = []
    for entry in page.items:
        rows = list(posting_rows(entry))[given:]
        left = asked.limit - len(items)
        items += rows[:left]
        if len(rows) > left:
            return {"items": items, "next": _write(asked, place, given + left)}
        place, given = entry.place, 0
    return {"items": items, "next": _write(asked, place, 0) if page.after else None}


_PLACE_PARTS = 9


def _write(asked: JournalAsked, place: tuple[str, ...] | None, given: int) -> str:
    return write_cursor(asked, [*(place or ("",) * _PLACE_PARTS), given])


def _check(at: str) -> None:
    try:
        if datetime.fromisoformat(at).tzinfo is None:
            raise broken()
    except ValueError:
        raise broken() from None
