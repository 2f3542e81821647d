"""What is to be told now, written down for each channel: a gap once a rule, a digest once a day and never an empty one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from adapters.alerts.terms import Digest, Rule, Terms
from domain.money import from_canonical, to_text
from projections.gap_register import GapFilter
from projections.moments import Moment
from projections.summary import summary

# A message names so many; the console has them all.
SHOWN: Final = 20
# More than that are told of in the next round: a message is no list of everything.
_MOST_A_ROUND: Final = 500
_GAP: Final = "jsonb_build_array(merchant, platform, return_id, kind, line, currency, opened_at)::text"


def notice_gaps(conn: Connection[Any], rule: Rule, terms: Terms, now: datetime) -> int:
    """Write down what the rule has not told of yet: how many gaps."""
    beyond = ["opened_at <= %(old)s", f"NOT EXISTS (SELECT FROM alerted WHERE rule = %(rule)s AND gap = {_GAP})"]
    more: dict[str, Any] = {"old": now - rule.older_than, "rule": rule.name}
    if rule.over_minor:
        beyond.append("amount_minor > (%(over)s::jsonb ->> currency)::bigint")
        more["over"] = "{" + ", ".join(f'"{currency}": {minor}' for currency, minor in sorted(rule.over_minor.items())) + "}"
    asked = GapFilter(kinds=tuple(map(str, rule.kinds)), owners=rule.owners)
    columns = f"{_GAP} AS gap, merchant, platform, return_id, kind, owner, currency, amount_minor, opened_at"
    rows_of, parameters = asked.select(Moment(now), columns, " AND ".join(beyond))
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        ordered = f"SELECT * FROM ({rows_of}) AS held ORDER BY opened_at, gap LIMIT {_MOST_A_ROUND}"  # noqa: S608 (values are parameters)
        found = cursor.execute(ordered.encode(), parameters | more).fetchall()
        if not found:
            return 0
        keys = [row["gap"] for row in found]
        told = "INSERT INTO alerted (rule, gap, at) SELECT %s, unnest(%s::text[]), %s ON CONFLICT DO NOTHING"
        cursor.execute(told, (rule.name, keys, now))
        about = f"alert/{rule.name}/{hashlib.sha256(chr(10).join(keys).encode()).hexdigest()[:32]}"
        subject = f"{rule.name}: {_count(len(found), 'gap')}"
        body = "\n".join([*map(_line, found[:SHOWN]), *_rest(len(found)), *_link(terms)])
        _write(conn, rule.channels, about, subject, body, now)
    return len(found)


def notice_day(conn: Connection[Any], digest: Digest, terms: Terms, now: datetime) -> bool:
    """Write down the digest of today, once its time has come. One that would be empty is not written."""
    here = now.astimezone(terms.zone)
    if here.time() < digest.at:
        return False
    about = f"digest/{digest.owner or 'all'}/{digest.at:%H:%M}/{here.date()}"
    if conn.execute("SELECT FROM notices WHERE about = %s", (about,)).fetchone():
        return False
    asked = GapFilter(owners=(digest.owner,) if digest.owner else ())
    rows = summary(conn, asked, Moment(now))
    if not rows:
        return False
    counts = Counter[tuple[str, str]]()
    minors = Counter[tuple[str, str]]()
    for row in rows:
        of = (row["kind"], row["currency"] or "")
        counts[of] += row["count"]
        if row["amount"] is not None:
            minors[of] += from_canonical(row["amount"])
    lines = [
        f"{kind.replace('_', ' ')}: {count}" + (f", {to_text(minors[kind, currency], currency)} {currency}" if currency else "")
        for (kind, currency), count in sorted(counts.items())
    ]
    fresh = _opened_since(conn, asked, now - timedelta(days=1), now)
    subject = f"Open today{f' for {digest.owner}' if digest.owner else ''}: {_count(sum(counts.values()), 'gap')}, {fresh} of them new"
    _write(conn, digest.channels, about, subject, "\n".join([*lines, *_link(terms)]), now)
    return True


def _opened_since(conn: Connection[Any], asked: GapFilter, since: datetime, now: datetime) -> int:
    rows_of, parameters = asked.select(Moment(now), "1", "opened_at > %(since)s")
    found = conn.execute(f"SELECT count(*) FROM ({rows_of}) AS held".encode(), parameters | {"since": since}).fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _write(conn: Connection[Any], channels: Sequence[str], about: str, subject: str, body: str, now: datetime) -> None:
    for channel in channels:
        conn.execute(
            "INSERT INTO notices (channel, about, subject, body, made_at, next_at) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (channel, about, subject, body, now, now),
        )


def _line(row: dict[str, Any]) -> str:
    currency, minor = row["currency"], row["amount_minor"]
    money = f", {to_text(minor, currency)} {currency}" if currency and minor is not None else ""
    name = f"{row['merchant']}/{row['platform']}/{row['return_id']}"
    return f"{row['kind'].replace('_', ' ')}: {name}{money}, open since {row['opened_at']:%Y-%m-%d %H:%M} UTC, {row['owner']}'s"


def _rest(count: int) -> list[str]:
    return [f"and {count - SHOWN} more"] if count > SHOWN else []


def _link(terms: Terms) -> list[str]:
    return ["", f"{terms.link}/gaps"] if terms.link else []


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
