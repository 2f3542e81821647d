"""Returns that are still under way, for vendors that are asked about one at a time: whom to look at again, the longest unseen first.

Webhooks bring returns in, polling looks at them until they are over; in between the poll's cursor keeps the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.vendor.shapes import instant, text
from domain.telling import write_instant

# Whoever has not been heard of for that long is not coming back; the vendor's own limits are shorter.
WATCH_FOR: Final = timedelta(days=120)
MOST_WATCHED: Final = 5_000


@dataclass(slots=True)
class Watched:
    """How to ask for it; since when it is watched and when it was last looked at."""

    asked_by: str
    value: str
    since: datetime
    looked_at: datetime | None = None


class Watch:
    """The returns of one connection that are under way."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}
        # Over for good: a late webhook does not bring them back.
        self._over: dict[str, None] = {}

    def see(self, return_id: str, asked_by: str, value: str, at: datetime) -> None:
        """Somebody spoke of it."""
        if return_id in self._over or return_id in self._watched:
            return
        self._watched[return_id] = Watched(asked_by, value, at)
        if len(self._watched) > MOST_WATCHED:
            self._watched.pop(min(self._watched, key=lambda one: (self._watched[one].looked_at or self._watched[one].since, one)))

    def looked(self, return_id: str, at: datetime) -> None:
        if return_id in self._watched:
            self._watched[return_id].looked_at = at

    def over(self, return_id: str) -> None:
        self._watched.pop(return_id, None)
        self._over[return_id] = None
        if len(self._over) > MOST_WATCHED:
            del self._over[next(iter(self._over))]

    def due(self, now: datetime, most: int) -> list[tuple[str, Watched]]:
        """Those to look at now, who have waited longest; who has been silent for too long is let go."""
        for return_id in [one for one, watched in self._watched.items() if now - watched.since > WATCH_FOR]:
            del self._watched[return_id]
        waiting = sorted(self._watched.items(), key=lambda item: (item[1].looked_at or item[1].since, item[0]))
        return waiting[:most]

    def learn(self, stored: object) -> None:
        """From a cursor; what is watched already stays as it is."""
        if not isinstance(stored, Mapping):
            return
        for return_id, row in stored.items():
            if not isinstance(row, list) or len(row) != 4 or return_id in self._watched or return_id in self._over:
                continue
            asked_by, value, since, looked_at = text(row[0]), text(row[1]), instant(row[2]), instant(row[3])
            if asked_by is not None and value is not None and since is not None:
                self._watched[str(return_id)] = Watched(asked_by, value, since, looked_at)

    def written(self) -> dict[str, Any]:
        return {
            return_id: [one.asked_by, one.value, write_instant(one.since), write_instant(one.looked_at) if one.looked_at else None]
            for return_id, one in self._watched.items()
        }
