"""Appending facts under the log's lock: each is recorded once, told again it is known, told otherwise it is a conflict."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple, assert_never

from adapters.event_store.keys import KnownKey, find_keys, insert_keys
from adapters.event_store.preparing import Prepared
from adapters.event_store.reading import read_versions
from adapters.event_store.recorder import STATE_OPENS, Event, Turn
from domain.identity import Verdict, judge
from domain.telling import write_telling

TICK = timedelta(microseconds=1)


class Outcome(Enum):
    RECORDED = "recorded"
    KNOWN = "known"
    CONFLICT = "conflict"


class Appended(NamedTuple):
    """What became of a fact. `version` is its place in its return's stream, if it was recorded now.

    `conflict_with` is the fact recorded before, as the contract writes it. `position` is the fact's place in the log; where it is known
    or in conflict, that of the fact recorded before.
    """

    outcome: Outcome
    version: int | None
    conflict_with: dict[str, Any] | None
    position: int


def append_batch(turn: Turn, batch: Sequence[Prepared], clock: Callable[[], datetime]) -> list[Appended]:
    """Record what is new of `batch`, in order. A conflict with a fact of an earlier batch has no `conflict_with` yet: see its position."""
    first = turn.head.position + 1
    known = {found.key: found for found in find_keys(turn.cursor, {key for one in batch for key in one.identity.keys})}
    contents = {key: found.content for key, found in known.items()}
    new: list[Prepared] = []
    new_keys: list[KnownKey] = []
    appended: list[Appended] = []
    for one in batch:
        keys, content = one.identity
        match judge(one.identity, contents):
            case Verdict.NEW:
                position = first + len(new)
                new.append(one)
                for key in keys:
                    known[key], contents[key] = KnownKey(key, content, position), content
                    new_keys.append(known[key])
                appended.append(Appended(Outcome.RECORDED, None, None, position))
            case Verdict.KNOWN:
                position = next(known[key].position for key in keys if key in known)
                appended.append(Appended(Outcome.KNOWN, None, None, position))
            case Verdict.CONFLICT:
                position = next(known[key].position for key in keys if key in known and known[key].content != content)
                before = write_telling(new[position - first].telling) if position >= first else None
                appended.append(Appended(Outcome.CONFLICT, None, before, position))
            case unheard:
                assert_never(unheard)
    if not new:
        return appended
    events = _numbered(turn, new, clock)
    turn.write(events)
    insert_keys(turn.cursor, new_keys)
    return [one._replace(version=events[one.position - first].version) if one.outcome is Outcome.RECORDED else one for one in appended]


def _numbered(turn: Turn, new: Sequence[Prepared], clock: Callable[[], datetime]) -> list[Event]:
    """All events of a turn are recorded at one moment, which is later than that of any event before, whatever the clock says."""
    now = clock().astimezone(UTC)
    if turn.head.recorded_at is not None:
        now = max(now, turn.head.recorded_at + TICK)
    opening = STATE_OPENS + now.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode() + b'",'
    versions = read_versions(turn.cursor, list({one.stream for one in new}))
    events: list[Event] = []
    for one in new:
        version = versions[one.stream] = versions.get(one.stream, 0) + 1
        events.append(Event(one.stream, version, one.topic, opening + one.tail))
    return events
