"""How the register's rows are found for a moment: in parts, each by its own index, so that what ended long ago is not read.

The parts of an answer have no row in common; together they are the rows of which `moments.holds` is true:

  live     never ended, as far as is known today
  ended    as of T: ended since, but not yet at T
  closed   gone (for lists of closed gaps)
  changed  known at K: rows about which something was learnt after K
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from domain.policy import GapKind
from projections.moments import Moment, check_status, holds

# A gap that was open for less than an hour and is open at T was opened within the hour before T. So rows are indexed by how long they
# were open, in classes that go up by fours, and each class is searched only as far back as it reaches: of the rows read about one in two
# is part of the answer, however many others there are. indexes.sql has the same expressions.
_STEPS = "'{1min,4min,16min,64min,256min,1024min,4096min,16384min,65536min,262144min,1048576min}'::interval[]"
_AGE = f"width_bucket(valid_to - opened_at, {_STEPS})"
_CHANGED_AT = "(CASE WHEN known_to < 'infinity' THEN known_to ELSE end_known_from END)"
_KNOWN_AGE = f"width_bucket({_CHANGED_AT} - known_from, {_STEPS})"
_EACH_AGE = f"(SELECT class, ({_STEPS})[class + 1] AS below FROM generate_series(0, 11) AS class) AS age"  # noqa: S608 (a constant)
_EACH_KIND = "(VALUES " + ", ".join(f"('{kind}')" for kind in GapKind) + ") AS one (kind)"

_LIVE: Final = "known_to = 'infinity' AND valid_to = 'infinity'"
_ENDED: Final = "known_to = 'infinity' AND valid_to < 'infinity'"
_CHANGED: Final = "least(known_to, end_known_from) < 'infinity'"

Due = Literal["by T", "after T"]


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of `gaps` that meet `where`; with `each`, an item of FROM, the index is asked once for each row of that."""

    where: str
    each: str | None = None
    # Until when an overdue gap must have been due: what is gone counts by when it went.
    until: str = "%(clock)s"


def parts(moment: Moment, status: str = "open", *, listed: bool = False, due: Due | None = None) -> list[Part]:
    """Parameters are `Moment.parameters`. `listed`: a few rows in order are wanted, not all of them.

    `due` (with an as-of) leaves only rows that were due by T, or only those that were due after it: the former can be read in order of
    due_at, so a page that they fill needs not look at the latter. Raises ValueError for an unknown status.
    """
    check_status(status)
    found: list[Part] = []
    and_due = {None: "", "by T": " AND due_at <= %(t)s", "after T": " AND due_at > %(t)s"}[due]
    if status != "closed":
        found += [Part(f"{_LIVE} AND {holds(moment)}{and_due}"), *_ended(moment, due, and_due), *_changed(moment, "open", and_due)]
    if status != "open":
        gone = f"{_ENDED} AND {holds(moment, 'closed')}{and_due}"
        found.append(Part(f"{gone} AND kind = one.kind", _EACH_KIND, "valid_to") if listed else Part(gone, until="valid_to"))
        found += _changed(moment, "closed", and_due)
    return found


def whole(moment: Moment, status: str) -> list[Part]:
    """All rows in one go, where something else leads to them. Raises ValueError as `parts` does."""
    check_status(status)
    gone = [Part(holds(moment, "closed"), until="valid_to")] if status != "open" else []
    return gone if status == "closed" else [Part(holds(moment)), *gone]


def select(found: Sequence[Part], columns: str, where: str, order: str = "", *, overdue: bool = False) -> str:
    """One SELECT over all parts. With an `order` (ORDER BY and LIMIT) every part gives its first rows; they are still to be merged."""
    selects = []
    for part in found:
        late = f" AND due_at < {part.until}" if overdue else ""
        # OFFSET 0 keeps the planner from turning the question for each age into one that reads the table.
        one = f"SELECT {columns} FROM gaps WHERE {part.where} AND {where}{late} {order or ('OFFSET 0' if part.each else '')}"  # noqa: S608
        selects.append(f"SELECT part.* FROM {part.each} CROSS JOIN LATERAL ({one}) AS part" if part.each else f"({one})")  # noqa: S608
    return " UNION ALL ".join(selects)


def each_ended_since(columns: str, where: str) -> str:
    """A SELECT of the rows that ended at `since` or later, as is known now; its parameter is `since`."""
    found = f"{_ENDED} AND {_AGE} = age.class AND opened_at >= coalesce(%(since)s - age.below, '-infinity') AND valid_to >= %(since)s"
    one = f"SELECT {columns} FROM gaps WHERE {found} AND {where} OFFSET 0"  # noqa: S608 (constants)
    return f"SELECT part.* FROM {_EACH_AGE} CROSS JOIN LATERAL ({one}) AS part"  # noqa: S608


def _ended(moment: Moment, due: Due | None, and_due: str) -> list[Part]:
    if moment.as_of is None:
        return []
    known = "" if moment.known_at is None else " AND end_known_from <= %(k)s"
    # A gap is due after it was opened, so what bounds the one bounds the other.
    bound = "due_at" if due == "by T" else "opened_at <= %(t)s AND opened_at"
    since = f"{bound} > coalesce(%(t)s - age.below, '-infinity')"
    return [Part(f"{_ENDED} AND {_AGE} = age.class AND {since} AND valid_to > %(t)s{known} AND {holds(moment)}{and_due}", _EACH_AGE)]


def _changed(moment: Moment, status: str, and_due: str) -> list[Part]:
    if moment.known_at is None:
        return []
    since = f"{_KNOWN_AGE} = age.class AND known_from > coalesce(%(k)s - age.below, '-infinity') AND {_CHANGED_AT} > %(k)s"
    until = "valid_to" if status == "closed" else "%(clock)s"
    return [Part(f"{_CHANGED} AND NOT ({_LIVE}) AND {since} AND {holds(moment, status)}{and_due}", _EACH_AGE, until)]
