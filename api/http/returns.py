"""Returns over HTTP: the board, one return as of a moment, and its history event by event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from psycopg import Connection
from starlette.responses import Response

from api.bootstrap import House
from api.http.asking import EventsAsked, MomentAsked, ReturnPageAsked
from api.http.auth import Permission, needs
from api.http.cursors import broken, read_cursor, write_cursor
from api.http.problems import unknown_return
from api.http.reading import Reading, TheHouse, reading
from api.http.segments import Part
from api.http.shapes import ReturnAnswer, ReturnPage, StepPage
from domain.money import CURRENCIES, to_text
from domain.policy import Policy
from domain.replay import Step, describe, known_events, replay, stage, step_row
from domain.returns import Recorded, ReturnState
from domain.stored import stream_of
from domain.telling import ReturnKey, write_instant
from domain.timeline import fold
from projections.board import BoardFilter, NoSuchReturn, board_page, get_return
from projections.gap_register import gaps_of_return
from projections.moments import Moment

router = APIRouter(prefix="/api", tags=["returns"])
_ONE = "/returns/{merchant}/{platform}/{return_id}"


@router.get(
    "/returns", dependencies=[needs(Permission.READ)], responses={200: {"model": ReturnPage}}, summary="All returns, the last moved first"
)
def list_returns(asked: Annotated[ReturnPageAsked, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer(returns_page(now, asked))


@router.get(
    _ONE, dependencies=[needs(Permission.READ)], responses={200: {"model": ReturnAnswer}}, summary="One return: its state and its open gaps"
)
def show_return(merchant: Part, platform: Part, return_id: Part, asked: Annotated[MomentAsked, Query()], house: TheHouse) -> Response:
    key, moment = ReturnKey(merchant, platform, return_id), asked.moment()
    with reading(house) as now:
        told = told_of(now, house, key, moment)
        return now.answer(
            standing(told)
            | {
                "as_of": write_instant(moment.as_of) if moment.as_of else None,
                "known_at": write_instant(moment.known_at) if moment.known_at else None,
                "set_aside": told.set_aside,
                "state": describe(told.state, told.policy),
                "gaps": told.gaps,
            }
        )


@router.get(
    _ONE + "/events", dependencies=[needs(Permission.READ)], responses={200: {"model": StepPage}}, summary="One return, event by event"
)
def list_events(merchant: Part, platform: Part, return_id: Part, asked: Annotated[EventsAsked, Query()], house: TheHouse) -> Response:
    key, moment = ReturnKey(merchant, platform, return_id), asked.moment()
    after = read_cursor(asked, int)
    begin = after[0] if after else 0
    with reading(house) as now:
        events = events_of(house, key, moment)
        if events is None:
            raise unknown_return(_nothing_told(key, moment))
        steps = replay(key, events, house.policies.policy_of(key))[: asked.until]
        page = steps[begin : begin + asked.limit]
        more = begin + asked.limit < len(steps)
        return now.answer({"items": [step_row(step) for step in page], "next": write_cursor(asked, [page[-1].number]) if more else None})


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of one return as of a moment. `gaps` are the open ones."""

    key: ReturnKey
    policy: Policy
    events: list[Recorded]
    state: ReturnState
    gaps: list[dict[str, Any]]
    set_aside: str | None

    def steps(self) -> list[Step]:
        return replay(self.key, self.events, self.policy)


def told_of(now: Reading, house: House, key: ReturnKey, moment: Moment) -> Told:
    """The history is the log's, the gaps are the register's. Raises Problem where nothing had been told by then."""
    events = events_of(house, key, moment)
    if events is None:
        raise unknown_return(_nothing_told(key, moment))
    policy = house.policies.policy_of(key)
    try:
        gaps = gaps_of_return(now.conn, get_return(now.conn, key).return_no, moment, status="open")
    except NoSuchReturn:
        gaps = []  # recorded a moment ago, and not folded yet: X-Ledger-Lag says so
    return Told(key, policy, events, fold(key, events, policy).state, gaps, _set_aside(now.conn, key))


def events_of(house: House, key: ReturnKey, moment: Moment) -> list[Recorded] | None:
    """What had happened and was known by then; None where that is nothing."""
    if any("\x00" in part for part in key):
        return None
    return known_events(house.ledger.events(stream_of(key)), moment.as_of, moment.known_at) or None


def returns_page(now: Reading, asked: ReturnPageAsked) -> dict[str, Any]:
    after = read_cursor(asked, str, int)
    if after is not None:
        try:
            datetime.fromisoformat(after[0])
        except ValueError:
            raise broken() from None
    board = BoardFilter(tuple(asked.merchant), tuple(asked.platform), tuple(asked.currency), tuple(asked.stage), asked.order)
    rows, more = board_page(now.conn, board, limit=asked.limit, after=after)
    return {"items": rows, "next": write_cursor(asked, more) if more else None}


def standing(told: Told) -> dict[str, Any]:
    """A return's row of the list, as of any moment; the list itself only knows today's."""
    state = told.state
    key, currency = state.key, state.currency
    assert state.first_at is not None
    assert state.last_at is not None
    sums: dict[str, str | None] = {"refunded": None, "credited": None}
    if currency in CURRENCIES:
        sums["refunded"] = to_text(sum(one.amount.total for one in state.active_refunds() if one.currency == currency), currency)
        sums["credited"] = to_text(sum(one.amount.total for one in state.active_notes() if one.currency == currency), currency)
    return {
        "merchant": key.merchant,
        "platform": key.platform,
        "return": key.return_id,
        "order": state.order,
        "erp": state.erp or told.policy.posts_to,
        "currency": currency,
        "resolution": state.initiated.resolution if state.initiated else None,
        "stage": stage(state),
        "ended": state.ended,
        "announced_units": sum(line.quantity for line in state.announced.values()),
        "units_in": sum(min(line.quantity, state.units_in(line.line)) for line in state.announced.values()),
        **sums,
        "open_gaps": len(told.gaps),
        "events": state.count,
        "first_at": write_instant(state.first_at),
        "last_at": write_instant(state.last_at),
    }


def _nothing_told(key: ReturnKey, moment: Moment) -> str:
    by_then = " by then" if moment.as_of or moment.known_at else ""
    return f"Nothing is known of a return {key}{by_then}. Each part of the address is percent-encoded, a slash as %2F."


def _set_aside(conn: Connection[Any], key: ReturnKey) -> str | None:
    found = conn.execute("SELECT error FROM set_aside WHERE merchant = %s AND platform = %s AND return_id = %s", tuple(key)).fetchone()
    return str(found[0]) if found else None
