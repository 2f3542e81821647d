"""What would have been under a policy: one return walked anew, with an ERP that says yes to everything the policy has it do.

What the house itself did and decided is left out; the original order, and SKUs that people matched, are taken as known from the beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from domain.erp_facts import InstructionIssued, OrderMatched, SkuMatched
from domain.facts import TOLD, Fact
from domain.gap import TOLERATED, Gap
from domain.gaps import open_gaps
from domain.instructions import consequences
from domain.money import to_text
from domain.policy import Policy
from domain.process import plan
from domain.returns import Recorded, ReturnState, evolve
from domain.telling import ReturnKey, write_instant

# What follows from an instruction of ours has this cause: it would not have been without it.
OURS: Final = ("instruction:", "policy:")
_MOST_ROUNDS: Final = 50


class Done(NamedTuple):
    """Instructions of one kind: how many, the first of them when, how many units and how much money in all."""

    times: int
    first_at: datetime
    amount_minor: int
    units: int
    currency: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`done` by kind of instruction; `gaps` those that would be open at the end."""

    done: dict[str, Done]
    gaps: tuple[Gap, ...]


class Difference(NamedTuple):
    """One thing that differs: an instruction of a kind, or a gap. None: it would not be there."""

    what: str
    kind: str
    line: str | None
    before: dict[str, object] | None
    after: dict[str, object] | None


def foresee(key: ReturnKey, events: Sequence[Recorded], policy: Policy, now: datetime) -> Foreseen:
    """Walk the return by what the world told of it, in order of occurrence."""
    world = sorted((event for event in events if _is_of_the_world(event)), key=Recorded.in_order_of_occurrence)
    if not world:
        return Foreseen({}, ())
    state = ReturnState(key)
    number = 0
    known: list[Fact] = [event.fact for event in events if isinstance(event.fact, SkuMatched)]
    for given in [_order(events, policy), *known] if policy.erp is not None else []:
        number += 1
        state = evolve(state, given, world[0].occurred_at, number)
    done: dict[str, Done] = {}
    for at, together in groupby(world, key=lambda event: event.occurred_at):
        for event in together:
            number += 1
            state = evolve(state, event.fact, at, number)
        for _ in range(_MOST_ROUNDS):
            due = plan(state, policy, Counter()).due
            if not due:
                break
            for one in due:
                for fact in (one, *consequences(one, one.instruction)):
                    number += 1
                    state = evolve(state, fact, at, number)
                done[one.kind] = _and(done.get(one.kind), one, at)
    return Foreseen(done, tuple(gap for gap in open_gaps(state, policy, now) if gap.kind != TOLERATED))


def differences(before: Foreseen, after: Foreseen) -> list[Difference]:
    """In a settled order; what is the same under both is left out."""
    found: list[Difference] = []
    for kind in sorted(before.done.keys() | after.done.keys()):
        was, now = before.done.get(kind), after.done.get(kind)
        if was != now:
            found.append(Difference("instruction", kind, None, _done(was), _done(now)))
    gaps_before, gaps_after = ({gap.subject: gap for gap in one.gaps} for one in (before, after))
    for subject in sorted(gaps_before.keys() | gaps_after.keys(), key=lambda one: tuple(map(str, one))):
        shown = [_gap(gaps.get(subject)) for gaps in (gaps_before, gaps_after)]
        if shown[0] != shown[1]:
            found.append(Difference("gap", subject[0], subject[1], shown[0], shown[1]))
    return found


def _is_of_the_world(event: Recorded) -> bool:
    return type(event.fact).__name__ in TOLD and not event.cause.startswith(OURS)


def _order(events: Sequence[Recorded], policy: Policy) -> OrderMatched:
    """The order as it was seen last; where it never was, one that cannot be read: the return's own lines stand for it."""
    assert policy.erp is not None
    seen = [event for event in events if isinstance(event.fact, OrderMatched)]
    if seen:
        fact = max(seen, key=Recorded.in_order_of_occurrence).fact
        assert isinstance(fact, OrderMatched)
        return fact.model_copy(update={"invoice": "authorised"})
    return OrderMatched(erp=policy.erp.name, order="unknown", currency="GBP", invoice="authorised", lines=())


def _and(before: Done | None, one: InstructionIssued, at: datetime) -> Done:
    units = sum(money.quantity for money in one.money) or sum(goods.units for goods in one.goods)
    amount = one.amount.total if one.amount is not None else 0
    if before is None:
        return Done(1, at, amount, units, one.currency)
    return Done(before.times + 1, before.first_at, before.amount_minor + amount, before.units + units, one.currency)


def _done(one: Done | None) -> dict[str, object] | None:
    if one is None:
        return None
    amount = to_text(one.amount_minor, one.currency) if one.amount_minor else None
    return {"times": one.times, "first_at": write_instant(one.first_at), "amount": amount, "currency": one.currency, "units": one.units}


def _gap(gap: Gap | None) -> dict[str, object] | None:
    if gap is None:
        return None
    amount = to_text(gap.amount_minor, gap.currency) if gap.amount_minor is not None and gap.currency else None
    return {"amount": amount, "currency": gap.currency, "units": gap.units}
