"""Fields of ReturnGO's JSON as they really come: 0 and 1 for booleans, numbers for texts, texts for numbers, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from adapters.files.exact_json import Number

Document = Mapping[str, Any]

_YES = {"true", "1", "yes"}
_NO = {"false", "0", "no"}


def text(value: object) -> str | None:
    """A text or an id; None where there is none. Reasons begin with ` > ` in some shops, which says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip().removeprefix(">").strip() or None


def flag(value: object) -> bool | None:
    """A boolean in any of its shapes; None where there is none."""
    said = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    return True if said in _YES else False if said in _NO else None


def number(value: object) -> Decimal | None:
    """A number, exactly as it stands in the JSON; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, Number | str | int):
        return None
    try:
        read = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    # Larger or finer than any amount of money: no number of ours.
    return read if read.is_finite() and -30 < read.adjusted() < 15 else None


def instant(value: object) -> datetime | None:
    """An instant in UTC; None where there is none, and for the malformed dates that vendors write. A date without offset is in UTC."""
    said = text(value)
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def nested(document: object, *names: str) -> Document:
    """The object below these names; empty where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def every(document: Document, name: str) -> list[Document]:
    """The objects of a list; none where there is no list."""
    value = document.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def first_text(document: Document, *names: str) -> str | None:
    """The first of these fields that has a text."""
    return next((found for name in names if (found := text(document.get(name))) is not None), None)


def walk(value: object, depth: int = 8) -> Iterator[Document]:
    """Every object in a document, the outer before the inner."""
    if depth == 0:
        return
    if isinstance(value, Mapping):
        yield value
        for member in value.values():
            yield from walk(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            yield from walk(member, depth - 1)
