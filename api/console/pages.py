"""The console's pages: what is open, the returns, one return's history, the proof, and what the kinds of gaps mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from api.bootstrap import moment
from api.console.help import AREAS, HELP
from api.console.history import documents_of, events_of, lines_of
from api.console.overview import Counted, counted
from api.console.rendering import MARK, STYLE, here, page, plain_page
from api.console.writing import of_return
from api.http.asking import Asked, GapPageAsked, MomentAsked, ReturnPageAsked, TieOutAsked, Words
from api.http.auth import Permission, needs
from api.http.gaps import gaps_page
from api.http.problems import unknown_return
from api.http.reading import TheHouse, reading
from api.http.returns import returns_page, standing, told_of
from api.http.segments import Part
from domain.policy import DEFAULT_OWNERS, GapKind
from domain.telling import ReturnKey
from projections.board import AmbiguousReturn, NoSuchReturn, find_return
from projections.gap_register import count_gaps
from projections.summary import summary
from projections.tie_out import differs, money_tie_out, unit_tie_out

# Rows of a page, unless `limit` says otherwise.
PAGE_ROWS: Final = 50
# A page shows so many; the API has all of them.
MOST_EVENTS, MOST_SKUS = 500, 500
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


class Elsewhere(Exception):
    """The page has another address."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


async def go_elsewhere(_: Request, elsewhere: Exception) -> Response:
    assert isinstance(elsewhere, Elsewhere)
    return RedirectResponse(elsewhere.location, 303)


async def tidy(request: Request) -> None:
    """A form sends its empty fields, too: the same page without them."""
    if any(value == "" for _, value in request.query_params.multi_items()):
        raise Elsewhere(str(here(request)))


router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class GapsShown(GapPageAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


class ReturnsShown(ReturnPageAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


class Sought(Asked):
    q: Words | None = None


@router.get("/", dependencies=[needs(Permission.READ)])
def show_gaps(request: Request, asked: Annotated[GapsShown, Query()], house: TheHouse) -> Response:
    at = asked.moment()
    with reading(house) as now:
        wanted = asked.filter(now.conn)

        def count() -> Counted:
            overdue = count_gaps(now.conn, replace(wanted, overdue=True), at)
            return counted(summary(now.conn, wanted, at), overdue)

        # The counts may be a few seconds old, the list never is.
        seen = request.app.state.counted.get((wanted, at.as_of, at.known_at), count)
        owners = {owner for _, kinds in seen.areas for one in kinds for owner in one.owners}
        return page(
            request,
            now,
            "gaps.html",
            at,
            asked=asked,
            counted=seen,
            listed=gaps_page(now, asked),
            owners=sorted({*DEFAULT_OWNERS.values(), *asked.owner, *owners}),
            areas=[(area, [kind for kind in GapKind if HELP[kind].area == area]) for area in AREAS],
        )


@router.get("/returns", dependencies=[needs(Permission.READ)])
def show_returns(request: Request, asked: Annotated[ReturnsShown, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return page(request, now, "returns.html", moment(), asked=asked, listed=returns_page(now, asked))


@router.get("/returns/{merchant}/{platform}/{return_id}", dependencies=[needs(Permission.READ)])
def show_return(
    request: Request, merchant: Part, platform: Part, return_id: Part, asked: Annotated[MomentAsked, Query()], house: TheHouse
) -> Response:
    at = asked.moment()
    with reading(house) as now:
        told = told_of(now, house, ReturnKey(merchant, platform, return_id), at)
        steps = told.steps()
        return page(
            request,
            now,
            "return.html",
            at,
            told=told,
            row=standing(told.state, told.gaps),
            lines=lines_of(told),
            documents=documents_of(told.state),
            events=events_of(steps[:MOST_EVENTS]),
            events_in_all=len(steps),
        )


@router.get("/tie-out", dependencies=[needs(Permission.READ)])
def show_tie_out(request: Request, asked: Annotated[TieOutAsked, Query()], house: TheHouse) -> Response:
    at, merchant, currency = asked.moment(), next(iter(asked.merchant), None), next(iter(asked.currency), None)
    with reading(house) as now:
        money = money_tie_out(now.conn, at, merchant=merchant, currency=currency)
        units = unit_tie_out(now.conn, at, merchant=merchant)
        units.sort(key=lambda row: not differs(row))
        return page(
            request,
            now,
            "tie_out.html",
            at,
            asked=asked,
            money=money,
            units=units[:MOST_SKUS],
            units_in_all=len(units),
            wrong=sum(map(differs, [*money, *units])),
            differs=differs,
        )


@router.get("/kinds", dependencies=[needs(Permission.READ)])
def show_kinds(request: Request) -> Response:
    return plain_page(request, "kinds.html", areas=[(area, [kind for kind in GapKind if HELP[kind].area == area]) for area in AREAS])


@router.get("/find", dependencies=[needs(Permission.READ)])
def find(request: Request, asked: Annotated[Sought, Query()], house: TheHouse) -> Response:
    """What a person types, as `returns-ledger replay` takes it."""
    typed = (asked.q or "").strip()
    with reading(house) as now:
        try:
            return RedirectResponse(of_return(*find_return(now.conn, typed).key), 303)
        except AmbiguousReturn:
            return page(request, now, "found.html", moment(), typed=typed, keys=_called(now.conn, typed))
        except NoSuchReturn:
            raise unknown_return(f"No return is called {typed!r}. Give the platform's id, or merchant/platform/id.") from None


@router.get("/console/console.css", dependencies=[needs(Permission.OPEN)])
async def style() -> Response:
    return Response(STYLE, media_type="text/css", headers=FOR_EVER)


@router.get("/console/mark.svg", dependencies=[needs(Permission.OPEN)])
async def mark() -> Response:
    return Response(MARK, media_type="image/svg+xml", headers=FOR_EVER)


def _called(conn: Connection[Any], return_id: str) -> list[ReturnKey]:
    rows = conn.execute(
        "SELECT merchant, platform, return_id FROM returns WHERE return_id = %s ORDER BY merchant, platform LIMIT 20", (return_id,)
    )
    return [ReturnKey(*row) for row in rows]
