"""Who may ask what: every route names the permission it needs, and a key's role says which ones it has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from adapters import keys
from api.bootstrap import House, clock
from api.http.problems import Problem
from api.http.reading import connection


class Permission(StrEnum):
    """OPEN is for whoever reaches the port: probes, figures without business content, a style sheet.

    RAW shows what platforms sent as it came, with names and addresses; OPERATE has the house do something again; DECIDE is for what
    people decide about returns, each role within its own.
    """

    OPEN = "open"
    READ = "read"
    RAW = "raw"
    OPERATE = "operate"
    DECIDE = "decide"


_MORE: Final[Mapping[str, frozenset[Permission]]] = {
    "finance": frozenset({Permission.DECIDE}),
    "auditor": frozenset({Permission.RAW}),
    "ops": frozenset({Permission.RAW, Permission.OPERATE, Permission.DECIDE}),
    "admin": frozenset({Permission.RAW, Permission.OPERATE, Permission.DECIDE}),
}
PERMISSIONS: Final[Mapping[str, frozenset[Permission]]] = {
    role: frozenset({Permission.READ}) | _MORE.get(role, frozenset()) for role in keys.ROLES
}
_HOW = "send `Authorization: Bearer rl_…`; `returns-ledger key create --role auditor` makes a key"


class Guard:
    """A dependency of a route: lets those through who have its permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        if self.permission is Permission.OPEN or not request.app.state.keys_needed:
            return
        holder = await run_in_threadpool(_holder, request.app.state.house, request.headers.get("authorization"))
        request.state.holder = holder
        if self.permission not in PERMISSIONS[holder.role]:
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"A key of the role {holder.role} may not do this.")


def needs(permission: Permission) -> Any:
    return Depends(Guard(permission))


def _holder(house: House, header: str | None) -> keys.Holder:
    if not header:
        raise _unauthorized(f"This house needs a key: {_HOW}.", "Bearer")
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip().startswith(keys.PREFIX):
        raise _unauthorized(f"Only keys of this house are understood: {_HOW}.", "Bearer")
    with connection(house) as conn:
        holder = keys.find(conn, key.strip(), clock())
    if holder is None:
        raise _unauthorized(f"This key is unknown, expired or revoked: {_HOW}.", 'Bearer error="invalid_token"')
    return holder


def _unauthorized(detail: str, challenge: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail, headers={"WWW-Authenticate": challenge})
