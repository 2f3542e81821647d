"""What the ledger holds of a return, as far as this room told it; and under which id a return's order goes there.

Happy Returns gives no ids to happenings and hardly a date. So a fact's source id names the units it speaks of, and what is told of them
once is never told again: a happening keeps the date at which it was first seen.

A return may cover several orders, and ours has one. It keeps the platform's own id as long as it has one order; where it has several, each
order's part is a return of its own, `{return id}/{order number}`. What the ledger has goes before everything, so that no part ever moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from adapters.platforms.happy_returns.posts import Unit
from adapters.vendor.shapes import mark
from domain.facts import Initiated
from domain.telling import Telling

_OURS: Final = "hr/"
# A source id may have 200 characters: this base, the step, and so many marks of six with a dot.
_LONGEST_BASE: Final = 80
_MARK_BYTES: Final = 3
MOST_UNITS_A_FACT: Final = 14


def base_of(return_id: str, order: str | None) -> str:
    """What all source ids of this part of a return begin with."""
    return f"{_prefix(return_id)}{_short((order or '-').lstrip('#'), 30)}/"


def part_of(return_id: str, order: str | None) -> str:
    """The id of one order's part of a return that covers several."""
    return f"{return_id}/{(order or '-').lstrip('#')}"


def source_of(base: str, step: str, units: Iterable[Unit] = ()) -> str:
    marks = ".".join(sorted(mark(unit.unit, _MARK_BYTES) for unit in units))
    return f"{base}{step}/{marks}" if marks else f"{base}{step}"


def find_part(return_id: str, order: str | None, told: Callable[[str], Sequence[Telling]]) -> str | None:
    """Where the ledger has this order's part of the return; None where it has nothing that says so."""
    whole = told(return_id)
    sources = [telling.source_id for telling in whole if telling.source_id is not None]
    base = base_of(return_id, order)
    if any(source.startswith(base) for source in sources):
        return return_id
    split = part_of(return_id, order)
    if told(split):
        return split
    orders = [telling.fact.order for telling in whole if isinstance(telling.fact, Initiated)]
    if order is None or any(named.lstrip("#") == order.lstrip("#") for named in orders):
        return return_id if whole else None
    # The id belongs to another order of the same return.
    return split if orders or any(source.startswith(_prefix(return_id)) for source in sources) else None


class Told:
    """What was told of one part of a return; `ours` by this room."""

    def __init__(self, base: str, tellings: Sequence[Telling]) -> None:
        self.base = base
        self.announced = any(isinstance(telling.fact, Initiated) for telling in tellings)
        self.ours: list[Telling] = []
        self._sources: set[str] = set()
        self._units: dict[str, set[str]] = {}
        for telling in tellings:
            if telling.source_id is None or not telling.source_id.startswith(base):
                continue
            self.ours.append(telling)
            step, _, marks = telling.source_id.removeprefix(base).partition("/")
            self._sources.add(step)
            self._units.setdefault(step, set()).update(marks.split("."))

    def knows(self, step: str) -> bool:
        return step in self._sources

    def new(self, step: str, units: Iterable[Unit]) -> list[Unit]:
        """Those of the units of which this step has not been told."""
        known = self._units.get(step, set())
        return [unit for unit in units if mark(unit.unit, _MARK_BYTES) not in known]

    def count(self, step: str) -> int:
        return len(self._units.get(step, ()))


def _prefix(return_id: str) -> str:
    return f"{_OURS}{_short(return_id, _LONGEST_BASE - 40)}/"


def _short(named: str, longest: int) -> str:
    return named if len(named) <= longest else mark(named, 10)
