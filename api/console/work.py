"""The queue of operations: returns that wait for somebody, what for, what happens next by itself, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from psycopg import Connection
from pydantic import Field
from starlette.responses import Response

from adapters.stalled import Mark, Stalled, StalledFilter, stalled_returns
from api.bootstrap import moment
from api.console.offers import BULK, Offer, offers_of_gap
from api.console.rendering import page, tidy
from api.console.viewer import Viewing
from api.console.worsening import NEW_FOR, last_decided, standing_of, worse_since
from api.http.asking import Asked, Cursor, Limit, Words
from api.http.auth import Permission, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.reading import TheHouse, reading
from domain.decisions import DifferenceAccepted, DispositionChosen, GapWaived, Reopened, RetryAsked, WriteOffApproved
from domain.matching import suggestions
from domain.policy import DEFAULT_OWNERS, GapKind
from domain.returns import Recorded

# Each row has its forms with it.
PAGE_ROWS: Final = 30
# Of these the last one says whether a return was reopened and nothing done about it since.
_SETTLING: Final = (Reopened, DifferenceAccepted, GapWaived, DispositionChosen, WriteOffApproved, RetryAsked)

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class WorkShown(Asked):
    kind: list[Words] = Field(default_factory=list)
    owner: list[Words] = Field(default_factory=list)
    merchant: list[Words] = Field(default_factory=list)
    snoozed: Literal["yes"] | None = None
    limit: Limit = PAGE_ROWS
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """`word`: new, worsening, reopened, snoozed or waiting; `worse` what has become so. `frees`: so many wait for the same answer."""

    row: dict[str, Any]
    word: str
    worse: list[str]
    offers: list[Offer]
    frees: int


@router.get("/work", dependencies=[needs(Permission.READ)])
def show_work(request: Request, asked: Annotated[WorkShown, Query()], viewer: Viewing, house: TheHouse) -> Response:
    after, at = read_cursor(asked, *[str] * len(Mark._fields)), moment()
    mine = tuple(owner for one in asked.owner for owner in (viewer.owners if one == "me" else (one,)))
    chosen = StalledFilter(tuple(asked.kind), mine, tuple(asked.merchant), snoozed=asked.snoozed is not None)
    with reading(house) as now:
        found, more = stalled_returns(
            now.conn, house.ledger, house.policies.policy_of, chosen, at.now, limit=asked.limit, after=Mark(*after) if after else None
        )
        rows = [one.told for one in found]
        counts = now.conn.execute(_COUNTS).fetchall() if any(row["kind"] == GapKind.SKU_UNMATCHED for row in rows) else []
        return page(
            request,
            now,
            "work.html",
            at,
            asked=asked,
            listed={"items": _waiting(now.conn, found, at.now, dict(counts)), "next": write_cursor(asked, list(more)) if more else None},
            kinds=sorted({row["kind"] for row in rows} | set(asked.kind)),
            owners=sorted({*DEFAULT_OWNERS.values(), *asked.owner} - {"me"}),
            bulk=BULK,
        )


def _waiting(conn: Connection[Any], found: list[Stalled], now: datetime, frees: dict[str, int]) -> list[Waiting]:
    standing = standing_of(conn, list({one.state.key for one in found}))
    told = []
    for of, row, events, state in found:
        sku = state.announced[row["line"]].sku if row["line"] in state.announced else None
        likely: list[str] = []
        if row["kind"] == GapKind.SKU_UNMATCHED and sku is not None and state.work.order is not None:
            likely = suggestions(sku, state.work.order)
        elif row["kind"] == GapKind.ORDER_NOT_FOUND and state.work.not_found is not None:
            likely = list(state.work.not_found.candidates or ())
        worse = worse_since(standing[state.key], (of.kind, of.line, of.currency), of.since, last_decided(events), now)
        offers = offers_of_gap(of.kind, of.line, sku, of.currency, None, likely)
        told.append(Waiting(row | {"sku": sku}, _word(row, now, _is_reopened(events), worse), worse, offers, frees.get(sku or "", 0)))
    return told


def _word(row: dict[str, Any], now: datetime, reopened: bool, worse: list[str]) -> str:
    if row["snoozed_until"]:
        return "snoozed"
    if reopened:
        return "reopened"
    if worse:
        return "worsening"
    return "new" if now - datetime.fromisoformat(row["since"]) < NEW_FOR else "waiting"


def _is_reopened(events: Sequence[Recorded]) -> bool:
    """Was reopening the last thing that somebody did about its gaps?"""
    settling = [event for event in events if isinstance(event.fact, _SETTLING)]
    return bool(settling) and isinstance(max(settling, key=lambda event: event.version).fact, Reopened)


# How many returns wait with the same unknown SKU: mapping it frees all of them.
_COUNTS: Final = """
    SELECT sku, count(DISTINCT return_no) FROM gaps
    WHERE known_to = 'infinity' AND valid_to = 'infinity' AND kind = 'sku_unmatched' AND sku IS NOT NULL GROUP BY sku LIMIT 1000"""
