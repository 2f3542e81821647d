"""What one fact moves: money through the clearing account, and units from place to place. The sums of the moves are the books."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from operator import sub
from typing import NamedTuple

from domain.choosing import judged
from domain.content import Amount
from domain.decisions import DispositionChosen, DocumentAssigned, Reopened
from domain.erp_facts import CreditNoteAmended
from domain.facts import (
    CreditNoted,
    CreditNoteVoided,
    Fact,
    Initiated,
    Inspected,
    Received,
    Refunded,
    RefundReversed,
    Restocked,
    ScannedAtReturnBar,
    WrittenOff,
)
from domain.returns import NoteKey, ReturnState

# Where a unit can be. `announced` is the sum of those from with_customer to written_off; unexpected units stand beside it.
PLACES = ("announced", "with_customer", "in_transit", "quarantine", "held", "saleable", "written_off", "unexpected")
Units = tuple[int, ...]
Standing = Mapping[str, tuple[str | None, Units]]
_NOWHERE: Units = (0,) * len(PLACES)


class MoneyMove(NamedTuple):
    """Money that one fact moved through `clearing:returns`. Refunds debit it, credit notes credit it; a reversal or void is negative.

    `side` is `refunded` or `credited`, `document` the refund's or note's id, `detail` the refund's method or the note's ERP. Minor units.
    """

    occurred_at: datetime
    fact: str
    side: str
    document: str
    detail: str
    currency: str
    total: int
    items: int
    tax: int
    shipping: int
    fees: int
    unexplained: int


class UnitMove(NamedTuple):
    """Units of one line that one fact moved; `units` goes with PLACES, what left a place is negative. `sku` None: not announced."""

    occurred_at: datetime
    fact: str
    line: str
    sku: str | None
    units: Units


def money_moves(before: ReturnState, after: ReturnState, fact: Fact, at: datetime) -> list[MoneyMove]:
    """A refund counts from when it is told until it and its reversal have both been told; the same for notes and voids.

    What was reversed before it was told moves nothing, and still shows that its currency was touched.
    """
    name = type(fact).__name__
    match fact:
        case Refunded():
            told, sign = fact, 0 if fact.refund in after.reversed else 1
        case RefundReversed() if fact.refund in before.refunds and fact.refund not in before.reversed:
            told, sign = before.refunds[fact.refund], -1
        case CreditNoted():
            counts = 0 if _is_gone(after, (fact.erp, fact.credit_note)) else 1
            return [_note(name, at, after, (fact.erp, fact.credit_note), counts)]
        case CreditNoteVoided() | DocumentAssigned() | CreditNoteAmended() if (fact.erp, fact.credit_note) in before.notes:
            key = (fact.erp, fact.credit_note)
            was_gone, is_gone = _is_gone(before, key), _is_gone(after, key)
            if was_gone == is_gone and (is_gone or before.note(key) == after.note(key)):
                return []
            was = [] if was_gone else [_note(name, at, before, key, -1)]
            return was if is_gone else [*was, _note(name, at, after, key, 1)]
        case _:
            return []
    return [_money(name, at, "refunded", told.refund, told.method, told.currency, told.amount, sign)]


def _is_gone(state: ReturnState, key: NoteKey) -> bool:
    return key in state.voided or key in state.work.moved_away


def _note(name: str, at: datetime, state: ReturnState, key: NoteKey, sign: int) -> MoneyMove:
    note = state.note(key)
    return _money(name, at, "credited", note.credit_note, note.erp, note.currency, note.amount, sign)


def _money(name: str, at: datetime, side: str, document: str, detail: str, currency: str, amount: Amount, sign: int) -> MoneyMove:
    items, tax, shipping, fees = (sign * (part or 0) for part in amount.parts)
    return MoneyMove(at, name, side, document, detail, currency, sign * amount.total, items, tax, shipping, fees, sign * amount.unexplained)


def unit_moves(
    standing: Standing, after: ReturnState, fact: Fact, at: datetime, actions: Mapping[str, str]
) -> tuple[list[UnitMove], Standing]:
    """`standing`: per line its SKU and where its units were before; gives the moves and where they are now.

    `actions` is the policy's: disposition → restock, write_off or hold.
    """
    match fact:
        case Initiated() | ScannedAtReturnBar(lines=None) | Received(lines=None):
            lines = after.announced.keys() | after.counts.keys()
        case ScannedAtReturnBar() | Received() | Inspected() | Restocked() | WrittenOff():
            lines = {told.line for told in fact.lines or ()}
        case DispositionChosen():
            lines = {fact.line}
        case Reopened():
            lines = {decision.fact.line for decision in after.work.chosen.values()}
        case _:
            return [], standing
    moves: list[UnitMove] = []
    name = type(fact).__name__
    now_standing = dict(standing)
    for line in sorted(lines):
        was_sku, was = standing.get(line, (None, _NOWHERE))
        known = after.announced.get(line)
        sku, now = known.sku if known else None, places(after, line, actions)
        now_standing[line] = (sku, now)
        if was_sku != sku and was != _NOWHERE:
            moves.append(UnitMove(at, name, line, was_sku, tuple(-units for units in was)))
            was = _NOWHERE
        if was != now:
            moves.append(UnitMove(at, name, line, sku, tuple(map(sub, now, was))))
    return moves, now_standing


def places(state: ReturnState, line: str, actions: Mapping[str, str]) -> Units:
    """Where the units of a line are. A later step tells that the earlier ones were taken, even where nobody told them."""
    counts = judged(state, line)
    known = state.announced.get(line)
    announced = known.quantity if known else 0
    handled = counts.restocked + counts.written_off
    scanned, received = state.came(known, counts)
    at_warehouse = min(announced, max(received, counts.inspected_units, handled))
    handed_in = min(announced, max(scanned, at_warehouse))
    saleable = min(announced, counts.restocked)
    written_off = min(announced - saleable, counts.written_off)
    held = at_warehouse - saleable - written_off
    if held:
        held = min(held, sum(units for disposition, units in counts.inspected.items() if actions.get(disposition) == "hold"))
    quarantine = at_warehouse - saleable - written_off - held
    unexpected = max(scanned, received, counts.inspected_units, handled) - announced
    return (announced, announced - handed_in, handed_in - at_warehouse, quarantine, held, saleable, written_off, max(0, unexpected))
