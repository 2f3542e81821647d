"""Slashes inside the parts of a path: `HR%2F88-2` is one part, though every server decodes it before it looks for the route.

On its way through routing such a slash is a character of Unicode's private use area, which no merchant and no id can contain
(`domain.facts.PRINTABLE`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import AfterValidator
from starlette.types import ASGIApp, Receive, Scope, Send

_SLASH: Final = "\ue000"
_ENCODED_SLASH = re.compile(rb"%2f", re.IGNORECASE)
# Sent by somebody, it would stand for a slash that is none: it becomes another character that cannot be in an id.
_ENCODED_STAND_IN = re.compile(rb"%ee%80%80", re.IGNORECASE)
_STAND_IN, _NOBODYS = quote(_SLASH).encode(), quote("\ue001").encode()


class KeepSlashes:
    """ASGI: decodes the path so that its parts stay apart."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path")
        if scope["type"] == "http" and raw and b"%" in raw:
            kept = _ENCODED_SLASH.sub(_STAND_IN, _ENCODED_STAND_IN.sub(_NOBODYS, raw))
            scope = {**scope, "path": scope.get("root_path", "") + unquote(kept.decode("ascii", "replace"))}
        await self._app(scope, receive, send)


def _with_slashes(part: str) -> str:
    return part.replace(_SLASH, "/")


Part = Annotated[str, Path(min_length=1, max_length=600), AfterValidator(_with_slashes)]


def encoded(part: str) -> str:
    """A part of a path, as it stands in an address."""
    return quote(part, safe="")


def shown_path(scope: Scope) -> str:
    """The path as it was asked for."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    return str(raw.decode("ascii", "replace"))
