"""Returns: the board, one return as story, timeline or raw events, wound to any event, and its evidence to take along."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Query, Request
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from api.bootstrap import moment
from api.console import bundles
from api.console.evidence import evidence_of
from api.console.history import documents_of, events_of, lines_of
from api.console.offers import offers_of_return
from api.console.rendering import page, tidy, written
from api.console.scrubbing import wind
from api.console.sides import sides_of
from api.console.story import LANES, chapters_of, lane_of, sentence_of
from api.console.viewer import Viewing
from api.console.writing import of_return
from api.http.asking import Asked, MomentAsked, ReturnPageAsked, Words
from api.http.auth import Permission, needs
from api.http.problems import unknown_return
from api.http.reading import TheHouse, reading
from api.http.returns import returns_page, standing, told_of
from api.http.searching import KEYS
from api.http.segments import Part
from domain.choosing import lines_to_choose_for
from domain.policy import CLEARING_KINDS
from domain.replay import step_row
from domain.telling import ReturnKey
from projections.board import AmbiguousReturn, NoSuchReturn, find_return

PAGE_ROWS: Final = 50
# A page shows so many; the API has all of them.
MOST_EVENTS: Final = 500
_MOST_FOUND: Final = 20
_ONE: Final = "/returns/{merchant}/{platform}/{return_id}"
# The cause of an event that a delivery of the inbox told ends in the delivery's number.
_OF_DELIVERY = re.compile(r"webhook:[^:]+:(\d+)\Z", re.ASCII)

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class ReturnsShown(ReturnPageAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


class ReturnShown(MomentAsked):
    view: Literal["story", "timeline", "raw"] = "story"
    n: Annotated[int | None, Query(ge=0, le=10**9)] = None


class Sought(Asked):
    q: Words | None = None


@router.get("/returns", dependencies=[needs(Permission.READ)])
def show_returns(request: Request, asked: Annotated[ReturnsShown, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return page(request, now, "returns.html", moment(), asked=asked, listed=returns_page(now, asked))


@router.get(_ONE, dependencies=[needs(Permission.READ)])
def show_return(
    request: Request,
    merchant: Part,
    platform: Part,
    return_id: Part,
    asked: Annotated[ReturnShown, Query()],
    viewer: Viewing,
    house: TheHouse,
) -> Response:
    at = asked.moment()
    with reading(house) as now:
        told = told_of(now, house, ReturnKey(merchant, platform, return_id), at)
        steps = told.steps()
        shown = steps[:MOST_EVENTS]
        return page(
            request,
            now,
            "return.html",
            at,
            told=told,
            asked=asked,
            row=standing(told),
            lines=lines_of(told),
            documents=documents_of(told.state),
            sides={gap["currency"]: sides_of(told.state, gap["currency"]) for gap in told.gaps if gap["kind"] in CLEARING_KINDS},
            events=events_of(shown),
            events_in_all=len(steps),
            wound=wind(steps, told.policy, asked.n),
            chapters=chapters_of(shown) if asked.view == "story" else [],
            lanes=_lanes(shown) if asked.view == "timeline" else [],
            sentence_of=sentence_of,
            offers=offers_of_return(told.state.work, lines_to_choose_for(told.state, told.policy)),
            work=told.state.work,
            raw=[(step.number, orjson.dumps(step_row(step), option=orjson.OPT_INDENT_2).decode()) for step in shown]
            if asked.view == "raw"
            else [],
            delivery_of=_delivery_of,
            may_see_raw=viewer.may(Permission.RAW),
        )


@router.get(_ONE + "/evidence.json", dependencies=[needs(Permission.READ, noted="export")])
def take_evidence(merchant: Part, platform: Part, return_id: Part, asked: Annotated[MomentAsked, Query()], house: TheHouse) -> Response:
    """Everything known of a return by then, for programs."""
    with reading(house) as now:
        told = told_of(now, house, ReturnKey(merchant, platform, return_id), asked.moment())
        body = orjson.dumps(evidence_of(now, told, asked), option=orjson.OPT_INDENT_2)
        return Response(body, media_type="application/json", headers=now.headers() | _to_take(return_id, "json"))


@router.get(_ONE + "/evidence.html", dependencies=[needs(Permission.READ, noted="export")])
def take_readable_evidence(
    merchant: Part, platform: Part, return_id: Part, asked: Annotated[MomentAsked, Query()], house: TheHouse
) -> Response:
    """The same for people: one file that needs nothing else, made to be printed."""
    at = asked.moment()
    with reading(house) as now:
        told = told_of(now, house, ReturnKey(merchant, platform, return_id), at)
        steps = told.steps()
        body = written(
            "evidence.html",
            style=bundles.STYLE.decode(),
            evidence=evidence_of(now, told, asked),
            row=standing(told),
            told=told,
            moment=at,
            chapters=chapters_of(steps),
            documents=documents_of(told.state),
            sides=[sides_of(told.state, code) for code in sorted({one.currency for one in documents_of(told.state)})],
        )
        return Response(body, media_type="text/html; charset=utf-8", headers=now.headers() | _to_take(return_id, "html"))


@router.get("/find", dependencies=[needs(Permission.READ)])
def find(request: Request, asked: Annotated[Sought, Query()], house: TheHouse) -> Response:
    """What a person types, pastes or scans: a return's id, else its order, refund or credit note, else a search of the gaps."""
    typed = (asked.q or "").strip()
    with reading(house) as now:
        try:
            return _go(of_return(*find_return(now.conn, typed).key))
        except AmbiguousReturn:
            return page(request, now, "found.html", moment(), typed=typed, keys=_named(now.conn, _BY_ID, typed))
        except NoSuchReturn:
            ways = (_BY_ANY_CASE, _BY_ORDER, _BY_DOCUMENT, _BY_NUMBER)
            keys = next(filter(None, (_named(now.conn, way, typed) for way in ways)), [])
        if len(keys) == 1:
            return _go(of_return(*keys[0]))
        if keys:
            return page(request, now, "found.html", moment(), typed=typed, keys=keys)
    if any(f"{key}:" in typed for key in KEYS):
        return _go(f"/gaps?q={quote(typed)}")
    raise unknown_return(
        f"No return is called {typed!r}, and no order, refund or credit note. Give the platform's id, or merchant/platform/id."
    )


def _lanes(steps: list[Any]) -> list[tuple[str, list[Any]]]:
    """By lane, which of the events stand in it, in the order of all; a lane without any is left out."""
    rows = [(lane, [step if lane_of(step.event.fact) == lane else None for step in steps]) for lane in LANES]
    return [row for row in rows if any(row[1])]


def _delivery_of(cause: str) -> int | None:
    found = _OF_DELIVERY.search(cause)
    return int(found[1]) if found else None


def _to_take(return_id: str, kind: str) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", return_id)[:80] or "return"
    return {"Content-Disposition": f'attachment; filename="evidence-{name}.{kind}"'}


def _go(location: str) -> Response:
    return RedirectResponse(location, HTTPStatus.SEE_OTHER)


def _named(conn: Connection[Any], where: str, typed: str) -> list[ReturnKey]:
    statement = f"SELECT DISTINCT merchant, platform, return_id FROM returns WHERE {where} ORDER BY 1, 2, 3 LIMIT {_MOST_FOUND}"  # noqa: S608
    return [ReturnKey(*row) for row in conn.execute(statement, {"typed": typed})]


_BY_ID: Final = "return_id = %(typed)s"
# As a scanner or a colleague may write it.
_BY_ANY_CASE: Final = "return_id IN (upper(%(typed)s), lower(%(typed)s), ltrim(%(typed)s, '#'))"
_BY_ORDER: Final = "order_ref IN (%(typed)s, '#' || %(typed)s, upper(%(typed)s))"
# A refund, or a credit note.
_BY_DOCUMENT: Final = "return_no IN (SELECT return_no FROM money_moves WHERE document = %(typed)s)"
# Where numbers are not unique, as at Tryton, the name has the id after it.
_BY_NUMBER: Final = "return_no IN (SELECT return_no FROM money_moves WHERE starts_with(document, %(typed)s || ' (id '))"
