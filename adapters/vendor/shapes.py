"""Fields of vendors' JSON that nobody promised: read as they come, with None for what is not there or makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from adapters.files.exact_json import Number

Document = Mapping[str, Any]

# JavaScript writes 30.000000000000004 where it means 30.
_FINEST: Final = -30
_LARGEST: Final = 15
_EARLIEST_YEAR, _LATEST_YEAR = 2000, 2200


def text(value: object) -> str | None:
    """A text or an id; None where there is none."""
    if isinstance(value, bool | Number) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def first_text(document: Document, *names: str) -> str | None:
    """The first of these fields that has a text."""
    return next((found for name in names if (found := text(document.get(name))) is not None), None)


def flag(value: object) -> bool | None:
    """A boolean, also as 0 and 1 or as a word; None where there is none."""
    said = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    return True if said in ("true", "1", "yes") else False if said in ("false", "0", "no") else None


def count(value: object) -> int | None:
    """A whole number that is not negative, also as a text; None where there is none."""
    read = number(value)
    return int(read) if read is not None and read >= 0 and read == read.to_integral_value() else None


def number(value: object) -> Decimal | None:
    """A number, exactly as it stands in the JSON or in a text; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, Number | str | int):
        return None
    try:
        read = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return read if read.is_finite() and _FINEST < read.adjusted() < _LARGEST else None


def instant(value: object) -> datetime | None:
    """An instant in UTC, from a date with time or from seconds since 1970; None where there is none, and for the malformed dates that
    vendors write. A date without offset is in UTC."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return _sensible(datetime.fromtimestamp(value, UTC))
        except (ValueError, OverflowError, OSError):
            return None
    said = text(value)
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
        return _sensible(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def first_instant(document: Document, *names: str) -> datetime | None:
    return next((found for name in names if (found := instant(document.get(name))) is not None), None)


def nested(document: object, *names: str) -> Document:
    """The object below these names; empty where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def objects(value: object) -> list[Document]:
    """The objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def listed(content: object, *names: str) -> list[Any]:
    """The rows of a list answer, which may be the list itself or stand under one of these names."""
    if isinstance(content, list):
        return content
    if isinstance(content, Mapping):
        for name in names:
            if isinstance(content.get(name), list):
                return list(content[name])
    return []


def following(content: object) -> str | None:
    """Where the next page of a list begins, wherever the answer keeps that; None after the last."""
    for holder in (content, *(nested(content, name) for name in ("page", "pageInfo", "pagination", "paging", "links", "meta"))):
        if isinstance(holder, Mapping):
            found = first_text(holder, "after", "next", "next_cursor", "nextCursor", "endCursor", "next_page", "nextPage", "cursor")
            if found is not None:
                return found
    return None


@lru_cache(maxsize=2_000)
def plain(word: str) -> str:
    """A word by its letters and digits only: vendors write one status as `dropped-off`, `dropped_off` and `Dropped off`."""
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def shown(word: str) -> str:
    """A value that nobody expected, short enough to be shown and kept; what could be an e-mail address is not."""
    return "(an address)" if "@" in word else "".join(letter if letter.isprintable() else "?" for letter in word[:80])


def mark(said: str, size_bytes: int) -> str:
    """A short name for a long text."""
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=size_bytes).hexdigest()


def _sensible(at: datetime) -> datetime | None:
    return at if _EARLIEST_YEAR <= at.year < _LATEST_YEAR else None
