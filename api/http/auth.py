"""Who may ask what: every route names the permission it needs, and the role of a key or a visit says which ones it has.

A visit's cookie comes with whatever a browser sends here, also at the bidding of another site. So whatever changes something must carry the
visit's form token as well: in the field `csrf` of the form, or in the header `X-CSRF-Token`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from adapters import audit, keys, sessions
from api.bootstrap import House, clock
from api.http.problems import Problem
from api.http.reading import connection


class Permission(StrEnum):
    """OPEN is for whoever reaches the port: probes, figures without business content, a style sheet.

    RAW shows what platforms sent as it came, with names and addresses; OPERATE has the house do something again; DECIDE is for what
    people decide about returns, each role within its own; AUDIT shows who used which right.
    """

    OPEN = "open"
    READ = "read"
    RAW = "raw"
    OPERATE = "operate"
    DECIDE = "decide"
    AUDIT = "audit"


_MORE: Final[Mapping[str, frozenset[Permission]]] = {
    "finance": frozenset({Permission.DECIDE}),
    "auditor": frozenset({Permission.RAW, Permission.AUDIT}),
    "ops": frozenset({Permission.RAW, Permission.OPERATE, Permission.DECIDE}),
    "admin": frozenset({Permission.RAW, Permission.OPERATE, Permission.DECIDE, Permission.AUDIT}),
}
PERMISSIONS: Final[Mapping[str, frozenset[Permission]]] = {
    role: frozenset({Permission.READ}) | _MORE.get(role, frozenset()) for role in keys.ROLES
}
_HOW = "send `Authorization: Bearer rl_…`; `returns-ledger key create --role auditor` makes a key"


COOKIE: Final = "returns_ledger"
FORM_FIELD: Final = "csrf"
_HEADER: Final = "x-csrf-token"
NOBODY_SIGNED_IN: Final = "somebody"
_HARMLESS: Final = ("GET", "HEAD", "OPTIONS")


class Guard:
    """A dependency of a route: lets those through who have its permission. What is `noted` stands in the audit with who and when."""

    def __init__(self, permission: Permission, noted: audit.What | None = None) -> None:
        self.permission, self.noted = permission, noted

    async def __call__(self, request: Request) -> None:
        if self.permission is Permission.OPEN or not request.app.state.keys_needed:
            return
        header, cookie = request.headers.get("authorization"), request.cookies.get(COOKIE)
        holder: keys.Holder | sessions.Session
        if header or not cookie:
            holder = await run_in_threadpool(_holder, request, header)
            request.state.holder = holder
        else:
            holder = await run_in_threadpool(_visitor, request, cookie)
            request.state.session, request.state.holder = holder, keys.Holder(holder.id, holder.role, holder.name)
            if request.method not in _HARMLESS and not secrets.compare_digest(await _told_token(request), holder.form_token.encode()):
                raise forged()
        if self.permission not in PERMISSIONS[holder.role]:
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"The role {holder.role} may not do this.")
        if self.noted is not None:
            await run_in_threadpool(_note, request, self.noted, request.state.holder)


def needs(permission: Permission, *, noted: audit.What | None = None) -> Any:
    return Depends(Guard(permission, noted))


def forged() -> Problem:
    said = "This form was not sent from a page of this visit; load the page again. Nothing was changed."
    return Problem(HTTPStatus.FORBIDDEN, "forged", said)


def name_of(request: Request) -> str:
    """Who asks, as decisions and the audit name them."""
    holder = getattr(request.state, "holder", None)
    if holder is None:
        return "demo" if request.app.state.demo else NOBODY_SIGNED_IN
    return str(holder.name or holder.key_id)


Who = Annotated[str, Depends(name_of)]


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


async def _told_token(request: Request) -> bytes:
    told = request.headers.get(_HEADER)
    if told is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields = parse_qsl((await request.body()).decode("utf-8", "replace"))
        told = next((value for name, value in fields if name == FORM_FIELD), None)
    return (told or "").encode()


def _visitor(request: Request, cookie: str) -> sessions.Session:
    house: House = request.app.state.house
    with connection(house) as conn:
        found = sessions.find(conn, cookie, clock(), house.settings.console.idle)
    if found is None:
        raise _unauthorized("This visit has ended: sign in again.", "Bearer")
    return found


def _holder(request: Request, header: str | None) -> keys.Holder:
    if not header:
        raise _unauthorized(f"This house needs a key: {_HOW}.", "Bearer")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip().startswith(keys.PREFIX):
        raise _unauthorized(f"Only keys of this house are understood: {_HOW}.", "Bearer")
    with connection(request.app.state.house) as conn:
        holder = keys.find(conn, key.strip(), now := clock())
        if holder is not None and keys.used(conn, holder, now):
            who, address = holder.name or holder.key_id, address_of(request)
            audit.record(conn, "key.used", now, who=who, role=holder.role, address=address, detail=holder.key_id)
    if holder is None:
        raise _unauthorized(f"This key is unknown, expired or revoked: {_HOW}.", 'Bearer error="invalid_token"')
    return holder


def _note(request: Request, what: audit.What, holder: keys.Holder) -> None:
    """Told before the answer is given: what cannot be noted is not done."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    with connection(request.app.state.house) as conn:
        audit.record(conn, what, clock(), who=holder.name or holder.key_id, role=holder.role, address=address_of(request), detail=asked)


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
