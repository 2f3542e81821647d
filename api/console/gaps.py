"""The gap register as a list to work through: searched, filtered, looked back at, and one gap at a time beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.console.help import AREAS, HELP
from api.console.history import brief_of
from api.console.offers import BULK
from api.console.overview import Counted, counted
from api.console.rendering import page, tidy
from api.console.sides import sides_of
from api.console.viewer import Viewing
from api.console.views import views_of
from api.http.asking import Currency, GapPageAsked, MomentAsked, Words
from api.http.auth import Permission, needs
from api.http.gaps import gaps_page
from api.http.problems import Problem
from api.http.reading import TheHouse, reading
from api.http.returns import standing, told_of
from api.http.segments import Part
from domain.policy import DEFAULT_OWNERS, GapKind
from domain.telling import ReturnKey
from projections.gap_register import count_up_to
from projections.summary import counts

# Rows of a page, unless `limit` says otherwise.
PAGE_ROWS: Final = 50
MOST_COUNTED: Final = 10_000
_ME = re.compile(r"(?<=owner:)([^\s\"]*,)?me(?=[,\s]|\Z)")

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class GapsShown(GapPageAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


class PeekAsked(MomentAsked):
    kind: GapKind
    line: Words | None = None
    currency: Currency | None = None


@router.get("/gaps", dependencies=[needs(Permission.READ)])
def show_gaps(request: Request, asked: Annotated[GapsShown, Query()], viewer: Viewing, house: TheHouse) -> Response:
    at, wrong = asked.moment(), None
    with reading(house) as now:
        try:
            wanted = asked.filter(now.conn, viewer.owners)
        except Problem as problem:
            if [error["field"] for error in problem.errors] != ["q"]:
                raise
            # What is typed into the search is mended where it was typed.
            wrong, wanted = problem.errors[0]["reason"], replace(asked.model_copy(update={"q": None}).filter(now.conn), return_nos=())

        def count() -> Counted:
            if wanted.status == "open":
                return counted(counts(now.conn, wanted, at))
            # What has closed is all that ever was, and nobody owes it: it is not summed, and counted only so far.
            found = count_up_to(now.conn, wanted, at, MOST_COUNTED + 1)
            return Counted([], [], min(found, MOST_COUNTED), 0, found > MOST_COUNTED)

        # The counts may be a few seconds old, the list never is.
        seen = request.app.state.counted.get((wanted, at.as_of, at.known_at), count)
        return page(
            request,
            now,
            "gaps.html",
            at,
            asked=asked,
            wrong=wrong,
            counted=seen,
            listed={"items": [], "next": None} if wrong else gaps_page(now, asked, viewer.owners),
            owners=sorted(
                {*DEFAULT_OWNERS.values(), *asked.owner, *(owner for _, kinds in seen.areas for one in kinds for owner in one.owners)}
            ),
            areas=[(area, [kind for kind in GapKind if HELP[kind].area == area]) for area in AREAS],
            bulk=BULK,
            views=views_of(now.conn, viewer),
            search_to_take=_ME.sub(lambda found: (found[1] or "") + ",".join(viewer.owners), asked.q or ""),
        )


@router.get("/peek/{merchant}/{platform}/{return_id}", dependencies=[needs(Permission.READ)])
def peek(
    request: Request,
    merchant: Part,
    platform: Part,
    return_id: Part,
    asked: Annotated[PeekAsked, Query()],
    viewer: Viewing,
    house: TheHouse,
) -> Response:
    """One gap, as it is shown beside the list."""
    at = asked.moment()
    with reading(house) as now:
        told = told_of(now, house, ReturnKey(merchant, platform, return_id), at)
        wanted = (asked.kind, asked.line, asked.currency)
        gap: dict[str, Any] | None = next((one for one in told.gaps if (one["kind"], one["line"], one["currency"]) == wanted), None)
        return page(
            request,
            now,
            "peek.html",
            at,
            row=standing(told),
            gap=gap,
            others=[one for one in told.gaps if one is not gap],
            sides=sides_of(told.state, gap["currency"]) if gap and gap["breakdown"] else None,
            brief=brief_of(told.steps()),
        )
