"""From which moment the register is looked at: what had happened by `as_of`, as it was known at `known_at`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATUSES = ("open", "closed", "all")
# What had moved by `as_of`, inclusive, as it is known now: whole days (UTC) out of the sums, and the beginning of one out of the moves.
BEFORE_ITS_DAY = "day < (%(t)s::timestamptz AT TIME ZONE 'UTC')::date"
REST_OF_ITS_DAY = "occurred_at >= date_trunc('day', %(t)s::timestamptz, 'UTC') AND occurred_at <= %(t)s"


@dataclass(frozen=True, slots=True)
class Moment:
    """Both instants are inclusive. Without `as_of` everything recorded counts, and clocks (received short, overdue, age) stand at `now`."""

    now: datetime
    as_of: datetime | None = None
    known_at: datetime | None = None

    @property
    def clock(self) -> datetime:
        return self.as_of or self.now

    def parameters(self) -> dict[str, Any]:
        return {"t": self.as_of, "k": self.known_at, "clock": self.clock}


def check_status(status: str) -> None:
    if status not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {status!r}")


def holds(moment: Moment, status: str = "open") -> str:
    """The SQL condition on `gaps` under which a row is part of the answer; its parameters are `Moment.parameters`.

    Raises ValueError for an unknown status.
    """
    check_status(status)
    known = "known_to = 'infinity'" if moment.known_at is None else "known_from <= %(k)s AND known_to > %(k)s"
    unended = "valid_to = 'infinity'" if moment.as_of is None else "valid_to > %(t)s"
    # With its own clock: what only time changes has no end that a fact gave it.
    unended = f"{unended} AND lapses_at > %(clock)s"
    if moment.known_at is not None:
        unended = f"({unended} OR end_known_from > %(k)s)"
    begun = "(NOT by_clock OR valid_from <= %(clock)s)" if moment.as_of is None else "valid_from <= %(t)s"
    is_open = f"{unended} AND {begun}"
    over = _over(moment)
    match status:
        case "open":
            return f"{known} AND {is_open}"
        case "closed":
            return f"{known} AND {over}"
        case "all":
            return f"{known} AND (({is_open}) OR ({over}))"
        case _:
            raise AssertionError(status)


def went_at(moment: Moment) -> str:
    """When a row's gap was closed, as SQL; infinity where it was not, or nobody knew of it yet."""
    if moment.as_of is None and moment.known_at is None:
        return "valid_to"  # as an index has it
    return f"(CASE WHEN {_over(moment)} THEN valid_to ELSE 'infinity' END)"


def _over(moment: Moment) -> str:
    over = "closed AND valid_to < 'infinity'" if moment.as_of is None else "closed AND valid_to <= %(t)s"
    return over if moment.known_at is None else f"{over} AND end_known_from <= %(k)s"
