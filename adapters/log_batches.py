"""The log in batches, for whoever folds it: what was recorded at one moment stays together, what cannot be read is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.event_store import Ledger, UnreadableEvent
from domain.returns import Recorded
from domain.stored import key_of
from domain.telling import ReturnKey

_LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that was tampered with, or that a newer program wrote. `error` is a sentence that names it."""

    position: int
    key: ReturnKey
    error: str


Event = Recorded | Unreadable


class LogBatches:
    """Remembers what it read ahead; whoever goes on somewhere else should `forget`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ahead: list[Event] = []
        self._unreadable: Unreadable | None = None

    def forget(self) -> None:
        self._ahead = []
        self._unreadable = None

    def next(self, position: int, until: int | None, most_events: int, most_bytes: int) -> Sequence[Event]:
        """The events behind `position`, about `most_events` of them, up to `until` at most; none where the log has nothing new.

        Those recorded at one moment are never parted: so any cut of the log into batches teaches the same lessons.
        """
        events = [event for event in self._ahead if event.position > position]
        if not events or events[0].position != position + 1:
            events = []
        self._ahead = []
        head = until
        while True:
            last = events[-1].position if events else position
            if head is None and len(events) < most_events:
                head = self._ledger.head()
            if head is not None and last >= head:
                return [event for event in events if event.position <= head]
            if len(events) >= most_events and (cut := _last_moment(events)):
                self._ahead = events[cut:]
                return events[:cut]
            more = self._read(last, most_events, most_bytes)
            if not more:
                return events
            events += more

    def _read(self, after: int, most_events: int, most_bytes: int) -> Sequence[Event]:
        """The next page, or as much of it as can be read; then what cannot be, by itself."""
        if self._unreadable is None or self._unreadable.position <= after:
            try:
                return self._ledger.notifications(after, most_events, most_bytes)
            except UnreadableEvent as error:
                self._unreadable = name_unreadable(error)
        before = self._unreadable.position - after - 1
        return self._ledger.notifications(after, min(before, most_events), most_bytes) if before else [self._unreadable]


def name_unreadable(error: UnreadableEvent) -> Unreadable:
    """Where even the stream's name is not what it should be, it stands in place of the return's id."""
    try:
        key = key_of(error.stream)
    except ValueError:
        key = ReturnKey("", "", error.stream)
    return Unreadable(error.position, key, in_a_sentence(error))


def in_a_sentence(error: Exception) -> str:
    """What an error says, on one line of bounded length."""
    return " ".join(str(error).split())[:_LONGEST_SENTENCE]


def _last_moment(events: Sequence[Event]) -> int:
    """Where the events of the last moment begin; what cannot be read belongs to the moment before it. 0: nothing to cut off."""
    moments = [(index, event.recorded_at) for index, event in enumerate(events) if isinstance(event, Recorded)]
    if not moments:
        return len(events)
    last = moments[-1][1]
    return next(index for index, moment in moments if moment == last)
