"""A stream that says only that something changed. Whoever hears it asks again, with rights of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Final

import psycopg
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.bootstrap import House
from api.http.auth import Permission, needs
from api.http.problems import Problem
from api.http.reading import connection

LOOK_SECONDS: Final = 1.0
# A server that is told to stop waits for open streams: each of them looks as often as this whether it should end.
STEP_SECONDS: Final = 0.25
BEAT_SECONDS: Final = 15.0
# A stream ends by itself after so long, so that a sign-in that has ended meanwhile is noticed at the next one.
LONGEST_SECONDS: Final = 600.0
MOST_STREAMS: Final = 500

router = APIRouter(include_in_schema=False)


class Pulse:
    """How far the house has come, looked at once a second at most for all who listen."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._mark: str | None = None
        self.streams = 0

    def mark(self) -> str | None:
        """Another word each time something has changed, its first part the position; None while the database is away."""
        with self._lock:
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                try:
                    with connection(self._house) as conn:
                        found = conn.execute(_MARK).fetchone()
                    self._mark = ".".join(str(part or 0) for part in found) if found else "0"
                except psycopg.OperationalError:
                    self._mark = None
                self._looked_at = time.monotonic()
            return self._mark


@router.get("/live", dependencies=[needs(Permission.READ)])
async def live(request: Request, after: Annotated[str | None, Query(max_length=100)] = None) -> Response:
    """`after`, or the header Last-Event-ID, is the mark that was heard last: what changed since is told at once."""
    pulse: Pulse = request.app.state.pulse
    if pulse.streams >= MOST_STREAMS:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-streams", "Too many pages are open on this house; this one stays as it is.")
    seen = request.headers.get("last-event-id") or after
    drain: threading.Event = request.app.state.drain
    return StreamingResponse(_beats(pulse, drain, seen), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _beats(pulse: Pulse, drain: threading.Event, seen: str | None) -> AsyncIterator[str]:
    begun, looked, beaten = time.monotonic(), float("-inf"), _NEVER
    pulse.streams += 1
    try:
        while not drain.is_set() and time.monotonic() - begun < LONGEST_SECONDS:
            now = time.monotonic()
            if now - looked >= LOOK_SECONDS:
                looked = now
                mark = await run_in_threadpool(pulse.mark)
                if mark is None:
                    return  # the page says that it is reconnecting, which is how things are
                changed = seen is not None and mark != seen
                if changed or beaten is None or now - beaten > BEAT_SECONDS:
                    seen, beaten = mark, now
                    yield f"event: {'changed' if changed else 'hello'}\nid: {mark}\ndata: {mark}\n\n"
            await asyncio.sleep(STEP_SECONDS)
    finally:
        pulse.streams -= 1


_NEVER: float | None = None
_MARK: Final = """
    SELECT (SELECT position FROM projection_position),
           (SELECT coalesce(max(id), 0) FROM inbox),
           (SELECT count(*) FROM inbox WHERE state = 'pending'),
           (SELECT count(*) FROM inbox WHERE state = 'failed'),
           (SELECT count(*) FROM bulk_runs WHERE finished_at IS NULL)"""
