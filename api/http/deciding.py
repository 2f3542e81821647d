"""Deciding over HTTP: what waits for somebody, and what somebody makes of it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from adapters.stalled import KINDS, Mark, StalledFilter, stalled_page
from adapters.ways_out import UNREACHABLE
from api.bootstrap import clock
from api.http.asking import DEFAULT_LIMIT, Asked, Cursor, Limit, Words
from api.http.auth import Permission, needs
from api.http.cursors import broken, read_cursor, write_cursor
from api.http.problems import Problem, bad_parameter, unknown_return
from api.http.reading import TheHouse, connection, reading
from api.http.segments import Part
from api.http.shapes import Instant, Next
from api.resolving import ACTIONS, FIELDS, may, read_decision, resolve
from domain.refusals import Rejected, Unfitting
from domain.telling import ReturnKey
from projections.board import NoSuchReturn, find_return

router = APIRouter(prefix="/api", tags=["deciding"])
Said = Annotated[str, StringConstraints(max_length=2000)]


class StalledAsked(Asked):
    kind: list[str] = Field(default_factory=list, description=f"Only what waits for this: {', '.join((*KINDS, UNREACHABLE))}.")
    owner: list[Words] = Field(default_factory=list)
    merchant: list[Words] = Field(default_factory=list)
    return_: Annotated[Words | None, Field(alias="return", description="One return: the platform's id, or merchant/platform/id.")] = None
    snoozed: Annotated[bool, Field(description="Also what nobody need look at yet.")] = False
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StalledRow(_Shape):
    return_: Annotated[str, Field(alias="return")]
    merchant: str
    platform: str
    waits_for: Annotated[str, Field(description="In words.")]
    kind: Annotated[str, Field(description="The kind of its gap, or `unreachable`.")]
    line: str | None
    since: Instant
    owner: str
    assigned_to: str | None
    snoozed_until: Instant | None
    next: Annotated[str, Field(description="What happens by itself.")]
    next_at: Instant | None
    actions: Annotated[list[str], Field(description="Commands to type; what stands in capitals is to be filled in.")]


class StalledPage(_Shape):
    items: list[StalledRow]
    next: Next


class Resolving(_Shape):
    """A decision: its action, and the fields that belong to it. `by` left out is the key's name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action: Literal[tuple(ACTIONS)]  # type: ignore[valid-type]
    by: Said | None = None
    reason: Said | None = None
    sku: Said | None = None
    to: Said | None = None
    order: Said | None = None
    text: Said | None = None
    kind: Said | None = None
    line: Said | None = None
    currency: Said | None = None
    amount: Said | None = None
    instruction: Said | None = None
    until: Said | None = None
    found: Said | None = None
    quantity: Said | None = None
    dry_run: bool = False


class Resolved(_Shape):
    recorded: Annotated[list[dict[str, Any]], Field(description="The facts, as the contract writes them, with their cause.")]
    dry_run: bool
    freed: Annotated[list[str], Field(description="Other returns that a SKU is now known of: merchant/platform/id.")]


@router.get(
    "/stalled",
    dependencies=[needs(Permission.READ)],
    responses={200: {"model": StalledPage}},
    summary="What waits for somebody, longest first",
)
def list_stalled(asked: Annotated[StalledAsked, Query()], house: TheHouse) -> Response:
    """A page may hold fewer rows than asked for and not be the last: `next` says."""
    for kind in asked.kind:
        if kind not in (*KINDS, UNREACHABLE):
            raise bad_parameter("kind", f"{kind!r} is nothing that a return waits for; choose from {', '.join((*KINDS, UNREACHABLE))}")
    given = read_cursor(asked, str, str, str, str, str, str)
    with reading(house) as now:
        key = None
        if asked.return_ is not None:
            try:
                key = find_return(now.conn, asked.return_).key
            except NoSuchReturn:
                return now.answer({"items": [], "next": None})
        filter_ = StalledFilter(tuple(asked.kind), tuple(asked.owner), tuple(asked.merchant), key, asked.snoozed)
        after = _mark(given) if given is not None else None
        rows, more = stalled_page(now.conn, house.ledger, house.policies.policy_of, filter_, clock(), limit=asked.limit, after=after)
        return now.answer({"items": rows, "next": write_cursor(asked, more) if more is not None else None})


@router.post(
    "/returns/{merchant}/{platform}/{return_id}/resolve",
    dependencies=[needs(Permission.DECIDE)],
    responses={200: {"model": Resolved}, 409: {"description": "It does not fit how the return stands; the detail says how that is."}},
    summary="Decide about a return",
)
def resolve_return(merchant: Part, platform: Part, return_id: Part, told: Resolving, request: Request, house: TheHouse) -> Response:
    """Money is for a key of finance to give up, goods for one of ops; an admin may do both, an auditor nothing."""
    holder = getattr(request.state, "holder", None)
    by = (told.by or "").strip() or (None if holder is None else holder.name or holder.key_id)
    if not by:
        raise bad_parameter("by", "is missing; say who decides")
    key = ReturnKey(merchant, platform, return_id)
    try:
        with connection(house) as conn:
            fields = {name: getattr(told, name) for name in FIELDS}
            decision = read_decision(told.action, fields, told.reason, lambda typed: find_return(conn, typed).key)
        if holder is not None and not may(holder.role, decision):
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"A key of the role {holder.role} may not {told.action} here.")
        facts, freed = resolve(house, key, decision, by=by, reason=told.reason, dry_run=told.dry_run)
    except Rejected as wrong:
        raise bad_parameter(wrong.field, wrong.reason) from None
    except Unfitting as wrong:
        raise Problem(HTTPStatus.CONFLICT, "unfitting", str(wrong)) from None
    except LookupError as nobody:
        raise unknown_return(str(nobody)) from None
    return Response(orjson.dumps({"recorded": facts, "dry_run": told.dry_run, "freed": freed}), media_type="application/json")


def _mark(given: tuple[str, ...]) -> Mark:
    try:
        datetime.fromisoformat(given[0])
    except ValueError:
        raise broken() from None
    return Mark(*given)
