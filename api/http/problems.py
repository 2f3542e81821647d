"""Everything that can go wrong over HTTP, as application/problem+json (RFC 9457); a browser gets a page that says the same.

400 the request cannot be read      401 no key, or none that is good    403 the key's role may not       404 no such route or return
405 another method                  413 too large                       422 a parameter is not understood 500 our mistake
503 the database is away or slow: the same request can be made again
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
import psycopg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from psycopg.errors import QueryCanceled
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from adapters.event_store import LedgerBusy, LedgerUnavailable
from api.http.segments import shown_path
from projections.board import AmbiguousReturn, NoSuchReturn

log = logging.getLogger("returns_ledger")

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS = 5
_URN = "urn:returns-ledger:problem:"
# RFC 9110's words; `http` says what its version of Python knew.
_TITLES: Final = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large", HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content"}


class Problem(Exception):
    """`name` says which problem it is, for programs; `detail` says what to do, for people; `errors` name the fields."""

    def __init__(
        self,
        status: HTTPStatus,
        name: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail = status, name, detail
        self.errors, self.headers = [dict(error) for error in errors], dict(headers or {})

    @property
    def title(self) -> str:
        return _TITLES.get(self.status, self.status.phrase)

    def body(self, request: Request) -> dict[str, Any]:
        told: dict[str, Any] = {
            "type": _URN + self.name,
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "instance": shown_path(request.scope),
        }
        return told | ({"errors": self.errors} if self.errors else {})


def bad_parameter(field: str, reason: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-parameter", f"{field}: {reason}", errors=[{"field": field, "reason": reason}])


def unknown_return(detail: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown-return", detail)


def away(detail: str) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database-away", detail, headers={"Retry-After": str(RETRY_SECONDS)})


def our_mistake() -> Problem:
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something broke in here; the house's log says what. Nothing was changed.")


ErrorPage = Callable[[Request, Problem], Response]


def answer(request: Request, problem: Problem) -> Response:
    """The problem as JSON, or as a page where a browser asks for one."""
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and not shown_path(request.scope).startswith("/api/") and "text/html" in request.headers.get("accept", ""):
        response = page(request, problem)
    else:
        response = Response(orjson.dumps(problem.body(request)), int(problem.status), media_type=MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def install(app: FastAPI) -> None:
    """Every error that the routes let through becomes a problem."""
    for kind, problem_of in _PROBLEMS.items():
        app.add_exception_handler(kind, _handler(problem_of))


def _handler(problem_of: Callable[[Request, Any], Problem]) -> Callable[[Request, Exception], Any]:
    async def handle(request: Request, failure: Exception) -> Response:
        return answer(request, problem_of(request, failure))

    return handle


def _of_framework(request: Request, refused: HTTPException) -> Problem:
    status = HTTPStatus(refused.status_code)
    path = shown_path(request.scope)
    match status:
        case HTTPStatus.NOT_FOUND:
            return Problem(status, "unknown-route", f"There is nothing at {path}; /api/openapi.json lists what there is.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (refused.headers or {}).get("Allow", "GET")
            return Problem(
                status, "method-not-allowed", f"{path} cannot be asked with {request.method}, only with {allowed}.", headers=refused.headers
            )
        case _:
            return Problem(status, status.phrase.lower().replace(" ", "-"), str(refused.detail), headers=refused.headers)


def _of_parameters(_: Request, invalid: RequestValidationError) -> Problem:
    errors = [{"field": _field(error["loc"]), "reason": _reason(error)} for error in invalid.errors()]
    told = "; ".join(f"{error['field']}: {error['reason']}" for error in errors[:3]) + ("; …" if len(errors) > 3 else "")
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-parameter", told, errors=errors)


def _field(location: Sequence[int | str]) -> str:
    """Where it stands in the request: `query.kind.0` is the first `kind`."""
    return str(location[1]) if len(location) > 1 else "request"


def _reason(error: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a parameter of this address; check the spelling"
    reason = str(error["msg"]).removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:]


def _of_database(_: Request, failure: psycopg.OperationalError) -> Problem:
    if isinstance(failure, QueryCanceled):
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "too-slow",
            "The answer took too long to find. Narrow the question, with a merchant or a kind, or ask again later.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )
    log.warning("http: %s", str(failure).strip())
    return away("The database cannot be reached at the moment. Ask again in a few seconds.")


def _of_ledger(_: Request, failure: Exception) -> Problem:
    log.warning("http: %s", failure)
    return away("The ledger cannot be reached at the moment. Ask again in a few seconds.")


_PROBLEMS: Final[Mapping[type[Exception], Callable[[Request, Any], Problem]]] = {
    Problem: lambda _, problem: problem,
    HTTPException: _of_framework,
    RequestValidationError: _of_parameters,
    NoSuchReturn: lambda _, unknown: unknown_return(str(unknown)),
    AmbiguousReturn: lambda _, ambiguous: bad_parameter("return", str(ambiguous)),
    psycopg.OperationalError: _of_database,
    LedgerUnavailable: _of_ledger,
    LedgerBusy: _of_ledger,
}
