"""What the house is measured against: the least that PostgreSQL and Python could do of the same work."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from psycopg import Connection


def raw_copy(conn: Connection[Any], lines: Sequence[bytes]) -> None:
    """COPY into a staging table and INSERT … ON CONFLICT DO NOTHING, in batches of 2,000: no parsing, no checks, no history."""
    conn.execute("CREATE TABLE raw_facts (key bytea PRIMARY KEY, position bigserial, body bytea NOT NULL)")
    conn.execute("CREATE TEMPORARY TABLE staged (key bytea, body bytea)")
    for start in range(0, len(lines), 2_000):
        with conn.transaction():
            conn.execute("TRUNCATE staged")
            with conn.cursor().copy("COPY staged FROM STDIN") as copy:
                for line in lines[start : start + 2_000]:
                    copy.write_row((blake2b(line, digest_size=16).digest(), line))
            conn.execute("INSERT INTO raw_facts (key, body) SELECT key, body FROM staged ON CONFLICT DO NOTHING")


_NEXT = "SELECT notification_id, originator_id, topic, state FROM stored_events WHERE notification_id > %s ORDER BY 1 LIMIT 1000"


def flat_fold(conn: Connection[Any]) -> int:
    """The log folded by hand into one flat row a return: batches of 1,000, kept in memory, one upsert by unnest, position alongside."""
    conn.execute("CREATE TABLE flat (stream text PRIMARY KEY, events int, refunded bigint, credited bigint, last_at text)")
    conn.execute("CREATE TABLE flat_position (position bigint)")
    conn.execute("INSERT INTO flat_position VALUES (0)")
    known: dict[str, list[Any]] = {}
    position = 0
    while True:
        with conn.transaction():
            rows = conn.execute(_NEXT, (position,)).fetchall()
            if not rows:
                return position
            touched: dict[str, list[Any]] = {}
            for position, stream, topic, state in rows:  # noqa: B007 (the last one counts)
                told = json.loads(state)
                flat = known.setdefault(stream, [stream, 0, 0, 0, ""])
                flat[1] += 1
                if topic == "return.refunded":
                    flat[2] += int(told["fact"]["amount"]["total"].replace(".", ""))
                elif topic == "return.credit_noted":
                    flat[3] += int(told["fact"]["amount"]["total"].replace(".", ""))
                flat[4] = max(flat[4], told["occurred_at"])
                touched[stream] = flat
            conn.execute(
                """INSERT INTO flat SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::text[])
                   ON CONFLICT (stream) DO UPDATE SET events = excluded.events, refunded = excluded.refunded,
                       credited = excluded.credited, last_at = excluded.last_at""",
                [list(column) for column in zip(*touched.values(), strict=True)],
            )
            conn.execute("UPDATE flat_position SET position = %s", (position,))
