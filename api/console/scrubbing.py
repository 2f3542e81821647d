"""A return's history, wound to one event: the state after it, what it changed, and which gaps were open then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from domain.gap import Gap
from domain.policy import Policy
from domain.replay import Step, describe, gap_line


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is known of the return. `before` is what was known before the event, where it is something else."""

    name: str
    value: Any
    changed: bool
    before: Any


@dataclass(frozen=True, slots=True)
class Wound:
    """`number` 0 is the beginning, where nothing is known; `groups` are the state by its first word; `open_gaps` are open after it."""

    number: int
    last: int
    step: Step | None
    groups: list[tuple[str, list[Told]]]
    open_gaps: list[dict[str, Any]]


def wind(steps: Sequence[Step], policy: Policy, number: int | None) -> Wound:
    """To the last event where `number` is None or beyond it."""
    at = len(steps) if number is None else min(number, len(steps))
    if at == 0:
        return Wound(0, len(steps), None, [], [])
    step = steps[at - 1]
    now = describe(step.state, policy)
    told = [Told(path, now.get(path), path in step.changes, step.changes.get(path, (None, None))[0]) for path in {**now, **step.changes}]
    told.sort(key=lambda one: _group(one.name))
    groups = [(name.replace("_", " "), list(of_group)) for name, of_group in groupby(told, key=lambda one: _group(one.name))]
    return Wound(at, len(steps), step, groups, [gap_line(gap) for gap in _open_after(steps[:at])])


def _open_after(steps: Sequence[Step]) -> list[Gap]:
    found: dict[Any, Gap] = {}
    for step in steps:
        for gap in step.closed:
            found.pop(gap.subject, None)
        found |= {gap.subject: gap for gap in step.opened}
    return list(found.values())


def _group(path: str) -> str:
    """`lines.1.sku` is of the lines; what has no such word in front is of the return."""
    return path.partition(".")[0] if "." in path else "return"
