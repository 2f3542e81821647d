"""Where the next page begins, sealed to what was asked: a cursor of another question is refused, not misread."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from api.http.asking import Asked
from api.http.problems import Problem, bad_parameter

# The largest number a bigint column holds.
_MOST = 2**63 - 1


def write_cursor(asked: Asked, after: Sequence[str | int]) -> str:
    told = orjson.dumps({"of": _question(asked), "after": list(after)})
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def read_cursor(asked: Asked, *kinds: type) -> Any | None:
    """The values that `write_cursor` was given, of these types; None on the first page. Raises Problem for anything else."""
    text: str | None = getattr(asked, "cursor", None)
    if text is None:
        return None
    try:
        told = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise broken() from None
    if not isinstance(told, dict) or not isinstance(told.get("after"), list):
        raise broken()
    if told.get("of") != _question(asked):
        raise bad_parameter("cursor", "belongs to another question; filters, sort and moments must stay the same from page to page")
    after = told["after"]
    if len(after) != len(kinds) or not all(type(value) is kind for value, kind in zip(after, kinds, strict=True)):
        raise broken()
    if any(not 0 <= value <= _MOST if isinstance(value, int) else "\x00" in value for value in after):
        raise broken()
    return tuple(after)


def broken() -> Problem:
    return bad_parameter("cursor", "cannot be read; take it from `next` of the page before, unchanged, or leave it out for the first page")


def _question(asked: Asked) -> str:
    """What was asked, but for how much of it: pages may have different sizes."""
    told = type(asked).__name__ + asked.model_dump_json(exclude={"limit", "cursor"})
    return hashlib.sha256(told.encode()).hexdigest()[:16]
