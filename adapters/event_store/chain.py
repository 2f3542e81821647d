"""Is the log whole: every event sealed with all before it, none missing. PostgreSQL computes the seals anew, so nothing has to travel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor

from adapters.event_store.reading import read_head
from adapters.event_store.recorder import FIRST_CHAIN

STEP = 20_000


@dataclass(frozen=True, slots=True)
class Verified:
    """`broken` is the first position whose event was changed or is missing, None if the log is whole; `count` events before it are good.

    `seal` is the last good event's chain in hex: written down elsewhere, it shows later whether the log was rewritten as a whole.
    """

    broken: int | None
    count: int
    seal: str


def verify(cursor: Cursor[Any], progress: Callable[[int, int], None]) -> Verified:
    """Walk the log as it is now, in steps; `progress` is told (events verified, events in all) after each."""
    total, after, chain = read_head(cursor), 0, FIRST_CHAIN
    while after < total:
        expected = min(STEP, total - after)
        cursor.execute(
            r"""
            WITH links AS (
                SELECT notification_id AS position, chain, %(after)s::bigint + row_number() OVER log AS expected,
                    sha256(
                        lag(chain, 1, %(chain)s::bytea) OVER log
                        || int8send(notification_id) || convert_to(originator_id, 'UTF8') || '\x00'::bytea
                        || int8send(originator_version) || convert_to(topic, 'UTF8') || '\x00'::bytea
                        || state
                    ) AS computed
                FROM stored_events WHERE notification_id > %(after)s AND notification_id <= %(after)s::bigint + %(step)s
                WINDOW log AS (ORDER BY notification_id)
            ), judged AS (
                SELECT *, bool_and(position = expected AND chain = computed) OVER (ORDER BY position) AS good FROM links
            )
            SELECT count(*) FILTER (WHERE good), (array_agg(chain ORDER BY position DESC) FILTER (WHERE good))[1] FROM judged
            """,
            {"after": after, "step": expected, "chain": chain},
            binary=True,
        )
        good, last = cursor.fetchone() or (0, None)
        after, chain = after + good, last or chain
        progress(after, total)
        if good < expected:
            return Verified(after + 1, after, chain.hex())
    # Cut off at its end a log looks whole; but the keys of its facts are left.
    cursor.execute("SELECT min(position) FROM fact_keys WHERE position > (SELECT coalesce(max(notification_id), 0) FROM stored_events)")
    (cut_off,) = cursor.fetchone() or (None,)
    return Verified(cut_off, after, chain.hex())
