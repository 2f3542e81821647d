"""What is the same fact: facts reduced to the distinct ones, repeats and conflicts told apart."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

Fact = dict[str, Any]

DIGITS = {"GBP": 2, "EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
NO_CONTENT = ("source_id", "by", "error", "line_number")


class Conflict(NamedTuple):
    """The same key with other content: `kept` came first, `refused` is not recorded."""

    kept: Fact
    refused: Fact


class Distinct(NamedTuple):
    """What a ledger holds after it was told some facts: `known` ones were repeats."""

    recorded: list[Fact]
    known: list[Fact]
    conflicts: list[Conflict]


def instant(text: str) -> datetime:
    """An RFC 3339 instant, whatever its offset, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def content(fact: Fact) -> str:
    """Everything a fact says, written so that two ways of saying the same come out alike."""
    return repr(_plain({name: told for name, told in fact.items() if name not in NO_CONTENT}))


def _plain(told: Any, name: str = "") -> Any:
    if isinstance(told, dict):
        return sorted((field, _plain(inner, field)) for field, inner in told.items() if inner is not None)
    if isinstance(told, list):  # in what order a fact names its lines says nothing
        return sorted((_plain(inner) for inner in told), key=repr)
    if name == "occurred_at":
        return instant(told).isoformat()
    if name in ("items", "tax", "shipping", "fees", "total"):
        return str(Decimal(told).quantize(Decimal("0.0001")) + 0)  # + 0 makes a plain zero of -0
    return told


def keys(fact: Fact) -> list[tuple[str, ...]]:
    """The names under which a fact is known, any of which makes it the same fact."""
    scope = (fact["merchant"], fact["platform"])
    source = fact.get("source_id")
    found: list[tuple[str, ...]] = [(*scope, "source_id", source) if source is not None else (*scope, "content", content(fact))]
    match fact["fact"]:
        case "Initiated":
            found.append((*scope, "Initiated", fact["return"]))
        case "Refunded":
            found.append((*scope, "Refunded", fact["return"], fact["refund"]))
        case "CreditNoted":
            found.append((*scope, "CreditNoted", fact["return"], fact["erp"], fact["credit_note"]))
    return found


def distinct(facts: Iterable[Fact]) -> Distinct:
    """The facts that are recorded, in the order told: the first of each key wins, and only recorded facts hold keys."""
    held: dict[tuple[str, ...], Fact] = {}
    outcome = Distinct([], [], [])
    for fact in facts:
        same_key = [held[key] for key in keys(fact) if key in held]
        others = [kept for kept in same_key if content(kept) != content(fact)]
        if others:
            outcome.conflicts.append(Conflict(others[0], fact))
        elif same_key:
            outcome.known.append(fact)
        else:
            outcome.recorded.append(fact)
            for key in keys(fact):
                held[key] = fact
    return outcome
