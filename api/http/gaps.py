"""The gap register over HTTP: which gaps there are, and how many and how much."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.http.asking import GapPageAsked, SummaryAsked
from api.http.auth import Permission, needs
from api.http.cursors import broken, read_cursor, write_cursor
from api.http.reading import Reading, TheHouse, reading
from api.http.shapes import GapPage, SummaryPage
from projections.gap_register import SORTS, gap_page
from projections.summary import summary

router = APIRouter(prefix="/api", tags=["gaps"])


@router.get("/gaps", dependencies=[needs(Permission.READ)], responses={200: {"model": GapPage}}, summary="The gap register, page by page")
def list_gaps(asked: Annotated[GapPageAsked, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer(gaps_page(now, asked))


@router.get(
    "/summary",
    dependencies=[needs(Permission.READ)],
    responses={200: {"model": SummaryPage}},
    summary="Count and amount per kind, owner, currency and age",
)
def summarise(asked: Annotated[SummaryAsked, Query()], house: TheHouse) -> Response:
    after = read_cursor(asked, int)
    with reading(house) as now:
        rows = summary(now.conn, asked.filter(now.conn), asked.moment())
        return now.answer(page_of(rows, asked, after[0] if after else 0))


def gaps_page(now: Reading, asked: GapPageAsked, me: Sequence[str] = ()) -> dict[str, Any]:
    """One page as the contract writes it; `me` as for `GapsAsked.filter`. Raises Problem for a cursor that is none."""
    after = read_cursor(asked, str, int)
    if after is not None:
        _check(after[0], SORTS[asked.sort.removeprefix("-")][1])
    page = gap_page(now.conn, asked.filter(now.conn, me), asked.moment(), sort=asked.sort, limit=asked.limit, after=after)
    return {"items": page.items, "next": write_cursor(asked, page.after) if page.after else None}


def page_of(rows: list[dict[str, Any]], asked: Any, begin: int) -> dict[str, Any]:
    """A page of an answer that is whole in memory; the cursor is a place in it."""
    end = begin + asked.limit
    return {"items": rows[begin:end], "next": write_cursor(asked, [end]) if end < len(rows) else None}


def _check(value: str, kind: str) -> None:
    """Would PostgreSQL read it as this type?"""
    try:
        if kind == "timestamptz":
            if value != "infinity":  # what is not closed yet
                datetime.fromisoformat(value)
        elif kind == "bigint" and not -(2**63) <= int(value) < 2**63:
            raise broken()
    except ValueError:
        raise broken() from None
