"""The queue of operations: returns that wait for somebody, what for, what happens next by itself, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from adapters.outbox.folding import fold
from adapters.stalled import Mark, StalledFilter, stalled_page
from api.bootstrap import moment
from api.console.offers import BULK, Offer, offers_of_gap
from api.console.rendering import page, tidy
from api.console.viewer import Viewing
from api.http.asking import Asked, Cursor, Limit, Words
from api.http.auth import Permission, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.reading import TheHouse, reading
from domain.decisions import Reopened
from domain.matching import suggestions
from domain.policy import DEFAULT_OWNERS, GapKind
from domain.stored import stream_of
from domain.telling import ReturnKey

# Each row has its forms with it.
PAGE_ROWS: Final = 30
NEW_FOR: Final = timedelta(hours=24)
WORSENING_AFTER: Final = timedelta(days=7)

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
    """`word`: new, worsening, reopened, snoozed or waiting. `frees`: so many returns wait for the same answer."""

    row: dict[str, Any]
    word: str
    offers: list[Offer]
    frees: int


@router.get("/work", dependencies=[needs(Permission.READ)])
def show_work(request: Request, asked: Annotated[WorkShown, Query()], viewer: Viewing, house: TheHouse) -> Response:
    after, at = read_cursor(asked, *[str] * len(Mark._fields)), moment()
    mine = tuple(owner for one in asked.owner for owner in (viewer.owners if one == "me" else (one,)))
    chosen = StalledFilter(tuple(asked.kind), mine, tuple(asked.merchant), snoozed=asked.snoozed is not None)
    with reading(house) as now:
        rows, more = stalled_page(
            now.conn, house.ledger, house.policies.policy_of, chosen, at.now, limit=asked.limit, after=Mark(*after) if after else None
        )
        counts = now.conn.execute(_COUNTS).fetchall() if rows else []
        return page(
            request,
            now,
            "work.html",
            at,
            asked=asked,
            listed={"items": _waiting(house, rows, at.now, dict(counts)), "next": write_cursor(asked, list(more)) if more else None},
            kinds=sorted({row["kind"] for row in rows} | set(asked.kind)),
            owners=sorted({*DEFAULT_OWNERS.values(), *asked.owner} - {"me"}),
            bulk=BULK,
        )


def _waiting(house: TheHouse, rows: list[dict[str, Any]], now: datetime, frees: dict[str, int]) -> list[Waiting]:
    keys = {ReturnKey(row["merchant"], row["platform"], row["return"]) for row in rows}
    events = house.ledger.events_of([stream_of(key) for key in keys])
    told = []
    for row in rows:
        key = ReturnKey(row["merchant"], row["platform"], row["return"])
        of_return = events[stream_of(key)]
        state = fold(key, of_return)
        sku = state.announced[row["line"]].sku if row["line"] in state.announced else None
        likely: list[str] = []
        if row["kind"] == GapKind.SKU_UNMATCHED and sku is not None and state.work.order is not None:
            likely = suggestions(sku, state.work.order)
        elif row["kind"] == GapKind.ORDER_NOT_FOUND and state.work.not_found is not None:
            likely = list(state.work.not_found.candidates or ())
        reopened = any(isinstance(event.fact, Reopened) for event in of_return)
        offers = offers_of_gap(row["kind"], row["line"], sku, row.get("currency"), None, likely)
        told.append(Waiting(row | {"sku": sku}, _word(row, now, reopened), offers, frees.get(sku or "", 0)))
    return told


def _word(row: dict[str, Any], now: datetime, reopened: bool) -> str:
    since = datetime.fromisoformat(row["since"])
    if row["snoozed_until"]:
        return "snoozed"
    if reopened:
        return "reopened"
    return "new" if now - since < NEW_FOR else "worsening" if now - since > WORSENING_AFTER else "waiting"


# How many returns wait with the same unknown SKU: mapping it frees all of them.
_COUNTS: Final = """
    SELECT sku, count(DISTINCT return_no) FROM gaps
    WHERE known_to = 'infinity' AND valid_to = 'infinity' AND kind = 'sku_unmatched' AND sku IS NOT NULL GROUP BY sku LIMIT 1000"""
