"""The gaps of one return: pure, state + policy → what is open at an instant, with amount, units, breakdown and evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from domain.choosing import judged
from domain.facts import CreditNoted, Refunded
from domain.gap import TOLERATED, Gap
from domain.money import worth
from domain.policy import CLEARING_KINDS, GapKind, Policy
from domain.returns import AnnouncedLine, ReturnState
from domain.settlements import missing_from, settled_otherwise
from domain.ways import way_gaps

# Beyond so many reachable sums of whole notes the search for a duplicate gives up and calls it a mismatch.
MOST_SUMS = 100_000


@dataclass(frozen=True, slots=True)
class Clearing:
    """One currency of one return: what was refunded and credited, and what of the difference is tolerated."""

    currency: str
    refunded: int
    credited: int
    gap: Gap | None
    tolerated: int = 0


def open_gaps(state: ReturnState, policy: Policy, at: datetime) -> list[Gap]:
    """Every gap that is open at `at`, where `state` holds what had occurred by then."""
    found = [*clearing_gaps(state, policy), *money_against_goods(state), *payout_gaps(state, policy, at), *goods_gaps(state, policy, at)]
    return [gap for gap in (*found, *way_gaps(state, policy)) if not is_waived(state, gap)]


def is_waived(state: ReturnState, gap: Gap) -> bool:
    """Did a person say that it needs nothing more? Money is never waived: its difference is accepted, and the books know of it."""
    if not state.work.waived or gap.kind in (*CLEARING_KINDS, TOLERATED):
        return False
    return state.work.is_waived(gap.kind, gap.line) is not None


def clearing_gaps(state: ReturnState, policy: Policy) -> list[Gap]:
    """Refunds against credit notes; with them the differences within the tolerance, of kind TOLERATED."""
    gaps: list[Gap] = []
    for clearing in clearings(state, policy):
        if clearing.gap is not None:
            gaps.append(clearing.gap)
        elif clearing.tolerated:
            gaps.append(Gap(TOLERATED, None, clearing.currency, clearing.tolerated, None, None, _money_evidence(state, clearing.currency)))
    return gaps


def goods_gaps(state: ReturnState, policy: Policy, at: datetime) -> list[Gap]:
    """Announcement, goods and exchange: everything that refunds and credit notes have no part in."""
    if state.initiated is None:
        if state.is_document or state.is_emptied:
            return []
        return [Gap(GapKind.UNANNOUNCED_RETURN, evidence=tuple(sorted(state.sequence)))] if state.sequence else []
    return [*_goods(state, policy, at), *_exchange(state, policy)]


def clearings(state: ReturnState, policy: Policy) -> list[Clearing]:
    """The clearing account of the return, a row per currency in which money moved; sorted by currency."""
    refunds, notes = state.active_refunds(), state.active_notes()
    if not refunds and not notes:
        return []
    currencies = {refund.currency for refund in refunds} | {note.currency for note in notes}
    if len(currencies) == 1:
        return [_clearing(state, policy, currencies.pop(), refunds, notes)]
    return [
        _clearing(state, policy, currency, [r for r in refunds if r.currency == currency], [n for n in notes if n.currency == currency])
        for currency in sorted(currencies)
    ]


def _clearing(state: ReturnState, policy: Policy, currency: str, refunds: list[Refunded], notes: list[CreditNoted]) -> Clearing:
    refunded, credited = sum(r.amount.total for r in refunds), sum(n.amount.total for n in notes)
    difference = refunded - credited
    if not refunded and not notes:
        return Clearing(currency, 0, 0, None)
    if difference and state.work.is_accepted(currency, difference):
        return Clearing(currency, refunded, credited, None, tolerated=difference)
    if refunded and notes:
        if not difference:
            return Clearing(currency, refunded, credited, None)
        if abs(difference) <= policy.tolerance_minor.get(currency, 0):
            return Clearing(currency, refunded, credited, None, tolerated=difference)
        if len(notes) > 1 and _sum_of_some(-difference, [n.amount.total for n in notes]):
            kind, breakdown = GapKind.DUPLICATE_CREDIT_NOTE, None
        else:
            kind, breakdown = GapKind.CREDIT_NOTE_MISMATCH, _breakdown(refunds, notes, difference)
    else:
        alone = GapKind.ORPHAN_CREDIT_NOTE if state.is_document else GapKind.CREDIT_NOTE_WITHOUT_REFUND
        kind, breakdown = GapKind.REFUND_WITHOUT_CREDIT_NOTE if refunded else alone, None
    return Clearing(currency, refunded, credited, Gap(kind, None, currency, difference, None, breakdown, _money_evidence(state, currency)))


def _sum_of_some(target: int, amounts: list[int]) -> bool:
    """Is `target` the sum of one or more of `amounts`, each taken once?"""
    if target <= 0:
        return False
    sums = {0}
    for amount in amounts:
        sums |= {total + amount for total in sums if total + amount <= target}
        if target in sums:
            return True
        if len(sums) > MOST_SUMS:
            return False
    return False


def _breakdown(refunds: list[Refunded], notes: list[CreditNoted], difference: int) -> tuple[int, ...]:
    """A part is compared where every refund and every note gives it; the rest of the difference is unexplained."""
    parts: list[int] = []
    for index in range(4):
        paid, credited = [r.amount.parts[index] for r in refunds], [n.amount.parts[index] for n in notes]
        known = None not in paid and None not in credited
        parts.append(sum(p or 0 for p in paid) - sum(c or 0 for c in credited) if known else 0)
    return (*parts, difference - sum(parts))


def _money_evidence(state: ReturnState, currency: str) -> tuple[int, ...]:
    numbers = [n for name, r in state.refunds.items() if r.currency == currency for n in state.refund_numbers[name]]
    numbers += [n for name, note in state.notes.items() if note.currency == currency for n in state.note_numbers[name]]
    return tuple(sorted(numbers))


def money_against_goods(state: ReturnState) -> Iterator[Gap]:
    """Refunds against the value of the lines, in the return's currency only; shipping is no goods."""
    currency = state.currency
    if currency is None or not state.refunds:
        return
    refunds = [refund for refund in state.active_refunds() if refund.currency == currency]
    paid_for_goods = sum(refund.amount.total - (refund.amount.shipping or 0) for refund in refunds)
    if paid_for_goods <= 0:
        return
    refund_numbers = tuple(n for refund in refunds for n in state.refund_numbers[refund.refund])
    value = units_out = value_in = value_out = 0
    for line in state.announced.values():
        units_in = min(line.quantity, state.units_in(line.line))
        value += line.value_minor
        value_in += worth(line.value_minor, units_in, line.quantity)
        value_out += worth(line.value_minor, line.quantity - units_in, line.quantity)
        units_out += line.quantity - units_in
    ahead = min(paid_for_goods - value_in, value_out)
    if ahead > 0:
        evidence = _evidence(
            refund_numbers,
            _numbers(state, None, "Initiated", "ScannedAtReturnBar", "Received"),
            *_of_lines(state, "ScannedAtReturnBar", "Received"),
        )
        yield Gap(GapKind.REFUND_BEFORE_RECEIPT, None, currency, ahead, units_out, None, evidence)
    if paid_for_goods > value:
        evidence = _evidence(refund_numbers, _numbers(state, None, "Initiated"))
        yield Gap(GapKind.OVER_REFUND, None, currency, paid_for_goods - value, None, None, evidence)


def payout_gaps(state: ReturnState, policy: Policy, at: datetime) -> Iterator[Gap]:
    """Refunds against the payouts of the payment provider; a row a currency of each kind."""
    missing = [refund for since, refund in missing_from(state, policy) if at >= since]
    for currency in sorted({refund.currency for refund in missing}):
        alike = [refund for refund in missing if refund.currency == currency]
        total = sum(refund.amount.total for refund in alike)
        evidence = _evidence(*(state.refund_numbers[refund.refund] for refund in alike))
        yield Gap(GapKind.PAYOUT_MISSING, None, currency, total, None, None, evidence)
    if not state.settled:
        return
    differences: dict[str, tuple[int, tuple[int, ...]]] = {}
    for settlement, _, difference in settled_otherwise(state):
        before, numbers = differences.get(settlement.currency, (0, ()))
        of_both = (state.settled_numbers[settlement.refund], state.refund_numbers.get(settlement.refund, ()))
        differences[settlement.currency] = (before + difference, _evidence(numbers, *of_both))
    for currency, (difference, evidence) in sorted(differences.items()):
        yield Gap(GapKind.PAYOUT_MISMATCH, None, currency, difference, None, None, evidence)


def _goods(state: ReturnState, policy: Policy, at: datetime) -> Iterator[Gap]:
    if not (state.counts or state.all_scanned or state.all_received):
        return
    actions = policy.actions
    short_since = short_from(state, policy)
    is_short = short_since is not None and at >= short_since
    for line in state.announced.values():
        announced, counts = line.quantity, judged(state, line.line)
        scanned, received = state.came(line, counts)
        saleable = write_off = unmapped = 0
        for disposition, units in counts.inspected.items():
            match actions.get(disposition):
                case "restock":
                    saleable += units
                case "write_off":
                    write_off += units
                case None:
                    unmapped += units
        if received > counts.inspected_units:
            yield from _waiting(state, GapKind.UNINSPECTED_ITEMS, line, received, counts.inspected_units)
        if saleable > counts.restocked:
            yield from _waiting(state, GapKind.UNRESTOCKED_ITEMS, line, saleable, counts.restocked)
        if write_off > counts.written_off:
            yield from _waiting(state, GapKind.DAMAGED_NOT_WRITTEN_OFF, line, write_off, counts.written_off)
        if counts.restocked > saleable:
            yield from _waiting(state, GapKind.RESTOCKED_UNINSPECTED, line, counts.restocked, saleable)
        if unmapped:
            yield from _waiting(state, GapKind.DISPOSITION_UNMAPPED, line, unmapped, 0)
        if is_short and received < announced:
            yield _of_line(state, GapKind.RECEIVED_SHORT, line, announced - received)
        most = max(scanned, received, counts.inspected_units, counts.restocked + counts.written_off)
        if most > announced:
            yield _unexpected(state, line.line, most - announced)
    for name in state.counts.keys() - state.announced.keys():
        counts = state.counts[name]
        yield _unexpected(state, name, max(counts.scanned, counts.received, counts.inspected_units, counts.restocked + counts.written_off))


def short_from(state: ReturnState, policy: Policy) -> datetime | None:
    """From when on missing units are called short: None as long as nothing came, or nothing is expected any more, or all of it is here."""
    if state.last_received_at is None or state.ended or not state.announced:
        return None
    if all(state.received(line.line) >= line.quantity for line in state.announced.values()):
        return None
    try:
        return state.last_received_at + policy.short_after
    except OverflowError:
        return None


_LINE_EVIDENCE = {
    GapKind.UNINSPECTED_ITEMS: ("Received", "Inspected", "DispositionChosen"),
    GapKind.UNRESTOCKED_ITEMS: ("Inspected", "DispositionChosen", "Restocked"),
    GapKind.DAMAGED_NOT_WRITTEN_OFF: ("Inspected", "DispositionChosen", "WrittenOff"),
    GapKind.RESTOCKED_UNINSPECTED: ("Inspected", "DispositionChosen", "Restocked"),
    GapKind.DISPOSITION_UNMAPPED: ("Inspected", "DispositionChosen"),
    GapKind.RECEIVED_SHORT: ("Initiated", "Received"),
    GapKind.UNEXPECTED_UNITS: ("Initiated", "ScannedAtReturnBar", "Received", "Inspected", "Restocked", "WrittenOff"),
}


def _waiting(state: ReturnState, kind: GapKind, line: AnnouncedLine, done: int, followed: int) -> Iterator[Gap]:
    units = min(line.quantity, done) - min(line.quantity, followed)
    if units > 0:
        yield _of_line(state, kind, line, units)


def _of_line(state: ReturnState, kind: GapKind, line: AnnouncedLine, units: int) -> Gap:
    value = worth(line.value_minor, units, line.quantity)
    return Gap(kind, line.line, state.currency, value, units, None, _line_evidence(state, kind, line.line))


def _unexpected(state: ReturnState, line: str, units: int) -> Gap:
    return Gap(GapKind.UNEXPECTED_UNITS, line, None, None, units, None, _line_evidence(state, GapKind.UNEXPECTED_UNITS, line))


def _line_evidence(state: ReturnState, kind: GapKind, line: str) -> tuple[int, ...]:
    found: list[int] = []
    for name in _LINE_EVIDENCE[kind]:
        for subject in (None, line):
            found += state.numbers.get((name, subject), ())
    return tuple(sorted(set(found)))


def _exchange(state: ReturnState, policy: Policy) -> Iterator[Gap]:
    assert state.initiated is not None
    if state.initiated.resolution != "exchange" or state.ended or not _exchange_is_due(state, policy):
        return
    statuses = state.exchange_orders.values()
    evidence = _evidence(_numbers(state, None, "Initiated", "ExchangeOrdered"))
    if not statuses:
        yield Gap(GapKind.EXCHANGE_NOT_ORDERED, evidence=evidence)
    elif all(status == "draft" for status in statuses):
        yield Gap(GapKind.EXCHANGE_STUCK_IN_DRAFT, evidence=evidence)


def _exchange_is_due(state: ReturnState, policy: Policy) -> bool:
    lines = state.announced.keys() | state.counts.keys()
    match policy.exchange_order_on:
        case "initiated":
            return True
        case "scanned":
            return any(state.units_in(line) for line in lines)
        case "received":
            return any(state.units_in(line) for line in lines)
        case "inspected":
            return any(judged(state, line).inspected_units for line in lines)
        case "never":
            return False


def _numbers(state: ReturnState, line: str | None, *names: str) -> tuple[int, ...]:
    return tuple(n for name in names for n in state.numbers.get((name, line), ()))


def _of_lines(state: ReturnState, *names: str) -> list[tuple[int, ...]]:
    return [numbers for (name, line), numbers in state.numbers.items() if line is not None and name in names]


def _evidence(*numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({n for some in numbers for n in some}))
