"""What has become worse about a gap since somebody last decided about its return: it has grown, aged, or another one joined it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from api.console.help import title
from domain.gap import TOLERATED
from domain.money import to_text
from domain.returns import Recorded
from domain.telling import ReturnKey

Subject = tuple[str, str | None, str | None]
# So long after it opened nobody needs to have looked at it yet.
NEW_FOR: Final = timedelta(hours=24)
# A gap is in another class of age from so many days on, as it is counted on the first page.
CLASSES_DAYS: Final = (1, 3, 7, 14, 30)


def last_decided(events: Iterable[Recorded]) -> datetime | None:
    """When a person last decided anything about the return, as it was recorded."""
    return max((event.recorded_at for event in events if event.cause.startswith("person:")), default=None)


def standing_of(conn: Connection[Any], keys: Sequence[ReturnKey]) -> dict[ReturnKey, list[dict[str, Any]]]:
    """Every row of the register about these returns, in both times."""
    found: dict[ReturnKey, list[dict[str, Any]]] = {key: [] for key in keys}
    if keys:
        columns = [list(column) for column in zip(*found, strict=True)]
        with conn.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(_ROWS, columns):
                found[ReturnKey(row["merchant"], row["platform"], row["return_id"])].append(row)
    return found


def worse_since(
    rows: Sequence[Mapping[str, Any]], subject: Subject, opened_at: datetime, decided_at: datetime | None, now: datetime
) -> list[str]:
    """In words, what is worse than it was at the last decision; where nobody has decided yet, than it was when the gap was new."""
    if decided_at is None:
        known, since = [row for row in rows if row["known_to"] is None], opened_at
    else:
        known, since = [row for row in rows if _was_known(row, decided_at)], decided_at
    before = {_subject(row): row for row in known if row["valid_from"] <= since and not _is_over(row, since, decided_at)}
    today = {
        _subject(row): row
        for row in rows
        if row["known_to"] is None and row["valid_to"] is None and (not row["by_clock"] or row["valid_from"] <= now)
    }
    told: list[str] = []
    was, is_now = before.get(subject), today.get(subject)
    if was is not None and is_now is not None and was["amount_minor"] is not None and is_now["amount_minor"] is not None:
        more = abs(is_now["amount_minor"]) - abs(was["amount_minor"])
        if more > 0:
            told.append(f"{to_text(more, is_now['currency'])} {is_now['currency']} more")
    told += [f"{title(one[0]).lower()} joined" for one in today if one != subject and one not in before and title(one[0])]
    looked_at = decided_at if decided_at is not None and decided_at > opened_at else opened_at + NEW_FOR
    was_class, is_class = (bisect_right(CLASSES_DAYS, (at - opened_at) / timedelta(days=1)) for at in (looked_at, now))
    if is_class > was_class:
        told.append(f"over {CLASSES_DAYS[is_class - 1]} days old")
    return told


def _subject(row: Mapping[str, Any]) -> Subject:
    return (row["kind"], row["line"], row["currency"])


def _was_known(row: Mapping[str, Any], at: datetime) -> bool:
    return row["known_from"] <= at and (row["known_to"] is None or row["known_to"] > at)


def _is_over(row: Mapping[str, Any], at: datetime, known_at: datetime | None) -> bool:
    """Had it ended by then, as far as was known?"""
    if row["valid_to"] is None or row["valid_to"] > at:
        return False
    return known_at is None or row["end_known_from"] is None or row["end_known_from"] <= known_at


# Infinity is no instant of Python's. In order, so that what time has changed comes after what it was.
_ROWS: Final = f"""
    SELECT r.merchant, r.platform, r.return_id, g.kind, g.line, g.currency, g.amount_minor, g.valid_from, g.by_clock, g.known_from,
        nullif(g.valid_to, 'infinity') AS valid_to, nullif(g.known_to, 'infinity') AS known_to,
        nullif(g.end_known_from, 'infinity') AS end_known_from
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS k (merchant, platform, return_id)
    JOIN returns r USING (merchant, platform, return_id) JOIN gaps g USING (return_no)
    WHERE g.kind <> '{TOLERATED}' ORDER BY g.valid_from"""  # noqa: S608 - a constant
