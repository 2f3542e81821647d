"""JSON in and out without losing a digit: numbers beyond 64 bit and with a fraction keep the text they have in the file."""

from __future__ import annotations

import json
from typing import Any


class Number(str):
    """A JSON number as it stands in the file: no float comes near an amount."""

    __slots__ = ()


# Far beyond any id; Python itself refuses to turn thousands of digits into an int.
_LONGEST_INT = 40


def _whole(text: str) -> int | Number:
    return int(text) if len(text) <= _LONGEST_INT else Number(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


DECODER = json.JSONDecoder(parse_float=Number, parse_int=_whole, parse_constant=_no_number)


def loads(text: str) -> Any:
    """Raises ValueError for what is no JSON, RecursionError for what is nested too deep."""
    return DECODER.decode(text)


def dumps(value: Any) -> str:
    """The JSON text of what `loads` gave, on one line, its numbers digit for digit. Raises RecursionError a little earlier than `loads`."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_quoted(str(key))}: {dumps(member)}" for key, member in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(dumps(member) for member in value) + "]"
        case Number():
            return str(value)
        case str():
            return _quoted(value)
        case _:
            return json.dumps(value)


def _quoted(text: str) -> str:
    # Half a surrogate pair is legal in JSON's escapes and nowhere in UTF-8.
    return json.dumps(text, ensure_ascii=not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text))
