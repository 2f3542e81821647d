"""Where goods go, chosen by hand: units of a line that count as of another disposition than the inspection found, or as inspected at all.

Nothing is overwritten: the inspections stay as they were told, and a choice moves units from one disposition to another as long as nobody
reopens it. Choices are taken in the order in which they were made, each as far as there are units, so that late facts change nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domain.decisions import DispositionChosen
from domain.policy import GapKind, Policy
from domain.returns import NO_COUNTS, Counts, ReturnState
from domain.standing import Standing, standing_of
from domain.work import Decision

# Reopening this kind, or everything, undoes what was chosen.
UNDONE_BY = GapKind.DISPOSITION_UNMAPPED
# What may be said in place of the name of a disposition.
ACTIONS = {"restock": "restock", "quarantine": "hold", "hold": "hold", "write-off": "write_off", "write_off": "write_off"}
# The usual name of each action, taken where the policy has it.
_USUAL = {"restock": "saleable", "hold": "quarantine", "write_off": "damaged"}


class Moved(NamedTuple):
    """Units that a choice took from one disposition (None: nobody inspected them) to another."""

    found: str | None
    disposition: str
    units: int


def choices(state: ReturnState, line: str | None = None) -> list[Decision]:
    """Those that count, of one line or of all, in their order."""
    if not state.work.chosen:
        return []
    chosen = (one for one in state.work.chosen.values() if line in (None, one.fact.line))
    return sorted((one for one in chosen if not state.work.reopened_since(one, UNDONE_BY)), key=lambda one: (one.at, one.number))


def moved_by_choice(state: ReturnState, line: str) -> list[Moved]:
    """What became of each choice: fewer units than chosen where an inspection came in between, or none."""
    counts = state.counts.get(line, NO_COUNTS)
    left: Counter[str | None] = Counter(counts.inspected)
    left[None] = max(0, state.received(line) - counts.inspected_units)
    moved: list[Moved] = []
    for decision in choices(state, line):
        fact: DispositionChosen = decision.fact
        units = min(fact.quantity, left[fact.found])
        if units > 0:
            left[fact.found] -= units
            left[fact.disposition] += units
            moved.append(Moved(fact.found, fact.disposition, units))
    return moved


def judged(state: ReturnState, line: str) -> Counts:
    """The units of a line as they were told, with what people chose for them."""
    counts = state.counts.get(line, NO_COUNTS)
    if not state.work.chosen:
        return counts
    inspected, units = dict(counts.inspected), counts.inspected_units
    for one in moved_by_choice(state, line):
        if one.found is None:
            units += one.units
        else:
            inspected[one.found] -= one.units
        inspected[one.disposition] = inspected.get(one.disposition, 0) + one.units
    return counts._replace(inspected={name: count for name, count in inspected.items() if count}, inspected_units=units)


def chosen_for(state: ReturnState, line: str, disposition: str) -> int:
    """Units that are of a disposition because a person said so: that person has approved what is done with them."""
    if not state.work.chosen:
        return 0
    moves = moved_by_choice(state, line)
    return max(0, sum(one.units * ((one.disposition == disposition) - (one.found == disposition)) for one in moves))


def bins_left(state: ReturnState, policy: Policy, line: str) -> list[str]:
    """Bins in which units may stand that have been chosen to go another way since."""
    if not state.work.chosen:
        return []
    left = (policy.treatments.get(one.found) for one in moved_by_choice(state, line) if one.found is not None)
    set_aside = (treatment for treatment in left if treatment is not None and treatment.action != "restock")
    return sorted({treatment.location for treatment in set_aside if treatment.location is not None})


def disposition_named(policy: Policy, to: str) -> str | None:
    """The policy's disposition of that name, or the one that stands for an action. None: the policy has none."""
    action = ACTIONS.get(to)
    if action is None:
        return to if to in policy.treatments else None
    usual = _USUAL[action]
    if policy.actions.get(usual) == action:
        return usual
    return min((name for name, found in policy.actions.items() if found == action), default=None)


def to_be_chosen(state: ReturnState, policy: Policy, standing: Standing, line: str) -> dict[str | None, int]:
    """Units by what they were found as (None: not inspected) that nobody has put away, or has been told to."""
    counts = judged(state, line)
    ours = {action: sum(_under_way(state, standing, line, action)) for action in ("restock", "write_off")}
    handled = counts.restocked + counts.written_off + sum(ours.values())
    here = max(state.received(line), counts.inspected_units) - handled
    free: dict[str | None, int] = {}
    for name, units in sorted(counts.inspected.items()):
        action = policy.actions.get(name)
        told = {"restock": counts.restocked, "write_off": counts.written_off}.get(action or "", 0)
        gone = told + ours.get(action or "", 0)
        same = sum(count for other, count in counts.inspected.items() if policy.actions.get(other) == action)
        free[name] = min(units, same - gone, here) if action in ours else min(units, here)
    free[None] = min(state.received(line) - counts.inspected_units, here)
    return {name: units for name, units in free.items() if units > 0}


def lines_to_choose_for(state: ReturnState, policy: Policy) -> list[str]:
    """The announced lines of which there are such units."""
    standing = standing_of(state)
    return [line for line in state.announced if to_be_chosen(state, policy, standing, line)]


def declined_for(state: ReturnState, line: str, found: Iterable[str | None]) -> Iterator[str]:
    """Instructions that were to put such units away and were declined: a choice takes their place."""
    names = set(found)
    for name, one in state.work.issued.items():
        answer = state.work.answer(name)
        if answer is not None and answer.status == "declined" and any(g.line == line and g.disposition in names for g in one.goods):
            yield name


def _under_way(state: ReturnState, standing: Standing, line: str, kind: str) -> Iterator[int]:
    """Units that the ERP was told to put away, and nobody knows yet whether it has."""
    for one in standing.issued:
        answer = state.work.answer(one.instruction)
        if one.kind == kind and (answer is None or answer.status == "unknown"):
            yield from {(g.from_location, g.to_location, g.disposition): g.units for g in one.goods if g.line == line}.values()
