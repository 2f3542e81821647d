"""The lines to the outside: how each connection fares, what came in and what became of it, what ERPs were told to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from adapters.inbox.listing import STATES as INBOX_STATES
from adapters.inbox.listing import InboxFilter, NoSuchDelivery, connection_rows, inbox_page, put_back, show_delivery
from adapters.outbox import accounts
from adapters.outbox.listing import STATES as OUTBOX_STATES
from adapters.outbox.listing import NoSuchInstruction, OutboxFilter, account_rows, outbox_page, try_again
from api.bootstrap import clock, moment
from api.connecting import settings_of
from api.console.rendering import page, tidy
from api.console.viewer import Fields, Viewing, field
from api.http.auth import Permission, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.inbox import InboxAsked, Number
from api.http.outbox import Id, Name, OutboxAsked
from api.http.problems import Problem
from api.http.reading import TheHouse, connection, reading
from api.posting import account_named, accounts_of
from api.sealing import seal_of

PAGE_ROWS: Final = 50

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class InboxShown(InboxAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


class OutboxShown(OutboxAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


@router.get("/connections", dependencies=[needs(Permission.READ)])
def show_connections(request: Request, house: TheHouse) -> Response:
    with reading(house) as now:
        platforms = connection_rows(now.conn, [settings_of(one) for one in house.connections])
        erps = account_rows(now.conn, accounts_of(house))
        quota = dict(now.conn.execute("SELECT account, floor(tokens)::int FROM api_quota").fetchall())
        return page(request, now, "connections.html", moment(), platforms=platforms, erps=erps, quota=quota)


@router.post("/connections/{name}/pause", dependencies=[needs(Permission.OPERATE)])
def pause(name: Name, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    account = _account(house, name)
    with connection(house) as conn:
        accounts.pause(conn, account, viewer.name, field(fields, "reason"), clock())
    return _to("/connections")


@router.post("/connections/{name}/resume", dependencies=[needs(Permission.OPERATE)])
def resume(name: Name, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    account = _account(house, name)
    with connection(house) as conn:
        accounts.resume(conn, account, viewer.name, clock())
    return _to("/connections")


@router.get("/inbox", dependencies=[needs(Permission.READ)])
def show_inbox(request: Request, asked: Annotated[InboxShown, Query()], house: TheHouse) -> Response:
    after = read_cursor(asked, int)
    chosen = InboxFilter(tuple(asked.state), tuple(asked.connection))
    with reading(house) as now:
        rows, more = inbox_page(now.conn, chosen, limit=asked.limit, after=after[0] if after else None)
        listed = {"items": rows, "next": write_cursor(asked, [more]) if more is not None else None}
        return page(request, now, "inbox.html", moment(), asked=asked, listed=listed, states=INBOX_STATES)


@router.get("/inbox/{delivery}", dependencies=[needs(Permission.RAW)])
def show_one(request: Request, delivery: Number, house: TheHouse) -> Response:
    with reading(house) as now:
        try:
            one = show_delivery(now.conn, delivery, seal_of(house))
        except NoSuchDelivery as unknown:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-delivery", str(unknown)) from None
        return page(request, now, "delivery.html", moment(), one=one)


@router.post("/inbox/{delivery}/replay", dependencies=[needs(Permission.OPERATE)])
def replay(delivery: Number, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    with connection(house) as conn:
        try:
            put_back(conn, delivery, viewer.name, clock())
        except NoSuchDelivery as unknown:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-delivery", str(unknown)) from None
        except ValueError as erased:
            raise Problem(HTTPStatus.CONFLICT, "body-erased", str(erased)) from None
    return _to("/inbox")


@router.get("/outbox", dependencies=[needs(Permission.READ)])
def show_outbox(request: Request, asked: Annotated[OutboxShown, Query()], house: TheHouse) -> Response:
    after = read_cursor(asked, int)
    chosen = OutboxFilter(tuple(asked.state), tuple(asked.kind), tuple(asked.erp), asked.merchant, asked.return_, asked.batch)
    with reading(house) as now:
        rows, more = outbox_page(now.conn, chosen, limit=asked.limit, after=after[0] if after else None)
        listed = {"items": rows, "next": write_cursor(asked, [more]) if more is not None else None}
        return page(request, now, "outbox.html", moment(), asked=asked, listed=listed, states=OUTBOX_STATES)


@router.post("/outbox/{instruction}/retry", dependencies=[needs(Permission.OPERATE)])
def retry(instruction: Id, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    with connection(house) as conn:
        try:
            try_again(conn, instruction, viewer.name, clock())
        except NoSuchInstruction as unknown:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-instruction", str(unknown)) from None
        except ValueError as done:
            raise Problem(HTTPStatus.CONFLICT, "nothing-to-try", str(done)) from None
    return _to("/outbox")


def _account(house: TheHouse, name: str) -> str:
    account = account_named(house, name)
    if account is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-account", f"There is no ERP and no connection with the name {name!r}.")
    return account


def _to(path: str) -> Response:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
