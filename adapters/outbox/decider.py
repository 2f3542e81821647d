"""Reads the log and decides: for each return that was touched the instructions now due, recorded together with their rows of the outbox.

Deciding twice is deciding once: ids are made of content, a return is decided only as it was read, and the position moves on last.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import psycopg
from psycopg import Connection, Cursor
from psycopg_pool import ConnectionPool

from adapters.event_store import Appended, Ledger, LedgerBusy, LedgerUnavailable, Prepared, read_versions
from adapters.outbox import queue
from adapters.outbox.folding import fold, read_returns, told
from adapters.outbox.places import Places, Resettled, returns_of_orders, returns_of_orphans
from adapters.outbox.siblings import Siblings
from adapters.outbox.terms import Terms, TermsOf
from adapters.outbox.undecided import forget_undecided, keep_undecided, undecided_keys
from domain.erp_facts import InstructionAbandoned, InstructionIssued
from domain.matching import Credited
from domain.policy import Policy
from domain.process import Plan, plan
from domain.returns import Recorded, ReturnState, evolve
from domain.stored import key_of, stream_of
from domain.telling import ReturnKey

log = logging.getLogger("returns_ledger")

EVENTS_AT_ONCE: Final = 2_000
RETURNS_AT_ONCE: Final = 50
REUNITE_EVERY: Final = timedelta(minutes=1)


class Planner(Protocol):
    def __call__(self, state: ReturnState, policy: Policy, others: Credited) -> Plan: ...


@dataclass(slots=True)
class _Decision:
    """What one return comes to, as it was read at `version`. `restored` are instructions without a row, though they are not done."""

    state: ReturnState
    terms: Terms
    version: int
    due: tuple[InstructionIssued, ...] = ()
    dropped: dict[str, str] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    needs_order: bool = False
    open: tuple[InstructionIssued, ...] = ()


class Decider:
    """One at a time for each house: whoever runs several lets them take turns."""

    def __init__(
        self,
        ledger: Ledger,
        pool: ConnectionPool[Connection[Any]],
        clock: Callable[[], datetime],
        terms_of: TermsOf,
        terms_digest: str = "",
        planner: Planner = plan,
        renew: Callable[[], tuple[TermsOf, str]] | None = None,
    ) -> None:
        """`renew` gives the terms as somebody may have changed them since, with their digest: asked before each step."""
        self._ledger, self._pool, self._clock = ledger, pool, clock
        self._terms_of, self._digest, self._planner = terms_of, terms_digest, planner
        self._renew = renew
        self._begun = False
        self._reunited_at: datetime | None = None
        # Merchant and order of what was decided on lately.
        self._orders: set[tuple[str, str]] = set()
        # How far the log has been decided on.
        self.position = 0

    def catch_up(self) -> None:
        """Decide on everything that is recorded, our own decisions included."""
        while self.step():
            pass

    def step(self, most_events: int = EVENTS_AT_ONCE) -> bool:
        """Decide on the returns that the next events of the log touch; False where there is nothing more to do for now.

        What is new goes first; once the policies are others, all that was is decided on again beside it.
        """
        if self._renew is not None:
            self._terms_of, digest = self._renew()
            self._begun = self._begun and digest == self._digest
            self._digest = digest
        with self._pool.connection() as conn:
            if not self._begun:
                conn.execute(_OTHER_TERMS, {"terms": self._digest})
                self._begun = True
            found = conn.execute("SELECT position, again FROM outbox_position").fetchone()
        assert found is not None, "the migration makes this row"
        self.position, again = found
        last = self._decide_after(self.position, most_events)
        if last > self.position:
            self._move("position", self.position, last)
            self.position = last
            return True
        if again is None:
            self._reunite()
            return False
        last = self._decide_after(again, most_events)
        self._move("again", again, None if last >= self.position or last == again else last)
        return True

    def _reunite(self) -> None:
        """A document and its return may have come at the same moment, and missed each other: from time to time they are looked for; and
        what could not be decided on is tried again."""
        now = self._clock()
        if self._reunited_at is None or now - self._reunited_at >= REUNITE_EVERY:
            self._reunited_at = now
            with self._pool.connection() as conn:
                found = dict.fromkeys([*returns_of_orphans(conn), *undecided_keys(conn)])
            self._decide_in_parts([key for key in found if self._terms_of(key) is not None])

    def _decide_after(self, position: int, most_events: int) -> int:
        streams, last = self._ledger.touched(position, most_events)
        keys = [key for key in _keys(streams) if self._terms_of(key) is not None]
        self._orders.clear()
        self._decide_in_parts(keys)
        # What one return of an order is not credited any more, another may be: nothing is told of that one itself.
        with self._pool.connection() as conn:
            others = returns_of_orders(conn, self._orders) - set(keys)
        self._decide_in_parts(sorted(key for key in others if self._terms_of(key) is not None))
        return last

    def _decide_in_parts(self, keys: Sequence[ReturnKey]) -> None:
        for first in range(0, len(keys), RETURNS_AT_ONCE):
            self._decide_apart(keys[first : first + RETURNS_AT_ONCE])

    def _move(self, column: str, before: int, after: int | None) -> None:
        with self._pool.connection() as conn:
            conn.execute(f"UPDATE outbox_position SET {column} = %s WHERE {column} = %s".encode(), (after, before))  # noqa: S608

    def _decide_apart(self, keys: Sequence[ReturnKey]) -> None:
        """All together; where that cannot be recorded, in halves, until the one whose fault it is stands alone."""
        try:
            self.decide(keys)
        except (psycopg.OperationalError, LedgerUnavailable, LedgerBusy):
            raise
        except Exception as broken:
            if len(keys) == 1:
                log.exception("outbox: what was decided on %s could not be recorded", keys[0])
                with self._pool.connection() as conn:
                    keep_undecided(conn, {keys[0]: broken}, self._clock())
                return
            middle = len(keys) // 2
            self._decide_apart(keys[:middle])
            self._decide_apart(keys[middle:])

    def decide(self, keys: Sequence[ReturnKey]) -> None:
        """On these returns, as they are now. One whose facts break the rules' rooms never stops the others."""
        siblings = Siblings(self._ledger, self._pool)
        histories = read_returns(self._ledger, keys)
        places = Places(self._ledger, self._pool, self._clock())
        decisions: list[_Decision] = []
        resettled: list[Resettled] = []
        failed: dict[ReturnKey, Exception] = {}
        states = self._fold(histories, failed)
        siblings.expect(states.values())
        for key, state in states.items():
            terms = self._terms_of(key)
            assert terms is not None
            try:
                if moved := places.learn(state, terms):
                    # A document turned out to be this return's: what is due is decided once it counts here.
                    resettled += moved
                    continue
                decision = self._decide_one(state, terms, len(histories[key]), siblings)
            except Exception as broken:  # our mistake, or a fact that nobody thought of: this return waits, the others go on
                log.exception("outbox: %s could not be decided on", key)
                failed[key] = broken
                continue
            decisions.append(decision)
            siblings.learn(_after(decision, self._clock()))
        self._record(decisions, resettled, places)
        self._orders |= places.orders
        with self._pool.connection() as conn:
            forget_undecided(conn, states.keys() - failed.keys())
            keep_undecided(conn, failed, self._clock())

    def _fold(self, histories: Mapping[ReturnKey, Sequence[Recorded]], failed: dict[ReturnKey, Exception]) -> dict[ReturnKey, ReturnState]:
        states: dict[ReturnKey, ReturnState] = {}
        for key, events in histories.items():
            try:
                states[key] = fold(key, events)
            except Exception as broken:  # it is set aside by the projections, and shown; the others go on
                failed[key] = broken
                log.exception("outbox: %s could not be folded", key)
        return states

    def _decide_one(self, state: ReturnState, terms: Terms, version: int, siblings: Siblings) -> _Decision:
        decision = _Decision(state, terms, version)
        unanswered = [one for name, one in state.work.issued.items() if state.work.answers.get(name) is None]
        declined = [one for name, one in state.work.issued.items() if _status(state, name) in ("declined", "unknown")]
        if state.ended is not None:
            why = f"the return was {state.ended}"
            decision.dropped = {one.instruction: why for one in (*unanswered, *declined)}
        else:
            others = siblings.credited_by_others(state)
            found = self._planner(state, terms.policy, others)
            known = state.work.issued.keys()
            decision.due = tuple(one.model_copy(update={"policy": terms.version}) for one in found.due if one.instruction not in known)
            decision.replaced = tuple(name for name in found.superseded if _status(state, name) != "abandoned")
            decision.needs_order = found.needs_order or _another_look(state, barred=bool(found.blocked))
        decision.open = (*unanswered, *declined)
        return decision

    def _record(self, decisions: Sequence[_Decision], resettled: Sequence[Resettled], places: Places) -> None:
        by_stream = {stream_of(one.state.key): one for one in decisions}
        telling = [one for one in decisions if one.due or one.dropped or one.replaced]
        now = self._clock()
        kept: list[_Decision] = []
        gone: dict[str, str] = {}

        def choose(cursor: Cursor[Any]) -> list[Prepared]:
            kept.clear()
            gone.clear()
            asked = [stream_of(one.state.key) for one in telling] + [stream_of(one.key) for one in resettled]
            versions = read_versions(cursor, list(set(asked)))
            # Whatever was told since a return was read has it decided on once more, so nothing is lost by leaving it.
            same = [one for one in telling if versions.get(stream_of(one.state.key)) == one.version]
            names = [name for one in same for name in (*one.dropped, *one.replaced)]
            free = queue.may_be_abandoned(cursor, names)
            facts: list[Prepared] = []
            for one in same:
                if not free.issuperset(one.replaced):
                    continue  # it is under way once more; its answer has the return decided on again
                kept.append(one)
                wanted = {name: why for name, why in one.dropped.items() if name in free}
                wanted |= dict.fromkeys(one.replaced, "somebody asked for it again: another takes its place")
                gone.update(wanted)
                facts += _facts(one, wanted, now)
            facts += [fact for one in resettled for fact in one.facts]
            return facts

        def also(cursor: Cursor[Any], _: Sequence[Appended]) -> None:
            queue.insert(cursor, [queue.New(one.state.key, issued, one.terms, one.state.order) for one in kept for issued in one.due], now)
            for name, why in gone.items():
                queue.abandon(cursor, [name], now, why)
            places.write(cursor)
            self._care(cursor, by_stream.values(), now)

        if telling or resettled:
            self._ledger.append_with(choose, also)
        else:
            with self._pool.connection() as conn, conn.transaction(), conn.cursor() as cursor:
                places.write(cursor)
                self._care(cursor, decisions, now)

    def _care(self, cursor: Cursor[Any], decisions: Iterable[_Decision], now: datetime) -> None:
        """Rows that no fact issues: looks at orders; and those that are gone, though their instructions are in the log."""
        unwanted: list[str] = []
        for one in decisions:
            policy, state = one.terms.policy, one.state
            if policy.erp is None or state.initiated is None:
                continue
            if one.needs_order:
                queue.want_match(cursor, state.key, policy.erp.name, one.terms.connection, now, _asked_at(state))
            else:
                unwanted.append(queue.match_id(state.key, policy.erp.name))
        queue.no_match_wanted(cursor, unwanted)
        names = [issued.instruction for one in decisions for issued in one.open]
        if names:
            rows = {row[0] for row in cursor.execute("SELECT id FROM outbox WHERE id = ANY(%s)", (names,)).fetchall()}
            for one in decisions:
                for issued in one.open:
                    if issued.instruction not in rows and _is_open(one.state, issued.instruction):
                        queue.restore(cursor, one.state.key, issued, one.terms, one.state.work.issued_at[issued.instruction], now)


def _facts(one: _Decision, gone: dict[str, str], now: datetime) -> list[Prepared]:
    key, cause = one.state.key, f"policy:{one.terms.connection}:v{one.terms.version}"
    facts = [told(key, now, InstructionAbandoned(instruction=name, reason=why), cause, f"abandoned/{name}") for name, why in gone.items()]
    return facts + [told(key, now, issued, cause, f"instruction/{issued.instruction}") for issued in one.due]


def _after(one: _Decision, now: datetime) -> ReturnState:
    """The return once its decision is recorded: what its siblings count on in the same round."""
    state = one.state
    for issued in one.due:
        state = evolve(state, issued, now, state.count + 1)
    return state


def _asked_at(state: ReturnState) -> datetime | None:
    """When somebody last asked for another look at the order: gave a reference, or wanted it all again."""
    work = state.work
    asked = [work.reference_at[0]] if work.reference_at else []
    if None in work.retried:
        asked.append(work.retried[None].at[0])
    return max(asked, default=None)


def _another_look(state: ReturnState, *, barred: bool) -> bool:
    """The order is known, and somebody has said since that it is another one, or wants what is barred tried again."""
    work = state.work
    asked = [work.reference_at[0]] if work.reference_at else []
    if barred and None in work.retried:
        asked.append(work.retried[None].at[0])
    return work.order_at is not None and any(at > work.order_at[0] for at in asked)


def _status(state: ReturnState, instruction: str) -> str | None:
    answer = state.work.answers.get(instruction)
    return answer.status if answer is not None else None


def _is_open(state: ReturnState, instruction: str) -> bool:
    return _status(state, instruction) not in ("accepted", "abandoned")


def _keys(streams: Sequence[str]) -> list[ReturnKey]:
    keys = []
    for stream in streams:
        try:
            keys.append(key_of(stream))
        except ValueError:  # tampered with
            continue
    return keys


_OTHER_TERMS = """
    UPDATE outbox_position SET terms = %(terms)s, again = CASE WHEN position > 0 THEN 0 ELSE again END WHERE terms <> %(terms)s"""
