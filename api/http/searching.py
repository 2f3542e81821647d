"""The search language of the gap lists: `kind:mismatch age:>14 amount:>100 -owner:ops RMA-00012`, read into conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, cast

from domain.policy import GapKind
from projections import narrowing
from projections.narrowing import Compared, Narrowed

# Words, or `key:value`, each with a minus in front to turn it round; a value with spaces stands in quotes.
_TERM = re.compile(r'(?P<minus>-?)(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))')
_COMPARED = re.compile(r"(?P<sign><=|>=|<|>|=)?(?P<value>.+)\Z")
_AGE = re.compile(r"(\d{1,5})(h|d|w)?\Z", re.ASCII)
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,4})?\Z", re.ASCII)
_UNITS = re.compile(r"\d{1,9}\Z", re.ASCII)
_HOURS: Final = {"h": 1, "d": 24, "w": 168, None: 24}
_TURNED: Final[dict[str, Compared]] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MOST_TERMS: Final = 30
_WORDS: Final = {
    "owner": "owner",
    "merchant": "merchant",
    "platform": "platform",
    "currency": "currency",
    "erp": "erp",
    "sku": "sku",
    "order": "order_ref",
    "return": "return_id",
    "line": "line",
    "assigned": "assigned_to",
}
KEYS: Final = ("kind", *_WORDS, "age", "amount", "units", "is")


class Unsearchable(ValueError):
    """The search cannot be read; the message says which term and why."""


def read_search(text: str, me: Sequence[str] = ()) -> tuple[Narrowed, ...]:
    """`me` are the owners that `owner:me` stands for. Raises Unsearchable."""
    found: list[Narrowed] = []
    for term in _TERM.finditer(text):
        if len(found) == _MOST_TERMS:
            raise Unsearchable(f"a search has {_MOST_TERMS} terms at most")
        key, negated = (term["key"] or "").lower(), bool(term["minus"])
        value = term["plain"] if term["quoted"] is None else term["quoted"]
        if not value:
            continue
        if key and key not in KEYS:
            if not term["key"].isupper():
                raise Unsearchable(f"{key!r} is nothing to search by; there are {', '.join(KEYS)}, and plain words")
            key, value = "", f"{term['key']}:{value}"  # an id that has a colon in it
        found.append(_condition(key, value, negated, me))
    return tuple(found)


def _condition(key: str, value: str, negated: bool, me: Sequence[str]) -> Narrowed:
    match key:
        case "":
            return narrowing.holding(value, negated=negated)
        case "kind":
            return narrowing.one_of("kind", _kinds(value), negated=negated)
        case "age" | "amount" | "units":
            return _COMPARISONS[key](value, negated)
        case "is":
            if value.lower() != "overdue":
                raise Unsearchable(f"is:{value} is not understood; there is is:overdue")
            return narrowing.overdue(negated=negated)
        case _:
            values = [one for one in value.split(",") if one]
            if key == "owner" and "me" in values:
                if not me:
                    raise Unsearchable("owner:me needs somebody who is signed in")
                return narrowing.whose([owner for one in values for owner in (me if one == "me" else (one,))], negated=negated)
            if key == "currency":
                values = [one.upper() for one in values]
            return narrowing.one_of(_WORDS[key], values, negated=negated)


def _kinds(value: str) -> list[str]:
    """Kinds by name or by a part of it: `mismatch` is credit_note_mismatch and payout_mismatch."""
    found = []
    for one in filter(None, value.lower().replace("-", "_").split(",")):
        named = [str(kind) for kind in GapKind if kind == one] or [str(kind) for kind in GapKind if one in kind]
        if not named:
            raise Unsearchable(f"kind:{one} is no kind of gap, and no part of one's name")
        found += named
    return found


def _compared(key: str, value: str, negated: bool, usual: Compared, form: re.Pattern[str], example: str) -> tuple[re.Match[str], Compared]:
    told = _COMPARED.match(value)
    figure = form.match(told["value"]) if told else None
    if told is None or figure is None:
        raise Unsearchable(f"{key}:{value} is not understood; write it as {example}")
    sign = cast(Compared, told["sign"] or usual)
    if negated:
        if sign == "=":
            raise Unsearchable(f"-{key}:{value} is not understood; turn the sign round instead of the term")
        sign = _TURNED[sign]
    return figure, sign


def _age(value: str, negated: bool) -> Narrowed:
    figure, sign = _compared("age", value, negated, ">", _AGE, "age:>14 (days), age:<36h or age:>2w")
    return narrowing.older(timedelta(hours=int(figure[1]) * _HOURS[figure[2]]), sign)


def _amount(value: str, negated: bool) -> Narrowed:
    figure, sign = _compared("amount", value, negated, "=", _AMOUNT, "amount:>100 or amount:<=9.99")
    return narrowing.worth(Decimal(figure[0]), sign)


def _units(value: str, negated: bool) -> Narrowed:
    figure, sign = _compared("units", value, negated, "=", _UNITS, "units:>1")
    return narrowing.units(int(figure[0]), sign)


_COMPARISONS: Final[dict[str, Callable[[str, bool], Narrowed]]] = {"age": _age, "amount": _amount, "units": _units}
