"""What a person may decide, as it is typed or sent: the actions with their fields, and which role may do what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from adapters.deciding import decide
from adapters.proposals import GOOD_FOR, given_up, is_beyond, proposer, settle
from adapters.sku_map import SkuMap
from api.bootstrap import House, clock
from domain.deciding import (
    AcceptDifference,
    Assign,
    ChooseDisposition,
    Decision,
    MapSku,
    MatchOrder,
    MatchReturn,
    Note,
    Reopen,
    Retry,
    Snooze,
    Waive,
    WriteOff,
)
from domain.facts import Fact
from domain.policy import DEFAULT_OWNERS, GapKind, Policy
from domain.refusals import Rejected, Unfitting
from domain.returns import ReturnState
from domain.telling import ReturnKey, read_instant

# Action → the fields it must have, and those it may have, beside by and reason.
ACTIONS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "retry": ((), ("instruction",)),
    "map-sku": (("sku", "to"), ()),
    "match-order": (("order",), ()),
    "match-return": (("to",), ()),
    "accept-difference": ((), ("currency", "amount")),
    "write-off": ((), ("line",)),
    "choose-disposition": (("to",), ("line", "found", "quantity")),
    "assign": (("to",), ()),
    "note": (("text",), ()),
    "waive": (("kind",), ("line",)),
    "reopen": ((), ("kind",)),
    "snooze": (("until",), ()),
}
FIELDS: Final = tuple(dict.fromkeys(field for needed, more in ACTIONS.values() for field in (*needed, *more)))
# Money is finance's to give up, goods are ops'. What gives nothing up, both may do; an admin may do all of it, an auditor nothing.
ROLES: Final = ("finance", "ops", "admin")


def read_decision(
    action: str, given: Mapping[str, str | None], reason: str | None, find: Callable[[str], ReturnKey] | None = None
) -> Decision:
    """`given`: the fields that were given; an empty text is none. `find` a return by what was typed, where one can be meant.

    Raises Rejected with the field that is missing, or does not belong.
    """
    if action not in ACTIONS:
        raise Rejected("action", f"{action!r} is no action; these are: {', '.join(ACTIONS)}")
    needed, more = ACTIONS[action]
    told = {name: value.strip() for name, value in given.items() if value is not None}
    for name in needed:
        # Assigned to nobody is an empty name.
        if name not in told or (not told[name] and action != "assign"):
            raise Rejected(name, f"is missing; {action} needs {' and '.join(needed)}")
    for name in told:
        if name not in (*needed, *more):
            raise Rejected(name, f"does not belong to {action}{f', which takes {_listed(needed, more)}' if needed or more else ''}")
    reason = reason.strip() or None if reason is not None else None
    told = {name: value for name, value in told.items() if value}
    match action:
        case "retry":
            return Retry(told.get("instruction"), reason)
        case "map-sku":
            return MapSku(told["sku"], told["to"], reason)
        case "match-order":
            return MatchOrder(told["order"], reason)
        case "match-return" if find is not None:
            return MatchReturn(find(told["to"]))
        case "accept-difference":
            return AcceptDifference(reason, told.get("currency"), told.get("amount"))
        case "write-off":
            return WriteOff(reason, told.get("line"))
        case "choose-disposition":
            return ChooseDisposition(told["to"], reason, told.get("line"), told.get("found"), told.get("quantity"))
        case "assign":
            return Assign(told.get("to"))
        case "note":
            return Note(told["text"])
        case "waive":
            return Waive(told["kind"], reason, told.get("line"))
        case "reopen":
            return Reopen(told.get("kind"), reason)
        case "snooze":
            return Snooze(_until(told["until"]), reason)
        case _:
            raise Rejected("action", f"{action} cannot be said here")


def may(role: str, decision: Decision) -> bool:
    """Is this decision one of the role's?"""
    if role == "admin":
        return True
    match decision:
        case AcceptDifference() | MatchReturn():
            return role == "finance"
        case WriteOff() | ChooseDisposition():
            return role == "ops"
        case Waive(kind):
            # Whose gap it is: finance's, or that of those who handle goods and customers.
            of_finance = kind in list(GapKind) and DEFAULT_OWNERS[GapKind(kind)] == "finance"
            return role == ("finance" if of_finance else "ops")
        case _:
            return role in ROLES


def resolve(
    house: House, key: ReturnKey, decision: Decision, *, by: str, reason: str | None, dry_run: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Decide, and free the other returns that a SKU is now known of: the facts, and those returns' names."""
    now = clock()
    limits = house.settings.decisions.four_eyes_over
    seconded = False

    def weigh(state: ReturnState, policy: Policy, told: Sequence[Fact]) -> str | None:
        """One person alone may give up so much; what is more waits for a second one who decides the same."""
        nonlocal seconded
        given = given_up(state, policy, told, now)
        if given is None or not is_beyond(given, limits):
            return None
        with house.connection() as conn:
            first = proposer(conn, key, told, by, now)
        if first is None:
            limit = f"{limits[given.currency]} {given.currency}"
            raise Unfitting(
                f"This gives up {given}, more than the {limit} that one person may. It is kept, and counts once somebody else decides "
                f"the same within {GOOD_FOR.days} days."
            )
        seconded = True
        return f"Proposed by {first} and seconded by {by}: it gives up {given}."

    policy_of = house.policies.policy_of
    facts = decide(house.ledger, policy_of, key, decision, by=by, now=now, reason=reason, dry_run=dry_run, weigh=weigh)
    if seconded:
        with house.connection() as conn:
            settle(conn, key)
    if dry_run or not isinstance(decision, MapSku):
        return facts, []
    house.catch_up()
    with house.connection() as conn:
        freed = SkuMap(house.ledger, house.policies.policy_of).free_waiting(conn, now)
    return facts, [str(one) for one in freed]


def _until(text: str) -> datetime:
    """An instant, or the morning of a day."""
    return read_instant(f"{text}T00:00:00Z" if len(text) == len("2026-10-31") else text, "until")


def _listed(needed: tuple[str, ...], more: tuple[str, ...]) -> str:
    return ", ".join((*needed, *more))
