"""What people were told by mail, chat and webhook: what went through, what did not and why, and sending it again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from adapters.alerts.listing import STATES, NoSuchNotice, channel_rows, notice_page, try_again
from api.alerting import alert_terms
from api.bootstrap import clock, moment
from api.console.rendering import page, tidy
from api.console.viewer import Fields
from api.http.asking import Asked, Cursor, Limit, Words
from api.http.auth import Permission, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.problems import Problem
from api.http.reading import TheHouse, connection, reading

PAGE_ROWS: Final = 50
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class NoticesShown(Asked):
    state: list[Literal["pending", "sent", "dead"]] = Field(default_factory=list)
    channel: list[Words] = Field(default_factory=list)
    limit: Limit = PAGE_ROWS
    cursor: Cursor | None = None


@router.get("/notices", dependencies=[needs(Permission.READ)])
def show_notices(request: Request, asked: Annotated[NoticesShown, Query()], house: TheHouse) -> Response:
    after = read_cursor(asked, int)
    terms = alert_terms(house.settings)
    with reading(house) as now:
        rows, more = notice_page(now.conn, tuple(asked.state), tuple(asked.channel), limit=asked.limit, after=after[0] if after else None)
        return page(
            request,
            now,
            "notices.html",
            moment(),
            asked=asked,
            listed={"items": rows, "next": write_cursor(asked, [more]) if more is not None else None},
            states=STATES,
            channels=channel_rows(now.conn, terms.channels),
            rules=terms.rules,
            digests=terms.digests,
            quiet=terms.is_quiet(moment().now),
        )


@router.post("/notices/{number}/retry", dependencies=[needs(Permission.OPERATE)])
def send_again(number: Number, fields: Fields, house: TheHouse) -> Response:
    with connection(house) as conn:
        try:
            try_again(conn, number, clock())
        except NoSuchNotice as unknown:
            raise Problem(HTTPStatus.NOT_FOUND, "unknown-notice", str(unknown)) from None
        except ValueError as sent:
            raise Problem(HTTPStatus.CONFLICT, "nothing-to-try", str(sent)) from None
    return RedirectResponse("/notices", HTTPStatus.SEE_OTHER)
