"""Pages from templates: everything that comes from outside is escaped, and nothing in a page is script or inline style."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.bootstrap import clock
from api.console import bundles, writing
from api.console.badge import Badge, badge_of
from api.console.help import HELP, title, usual_owner
from api.console.offers import BULK, allowed, offers_of_row
from api.console.viewer import viewer_of
from api.console.writing import Address
from api.http.auth import FORM_FIELD, Permission
from api.http.problems import Problem
from api.http.reading import Reading
from api.http.segments import shown_path
from domain.policy import GapKind
from projections.moments import Moment

_ROOM: Final = Path(__file__).parent
# Between these nothing is shown, and a browser makes a node of it all the same: a third of a long list's nodes.
_BLOCKS: Final = (
    "(?:/?(?:t[rdh]|t(?:able|body|head|foot)|caption|[uod]l|li|d[td]|div|section|header|nav|main|aside|form|fieldset|legend|details|summary|p|h[1-4]|g|svg)"
    r"(?:\s[^<>]*)?|(?:rect|text)\s[^<>]*/)"
)
_BLANKS: Final = re.compile(rf"(<{_BLOCKS}>)\s+(?=<)")

PLACES: Final = (
    ("/", "Today"),
    ("/gaps", "Gaps"),
    ("/work", "Work"),
    ("/returns", "Returns"),
    ("/connections", "Lines"),
    ("/tie-out", "Books"),
    ("/kinds", "Guide"),
)
AUDIT: Final = ("/audit", "Audit")

_templates = Environment(
    loader=FileSystemLoader(_ROOM / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.globals.update(
    version=bundles.VERSION,
    of_return=writing.of_return,
    title=title,
    row_id=writing.row_id,
    gap_key=writing.gap_key,
    peek_of=writing.peek_of,
    assign=BULK[0],
    allowed=allowed,
    offers_of=offers_of_row,
    usual_owner=usual_owner,
    help_of=lambda kind: HELP[GapKind(kind)],
)
_templates.filters.update(money=writing.money, grouped=writing.grouped, moment=writing.moment, since=writing.since, spoken=writing.spoken)


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


def page(request: Request, now: Reading, template: str, moment: Moment, *, badge: Badge | None = None, **shown: Any) -> Response:
    """A page with the house's standing on top; `badge` where the page found it anyway."""
    badge = badge or badge_of(request.app.state.badges, now, moment)
    return _response(request, template, headers=now.headers(), badge=badge, moment=moment, position=now.position, lag=now.lag, **shown)


def here(request: Request) -> Address:
    """The address asked for, without what an empty field of a form adds."""
    return Address(shown_path(request.scope), request.query_params.multi_items())


def error_page(request: Request, problem: Problem) -> Response:
    """What went wrong, for people. It needs no database. Whoever is nobody yet is asked to sign in first."""
    if problem.status is HTTPStatus.UNAUTHORIZED and request.method == "GET" and "hx-request" not in request.headers:
        return RedirectResponse(str(Address("/sign-in", [("back", str(here(request)))])), 303)
    return _response(request, "problem.html", problem.status, problem=problem)


def plain_page(request: Request, template: str, **shown: Any) -> Response:
    """A page that says nothing of the house's figures."""
    return _response(request, template, **shown)


def written(template: str, **shown: Any) -> str:
    """A page to take along, complete in itself."""
    return _templates.get_template(template).render(**shown)


def _response(
    request: Request, template: str, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None, **shown: Any
) -> Response:
    viewer = viewer_of(request)
    session = getattr(request.state, "session", None)
    carried = Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, session.form_token) if session else Markup()
    # On the way in there is nobody yet of whom one could tell what they may do.
    may_audit = viewer.may(Permission.AUDIT) and (viewer.role is not None or not request.app.state.keys_needed)
    known = {
        "places": (*PLACES, AUDIT) if may_audit else PLACES,
        "form_token": lambda: carried,
        "visiting": session is not None,
        "viewer": viewer,
        "may_decide": viewer.may(Permission.DECIDE),
        "may_operate": viewer.may(Permission.OPERATE),
        "viewer_may_see_raw": viewer.may(Permission.RAW),
        "badge": None,
        "moment": Moment(clock()),
        "position": None,
        "lag": 0,
    } | shown
    body = _templates.get_template(template).render(here=here(request), demo=request.app.state.demo, **known)
    return HTMLResponse(_BLANKS.sub(r"\1", body), int(status), headers)
