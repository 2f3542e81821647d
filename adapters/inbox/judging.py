"""What becomes of a delivery, given what its platform read and the ledger kept: done, ignored, failed, or tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.inbox.queue import Outcome, Taken
from adapters.inbox.recording import Kept, Told
from adapters.inbox.schedule import next_try
from adapters.platforms.port import Reading
from adapters.vendor.answers import NotUnderstood, VendorError, VendorRefused, VendorTrouble

# What a look came to: the reading with its facts, or why there is none.
Look = tuple[Reading, Told] | VendorError
SECOND_LOOK = timedelta(seconds=2)
NOTHING = "there is nothing in it for the ledger"


def judge(group: Sequence[Taken], look: Look, kept: Kept | None, now: datetime, *, last_look: bool = False) -> list[Outcome]:
    """One outcome for each delivery of `group`, of which the last was read."""
    newest = group[-1]
    if isinstance(look, VendorError):
        return [_without_reading(one, look, now) for one in group]
    assert kept is not None, "what was read was recorded"
    outcome = judge_reading(newest.id, newest.attempts + 1, look[0], kept, now, last_look=last_look)
    return [*(_served(one, outcome) for one in group[:-1]), outcome]


def judge_reading(id_: int, attempts: int, reading: Reading, kept: Kept, now: datetime, *, last_look: bool = False) -> Outcome:
    """A conflict is looked at twice: two connections may tell of one happening at the same time, and each leaves it to the other then."""
    outcome = Outcome(
        id_,
        "done",
        recorded=kept.recorded,
        known=kept.known,
        unmapped=reading.unmapped,
        joined=reading.joined,
        waits_for=reading.waits_for,
        returns=kept.returns,
        orders=kept.orders,
    )
    if kept.refused or kept.conflicts:
        outcome.state, outcome.error = "failed", "; ".join([*kept.refused, *kept.conflicts])
        if attempts == 1 and not kept.refused and not last_look:
            outcome.state, outcome.next_at = "pending", now + SECOND_LOOK
    elif reading.waits_for is not None:
        outcome.state, outcome.next_at = "pending", next_try(now, attempts)
    elif not reading.facts and not reading.unmapped:
        outcome.state, outcome.note = "ignored", reading.ignored or NOTHING
    else:
        outcome.note = reading.ignored
    return outcome


def _without_reading(one: Taken, failure: VendorError, now: datetime) -> Outcome:
    match failure:
        case VendorTrouble():
            at = next_try(now, one.attempts + 1, failure.retry_after_seconds)
            return Outcome(one.id, "pending", next_at=at, error=str(failure))
        case VendorRefused():
            return Outcome(one.id, "pending", next_at=next_try(now, one.attempts + 1), error=f"refused: {failure}")
        case NotUnderstood():
            return Outcome(one.id, "failed", error=str(failure))
        case _:
            return Outcome(one.id, "failed", error=f"{type(failure).__name__}: {failure}")


def _served(one: Taken, by: Outcome) -> Outcome:
    """An older delivery about the same subject: whatever came of the newest came of it, and its facts are counted there."""
    return Outcome(
        one.id,
        by.state,
        next_at=by.next_at,
        error=by.error,
        note=by.note or f"read together with delivery {by.id}",
        unmapped=by.unmapped,
        joined=by.joined,
        waits_for=by.waits_for,
        returns=by.returns,
        orders=by.orders,
    )
