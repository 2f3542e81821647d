"""New facts of one return → what changes in the read models: segments ended, withdrawn and added, and the moves behind the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from domain.moves import MoneyMove, UnitMove
from domain.policy import Policy
from domain.returns import Recorded
from domain.telling import ReturnKey
from domain.timeline import Change, Fold, changed, onward

History = Callable[[], Sequence[Recorded]]
AnyMove = TypeVar("AnyMove", MoneyMove, UnitMove)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learnt at one moment of recording: the facts of one transaction about one return."""

    known_from: datetime
    change: Change
    money: list[MoneyMove]
    units: list[UnitMove]


def learn(folded: Fold | None, key: ReturnKey, policy: Policy, events: Sequence[Recorded], history: History) -> tuple[Fold, list[Lesson]]:
    """Fold `events` (in the order of the log) into what was known; `history` gives the return's events before them, where they are needed.

    Facts that go forward in time are folded onto what is there. A fact from the past makes the return be folded again, before and after,
    and the differences are the lesson: so late knowledge corrects the register and reverses the moves, and nothing is overwritten.
    """
    lessons: list[Lesson] = []
    taken: list[Recorded] = []
    for recorded_at, together in groupby(events, key=lambda event: event.recorded_at):
        new = list(together)
        if folded is not None and (folded.at is None or min(event.occurred_at for event in new) > folded.at):
            before = folded.live()
            onward(folded, new)
            lessons.append(Lesson(recorded_at, changed(before, folded.segments()), folded.money, folded.units))
        else:
            folded, lesson = _again(key, policy, [*history(), *taken], new, recorded_at)
            lessons.append(lesson)
        # Only the last state and what is open are needed to go on.
        folded.ended, folded.money, folded.units = [], [], []
        taken += new
    assert folded is not None
    return folded, lessons


def _again(key: ReturnKey, policy: Policy, known: list[Recorded], new: list[Recorded], recorded_at: datetime) -> tuple[Fold, Lesson]:
    """Fold anew from the first new fact on, once without the new facts and once with them; before it nothing can differ."""
    first = min(event.occurred_at for event in new)
    old = Fold(key, policy)
    onward(old, [event for event in known if event.occurred_at < first])
    later = [event for event in known if event.occurred_at >= first]
    # What had ended before is the same either way.
    old.ended, old.money, old.units = [], [], []
    folded = old.fork()
    onward(old, later)
    onward(folded, [*later, *new])
    change = changed(old.segments(), folded.segments())
    return folded, Lesson(recorded_at, change, _money_difference(old.money, folded.money), _unit_difference(old.units, folded.units))


def _money_difference(before: Sequence[MoneyMove], after: Sequence[MoneyMove]) -> list[MoneyMove]:
    gone, come = _difference(before, after)
    return [
        *(
            m._replace(total=-m.total, items=-m.items, tax=-m.tax, shipping=-m.shipping, fees=-m.fees, unexplained=-m.unexplained)
            for m in gone
        ),
        *come,
    ]


def _unit_difference(before: Sequence[UnitMove], after: Sequence[UnitMove]) -> list[UnitMove]:
    gone, come = _difference(before, after)
    return [*(m._replace(units=tuple(-units for units in m.units)) for m in gone), *come]


def _difference(before: Sequence[AnyMove], after: Sequence[AnyMove]) -> tuple[list[AnyMove], list[AnyMove]]:
    was, now = Counter(before), Counter(after)
    return list((was - now).elements()), list((now - was).elements())
