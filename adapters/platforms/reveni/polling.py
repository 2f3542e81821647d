"""What webhooks lose: returns by their update, as far as the list can be asked for it, and returns under way, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.files.exact_json import dumps
from adapters.platforms.patience import Patience
from adapters.platforms.port import Desk, Polled, Reading
from adapters.platforms.reveni.client import ReveniClient
from adapters.platforms.reveni.document import RETURN_ID
from adapters.platforms.watching import Watch
from adapters.vendor.answers import NotUnderstood, VendorTrouble
from adapters.vendor.shapes import Document, first_text, instant, mark
from domain.telling import write_instant

OVERLAP: Final = timedelta(minutes=10)
FIRST_LOOK_BACK: Final = timedelta(days=60)
LOOKS_A_ROUND: Final = 25
READ_AT_A_TIME: Final = 10
_MOST_SEEN: Final = 2_000

# Reads one return by its id.
ReadOne = Callable[[str, Desk], Reading]


class Poll:
    """One round. The cursor: since when the list is asked, how its rows looked, and the returns under way."""

    def __init__(self, client: ReveniClient, read_one: ReadOne, watch: Watch, cursor: Mapping[str, Any] | None, desk: Desk) -> None:
        self._client, self._read_one, self._watch, self._desk = client, read_one, watch, desk
        self._now, self._patience = desk.now(), Patience()
        stored = cursor or {}
        self._since = instant(stored.get("since")) or self._now - FIRST_LOOK_BACK
        seen = stored.get("seen")
        # Return → how its row looked: a list that cannot be asked since when gives the same rows again and again.
        self._seen: dict[str, str] = {str(one): str(look) for one, look in seen.items()} if isinstance(seen, Mapping) else {}
        self._read: set[str] = set()
        watch.learn(stored.get("watched"))

    def pages(self) -> Iterator[Polled]:
        """Trouble with the list does not keep the returns under way from being looked at. Raises VendorTrouble and VendorRefused."""
        try:
            yield from self._listed()
        except (VendorTrouble, NotUnderstood) as trouble:
            self._patience.note(trouble)
        under_way = [one for one, _ in self._watch.due(self._now, LOOKS_A_ROUND) if one not in self._read]
        yield from self._look({one: None for one in under_way})
        self._patience.end()

    def _listed(self) -> Iterator[Polled]:
        for rows in self._client.updated_since(self._since - OVERLAP):
            changed: dict[str, str | None] = {}
            for row in rows:
                return_id, look = first_text(row, "id", "return_id", "uuid"), _look_of(row)
                if return_id is not None and RETURN_ID.match(return_id) and self._seen.get(return_id) != look:
                    changed[return_id] = look
            yield from self._look(changed)
        if not self._patience.tried:
            self._since = self._now
        yield Polled((), self._cursor())

    def _look(self, looks: Mapping[str, str | None]) -> Iterator[Polled]:
        """A few at a time; what is read is kept, also where the next one cannot be."""
        readings: list[Reading] = []
        for return_id, look in looks.items():
            # Also where nothing comes of it: who cannot be read does not stand in the others' way.
            self._watch.looked(return_id, self._now)
            try:
                readings.append(self._read_one(return_id, self._desk))
            except VendorTrouble as trouble:
                if readings:
                    yield Polled(tuple(readings), self._cursor())
                    readings = []
                self._patience.bear(trouble)
                continue
            self._read.add(return_id)
            if look is not None:
                self._seen.pop(return_id, None)
                self._seen[return_id] = look
            if len(readings) >= READ_AT_A_TIME:
                yield Polled(tuple(readings), self._cursor())
                readings = []
        if readings:
            yield Polled(tuple(readings), self._cursor())

    def _cursor(self) -> dict[str, Any]:
        while len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return {"since": write_instant(self._since), "seen": dict(self._seen), "watched": self._watch.written()}


def _look_of(row: Document) -> str:
    return mark(dumps(dict(row)), 8)


def is_over(status: str | None, since: datetime, now: datetime) -> bool:
    """Refunds come for some time after the goods were looked at."""
    return status in ("expired", "cancelled") or (
        status in ("done", "accepted", "partly_accepted", "rejected") and now - since > timedelta(days=30)
    )
