"""The Return: what is known of one return, folded from its facts. Evidence commutes: any order of the same facts gives the same state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, assert_never

from domain.content import InspectedUnits, LineUnits
from domain.decisions import DispositionChosen
from domain.erp_facts import CreditNoteAmended
from domain.facts import (
    RANK,
    Cancelled,
    CreditNoted,
    CreditNoteVoided,
    ExchangeOrdered,
    Expired,
    Fact,
    Initiated,
    Inspected,
    PayoutSettled,
    Received,
    Refunded,
    RefundReversed,
    Restocked,
    ScannedAtReturnBar,
    WrittenOff,
)
from domain.telling import ReturnKey
from domain.work import NO_WORK, Work, evolve_work

# What stands before the ERP's name where a document has no return: `erp.uk-cin7` in the place of the platform.
DOCUMENTS: Final = "erp."
# What stands before the platform's name on the stream of a connection's policy, and the place of the return's id there.
POLICIES: Final = "policy."
VERSIONS: Final = "versions"
# A refund of a shop outside any return stands here, below the order's id: `order-5324938444866`.
OUTSIDE_RETURNS: Final = "order-"
EXCHANGE_STATUSES: Final = ("draft", "authorised", "dispatched")
NoteKey = tuple[str, str]
# Payout, refund, and the payment that paid it, where it is named.
SettlementKey = tuple[str, str, str | None]
AnyKey = TypeVar("AnyKey")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A fact as the ledger keeps it: `version` is its place in the return's stream, `cause` the delivery, instruction or person."""

    key: ReturnKey
    version: int
    occurred_at: datetime
    recorded_at: datetime
    fact: Fact
    source_id: str | None = None
    by: str | None = None
    cause: str = ""
    position: int = 0
    digest: bytes = b""

    def in_order_of_occurrence(self) -> tuple[Any, ...]:
        """When it happened; within one instant the usual order of a return, then the content, then the source's own id.

        So it is the same for every order of recording.
        """
        return (self.occurred_at, RANK[type(self.fact)], self.digest, self.source_id or "", self.version)


class AnnouncedLine(NamedTuple):
    """A line the return announces; `value_minor` is items and tax of all its units."""

    line: str
    sku: str
    quantity: int
    value_minor: int


class Counts(NamedTuple):
    """Units of one line, as told so far."""

    scanned: int = 0
    received: int = 0
    inspected: Mapping[str, int] = MappingProxyType({})
    inspected_units: int = 0
    restocked: int = 0
    written_off: int = 0


NO_COUNTS: Final = Counts()


@dataclass
class ReturnState:
    """Everything that the facts so far tell. Treat as frozen: `evolve` gives a new one.

    `sequence` holds the numbers of the events so far, in order of occurrence. `numbers` keeps which of them spoke of what: its keys are
    a fact's name and a line (None: all lines).
    """

    key: ReturnKey
    sequence: tuple[int, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None
    initiated: Initiated | None = None
    initiated_at: datetime | None = None
    announced: dict[str, AnnouncedLine] = field(default_factory=dict)
    all_scanned: bool = False
    all_received: bool = False
    last_received_at: datetime | None = None
    counts: dict[str, Counts] = field(default_factory=dict)
    refunds: dict[str, Refunded] = field(default_factory=dict)
    reversed: frozenset[str] = frozenset()
    notes: dict[NoteKey, CreditNoted] = field(default_factory=dict)
    voided: frozenset[NoteKey] = frozenset()
    voided_at: dict[NoteKey, datetime] = field(default_factory=dict)
    settled: dict[SettlementKey, PayoutSettled] = field(default_factory=dict)
    exchange_orders: dict[str, str] = field(default_factory=dict)
    ended: str | None = None
    numbers: dict[tuple[str, str | None], tuple[int, ...]] = field(default_factory=dict)
    refund_numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    note_numbers: dict[NoteKey, tuple[int, ...]] = field(default_factory=dict)
    settled_numbers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    told_at: dict[str | NoteKey, datetime] = field(default_factory=dict)
    work: Work = NO_WORK

    @property
    def count(self) -> int:
        return len(self.sequence)

    @property
    def currency(self) -> str | None:
        return self.initiated.currency if self.initiated else None

    @property
    def is_document(self) -> bool:
        """A document of an ERP that names no return stands for itself; a policy is no return either."""
        platform = self.key.platform
        return platform.startswith(DOCUMENTS) or (self.key.return_id == VERSIONS and platform.startswith(POLICIES))

    @property
    def is_emptied(self) -> bool:
        """Was it only ever the place of refunds outside any return, all of which stand elsewhere by now?"""
        if self.key.platform != "shopify" or not self.key.return_id.startswith(OUTSIDE_RETURNS):
            return False
        return bool(self.refunds) and self.refunds.keys() <= self.reversed and not (self.notes or self.numbers)

    @property
    def order(self) -> str | None:
        return self.initiated.order if self.initiated else None

    @property
    def erp(self) -> str | None:
        """The ERP that the return was announced for, else the one that first booked a note for it."""
        if self.initiated and self.initiated.erp:
            return self.initiated.erp
        return min(self.notes)[0] if self.notes else None

    def came(self, known: AnnouncedLine | None, counts: Counts) -> tuple[int, int]:
        """Units of a line scanned and received: as told; where all of them were told, at least the announced ones."""
        scanned, received = counts.scanned, counts.received
        if known is not None:
            if self.all_scanned and known.quantity > scanned:
                scanned = known.quantity
            if self.all_received and known.quantity > received:
                received = known.quantity
        return scanned, received

    def scanned(self, line: str) -> int:
        return self.came(self.announced.get(line), self.counts.get(line, NO_COUNTS))[0]

    def received(self, line: str) -> int:
        return self.came(self.announced.get(line), self.counts.get(line, NO_COUNTS))[1]

    def units_in(self, line: str) -> int:
        """The larger of scanned and received: the goods are with the carrier or with us."""
        return max(self.came(self.announced.get(line), self.counts.get(line, NO_COUNTS)))

    def active_refunds(self) -> list[Refunded]:
        if not self.reversed:
            return list(self.refunds.values())
        return [refund for name, refund in self.refunds.items() if name not in self.reversed]

    def active_notes(self) -> list[CreditNoted]:
        """Notes that are not voided, as they stand now; a note of 0 credits nothing and counts as none."""
        notes = [self.note(key) for key in self.notes if key not in self.voided and key not in self.work.moved_away]
        return [note for note in notes if note.amount.total]

    def note(self, key: NoteKey) -> CreditNoted:
        """A note as it stands now: as it was booked, or as it was amended since."""
        note, amended = self.notes[key], self.work.amended.get(key)
        if amended is None:
            return note
        changed: CreditNoteAmended = amended.fact
        return CreditNoted(
            credit_note=note.credit_note, erp=note.erp, currency=changed.currency, amount=changed.amount, lines=changed.lines or note.lines
        )


def evolve(state: ReturnState, fact: Fact, at: datetime, number: int) -> ReturnState:
    """The state after one more fact. Never refuses: what reached the ledger has happened. `number` is its name in the evidence."""
    # Shallow: what changes is replaced below, the rest is shared. This is the hottest line of the projections.
    new = object.__new__(ReturnState)
    new.__dict__.update(state.__dict__)
    new.sequence = (*state.sequence, number)
    if state.first_at is None or at < state.first_at:
        new.first_at = at
    if state.last_at is None or at > state.last_at:
        new.last_at = at
    match fact:
        case Initiated():
            new.initiated, new.initiated_at = fact, at
            new.announced = {line.line: AnnouncedLine(line.line, line.sku, line.quantity, line.items + line.tax) for line in fact.lines}
            _number(new, fact, None, number)
        case ScannedAtReturnBar():
            new.all_scanned = state.all_scanned or fact.lines is None
            _count(new, fact, fact.lines, number)
        case Received():
            new.all_received = state.all_received or fact.lines is None
            new.last_received_at = at if state.last_received_at is None else max(at, state.last_received_at)
            _count(new, fact, fact.lines, number)
        case Inspected() | Restocked() | WrittenOff():
            _count(new, fact, fact.lines, number)
        case Refunded():
            new.refunds = {**state.refunds, fact.refund: fact}
            new.told_at = {**state.told_at, fact.refund: at}
            new.refund_numbers = _more(state.refund_numbers, fact.refund, number)
        case RefundReversed():
            new.reversed = state.reversed | {fact.refund}
            new.refund_numbers = _more(state.refund_numbers, fact.refund, number)
        case CreditNoted():
            new.notes = {**state.notes, (fact.erp, fact.credit_note): fact}
            new.told_at = {**state.told_at, (fact.erp, fact.credit_note): at}
            new.note_numbers = _more(state.note_numbers, (fact.erp, fact.credit_note), number)
        case CreditNoteVoided():
            before_it = state.voided_at.get((fact.erp, fact.credit_note), at)
            new.voided_at = {**state.voided_at, (fact.erp, fact.credit_note): max(at, before_it)}
            new.voided = _voided(new, (fact.erp, fact.credit_note))
            new.note_numbers = _more(state.note_numbers, (fact.erp, fact.credit_note), number)
        case ExchangeOrdered():
            told = state.exchange_orders.get(fact.order)
            furthest = fact.status if told is None else max(told, fact.status, key=EXCHANGE_STATUSES.index)
            new.exchange_orders = {**state.exchange_orders, fact.order: furthest}
            _number(new, fact, None, number)
        case Cancelled() | Expired():
            # Cancelled weighs more than Expired, so that their order does not matter.
            name = type(fact).__name__.lower()
            new.ended = name if state.ended is None else min(name, state.ended)
            _number(new, fact, None, number)
        case PayoutSettled():
            new.settled = {**state.settled, (fact.payout, fact.refund, fact.transaction): fact}
            new.settled_numbers = _more(state.settled_numbers, fact.refund, number)
        case _:
            new.work = evolve_work(state.work, fact, at, number)
            if isinstance(fact, CreditNoteAmended):
                new.voided = _voided(new, (fact.erp, fact.credit_note))
                new.note_numbers = _more(state.note_numbers, (fact.erp, fact.credit_note), number)
            elif isinstance(fact, DispositionChosen):
                _number(new, fact, fact.line, number)
    return new


def _count(
    new: ReturnState,
    fact: ScannedAtReturnBar | Received | Inspected | Restocked | WrittenOff,
    lines: Iterable[LineUnits] | None,
    number: int,
) -> None:
    if lines is None:
        _number(new, fact, None, number)
        return
    counts = dict(new.counts)
    for told in lines:
        before = counts.get(told.line, NO_COUNTS)
        match fact:
            case ScannedAtReturnBar():
                after = before._replace(scanned=before.scanned + told.quantity)
            case Received():
                after = before._replace(received=before.received + told.quantity)
            case Inspected():
                assert isinstance(told, InspectedUnits)
                inspected = {**before.inspected, told.disposition: before.inspected.get(told.disposition, 0) + told.quantity}
                after = before._replace(inspected=inspected, inspected_units=before.inspected_units + told.quantity)
            case Restocked():
                after = before._replace(restocked=before.restocked + told.quantity)
            case WrittenOff():
                after = before._replace(written_off=before.written_off + told.quantity)
            case _:
                assert_never(fact)
        counts[told.line] = after
        _number(new, fact, told.line, number)
    new.counts = counts


def _number(new: ReturnState, fact: Fact, subject: str | None, number: int) -> None:
    key = (type(fact).__name__, subject)
    before = new.numbers.get(key, ())
    if not before or before[-1] != number:
        new.numbers = {**new.numbers, key: (*before, number)}


def _voided(state: ReturnState, key: NoteKey) -> frozenset[NoteKey]:
    """A void counts until the ERP tells later on what the note credits from then on: undone by hand, and authorised again."""
    voided_at, amended = state.voided_at.get(key), state.work.amended.get(key)
    gone = voided_at is not None and (amended is None or amended.at[0] <= voided_at)
    return state.voided | {key} if gone else state.voided - {key}


def _more(numbers: dict[AnyKey, tuple[int, ...]], key: AnyKey, number: int) -> dict[AnyKey, tuple[int, ...]]:
    return {**numbers, key: (*numbers.get(key, ()), number)}
