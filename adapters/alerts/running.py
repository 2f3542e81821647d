"""The rounds: notice what is to be told, then send what is written down, until it is sent or nothing helps."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from adapters.alerts.noticing import notice_day, notice_gaps
from adapters.alerts.sending import Notice, NotSent, send
from adapters.alerts.terms import Terms
from adapters.inbox.schedule import next_try

log = logging.getLogger("returns_ledger")

ROUND_SECONDS: Final = 20.0
MOST_ATTEMPTS: Final = 12
# Whoever has taken a notice has so long to send it, before another may take it.
_LEASE: Final = timedelta(minutes=2)
_MOST_A_ROUND: Final = 50


def round_of(conn: Connection[Any], terms: Terms, now: datetime) -> int:
    """How many messages were sent. In quiet hours nothing is noticed nor sent: it comes together afterwards, as one message a rule."""
    if terms.is_quiet(now):
        return 0
    for rule in terms.rules:
        notice_gaps(conn, rule, terms, now)
    for digest in terms.digests:
        notice_day(conn, digest, terms, now)
    sent = 0
    for _ in range(_MOST_A_ROUND):
        taken = _take(conn, terms, now)
        if taken is None:
            break
        sent += _try(conn, *taken, terms, now)
    return sent


def _take(conn: Connection[Any], terms: Terms, now: datetime) -> tuple[Notice, str, int] | None:
    """Leased, in a transaction of its own: nothing is sent inside of one."""
    with conn.cursor(row_factory=class_row(_Taken)) as cursor:
        found = cursor.execute(
            "UPDATE notices SET attempts = attempts + 1, next_at = %(until)s WHERE id = ("
            "SELECT id FROM notices WHERE state = 'pending' AND next_at <= %(now)s AND channel = ANY(%(channels)s) "
            "ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, about, subject, body, made_at, channel, attempts",
            {"now": now, "until": now + _LEASE, "channels": list(terms.channels)},
        ).fetchone()
    return found.told() if found else None


class _Taken:
    def __init__(self, *, channel: str, attempts: int, **told: Any) -> None:
        self._channel, self._attempts, self._notice = channel, attempts, Notice(**told)

    def told(self) -> tuple[Notice, str, int]:
        return self._notice, self._channel, self._attempts


def _try(conn: Connection[Any], notice: Notice, channel: str, attempts: int, terms: Terms, now: datetime) -> bool:
    try:
        send(notice, terms.channels[channel], terms, now)
    except NotSent as failure:
        dead = failure.for_good or attempts >= MOST_ATTEMPTS
        log.warning("alerts: %s: %s%s", channel, failure, "; given up" if dead else "")
        conn.execute(
            "UPDATE notices SET state = %s, error = %s, next_at = %s WHERE id = %s",
            ("dead" if dead else "pending", str(failure)[:500], next_try(now, attempts), notice.id),
        )
        return False
    conn.execute("UPDATE notices SET state = 'sent', sent_at = %s, error = NULL WHERE id = %s", (now, notice.id))
    return True
