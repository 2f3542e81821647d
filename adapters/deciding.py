"""Decisions of people, recorded: judged on the return as it stands at that very moment, with what follows in other tables beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import Cursor

from adapters.event_store import Appended, Ledger, Prepared, prepare, read_versions
from adapters.sku_map import remember
from domain.deciding import Assign, Decision, MapSku, Retry, Ruling, rule
from domain.erp_facts import SkuMatched
from domain.policy import Policy
from domain.refusals import Unfitting
from domain.stored import stream_of
from domain.telling import ReturnKey, Telling, read_telling, write_instant, write_telling
from domain.timeline import fold

PolicyOf = Callable[[ReturnKey], Policy]
_MOST_TRIES: Final = 5


class _Moved(Exception):
    """Something was told of the return since it was read."""


def decide(
    ledger: Ledger,
    policy_of: PolicyOf,
    key: ReturnKey,
    decision: Decision,
    *,
    by: str,
    now: datetime,
    reason: str | None = None,
    dry_run: bool = False,
) -> list[dict[str, Any]]:
    """Record what `decision` makes of the return; gives the facts as the contract writes them, with their cause.

    `reason` is noted beside a decision that has no room for one. With `dry_run` nothing is recorded. Raises Unfitting with a sentence,
    Rejected with the field, LookupError for a return that nobody told of.
    """
    for _ in range(_MOST_TRIES):
        events = ledger.events(stream_of(key))
        if not events:
            raise LookupError(f"Nobody has told of a return {key}.")
        policy = policy_of(key)
        ruling = rule(fold(key, events, policy).state, policy, now, decision)
        tellings = _tellings(key, ruling, by, reason if isinstance(decision, Assign | MapSku) else None)
        if not dry_run:
            try:
                _record(ledger, key, tellings, decision, policy, by, len(events), now)
            except _Moved:
                continue
        return [_row(telling, by) for telling in tellings]
    raise Unfitting(f"{key} changes faster than it can be decided on; say it again in a moment.")


def _tellings(key: ReturnKey, ruling: Ruling, by: str, note: str | None) -> list[Telling]:
    told = [*ruling.facts, *([{"fact": "Noted", "text": note}] if note else [])]
    row = {"merchant": key.merchant, "platform": key.platform, "return": key.return_id, "occurred_at": write_instant(ruling.at), "by": by}
    return [read_telling(row | fact, own=True) for fact in told]


def _record(
    ledger: Ledger, key: ReturnKey, tellings: Sequence[Telling], decision: Decision, policy: Policy, by: str, version: int, now: datetime
) -> None:
    prepared = [prepare(telling, f"person:{by}") for telling in tellings]

    def choose(cursor: Cursor[Any]) -> list[Prepared]:
        if read_versions(cursor, [stream_of(key)]).get(stream_of(key)) != version:
            raise _Moved
        return prepared

    def also(cursor: Cursor[Any], _: Sequence[Appended]) -> None:
        if isinstance(decision, MapSku) and policy.erp is not None:
            matched = SkuMatched(sku=decision.sku, to=decision.to)
            remember(cursor, key.merchant, policy.erp.name, matched, by, tellings[0].occurred_at)
        if isinstance(decision, Retry):
            _wake(cursor, key, decision.instruction, now)

    ledger.append_with(choose, also)


def _wake(cursor: Cursor[Any], key: ReturnKey, instruction: str | None, now: datetime) -> None:
    """What was sent and is not known to be done is asked about now, what was found twice, too. What was declined the process replaces."""
    cursor.execute(_WAKE, {"now": now, "instruction": instruction} | key._asdict())


def _row(telling: Telling, by: str) -> dict[str, Any]:
    return write_telling(telling) | {"cause": f"person:{by}"}


_WAKE = """
    UPDATE outbox SET
        next_at = %(now)s,
        attempts = 0,
        failing_since = NULL,
        state = CASE WHEN state = 'dead' THEN 'pending' ELSE state END,
        sent_at = coalesce(sent_at, %(now)s)
    WHERE merchant = %(merchant)s AND platform = %(platform)s AND return_id = %(return_id)s
      AND state IN ('pending', 'waiting', 'dead') AND (sent_at IS NOT NULL OR waits_for = 'found_twice')
      AND id = coalesce(%(instruction)s, id) AND kind <> 'match_order'"""
