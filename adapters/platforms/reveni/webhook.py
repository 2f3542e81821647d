"""What a Reveni webhook points at: nobody signs it, so it is a hint where to look, never a fact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.files.exact_json import loads
from adapters.platforms.reveni.document import RETURN_ID
from adapters.vendor.shapes import first_text, instant, nested, shown, text

# The event of a hint that polling makes.
POLLED: Final = "poll"


class Hint(NamedTuple):
    """`return_id` is None where the event is about something else; `status` and `at` are what the body says of it."""

    event: str | None
    delivery_id: str | None
    return_id: str | None
    status: str | None
    at: datetime | None


def read_hint(body: bytes) -> Hint | None:
    """None for what is no JSON object. Never raises."""
    try:
        content: Any = loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, Mapping):
        return None
    event = first_text(content, "event", "event_type", "type")
    about = nested(content, "data") or content
    named = text(about.get("return_id"))
    if named is None and (event is None or event.casefold().startswith(("return", POLLED))):
        named = first_text(about, "resource_id", "id") if about is not content else text(about.get("resource_id"))
    return_id = named if named is not None and RETURN_ID.match(named) else None
    status, at = text(about.get("status")), instant(content.get("created"))
    return Hint(shown(event) if event is not None else None, text(content.get("id")), return_id, status, at)


def hint_at(return_id: str) -> bytes:
    """What polling puts into the inbox of a return that something is left to do with."""
    return json.dumps({"event": POLLED, "data": {"resource_id": return_id}}).encode()
