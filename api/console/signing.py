"""Coming in and going out: by an API key, a one-time link, or the identity provider; and the visits somebody has open."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from psycopg import Connection
from starlette.responses import RedirectResponse, Response

from adapters import audit, keys, oidc, people, sessions
from api.bootstrap import House, clock
from api.console.rendering import plain_page
from api.console.viewer import Fields, field
from api.http.auth import COOKIE, Permission, address_of, needs
from api.http.problems import Problem
from api.http.reading import TheHouse, connection
from api.settings import Oidc

log = logging.getLogger("returns_ledger")
router = APIRouter(include_in_schema=False)

STATE_COOKIE: Final = "returns_ledger_state"
RETURN: Final = "/sign-in/oidc/return"
_LONGEST_TOKEN: Final = 400
_USELESS: Final = "This {} is unknown, used up, expired or revoked."


@router.get("/sign-in", dependencies=[needs(Permission.OPEN)])
def sign_in_page(request: Request, house: TheHouse, back: str = "/") -> Response:
    return _page(request, house, back=own_page(back))


@router.post("/sign-in/key", dependencies=[needs(Permission.OPEN)])
def sign_in_by_key(request: Request, fields: Fields, house: TheHouse) -> Response:
    given, back, now = field(fields, "key", _LONGEST_TOKEN) or "", own_page(field(fields, "back")), clock()
    with connection(house) as conn:
        _not_too_often(conn, request, now)
        holder = keys.find(conn, given, now)
        if holder is None:
            return _refused(conn, request, house, now, _USELESS.format("key"), back)
        return _welcome(conn, request, house, "key", now, back, holder.name or holder.key_id, holder.role, key_id=holder.key_id)


@router.get("/sign-in/link", dependencies=[needs(Permission.OPEN)])
def show_link(request: Request, house: TheHouse, token: str = "") -> Response:
    """Only shows a button: a mail program that looks at every link must not use it up."""
    return _page(request, house, token=token[:_LONGEST_TOKEN], back="/")


@router.post("/sign-in/link", dependencies=[needs(Permission.OPEN)])
def sign_in_by_link(request: Request, fields: Fields, house: TheHouse) -> Response:
    now = clock()
    with connection(house) as conn:
        _not_too_often(conn, request, now)
        person = people.use_link(conn, field(fields, "token", _LONGEST_TOKEN) or "", now)
        if person is None:
            return _refused(conn, request, house, now, _USELESS.format("link"), "/")
        return _welcome(conn, request, house, "link", now, "/", person.name, person.role, person=person.id)


@router.get("/sign-in/oidc", dependencies=[needs(Permission.OPEN)])
def go_to_provider(request: Request, house: TheHouse, back: str = "/") -> Response:
    provider, now = _provider(house), clock()
    with connection(house) as conn:
        _not_too_often(conn, request, now)
        try:
            address, state = provider.begin(conn, _public(request, house) + RETURN, own_page(back), now)
        except oidc.OidcError as wrong:
            return _refused(conn, request, house, now, str(wrong), own_page(back))
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    # Whoever brings the state back must be the browser that was sent: otherwise one could be signed in as somebody else unawares.
    _set_cookie(response, request, house, STATE_COOKIE, state, int(oidc.TRY_LIFETIME.total_seconds()))
    return response


@router.get(RETURN, dependencies=[needs(Permission.OPEN)])
def come_from_provider(request: Request, house: TheHouse, state: str = "", code: str = "", error: str = "") -> Response:
    provider, now, kept = _provider(house), clock(), request.cookies.get(STATE_COOKIE, "")
    with connection(house) as conn:
        _not_too_often(conn, request, now)
        if not state or not secrets.compare_digest(state.encode(), kept.encode()):
            return _refused(conn, request, house, now, "This sign-in was not begun in this browser; begin again.", "/")
        if error or not code:
            return _refused(conn, request, house, now, f"The identity provider said no: {error[:80] or 'without a reason'}.", "/")
        try:
            told, back = provider.finish(conn, state, code, _public(request, house) + RETURN, now)
        except oidc.OidcError as wrong:
            return _refused(conn, request, house, now, str(wrong), "/")
        person = people.known_outside(conn, provider.terms.issuer, told.subject, told.name, told.role, now)
        if person is None:
            return _refused(conn, request, house, now, f"{told.name} may not sign in here any more.", "/")
        response = _welcome(conn, request, house, "oidc", now, own_page(back), person.name, person.role, person=person.id)
    response.delete_cookie(STATE_COOKIE)
    return response


@router.get("/visits", dependencies=[needs(Permission.READ)])
def my_visits(request: Request, house: TheHouse) -> Response:
    with connection(house) as conn:
        found = sessions.of_same_visitor(conn, _visit(request).id, clock())
    return plain_page(request, "visits.html", visits=found)


@router.post("/visits/{visit}/end", dependencies=[needs(Permission.READ)])
def end_visit(request: Request, visit: str, house: TheHouse) -> Response:
    """`all`: sign out everywhere; `this`: sign out here; or the id of another visit of one's own."""
    mine, now = _visit(request), clock()
    with connection(house) as conn, conn.transaction():
        if visit == "all":
            count = sessions.end_all(conn, mine.id, now)
        else:
            count = sessions.end(conn, mine.id, mine.id if visit == "this" else visit, now)
        what: audit.What = "sign_out" if visit in ("this", mine.id) else "sessions.ended"
        audit.record(
            conn,
            what,
            now,
            who=mine.name,
            role=mine.role,
            address=address_of(request),
            detail=f"{count} visits" if visit == "all" else visit,
        )
    response = RedirectResponse("/sign-in" if visit in ("this", "all", mine.id) else "/visits", HTTPStatus.SEE_OTHER)
    if visit in ("this", "all", mine.id):
        response.delete_cookie(COOKIE)
    return response


def own_page(path: str | None) -> str:
    """Only to a page of this house: `//elsewhere` and `/\\elsewhere` are others' to a browser."""
    fine = path and path.startswith("/") and not path.startswith(("//", "/\\", "/sign-in")) and path.isprintable()
    return path if path and fine else "/"


def _page(request: Request, house: House, *, back: str, token: str | None = None, wrong: str | None = None) -> Response:
    return plain_page(request, "sign_in.html", back=back, token=token, wrong=wrong, by_provider=house.settings.oidc is not None)


def _visit(request: Request) -> sessions.Session:
    found: sessions.Session | None = getattr(request.state, "session", None)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-visit", "Nobody has signed in here: this house needs no sign-in, or you came with a key.")
    return found


def _not_too_often(conn: Connection[Any], request: Request, now: datetime) -> None:
    if audit.too_many_failures(conn, address_of(request), now):
        wait = str(int(audit.FAILURES_WITHIN.total_seconds()))
        said = "Too many sign-ins failed from this address. Wait ten minutes, then try again."
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-tries", said, headers={"Retry-After": wait})


def _refused(conn: Connection[Any], request: Request, house: House, now: datetime, said: str, back: str) -> Response:
    audit.record(conn, "sign_in.failed", now, address=address_of(request), detail=said)
    log.warning("sign-in from %s refused: %s", address_of(request), said)
    response = _page(request, house, back=back, wrong=said)
    response.status_code = HTTPStatus.FORBIDDEN
    return response


def _welcome(
    conn: Connection[Any], request: Request, house: House, how: Literal["link", "oidc", "key"], now: datetime, back: str,
    name: str, role: str, *, person: str | None = None, key_id: str | None = None,
) -> Response:  # fmt: skip
    lifetime, address = house.settings.console.lifetime, address_of(request)
    with conn.transaction():
        token = sessions.begin(
            conn, how, now, lifetime, person=person, key_id=key_id, address=address, agent=request.headers.get("user-agent")
        )
        audit.record(conn, "sign_in", now, who=name, role=role, address=address, detail=how)
    response = RedirectResponse(back, HTTPStatus.SEE_OTHER)
    _set_cookie(response, request, house, COOKIE, token, int(lifetime.total_seconds()))
    return response


def _set_cookie(response: Response, request: Request, house: House, name: str, value: str, seconds: int) -> None:
    secure = _public(request, house).startswith("https://")
    # Lax, not strict: coming back from the identity provider is a step from another site.
    response.set_cookie(name, value, max_age=seconds, httponly=True, secure=secure, samesite="lax", path="/")


def _public(request: Request, house: House) -> str:
    """What browsers call this house. Behind a proxy it has to be told: what the request says of it, anybody can write."""
    return house.settings.console.public_url or f"{request.url.scheme}://{request.url.netloc}"


def _provider(house: House) -> oidc.Provider:
    if house.settings.oidc is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no-provider", "This house has no identity provider; see [oidc] in the configuration.")
    return provider_of(house.settings.oidc)


def provider_of(given: Oidc) -> oidc.Provider:
    secret = given.client_secret.get_secret_value() if given.client_secret else None
    roles: Mapping[str, tuple[str, ...]] = {str(role): values for role, values in given.roles.items()}
    return oidc.Provider(oidc.Terms(given.issuer, given.client_id, secret, given.role_claim, roles))
