"""Decisions of people, recorded: judged on the return as it stands at that very moment, with what follows in other tables beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import Cursor

from adapters.erps.port import DocumentLine
from adapters.event_store import Appended, Ledger, Prepared, prepare, read_versions
from adapters.outbox.documents import lines_of
from adapters.outbox.places import CREDIT_NOTE, Place, forget, keep
from adapters.sku_map import remember
from domain.deciding import Assign, Decision, MapSku, MatchReturn, Retry, Ruling, rule
from domain.decisions import DocumentAssigned
from domain.erp_facts import SkuMatched
from domain.facts import CreditNoted, Fact
from domain.policy import Policy
from domain.refusals import Unfitting
from domain.returns import ReturnState
from domain.stored import stream_of
from domain.telling import ReturnKey, Telling, read_telling, write_instant, write_telling
from domain.timeline import fold

PolicyOf = Callable[[ReturnKey], Policy]
# Of the state, the policy and what would be recorded: something to be noted beside it, or a refusal.
Weigh = Callable[[ReturnState, Policy, Sequence[Fact]], str | None]
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
    weigh: Weigh | None = None,
) -> list[dict[str, Any]]:
    """Record what `decision` makes of the return; gives the facts as the contract writes them, with their cause.

    `reason` is noted beside a decision that has no room for one; so is what `weigh` says, which is asked before anything is recorded and
    may raise Unfitting. With `dry_run` nothing is recorded, and nobody asked. Raises Unfitting with a sentence,
    Rejected with the field, LookupError for a return that nobody told of.
    """
    for _ in range(_MOST_TRIES):
        events = ledger.events(stream_of(key))
        if not events:
            raise LookupError(f"Nobody has told of a return {key}.")
        policy = policy_of(key)
        state = fold(key, events, policy).state
        ruling = rule(state, policy, now, decision)
        tellings = _tellings(key, ruling, by, reason if isinstance(decision, Assign | MapSku | MatchReturn) else None)
        if isinstance(decision, MatchReturn):
            tellings += _taken_over(ledger, policy_of, state, decision, by)
        if not dry_run:
            said = weigh(state, policy, [telling.fact for telling in tellings]) if weigh is not None else None
            if said is not None:
                tellings += _tellings(key, Ruling(ruling.at, ()), by, said)
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


def _taken_over(ledger: Ledger, policy_of: PolicyOf, alone: ReturnState, decision: MatchReturn, by: str) -> list[Telling]:
    """A document's credit note, told on the return that it belongs to, of the moment at which it was booked."""
    events = ledger.events(stream_of(decision.to))
    if not events:
        raise LookupError(f"Nobody has told of a return {decision.to}.")
    state = fold(decision.to, events, policy_of(decision.to)).state
    found: list[Telling] = []
    for name, note in alone.notes.items():
        if name not in state.notes and name not in alone.voided and name not in alone.work.moved_away:
            booked = alone.note(name)
            lines = lines_of(state, [DocumentLine(None, one.line, one.quantity) for one in note.lines or ()])
            fact = CreditNoted(credit_note=note.credit_note, erp=note.erp, currency=booked.currency, amount=booked.amount, lines=lines)
            found.append(Telling(decision.to, alone.told_at[name], fact, None, by))
    return found[:1]


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
        if isinstance(decision, MatchReturn):
            assigned = tellings[0].fact
            assert isinstance(assigned, DocumentAssigned)
            forget(cursor, Place(assigned.erp, CREDIT_NOTE, assigned.credit_note, key))
            keep(cursor, Place(assigned.erp, CREDIT_NOTE, assigned.credit_note, decision.to))
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
