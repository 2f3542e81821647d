"""A return folded from the log, and facts made ready to be recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from adapters.event_store import Ledger, Prepared, UnreadableEvent, prepare
from domain.facts import Fact
from domain.returns import Recorded, ReturnState, evolve
from domain.stored import stream_of
from domain.telling import ReturnKey, Telling

TICK = timedelta(microseconds=1)


def fold(key: ReturnKey, events: Iterable[Recorded]) -> ReturnState:
    """All that is known of a return, in order of occurrence."""
    state = ReturnState(key)
    for number, event in enumerate(sorted(events, key=Recorded.in_order_of_occurrence), 1):
        state = evolve(state, event.fact, event.occurred_at, number)
    return state


def fold_one(ledger: Ledger, key: ReturnKey) -> ReturnState:
    return fold(key, ledger.events(stream_of(key)))


def read_returns(ledger: Ledger, keys: Sequence[ReturnKey]) -> dict[ReturnKey, list[Recorded]]:
    """The events of many returns; one with an event that cannot be read is left out: it is set aside, and shown as such."""
    if not keys:
        return {}
    try:
        found = ledger.events_of([stream_of(key) for key in keys])
    except UnreadableEvent:
        if len(keys) == 1:
            return {}
        middle = len(keys) // 2
        return read_returns(ledger, keys[:middle]) | read_returns(ledger, keys[middle:])
    return {key: found[stream_of(key)] for key in keys}


def told(key: ReturnKey, at: datetime, fact: Fact, cause: str, source_id: str | None = None) -> Prepared:
    return prepare(Telling(key, at, fact, source_id), cause)


def answered_at(state: ReturnState, instruction: str, now: datetime) -> datetime:
    """Now, but later than the answer before it, whatever the clocks of two machines say: of two answers the later one counts."""
    before = state.work.answers.get(instruction)
    return now if before is None else max(now, before.at[0] + TICK)
