"""What a person decides about one return: which facts that makes, or a sentence that says why it cannot be.

Pure: the state, the policy and the moment come in. The facts are given as the contract writes them, so that they go in by the one door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from domain.choosing import UNDONE_BY, choices, chosen_for, declined_for, disposition_named, judged, to_be_chosen
from domain.gap import TOLERATED, Gap
from domain.gaps import open_gaps
from domain.money import to_text
from domain.policy import CLEARING_KINDS, GapKind, Policy
from domain.refusals import Unfitting
from domain.returns import ReturnState
from domain.standing import standing_of
from domain.telling import ReturnKey, write_instant
from domain.ways import OWN_KINDS

WAY_KINDS: Final = frozenset({*OWN_KINDS.values(), GapKind.INSTRUCTION_FAILED, GapKind.INSTRUCTION_OUTCOME_UNKNOWN})
# What `found` says of units that nobody looked at.
UNINSPECTED: Final = "uninspected"
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Retry:
    """Send again what was declined, or whose note was voided; look again at what is missing or unknown. One instruction, or all."""

    instruction: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MapSku:
    """The platform's `sku` is the ERP's `to`."""

    sku: str
    to: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MatchOrder:
    """The ERP has the original order under this reference."""

    order: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MatchReturn:
    """A document of the ERP that names no return belongs to this one."""

    to: ReturnKey


@dataclass(frozen=True, slots=True)
class AcceptDifference:
    """What refunds and credit notes differ by stays as it is. `amount`, where it is given, must be exactly that."""

    reason: str | None
    currency: str | None = None
    amount: str | None = None


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Damaged units are written off: those of one line, or all that wait."""

    reason: str | None
    line: str | None = None


@dataclass(frozen=True, slots=True)
class ChooseDisposition:
    """Units of a line go this way: `to` is restock, quarantine or write-off, or a disposition of the policy.

    `line` may be left out where there is one only. `found` (`uninspected` for those nobody looked at) left out means those that have
    nowhere to go, else those not inspected, else all; `quantity` all that nobody has put away.
    """

    to: str
    reason: str | None
    line: str | None = None
    found: str | None = None
    quantity: str | None = None


@dataclass(frozen=True, slots=True)
class Assign:
    """The return is somebody's; None: nobody's."""

    to: str | None


@dataclass(frozen=True, slots=True)
class Note:
    text: str


@dataclass(frozen=True, slots=True)
class Waive:
    """A gap of goods or of the way to the ERP needs nothing more: on one line, or on all."""

    kind: str
    reason: str | None
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Reopen:
    """What was accepted, waived or chosen for goods counts no more: of one kind, or all of it."""

    kind: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Snooze:
    """Nobody need look at it before then."""

    until: datetime
    reason: str | None = None


Decision = (
    Retry | MapSku | MatchOrder | MatchReturn | AcceptDifference | WriteOff | ChooseDisposition | Assign | Note | Waive | Reopen | Snooze
)


@dataclass(frozen=True, slots=True)
class Ruling:
    """The facts that a decision makes, in the contract's form, all of the moment `at`: later than what they are to outweigh."""

    at: datetime
    facts: tuple[dict[str, Any], ...]


def rule(state: ReturnState, policy: Policy, now: datetime, decision: Decision) -> Ruling:
    """Raises Unfitting where it does not fit how things stand: a sentence that says what is, and what can be done."""
    gaps = [gap for gap in open_gaps(state, policy, now) if gap.kind != TOLERATED]
    match decision:
        case Retry():
            return _retry(state, gaps, now, decision)
        case MapSku():
            return _map_sku(state, now, decision)
        case MatchOrder(order, reason):
            return _made(now, _at(state.work.reference_at), "OrderReferred", reference=order, reason=reason)
        case MatchReturn():
            return _match_return(state, now, decision)
        case AcceptDifference():
            return _accept(state, gaps, now, decision)
        case WriteOff():
            return _write_off(state, policy, gaps, now, decision)
        case ChooseDisposition():
            return _choose(state, policy, now, decision)
        case Assign(to):
            before = state.work.assigned
            if (before.fact.to if before else None) == to:
                raise Unfitting(f"{state.key} is {f'assigned to {to} already' if to else 'nobody’s already'}.")
            return _made(now, _at(before.at if before else None), "Assigned", to=to)
        case Note(text):
            return _made(now, (), "Noted", text=text)
        case Waive():
            return _waive(state, gaps, now, decision)
        case Reopen():
            return _reopen(state, now, decision)
        case Snooze(until, reason):
            if until <= now:
                raise Unfitting(f"{write_instant(until)} is past; snooze until a moment that is to come.")
            before = state.work.snoozed
            return _made(now, _at(before.at if before else None), "Snoozed", until=write_instant(until), reason=reason)
        case _:
            assert_never(decision)


def _retry(state: ReturnState, gaps: list[Gap], now: datetime, decision: Retry) -> Ruling:
    work, name = state.work, decision.instruction
    if name is not None and name not in work.issued:
        raise Unfitting(f"{state.key} has no instruction {name}; it has {_listed(work.issued) or 'none'}.")
    asked_for = [name] if name is not None else list(work.issued)
    after: list[datetime] = []
    for one in asked_for:
        answer = work.answers.get(one)
        if answer is None:
            continue
        note = (work.issued[one].erp, answer.document)
        voided_at = state.voided_at.get(note) if note in state.voided else None
        if answer.status in ("declined", "unknown"):
            after.append(answer.at[0])
        elif answer.status == "accepted" and work.issued[one].kind == "post_credit_note" and voided_at is not None:
            after.append(voided_at)
    if not after and (name is not None or not any(gap.kind in WAY_KINDS for gap in gaps)):
        raise Unfitting(
            f"Nothing of {name or state.key} was declined, is unknown, or was voided, and no order is missing: nothing waits for it."
        )
    return _made(now, after, "RetryAsked", instruction=name, reason=decision.reason)


def _map_sku(state: ReturnState, now: datetime, decision: MapSku) -> Ruling:
    skus = sorted({line.sku for line in state.announced.values()})
    if decision.sku not in skus:
        raise Unfitting(f"{state.key} has no {decision.sku!r}; it has {_listed(skus) or 'no lines'}.")
    before = state.work.skus.get(decision.sku)
    if before is not None and before.fact.to == decision.to:
        raise Unfitting(f"{decision.sku} is {decision.to} already.")
    order = state.work.order
    if order is not None and order.lines:
        there = sorted({one.sku for one in order.lines} | {part.sku for one in order.lines for part in one.kit or ()})
        if decision.to not in there:
            raise Unfitting(f"The order {order.number or order.order} has no {decision.to!r}; it has {_listed(there)}.")
    return _made(now, _at(before.at if before else None), "SkuMatched", sku=decision.sku, to=decision.to)


def _match_return(state: ReturnState, now: datetime, decision: MatchReturn) -> Ruling:
    if not state.is_document:
        raise Unfitting(f"{state.key} is a return; only a document that names none can be given to one.")
    if decision.to.merchant != state.key.merchant:
        raise Unfitting(f"{decision.to} is not a return of {state.key.merchant}.")
    for erp, number in sorted(state.notes):
        if (erp, number) not in state.voided and (erp, number) not in state.work.moved_away:
            return _made(now, (), "DocumentAssigned", credit_note=number, erp=erp, to=str(decision.to))
    raise Unfitting(f"{state.key} holds no credit note any more: it was voided, or belongs to a return already.")


def _accept(state: ReturnState, gaps: list[Gap], now: datetime, decision: AcceptDifference) -> Ruling:
    reason = _reason(decision.reason, "money is given up")
    open_ones = [gap for gap in gaps if gap.kind in CLEARING_KINDS and decision.currency in (None, gap.currency)]
    if not open_ones:
        where = f" in {decision.currency}" if decision.currency else ""
        raise Unfitting(f"Refunds and credit notes of {state.key} do not differ{where}: there is no difference to accept.")
    if len(open_ones) > 1:
        raise Unfitting(f"They differ in several currencies: say which ({_listed(gap.currency or '' for gap in open_ones)}).")
    gap = open_ones[0]
    assert gap.currency is not None
    assert gap.amount_minor is not None
    amount = to_text(gap.amount_minor, gap.currency)
    if decision.amount is not None and decision.amount != amount:
        raise Unfitting(f"The difference is {amount} {gap.currency}, not {decision.amount}: it has changed since, or another one is meant.")
    return _made(now, _reopened(state, *CLEARING_KINDS), "DifferenceAccepted", currency=gap.currency, amount=amount, reason=reason)


def _write_off(state: ReturnState, policy: Policy, gaps: list[Gap], now: datetime, decision: WriteOff) -> Ruling:
    reason = _reason(decision.reason, "stock is given up")
    waiting = {gap.line: gap.units for gap in gaps if gap.kind is GapKind.DAMAGED_NOT_WRITTEN_OFF and decision.line in (None, gap.line)}
    if not waiting:
        where = f" on line {decision.line}" if decision.line else ""
        raise Unfitting(f"Nothing of {state.key} waits to be written off{where}: no units were found to be damaged that are not.")
    approved: list[dict[str, Any]] = []
    for line in waiting:
        assert line is not None
        counts = judged(state, line)
        damaged = sum(units for disposition, units in counts.inspected.items() if policy.actions.get(disposition) == "write_off")
        by_choice = sum(chosen_for(state, line, name) for name in counts.inspected if policy.actions.get(name) == "write_off")
        units = min(damaged, state.announced[line].quantity) - state.work.approved.get(line, 0) - by_choice
        if units > 0 and not state.work.all_approved:
            approved.append({"line": line, "quantity": units})
    if policy.erp is None:
        # No ERP is told to: whoever says so has done it, or nobody will.
        gone = [{"line": line, "quantity": units} for line, units in waiting.items()]
        written_off = _made(now, (), "WrittenOff", lines=gone)
        return Ruling(now, written_off.facts + _made(now, (), "Noted", text=f"written off: {reason}").facts)
    if not approved:
        raise Unfitting(f"It was approved already: what waits is the ERP's turn, see `returns-ledger stalled` for {state.key}.")
    return _made(now, (), "WriteOffApproved", lines=approved, reason=reason)


def _choose(state: ReturnState, policy: Policy, now: datetime, decision: ChooseDisposition) -> Ruling:
    line = decision.line or (next(iter(state.announced)) if len(state.announced) == 1 else None)
    if line is None or line not in state.announced:
        said = f"{state.key} has no line {line}" if line else "Say which line"
        raise Unfitting(f"{said}; it announces {_listed(state.announced) or 'none'}.")
    to = disposition_named(policy, decision.to)
    if to is None:
        raise Unfitting(f"{decision.to!r} is nowhere that goods go: say restock, quarantine or write-off, or {_listed(policy.treatments)}.")
    reason = _reason(decision.reason, "goods go another way than was told")
    free = {name: units for name, units in to_be_chosen(state, policy, standing_of(state), line).items() if name != to}
    if decision.found is not None:
        found = None if decision.found == UNINSPECTED else decision.found
        free = {name: units for name, units in free.items() if name == found}
    else:
        unmapped: dict[str | None, int] = {name: units for name, units in free.items() if name is not None and name not in policy.actions}
        free = unmapped or {name: units for name, units in free.items() if name is None} or free
    if not free:
        of = f" found as {decision.found}" if decision.found else ""
        raise Unfitting(f"No units of line {line}{of} are left to choose for: those that came are {to} already, or are put away.")
    if decision.quantity is not None:
        wanted = int(decision.quantity) if re.fullmatch("[0-9]{1,7}", decision.quantity) else 0
        if len(free) > 1:
            raise Unfitting(
                f"Line {line} was found in several ways: say which with --found ({_listed(name or UNINSPECTED for name in free)})."
            )
        ((name, most),) = free.items()
        if not 0 < wanted <= most:
            raise Unfitting(
                f"Of line {line} there are {most} to choose for, found as {name or UNINSPECTED}; {decision.quantity} cannot be."
            )
        free = {name: wanted}
    again = sorted(set(declined_for(state, line, free)))
    work = state.work
    after = [*_reopened(state, UNDONE_BY), *(one.at[0] for one in choices(state, line)), *(work.answers[one].at[0] for one in again)]
    made = [
        _made(now, after, "DispositionChosen", line=line, found=name, disposition=to, quantity=n, reason=reason) for name, n in free.items()
    ]
    made += [_made(now, after, "RetryAsked", instruction=one, reason=reason) for one in again]
    return Ruling(made[0].at, tuple(fact for ruling in made for fact in ruling.facts))


def _waive(state: ReturnState, gaps: list[Gap], now: datetime, decision: Waive) -> Ruling:
    kind = decision.kind
    if kind in CLEARING_KINDS:
        raise Unfitting(f"{kind} is money, which is never waived: accept-difference takes it as it is, and the books know of it.")
    if kind not in list(GapKind):
        raise Unfitting(f"{kind!r} is no kind of gap; open are {_listed({str(gap.kind) for gap in gaps}) or 'none'}.")
    reason = _reason(decision.reason, "a gap is given up")
    open_ones = [gap for gap in gaps if gap.kind == kind and decision.line in (None, gap.line)]
    if not open_ones:
        where = f" on line {decision.line}" if decision.line else ""
        raise Unfitting(f"{state.key} has no open gap {kind}{where}; open are {_listed({str(gap.kind) for gap in gaps}) or 'none'}.")
    return _made(now, _reopened(state, kind), "GapWaived", kind=kind, line=decision.line, reason=reason)


def _reopen(state: ReturnState, now: datetime, decision: Reopen) -> Ruling:
    kind, work = decision.kind, state.work
    if kind is not None and kind not in list(GapKind):
        raise Unfitting(f"{kind!r} is no kind of gap.")
    accepted = list(work.accepted.values()) if kind is None or kind in CLEARING_KINDS else []
    waived = [found for (of, _), found in work.waived.items() if kind in (None, of)]
    chosen = choices(state) if kind in (None, UNDONE_BY) else []
    if not accepted and not waived and not chosen:
        raise Unfitting(
            f"Nothing of {state.key} was accepted, waived or chosen{f' of {kind}' if kind else ''}: there is nothing to reopen."
        )
    return _made(now, [found.at[0] for found in (*accepted, *waived, *chosen)], "Reopened", kind=kind, reason=decision.reason)


def _reopened(state: ReturnState, *kinds: str) -> list[datetime]:
    return [found.at[0] for name, found in state.work.reopened.items() if name is None or name in kinds]


def _at(newest: tuple[datetime, int] | None) -> list[datetime]:
    return [newest[0]] if newest is not None else []


def _made(now: datetime, after: Iterable[datetime], fact: str, **content: Any) -> Ruling:
    """Of two decisions the later one counts: this one is later than those that it is to outweigh, whatever a clock says."""
    at = max([now, *(moment + _TICK for moment in after)])
    return Ruling(at, ({"fact": fact, **{name: value for name, value in content.items() if value is not None}},))


def _reason(reason: str | None, because: str) -> str:
    if reason is None or not reason.strip():
        raise Unfitting(f"A reason is a must, as {because}: give one with --reason (reason).")
    return reason


def _listed(names: Iterable[str]) -> str:
    told = sorted(names)
    return ", ".join(told[:12]) + (f" and {len(told) - 12} more" if len(told) > 12 else "")
