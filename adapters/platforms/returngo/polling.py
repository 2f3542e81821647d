"""What webhooks lose: RMAs and transactions by their update, and open RMAs by and by, for an RMA's date stands still while a parcel moves.

A round lists what was updated since the last round began (less an overlap), reads each RMA once, and gives the rest of its allowance to
the open RMAs that have waited longest. The cursor is all it remembers; a round that breaks off goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from adapters.platforms.port import Desk, Polled, Reading
from adapters.platforms.returngo.client import ReturnGoClient
from adapters.platforms.returngo.fields import Document, instant
from adapters.platforms.returngo.rma import Rma
from adapters.platforms.returngo.webhook import rma_ids_in
from adapters.vendor.answers import NotUnderstood, VendorError, VendorTrouble
from domain.telling import write_instant

OVERLAP = timedelta(minutes=10)
FIRST_LOOK_BACK = timedelta(days=60)
# Of the 2,000 calls a day, 500 are for looking again; lists, news and webhooks have the others. A quiet account may save up 100.
LOOKS_PER_DAY = 500
SAVED_LOOKS = 100
# Whoever polls every few seconds would read the same RMA all day, and the same list: once in a while is enough where nothing shows.
LOOK_AGAIN = timedelta(seconds=15)
LIST_TRANSACTIONS = timedelta(minutes=1)
# How long an RMA is looked at again after its last sign of life: until it is done, and then until its parcels are in.
WATCH_OPEN = timedelta(days=120)
WATCH_DONE = timedelta(days=45)
READ_AT_A_TIME = 10

# Reads one RMA: the reading, and the RMA where there is one.
ReadOne = Callable[[str, Desk], tuple[Reading, Rma | None]]


@dataclass
class _Cursor:
    rmas_since: datetime
    transactions_since: datetime
    allowance: float
    allowance_at: datetime
    # Open RMA → when it was last read, in seconds since 1970.
    watched: dict[str, int]
    # A round that is under way: when it began, the page it is on, and what of that page is read: RMA → a digest of what the list showed.
    began: datetime | None = None
    page: str | None = None
    page_read: dict[str, str] = field(default_factory=dict)
    # RMA read a moment ago → when, and a digest of what the list showed of it.
    lately: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None, now: datetime) -> _Cursor:
        stored = stored or {}
        watched, page_read = stored.get("watched") or {}, stored.get("page_read")
        return cls(
            instant(stored.get("rmas_since")) or now - FIRST_LOOK_BACK,
            instant(stored.get("transactions_since")) or now - FIRST_LOOK_BACK,
            float(stored.get("allowance", SAVED_LOOKS)),
            instant(stored.get("allowance_at")) or now,
            {str(rma_id): int(at) for rma_id, at in watched.items()},
            instant(stored.get("began")),
            stored.get("page"),
            {str(rma_id): str(shown) for rma_id, shown in page_read.items()} if isinstance(page_read, Mapping) else {},
            {
                str(rma_id): (int(at), str(shown))
                for rma_id, (at, shown) in (stored.get("lately") or {}).items()
                if now.timestamp() - at < LOOK_AGAIN.total_seconds()
            },
        )

    def written(self) -> dict[str, Any]:
        return {
            "rmas_since": write_instant(self.rmas_since),
            "transactions_since": write_instant(self.transactions_since),
            "allowance": round(self.allowance, 3),
            "allowance_at": write_instant(self.allowance_at),
            "watched": dict(self.watched),
            "began": write_instant(self.began) if self.began else None,
            "page": self.page,
            "page_read": dict(self.page_read),
            "lately": {rma_id: list(read) for rma_id, read in self.lately.items()},
        }


class Poll:
    """One round, page by page."""

    def __init__(self, client: ReturnGoClient, read_one: ReadOne, cursor: Mapping[str, Any] | None, desk: Desk) -> None:
        self._client, self._read_one, self._desk = client, read_one, desk
        self._now = desk.now()
        self._cursor = _Cursor.read(cursor, self._now)
        # By this attempt at the round. What an earlier one read may have changed since, it can have been hours ago: it is read again where
        # a list shows it as news, and otherwise waits for its turn in the next round.
        self._read: set[str] = set()
        self._read_before = set(self._cursor.page_read)
        self._shown: dict[str, str] = {}

    def pages(self) -> Iterator[Polled]:
        """Raises VendorTrouble and VendorRefused; a request that ReturnGO refuses is trouble with the connection, not with a record."""
        try:
            yield from self._round()
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused

    def _round(self) -> Iterator[Polled]:
        cursor = self._cursor
        if cursor.began is None:
            cursor.began = self._now
        yield from self._updated_rmas()
        yield from self._updated_transactions(cursor.began)
        cursor.began = None
        yield from self._open_rmas()
        yield Polled((), cursor.written())

    def _updated_rmas(self) -> Iterator[Polled]:
        cursor = self._cursor
        assert cursor.began is not None, "a round begins before it lists"
        while True:
            try:
                listed = self._client.rmas_updated(cursor.rmas_since - OVERLAP, cursor.page)
            except NotUnderstood:
                if cursor.page is None:
                    raise
                # A page's cursor that is too old to be understood: from the first page on, what is read is known.
                cursor.page = None
                continue
            for polled in self._read_all(self._news(listed.rows)):
                now = int(self._now.timestamp())
                for rma_id in polled:
                    cursor.page_read[rma_id] = shown = self._shown[rma_id]
                    cursor.lately[rma_id] = (now, shown)
                yield Polled(tuple(polled.values()), cursor.written())
            cursor.page, cursor.page_read = listed.next_cursor, {}
            if cursor.page is None:
                break
        cursor.rmas_since = cursor.began

    def _news(self, rows: Iterable[Document]) -> Iterator[str]:
        """Left out where it looks the same: what an earlier attempt at this page read, and what the overlap shows again after a moment."""
        for row in rows:
            shown = blake2b(json.dumps(row, sort_keys=True).encode(), digest_size=8).hexdigest()
            for rma_id in rma_ids_in(row):
                if shown not in (self._cursor.page_read.get(rma_id), self._cursor.lately.get(rma_id, (0, ""))[1]):
                    self._shown[rma_id] = shown
                    yield rma_id

    def _updated_transactions(self, began: datetime) -> Iterator[Polled]:
        if began - self._cursor.transactions_since < LIST_TRANSACTIONS:
            return
        for page in self._client.transactions_updated(self._cursor.transactions_since - OVERLAP):
            for polled in self._read_all(rma_id for row in page.rows for rma_id in rma_ids_in(row)):
                yield Polled(tuple(polled.values()), self._cursor.written())
        self._cursor.transactions_since = began

    def _open_rmas(self) -> Iterator[Polled]:
        cursor = self._cursor
        passed = max((self._now - cursor.allowance_at) / timedelta(days=1), 0.0)
        cursor.allowance = min(SAVED_LOOKS, cursor.allowance + LOOKS_PER_DAY * passed)
        cursor.allowance_at = self._now
        before = (self._now - LOOK_AGAIN).timestamp()
        read = self._read | self._read_before
        waiting = sorted((at, rma_id) for rma_id, at in cursor.watched.items() if at <= before and rma_id not in read)
        chosen = [rma_id for _, rma_id in waiting[: int(cursor.allowance)]]
        for polled in self._read_all(chosen):
            cursor.allowance -= len(polled)
            yield Polled(tuple(polled.values()), cursor.written())

    def _read_all(self, rma_ids: Iterable[str]) -> Iterator[dict[str, Reading]]:
        """Each RMA once a round, a few at a time: what is read is recorded before much of the quota hangs on it."""
        polled: dict[str, Reading] = {}
        for rma_id in rma_ids:
            if rma_id in self._read:
                continue
            try:
                reading, rma = self._read_one(rma_id, self._desk)
            except VendorError:
                # What was read until now is kept: each attempt gets further, also on a bad day.
                if polled:
                    yield polled
                raise
            self._read.add(rma_id)
            self._watch(rma_id, rma)
            polled[rma_id] = reading
            if len(polled) == READ_AT_A_TIME:
                yield polled
                polled = {}
        if polled:
            yield polled

    def _watch(self, rma_id: str, rma: Rma | None) -> None:
        if rma is not None and _is_watched(rma, self._now):
            self._cursor.watched[rma_id] = int(self._now.timestamp())
        else:
            self._cursor.watched.pop(rma_id, None)


def _is_watched(rma: Rma, now: datetime) -> bool:
    if rma.status == "cancelled":
        return False
    quiet = now - rma.latest(now)
    if rma.status in ("done", "finished"):
        return rma.awaits_parcels and quiet < WATCH_DONE
    return quiet < WATCH_OPEN


def listed_ids(rows: Iterable[Document]) -> tuple[str, ...]:
    """The RMAs of a list of summaries, each once."""
    return tuple(dict.fromkeys(rma_id for row in rows for rma_id in rma_ids_in(row)))
