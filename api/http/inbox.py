"""The inbox over HTTP: what came in and what became of it; one delivery as it came; and working one off once more."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from adapters.inbox.listing import InboxFilter, NoSuchDelivery, inbox_page, put_back, show_delivery
from api.bootstrap import clock
from api.http.asking import DEFAULT_LIMIT, Asked, Cursor, Limit, Words
from api.http.auth import Permission, Who, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.problems import Problem
from api.http.reading import TheHouse, connection, reading
from api.http.shapes import Instant, Next
from api.sealing import seal_of

router = APIRouter(prefix="/api", tags=["inbox"])
_ONE = "/inbox/{delivery}"
Number = Annotated[int, Path(ge=1, lt=2**63, description="The delivery's number.")]


class InboxAsked(Asked):
    state: list[Literal["pending", "done", "ignored", "failed"]] = Field(default_factory=list)
    connection: list[Words] = Field(default_factory=list, description="Only deliveries of these connections.")
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UnmappedValue(_Shape):
    field: str
    value: str
    return_: Annotated[str | None, Field(alias="return")]


class JoinedRecord(_Shape):
    what: str
    return_: Annotated[str, Field(alias="return", description="merchant/platform/id")]
    why: str
    others: Annotated[list[str], Field(description="What else fitted.")]


class DeliveryRow(_Shape):
    id: int
    connection: str
    merchant: str
    topic: str
    state: Literal["pending", "done", "ignored", "failed"]
    error: str | None
    note: Annotated[str | None, Field(description="Why nothing came of it, or what it was read together with.")]
    waits_for: str | None
    attempts: int
    recorded: Annotated[int, Field(description="Facts that were new to the ledger.")]
    known: Annotated[int, Field(description="Facts that the ledger had already, at the last look.")]
    unmapped: Annotated[list[UnmappedValue], Field(description="Values that no mapping of the configuration names.")]
    joined: Annotated[list[JoinedRecord], Field(description="Records that were put on another system's return, and why.")]
    returns: list[str]
    orders: list[str]
    received_at: Instant
    next_at: Annotated[Instant, Field(description="When a pending delivery is due.")]
    finished_at: Instant | None
    body_erased_at: Instant | None


class DeliveryPage(_Shape):
    items: list[DeliveryRow]
    next: Next


class DeliveryAnswer(DeliveryRow):
    headers: Annotated[dict[str, str], Field(description="Without secrets.")]
    body: str | None
    body_encoding: Literal["utf-8", "base64", "erased", "sealed"]


@router.get(
    "/inbox", dependencies=[needs(Permission.READ)], responses={200: {"model": DeliveryPage}}, summary="Deliveries, the newest first"
)
def list_inbox(asked: Annotated[InboxAsked, Query()], house: TheHouse) -> Response:
    after = read_cursor(asked, int)
    chosen = InboxFilter(tuple(asked.state), tuple(asked.connection))
    with reading(house) as now:
        rows, more = inbox_page(now.conn, chosen, limit=asked.limit, after=after[0] if after else None)
        return now.answer({"items": rows, "next": write_cursor(asked, [more]) if more is not None else None})


@router.get(
    _ONE,
    dependencies=[needs(Permission.RAW)],
    responses={200: {"model": DeliveryAnswer}},
    summary="One delivery with its headers and its body, which may hold names and addresses",
)
def show(delivery: Number, house: TheHouse) -> Response:
    with reading(house) as now:
        try:
            return now.answer(show_delivery(now.conn, delivery, seal_of(house)))
        except NoSuchDelivery as unknown:
            raise _unknown(unknown) from None


@router.post(
    f"{_ONE}/replay",
    dependencies=[needs(Permission.OPERATE)],
    status_code=HTTPStatus.ACCEPTED,
    responses={202: {"model": DeliveryRow}, 409: {"description": "Its body has been erased."}},
    summary="Work a delivery off once more, soon",
)
def replay(delivery: Number, who: Who, house: TheHouse) -> Response:
    with connection(house) as conn:
        try:
            row: dict[str, Any] = put_back(conn, delivery, who, clock())
        except NoSuchDelivery as unknown:
            raise _unknown(unknown) from None
        except ValueError as erased:
            raise Problem(HTTPStatus.CONFLICT, "body-erased", str(erased)) from None
    with reading(house) as now:
        answer = now.answer(row)
        answer.status_code = HTTPStatus.ACCEPTED
        return answer


def _unknown(unknown: NoSuchDelivery) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown-delivery", str(unknown))
