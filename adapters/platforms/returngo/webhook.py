"""What a ReturnGO webhook points at. Its bodies are not published, and nobody signs them: a hint where to look, never a fact."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from adapters.files.exact_json import loads
from adapters.platforms.returngo.fields import Document, first_text, instant, text, walk
from adapters.platforms.returngo.mapping import plain

# An RMA's id goes into a URL and into source ids.
_ID = re.compile(r"(?:RMA[-_ ]?)?([A-Za-z0-9][A-Za-z0-9_-]{0,59})\Z")
_MOST_IDS = 20
_RMA_ID = {"rmaid", "rmanumber", "rma"}
_RMA_HOLDER = {"rma", "rmasummary", "rmadata", "rmaeventdata"}
_OTHERS = {"shipmentid", "transactionid", "trackingnumber", "status"}


class Hint(NamedTuple):
    """`rma_ids` where the body names any; otherwise one of the others may lead to them."""

    event: str | None
    at: datetime | None
    at_said: str | None
    rma_ids: tuple[str, ...]
    transaction_id: str | None
    order: str | None
    tracking_number: str | None
    # What tells two hints about one RMA apart that carry the same second.
    beside: str


def read_hint(body: bytes) -> Hint | None:
    """None for what is no JSON object or list of them. Never raises."""
    try:
        content = loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    objects = list(walk(content))
    if not objects:
        return None
    event = _first(objects, "eventName", "event_name", "event", "topic")
    at_said = _first(objects, "eventDate", "event_date", "date", "createdAt")
    transaction_id = _first(objects, "transactionId", "transaction_id")
    if transaction_id is None and (event or "").startswith(("TRANSACTION_", "REFUND_")):
        transaction_id = _first(objects, "id")
    beside = sorted(
        f"{plain(name)}={said}" for each in objects for name, value in each.items() if plain(name) in _OTHERS and (said := text(value))
    )
    return Hint(
        event,
        instant(at_said),
        at_said,
        _rma_ids(objects, event),
        transaction_id,
        _first(objects, "order_name", "orderName"),
        _first(objects, "trackingNumber", "tracking_number"),
        "/".join(beside),
    )


def rma_ids_in(document: Document) -> tuple[str, ...]:
    """The RMAs that a document names anywhere."""
    return _rma_ids(list(walk(document)), None)


def _rma_ids(objects: list[Document], event: str | None) -> tuple[str, ...]:
    """Wherever the body keeps them: `rmaId` in any spelling, or the `id` of an `rma` object, or of an RMA event itself."""
    said: list[object] = []
    for each in objects:
        for name, value in each.items():
            if plain(name) in _RMA_HOLDER and isinstance(value, dict):
                said.append(value.get("id"))
            elif plain(name) in _RMA_ID:
                said.append(value)
    if not any(text(value) for value in said) and (event or "").startswith("RMA_"):
        said += [each.get(name) for each in objects for name in ("id", "resourceId", "resource_id")]
    matches = (_ID.match(spelt) for value in said if (spelt := text(value)) is not None)
    return tuple(dict.fromkeys(match[1] for match in matches if match is not None))[:_MOST_IDS]


def _first(objects: list[Document], *names: str) -> str | None:
    return next((found for each in objects if (found := first_text(each, *names)) is not None), None)
