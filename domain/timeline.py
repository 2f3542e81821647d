"""The gaps of a return through time: from when to when each was open and with which amount, and the moves behind the books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, get_args

from domain.decisions import DifferenceAccepted, DispositionChosen, DocumentAssigned, GapWaived, Reopened
from domain.erp_facts import CreditNoteAmended
from domain.explain import explain
from domain.facts import (
    CreditNoted,
    CreditNoteVoided,
    Initiated,
    PayoutSettled,
    Received,
    Refunded,
    RefundReversed,
    ScannedAtReturnBar,
    Working,
)
from domain.gap import TOLERATED, Gap
from domain.gaps import clearing_gaps, goods_gaps, is_waived, money_against_goods, payout_gaps, short_from
from domain.moves import MoneyMove, Standing, UnitMove, money_moves, unit_moves
from domain.policy import Policy
from domain.returns import Recorded, ReturnState, evolve
from domain.settlements import missing_from
from domain.telling import ReturnKey
from domain.ways import way_gaps

Subject = tuple[str, str | None, str | None]
# Which facts can change which gaps. By their very types: asking isinstance of so many is a tenth of a projection's time.
_MONEY = frozenset({Refunded, RefundReversed, CreditNoted, CreditNoteVoided, PayoutSettled, CreditNoteAmended, DocumentAssigned})
_MONEY_AGAINST_GOODS = frozenset({Initiated, ScannedAtReturnBar, Received, Refunded, RefundReversed})
# What a person accepts, waives or reopens can be a gap of any kind; the rest of what the house records is about the way to the ERP.
_CHOOSING = frozenset({DispositionChosen, Reopened})
_DECIDING = frozenset({DifferenceAccepted, GapWaived, *_CHOOSING})
_WORKING = frozenset(get_args(Working)) - _MONEY - _DECIDING


class Segment(NamedTuple):
    """A stretch of time in which one gap was open unchanged: `[valid_from, valid_to)`, None for still open.

    `opened_at` is when the gap opened, `closed` whether it was gone at `valid_to` (rather than changed). `by_clock`: it began by time
    passing, not by a fact; `lapsed`: it changed by time passing, so that its end may be yet to come. A kind of `tolerated` is no gap but
    a difference within the tolerance; the tie-out needs it.
    """

    kind: str
    line: str | None
    currency: str | None
    sku: str | None
    order: str | None
    erp: str | None
    amount_minor: int | None
    units: int | None
    breakdown: tuple[int, ...] | None
    evidence: tuple[int, ...]
    explanation: str
    opened_at: datetime
    valid_from: datetime
    valid_to: datetime | None = None
    closed: bool = False
    by_clock: bool = False
    assigned_to: str | None = None
    lapsed: bool = False

    def ending(self, at: datetime, *, closed: bool, lapsed: bool = False) -> Segment:
        """The same, ended. Not by _replace, which takes three times as long."""
        return Segment(*self[:13], at, closed, self.by_clock, self.assigned_to, lapsed)

    def unended(self) -> Segment:
        return Segment(*self[:13], None, False, self.by_clock, self.assigned_to)

    @property
    def identity(self) -> tuple[str, str | None, str | None, datetime]:
        """No two segments of a return share it."""
        return (self.kind, self.line, self.currency, self.valid_from)


class Fold:
    """One return, folded in order of occurrence. `advance` takes what happened at the next instant; `segments` is the whole answer.

    Gaps are judged again only where an event could have changed them: goods do not care for credit notes, nor the clearing for goods.
    """

    __slots__ = (
        "_ahead", "_clearing", "_goods", "_missing", "_open", "_payouts", "_short", "_standing", "_timers", "_ways",
        "at", "ended", "money", "policy", "state", "units",
    )  # fmt: skip

    def __init__(self, key: ReturnKey, policy: Policy) -> None:
        self.policy = policy
        self.state = ReturnState(key)
        self.at: datetime | None = None
        self.ended: list[Segment] = []
        self.money: list[MoneyMove] = []
        self.units: list[UnitMove] = []
        self._open: dict[Subject, tuple[Gap, Segment]] = {}
        self._clearing: list[Gap] = []
        self._goods: list[Gap] = []
        self._ahead: list[Gap] = []
        self._payouts: list[Gap] = []
        self._ways: list[Gap] = []
        self._short: datetime | None = None
        self._missing: tuple[datetime, ...] = ()
        self._standing: Standing = {}
        self._timers: tuple[datetime, ...] = ()

    def fork(self) -> Fold:
        """The same state, with nothing ended or moved yet: what comes next can be told apart from what came before."""
        other = Fold(self.state.key, self.policy)
        other.state, other.at, other._open = self.state, self.at, dict(self._open)
        other._clearing, other._goods, other._ahead, other._payouts = self._clearing, self._goods, self._ahead, self._payouts
        other._ways = self._ways
        other._standing, other._short, other._missing, other._timers = self._standing, self._short, self._missing, self._timers
        return other

    def advance(self, at: datetime, events: Iterable[Recorded]) -> None:
        """`at` must be later than every instant before it: the events of one instant are taken together."""
        assert self.at is None or at > self.at, "a fold goes forward in time"
        timers = self._timers
        for timer in timers:
            if self.at is not None and self.at < timer < at:
                self._tick(timer)
        money = goods = ahead = False
        for event in events:
            fact = event.fact
            after = evolve(self.state, fact, at, event.version)
            ahead = ahead or type(fact) in _MONEY_AGAINST_GOODS
            if type(fact) in _WORKING:
                pass
            elif type(fact) in _DECIDING:
                money = goods = ahead = True
                if type(fact) in _CHOOSING:
                    moves, self._standing = unit_moves(self._standing, after, fact, at, self.policy.actions)
                    self.units += moves
            elif type(fact) in _MONEY:
                money = True
                self.money += money_moves(self.state, after, fact, at)
            else:
                goods = True
                moves, self._standing = unit_moves(self._standing, after, fact, at, self.policy.actions)
                self.units += moves
            self.state = after
        self.at = at
        # Without an announcement every event is evidence, and a timer may have come due just now.
        goods = goods or self.state.initiated is None or at in timers
        self._settle(at, money=money, goods=goods, ahead=ahead)

    def live(self) -> list[Segment]:
        """The segments that no fact has ended yet, and those that begin by time passing alone, if no fact comes in between."""
        timers = [timer for timer in self._timers if self.at is not None and timer > self.at]
        if not timers:
            return [segment for _, segment in self._open.values()]
        later = self.fork()
        for timer in timers:
            later._tick(timer)
        return [*later.ended, *(segment for _, segment in later._open.values())]

    def segments(self) -> list[Segment]:
        return [*self.ended, *self.live()]

    def count_open(self) -> int:
        return sum(1 for gap, _ in self._open.values() if gap.kind != TOLERATED)

    def _tick(self, at: datetime) -> None:
        self._settle(at, money=False, goods=True, ahead=False, by_clock=True)

    def _settle(self, at: datetime, *, money: bool, goods: bool, ahead: bool, by_clock: bool = False) -> None:
        state, policy = self.state, self.policy
        if money:
            self._clearing = clearing_gaps(state, policy)
            self._missing = tuple(since for since, _ in missing_from(state, policy))
        if goods:
            self._goods = goods_gaps(state, policy, at)
            self._short = short_from(state, policy)
        if ahead:
            self._ahead = list(money_against_goods(state))
        if money or goods:
            self._timers = tuple(sorted({*self._missing} if self._short is None else {self._short, *self._missing}))
        if money or self._missing:
            self._payouts = list(payout_gaps(state, policy, at))
        if policy.erp is not None or state.work.issued:
            self._ways = way_gaps(state, policy)
        found = (self._clearing, self._ahead, self._payouts, self._goods, self._ways)
        wanted = {gap.subject: gap for gaps in found for gap in gaps}
        if state.work.waived:
            wanted = {subject: gap for subject, gap in wanted.items() if not is_waived(state, gap)}
        order, erp = state.order, state.erp or policy.posts_to
        assigned = state.work.assigned.fact.to if state.work.assigned is not None else None
        for subject in [subject for subject in self._open if subject not in wanted]:
            _, segment = self._open.pop(subject)
            self.ended.append(segment.ending(at, closed=True))
        for subject, gap in wanted.items():
            before = self._open.get(subject)
            if before is None:
                self._open[subject] = (gap, self._segment(gap, order, erp, at, at, by_clock, assigned))
                continue
            was, segment = before
            if (was is gap or was == gap) and segment.order == order and segment.erp == erp and segment.assigned_to == assigned:
                continue
            self.ended.append(segment.ending(at, closed=False, lapsed=by_clock))
            self._open[subject] = (gap, self._segment(gap, order, erp, segment.opened_at, at, by_clock, assigned))

    def _segment(
        self, gap: Gap, order: str | None, erp: str | None, opened_at: datetime, at: datetime, by_clock: bool, assigned: str | None
    ) -> Segment:
        known = self.state.announced.get(gap.line) if gap.line is not None else None
        sku = known.sku if known else None
        said = "" if gap.kind == TOLERATED else explain(gap, self.state, self.policy)
        figures = (gap.amount_minor, gap.units, gap.breakdown, gap.evidence)
        return Segment(gap.kind, gap.line, gap.currency, sku, order, erp, *figures, said, opened_at, at, None, False, by_clock, assigned)


def fold(key: ReturnKey, events: Sequence[Recorded], policy: Policy, until: datetime | None = None) -> Fold:
    """All events of a return, in any order, each recorded once; those after `until` are left out."""
    folded = Fold(key, policy)
    onward(folded, [event for event in events if until is None or event.occurred_at <= until])
    return folded


def onward(folded: Fold, events: Iterable[Recorded]) -> None:
    """Fold events in, in order of occurrence; all of them must be later than what was folded before."""
    ordered = sorted(events, key=Recorded.in_order_of_occurrence)
    for at, together in groupby(ordered, key=lambda event: event.occurred_at):
        folded.advance(at, together)


@dataclass(frozen=True, slots=True)
class Change:
    """What new knowledge does to the segments known before: some end, some turn out to have been wrong, some are new."""

    ended: list[Segment]
    withdrawn: list[Segment]
    added: list[Segment]


def changed(before: Iterable[Segment], after: Iterable[Segment]) -> Change:
    """`ended` holds the segments as they are now, `withdrawn` as they were known."""
    known = {segment.identity: segment for segment in before}
    change = Change([], [], [])
    for segment in after:
        was = known.pop(segment.identity, None)
        if was is None:
            change.added.append(segment)
        elif was != segment:
            if was.valid_to is None and was == segment.unended():
                change.ended.append(segment)
            else:
                change.withdrawn.append(was)
                change.added.append(segment)
    change.withdrawn.extend(known.values())
    return change
