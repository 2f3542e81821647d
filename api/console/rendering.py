"""Pages from templates: everything that comes from outside is escaped, and nothing in a page is script or inline style."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.bootstrap import clock
from api.console import writing
from api.console.badge import badge_of
from api.console.help import HELP, title, usual_owner
from api.console.writing import Address
from api.http.problems import Problem
from api.http.reading import Reading
from api.http.segments import shown_path
from domain.policy import GapKind
from projections.moments import Moment

_ROOM: Final = Path(__file__).parent
STYLE: Final = (_ROOM / "assets" / "console.css").read_bytes()
MARK: Final = (_ROOM / "assets" / "mark.svg").read_bytes()
# A page names the style sheet by its content, so that browsers may keep it for ever.
_STYLE_NAME: Final = hashlib.sha256(STYLE + MARK).hexdigest()[:12]

_templates = Environment(
    loader=FileSystemLoader(_ROOM / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.globals.update(
    style_name=_STYLE_NAME,
    of_return=writing.of_return,
    title=title,
    usual_owner=usual_owner,
    help_of=lambda kind: HELP[GapKind(kind)],
)
_templates.filters.update(money=writing.money, grouped=writing.grouped, moment=writing.moment, since=writing.since, spoken=writing.spoken)


def page(request: Request, now: Reading, template: str, moment: Moment, **shown: Any) -> Response:
    """A page with the house's standing on top."""
    badge = badge_of(request.app.state.badges, now, moment)
    return _response(request, template, headers=now.headers(), badge=badge, moment=moment, position=now.position, lag=now.lag, **shown)


def here(request: Request) -> Address:
    """The address asked for, without what an empty field of a form adds."""
    return Address(shown_path(request.scope), request.query_params.multi_items())


def error_page(request: Request, problem: Problem) -> Response:
    """What went wrong, for people. It needs no database."""
    return _response(request, "problem.html", problem.status, problem=problem)


def plain_page(request: Request, template: str, **shown: Any) -> Response:
    """A page that says nothing of the house's figures."""
    return _response(request, template, **shown)


def _response(
    request: Request, template: str, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None, **shown: Any
) -> Response:
    known = {"badge": None, "moment": Moment(clock()), "position": None, "lag": 0} | shown
    body = _templates.get_template(template).render(here=here(request), demo=request.app.state.demo, **known)
    return HTMLResponse(body, int(status), headers)
