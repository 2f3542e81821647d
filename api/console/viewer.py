"""Who looks at a page, and the forms they send: the one place where the console meets sign-in and its defence against forgery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from api.http.auth import PERMISSIONS, Permission, name_of, needs
from api.http.problems import Problem, bad_parameter

# What the browser itself says of where a request comes from; old ones and programs say nothing.
_OWN: Final = (None, "same-origin", "none")
_MOST_FIELDS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Viewer:
    """`name` stands in what they decide. `role` None: nobody needs to sign in here, and everything may be done."""

    name: str
    role: str | None

    def may(self, permission: Permission) -> bool:
        return self.role is None or permission in PERMISSIONS[self.role]

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners of gaps that `owner:me` stands for."""
        return (self.name,) if self.role is None else (self.role, self.name)


def viewer_of(request: Request) -> Viewer:
    holder = getattr(request.state, "holder", None)
    return Viewer(name_of(request), None if holder is None else holder.role)


# Which decision it is, the role's rights say once the form is read.
DECIDES: Final = needs(Permission.DECIDE)
Viewing = Annotated[Viewer, Depends(viewer_of)]


async def _fields(request: Request) -> Mapping[str, list[str]]:
    """A form's fields. Raises Problem for one that was sent from another site, or that is no form."""
    if request.headers.get("sec-fetch-site") not in _OWN:
        raise Problem(HTTPStatus.FORBIDDEN, "forged", "This form was sent from another site; nothing was changed.")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise bad_parameter("form", "cannot be read; send it as application/x-www-form-urlencoded") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


Fields = Annotated[Mapping[str, list[str]], Depends(_fields)]


def field(fields: Mapping[str, list[str]], name: str, most: int = 2000) -> str | None:
    """One field's text without the spaces around it; None where there is none. Raises Problem for one that is too long."""
    text = fields.get(name, [""])[-1].strip()
    if len(text) > most or "\x00" in text:
        raise bad_parameter(name, f"must be text of at most {most} characters")
    return text or None
