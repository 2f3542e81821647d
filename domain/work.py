"""The way to the ERP and what people decided, as the facts so far tell it: the part of a return's state that instructions are made from.

Evidence commutes here, too: of two answers to one instruction the later one counts, whichever was recorded first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, assert_never

from domain.decisions import (
    Assigned,
    DifferenceAccepted,
    DispositionChosen,
    DocumentAssigned,
    GapWaived,
    Noted,
    OrderReferred,
    PolicyAdopted,
    Reopened,
    RetryAsked,
    Snoozed,
    WriteOffApproved,
)
from domain.erp_facts import (
    CreditNoteAmended,
    InstructionAbandoned,
    InstructionAccepted,
    InstructionDeclined,
    InstructionIssued,
    MovedToQuarantine,
    OrderMatched,
    OrderNotFound,
    OutcomeUnknown,
    SkuMatched,
)
from domain.facts import RANK, Working
from domain.policy import CLEARING_KINDS

Status = Literal["issued", "accepted", "declined", "unknown", "abandoned"]
Newest = tuple[datetime, int]


class Answered(NamedTuple):
    """What an instruction came to, at last: `code` and `reason` where it was declined or nobody knows, `document` where it is done,
    and `beside` the SKUs of a note's goods that another document brought in."""

    status: Status
    at: Newest
    number: int
    code: str = ""
    reason: str = ""
    what_to_do: str = ""
    document: str = ""
    beside: tuple[str, ...] = ()


class Decision(NamedTuple):
    """Something a person decided, with the event's number: the newest of its kind counts."""

    fact: Any
    at: Newest
    number: int


@dataclass(frozen=True, slots=True)
class Work:
    """`issued` by id; `answers` the newest answer by id; `retried` by id (None: all) when a retry was last asked for."""

    order: OrderMatched | None = None
    order_at: Newest | None = None
    order_number: int = 0
    not_found: OrderNotFound | None = None
    not_found_at: Newest | None = None
    not_found_number: int = 0
    reference: OrderReferred | None = None
    reference_at: Newest | None = None
    skus: Mapping[str, Decision] = field(default_factory=dict)
    issued: Mapping[str, InstructionIssued] = field(default_factory=dict)
    issued_at: Mapping[str, datetime] = field(default_factory=dict)
    issued_numbers: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, Answered] = field(default_factory=dict)
    retried: Mapping[str | None, Decision] = field(default_factory=dict)
    accepted: Mapping[str, Decision] = field(default_factory=dict)
    waived: Mapping[tuple[str, str | None], Decision] = field(default_factory=dict)
    reopened: Mapping[str | None, Decision] = field(default_factory=dict)
    assigned: Decision | None = None
    snoozed: Decision | None = None
    all_approved: bool = False
    approved: Mapping[str, int] = field(default_factory=dict)
    amended: Mapping[tuple[str, str], Decision] = field(default_factory=dict)
    # Where goods go, by the number of the event: choices add up.
    chosen: Mapping[int, Decision] = field(default_factory=dict)
    moved_away: Mapping[tuple[str, str], DocumentAssigned] = field(default_factory=dict)
    # Units by line and the place where the ERP holds them, as far as it was told to.
    stands: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def sku(self, platform_sku: str) -> str:
        """The ERP's SKU for a platform's: as a person matched it, else the same."""
        found = self.skus.get(platform_sku)
        return found.fact.to if found else platform_sku

    def answer(self, instruction: str) -> Answered | None:
        """None as long as it is under way: never answered, or asked for again since it was declined. What nobody knows stays unknown until
        somebody does."""
        found = self.answers.get(instruction)
        if found is None or found.status != "declined":
            return found
        asked = max((self.retried[name].at for name in (instruction, None) if name in self.retried), default=None)
        return None if asked is not None and asked >= found.at else found

    def counts(self, instruction: str) -> bool:
        """Is what it asks for taken care of by it: done, or still to be done? Not what was abandoned."""
        found = self.answers.get(instruction)
        return found is None or found.status != "abandoned"

    def is_accepted(self, currency: str, difference_minor: int) -> bool:
        """Did a person accept exactly this difference, and nobody reopen it since?"""
        found = self.accepted.get(currency)
        return found is not None and found.fact.amount == difference_minor and not self.reopened_since(found, *CLEARING_KINDS)

    def is_waived(self, kind: str, line: str | None) -> Decision | None:
        """Did a person waive this gap, or those of its kind on every line, and nobody reopen it since?"""
        for key in ((kind, line), (kind, None)):
            found = self.waived.get(key)
            if found is not None and not self.reopened_since(found, kind):
                return found
        return None

    def reopened_since(self, decision: Decision, *kinds: str) -> bool:
        return any(name in self.reopened and self.reopened[name].at >= decision.at for name in (*kinds, None))


NO_WORK: Final = Work()


def evolve_work(work: Work, fact: Working, at: datetime, number: int) -> Work:
    """The work after one more fact; `number` names the event in the evidence."""
    newest = (at, RANK[type(fact)])
    decided = Decision(fact, newest, number)
    match fact:
        case OrderMatched():
            if work.order_at is not None and work.order_at > newest:
                return work
            return replace(work, order=fact, order_at=newest, order_number=number)
        case OrderNotFound():
            if work.not_found_at is not None and work.not_found_at > newest:
                return work
            return replace(work, not_found=fact, not_found_at=newest, not_found_number=number)
        case OrderReferred():
            if work.reference_at is not None and work.reference_at > newest:
                return work
            return replace(work, reference=fact, reference_at=newest)
        case SkuMatched():
            return replace(work, skus=_newer(work.skus, fact.sku, decided))
        case MovedToQuarantine():
            return replace(work, stands=_moved(work.stands, fact))
        case CreditNoteAmended():
            return replace(work, amended=_newer(work.amended, (fact.erp, fact.credit_note), decided))
        case DocumentAssigned():
            return replace(work, moved_away={**work.moved_away, (fact.erp, fact.credit_note): fact})
        case InstructionIssued():
            name = fact.instruction
            return replace(
                work,
                issued={**work.issued, name: fact},
                issued_at={**work.issued_at, name: at},
                issued_numbers={**work.issued_numbers, name: number},
            )
        case InstructionAccepted():
            return _answer(work, fact.instruction, Answered("accepted", newest, number, document=fact.document, beside=fact.beside or ()))
        case InstructionDeclined():
            said = Answered("declined", newest, number, fact.code, fact.reason, fact.what_to_do)
            return _answer(work, fact.instruction, said)
        case OutcomeUnknown():
            return _answer(work, fact.instruction, Answered("unknown", newest, number, reason=fact.reason))
        case InstructionAbandoned():
            return _answer(work, fact.instruction, Answered("abandoned", newest, number, reason=fact.reason))
        case RetryAsked():
            return replace(work, retried=_newer(work.retried, fact.instruction, decided))
        case DifferenceAccepted():
            return replace(work, accepted=_newer(work.accepted, fact.currency, decided))
        case GapWaived():
            return replace(work, waived=_newer(work.waived, (fact.kind, fact.line), decided))
        case Reopened():
            return replace(work, reopened=_newer(work.reopened, fact.kind, decided))
        case Assigned():
            return replace(work, assigned=_newest(work.assigned, decided))
        case Snoozed():
            return replace(work, snoozed=_newest(work.snoozed, decided))
        case WriteOffApproved():
            units = dict(work.approved)
            for told in fact.lines or ():
                units[told.line] = units.get(told.line, 0) + told.quantity
            return replace(work, all_approved=work.all_approved or fact.lines is None, approved=units)
        case DispositionChosen():
            return replace(work, chosen={**work.chosen, number: decided})
        case Noted() | PolicyAdopted():
            return work
        case _:
            assert_never(fact)


def _moved(stands: Mapping[tuple[str, str], int], fact: MovedToQuarantine) -> Mapping[tuple[str, str], int]:
    units = dict(stands)
    for told in fact.lines:
        units[told.line, fact.location] = units.get((told.line, fact.location), 0) + told.quantity
        if fact.from_location is not None:
            units[told.line, fact.from_location] = units.get((told.line, fact.from_location), 0) - told.quantity
    return units


def _answer(work: Work, instruction: str, answered: Answered) -> Work:
    before = work.answers.get(instruction)
    if before is not None and before.at > answered.at:
        return work
    return replace(work, answers={**work.answers, instruction: answered})


def _newer(kept: Mapping[Any, Decision], key: Any, decided: Decision) -> Mapping[Any, Decision]:
    return {**kept, key: _newest(kept.get(key), decided)}


def _newest(before: Decision | None, decided: Decision) -> Decision:
    return before if before is not None and before.at > decided.at else decided
