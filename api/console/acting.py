"""Decisions from the console: a form becomes an event with who, when and why, or a sentence that says why it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from api.bootstrap import House
from api.console.viewer import DECIDES, Fields, Viewer, Viewing, field
from api.console.writing import of_return
from api.http.problems import Problem, bad_parameter, unknown_return
from api.http.reading import TheHouse
from api.http.segments import Part
from api.resolving import FIELDS, may, read_decision, resolve
from domain.deciding import Decision
from domain.refusals import Rejected, Unfitting
from domain.telling import ReturnKey

router = APIRouter(include_in_schema=False)


@router.post("/returns/{merchant}/{platform}/{return_id}/decide", dependencies=[DECIDES])
def decide_here(
    request: Request, merchant: Part, platform: Part, return_id: Part, fields: Fields, viewer: Viewing, house: TheHouse
) -> Response:
    key, reason = ReturnKey(merchant, platform, return_id), field(fields, "reason")
    decision = decision_of(fields, viewer)
    record(house, key, decision, viewer, reason)
    catch_up(request.app, house)
    return RedirectResponse(_back(field(fields, "back")) or of_return(*key), HTTPStatus.SEE_OTHER)


def catch_up(app: FastAPI, house: House) -> None:
    """Whoever decided sees at once what it made, in every count."""
    house.catch_up()
    app.state.counted.forget()
    app.state.badges.forget()
    app.state.balances.forget()


def decision_of(fields: Mapping[str, list[str]], viewer: Viewer, more: Mapping[str, str | None] | None = None) -> Decision:
    """Raises Problem where the form lacks something, or the viewer's role may not decide that."""
    given = {name: field(fields, name) or "" for name in FIELDS if name in fields} | dict(more or {})
    try:
        decision = read_decision(field(fields, "action") or "", given, field(fields, "reason"))
    except Rejected as wrong:
        raise bad_parameter(wrong.field, wrong.reason) from None
    if viewer.role is not None and not may(viewer.role, decision):
        raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"Somebody of the role {viewer.role} may not decide this.")
    return decision


def record(house: House, key: ReturnKey, decision: Decision, viewer: Viewer, reason: str | None, *, dry_run: bool = False) -> None:
    """Raises Problem with the sentence that says why it cannot be."""
    try:
        resolve(house, key, decision, by=viewer.name, reason=reason, dry_run=dry_run)
    except Unfitting as unfitting:
        raise Problem(HTTPStatus.CONFLICT, "unfitting", str(unfitting)) from None
    except Rejected as wrong:
        raise bad_parameter(wrong.field, wrong.reason) from None
    except LookupError as unknown:
        raise unknown_return(str(unknown)) from None


def _back(path: str | None) -> str | None:
    """Only to a page of this house."""
    return path if path and path.startswith("/") and not path.startswith(("//", "/\\")) else None
