"""One fact as a source tells it: whose return, when it happened, who says so. `read_telling` is the only door into the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from domain.content import PRINTABLE, Name
from domain.facts import FACTS, TOLD, Fact, currency_of
from domain.money import CURRENCIES
from domain.refusals import Rejected


class ReturnKey(NamedTuple):
    """The natural key of a return, which is its identity."""

    merchant: str
    platform: str
    return_id: str

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True, slots=True)
class Telling:
    """A fact, told and not yet recorded. `occurred_at` is in UTC."""

    key: ReturnKey
    occurred_at: datetime
    fact: Fact
    source_id: str | None = None
    by: str | None = None


class _Common(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    merchant: Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=PRINTABLE)]
    platform: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$")]
    return_: Name
    source_id: Name | None = None
    by: Name | None = None


_COMMON = {"fact", "merchant", "platform", "return", "occurred_at", "source_id", "by"}
# A rejected file carries `error` and `line_number` beside the row's own fields, so that it can be imported again once it is mended.
_NO_CONTENT = frozenset({*_COMMON, "error", "line_number"})
# Asked once: every look at a model's fields goes through three functions of pydantic's.
_WITH_CURRENCY = frozenset(kind for kind in FACTS.values() if "currency" in kind.model_fields)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def read_instant(text: object, field: str = "occurred_at") -> datetime:
    """An RFC 3339 instant with its offset, in UTC. Raises Rejected."""
    if not isinstance(text, str):
        raise Rejected(field, 'must be an instant with its offset, such as "2026-10-02T09:30:00+01:00"')
    if not _RFC_3339.match(text):
        raise Rejected(
            field, f'{text[:40]!r} is not an instant with its offset; write it as "2026-10-02T09:30:00+01:00" or "2026-10-02T08:30:00Z"'
        )
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Rejected(field, f"{text!r} is no date and time that exists") from None


def write_instant(at: datetime) -> str:
    """An instant in UTC, as it is stored and shown: `2026-10-02T08:30:00Z`, with microseconds only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_telling(raw: Mapping[str, Any], merchant: str | None = None, *, own: bool = False) -> Telling:
    """A contract fact (a JSON object) → Telling. `merchant` stands in where the row names none.

    What the world tells is read; with `own` also what only the house itself records: instructions and decisions.

    Raises Rejected with the field and what to do; nothing else.
    """
    name = raw.get("fact")
    kind = (FACTS if own else TOLD).get(name) if isinstance(name, str) else None
    if kind is None:
        said = "is missing" if name is None else f"{str(name)[:60]!r} is not known"
        raise Rejected("fact", f"{said}; it must be one of {', '.join(TOLD)}")
    common = {
        "return_" if field == "return" else field: raw.get(field)
        for field in ("merchant", "platform", "return", "source_id", "by")
        if raw.get(field) is not None
    }
    if merchant is not None:
        common.setdefault("merchant", merchant)
    content = {field: value for field, value in raw.items() if field not in _NO_CONTENT}
    context = None
    if kind in _WITH_CURRENCY:
        currency = content.get("currency")
        if not isinstance(currency, str) or currency not in CURRENCIES:
            said = "is missing" if currency is None else f"{str(currency)[:40]!r} is not a currency of ISO 4217"
            raise Rejected("currency", f"{said}; give its three capital letters, such as GBP")
        context = {"currency": currency}
    try:
        told = _Common.model_validate(common)
        fact = kind.model_validate(content, context=context)
    except ValidationError as invalid:
        raise _rejection(invalid, kind) from None
    at = raw.get("occurred_at")
    if at is None:
        raise Rejected("occurred_at", 'is missing; write when it happened, such as "2026-10-02T09:30:00+01:00"')
    return Telling(ReturnKey(told.merchant, told.platform, told.return_), read_instant(at), fact, told.source_id, told.by)


def write_content(fact: Fact) -> dict[str, Any]:
    """A fact's own fields as the contract writes them: amounts are decimal strings, absent fields are left out."""
    return fact.model_dump(mode="json", exclude_none=True, context={"currency": currency_of(fact)})


def write_telling(telling: Telling) -> dict[str, Any]:
    """The contract's JSON form of a telling: what `read_telling` reads."""
    merchant, platform, return_id = telling.key
    row: dict[str, Any] = {"fact": type(telling.fact).__name__, "merchant": merchant, "platform": platform, "return": return_id}
    row["occurred_at"] = write_instant(telling.occurred_at)
    row |= write_content(telling.fact)
    row |= {field: value for field, value in (("source_id", telling.source_id), ("by", telling.by)) if value is not None}
    return row


def _rejection(invalid: ValidationError, kind: type[Fact]) -> Rejected:
    errors = invalid.errors(include_url=False, include_context=True)
    # A list whose only entry is wrong counts as too short as well: that says nothing more.
    errors = [error for error in errors if error["type"] != "too_short"] or errors
    # What is either a name or a flag is wrong twice where it is neither; once says it.
    errors = [error for error in errors if error["loc"][-1:] != ("bool",)] or errors
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    field = "lines" if first["type"] == "lines" else _path(first["loc"])
    return Rejected(field, _reason(first, kind) + more)


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    if location[-2:-1] == ("kit",):
        location = location[:-1]  # which of the alternatives was tried is nothing that the row has
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part.rstrip('_')}" if path else part.rstrip("_")
    return path or "row"


def _reason(error: ErrorDetails, kind: type[Fact]) -> str:
    given = error.get("input")
    shown = repr(given)[:60]
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            fields = ", ".join([*kind.model_fields, *sorted(_COMMON - {"fact"})])
            return (
                f"is not a field of {kind.__name__}; check the spelling (it has {fields})"
                if len(error["loc"]) == 1
                else "is not a known field; check the spelling"
            )
        case "greater_than" | "int_type" | "int_from_float" | "less_than_equal":
            return f"must be a whole number from 1 to 1000000, not {shown}"
        case "string_type" | "string_unicode":
            return f"must be {'a name, or true or false' if 'kit' in error['loc'] else 'text'}, not {shown}"
        case "string_too_short" | "string_too_long" | "string_pattern_mismatch":
            return _text_reason(error, shown)
        case "literal_error":
            return f"must be {error['ctx']['expected']}, not {shown}"
        case "too_short":
            return f"must name at least one {_entry_of(kind, str(error['loc'][0]))}"
        case "tuple_type":
            return f"must be a list, not {shown}"
        case "model_type":
            return f"must be an object, not {shown}"
        case _:
            return (
                error["msg"]
                if error["type"] in ("money", "currency", "amount", "lines")
                else f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {shown}"
            )


def _entry_of(kind: type[Fact], field: str) -> str:
    if field != "lines":
        return "item; leave the field out where there is none"
    return "line" if kind.model_fields[field].is_required() else "line; leave the field out to mean all of them"


def _text_reason(error: ErrorDetails, shown: str) -> str:
    if error["loc"][-1] == "platform":
        return f"must be a lower-case name such as returngo, not {shown}"
    limit = error.get("ctx", {}).get("max_length")
    return f"must be at most {limit} characters" if limit else f"must be printable text that is not empty, not {shown}"
