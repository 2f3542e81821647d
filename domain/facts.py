"""The Return's facts: what happened to one return, in the past tense, as platforms, warehouses and ERPs report it.

A fact holds business content only; whose return it is, when it happened and who told it stand in `telling.Telling`.
"""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from domain.content import (
    Amount,
    Content,
    Currency,
    ExchangeItems,
    Lines,
    Minor,
    Name,
    SignedMinor,
    UnitsInspected,
    UnitsOfLines,
    UnitsPutAway,
)
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


class Initiated(Content):
    """The customer announced the return: which lines, what they are worth, and what is wanted for them."""

    order: Name
    currency: Currency
    resolution: Literal["refund", "exchange", "store_credit"]
    lines: Lines
    exchange: ExchangeItems | None = None
    erp: Name | None = None

    @model_validator(mode="after")
    def _lines_are_unique(self, info: ValidationInfo) -> Self:
        if info.context is None:
            return self
        names = [line.line for line in self.lines]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise PydanticCustomError("lines", "line {line} stands twice; lines are unique within a return", {"line": repr(twice)})
        return self


class ScannedAtReturnBar(Content):
    """The goods were handed in at a return bar; without lines: all of them."""

    location: Name | None = None
    lines: UnitsOfLines | None = None


class Received(Content):
    """The goods came to the warehouse; without lines: all of them."""

    location: Name | None = None
    lines: UnitsOfLines | None = None


class Inspected(Content):
    """The goods were looked at and got a disposition."""

    lines: UnitsInspected


class Refunded(Content):
    """Money, or a promise of it, went to the customer."""

    refund: Name
    currency: Currency
    amount: Amount
    method: Literal["original_payment", "store_credit", "gift_card", "bank_transfer", "platform_instant", "exchange"]
    transaction: Name | None = None


class RefundReversed(Content):
    """A refund was taken back or failed afterwards."""

    refund: Name


class CreditNoted(Content):
    """The ERP booked a credit note."""

    credit_note: Name
    erp: Name
    currency: Currency
    amount: Amount
    lines: UnitsOfLines | None = None


class CreditNoteVoided(Content):
    """The ERP voided a credit note."""

    credit_note: Name
    erp: Name


class Restocked(Content):
    """Units went back to saleable stock."""

    lines: UnitsPutAway
    erp: Name | None = None


class WrittenOff(Content):
    """Units were written off."""

    lines: UnitsOfLines
    erp: Name | None = None


class ExchangeOrdered(Content):
    """The ERP has an order for what the customer gets in exchange."""

    order: Name
    status: Literal["draft", "authorised", "dispatched"]
    erp: Name | None = None


class Cancelled(Content):
    """The return was cancelled: nothing more is expected. Money and goods that moved stay."""


class Expired(Content):
    """The return ran out of time: nothing more is expected. Money and goods that moved stay."""


class PayoutSettled(Content):
    """A payout of the payment provider took a refund along. `amount` is what it took for it; the provider's `fee` goes beside it."""

    payout: Name
    refund: Name
    currency: Currency
    amount: Minor
    transaction: Name | None = None
    fee: SignedMinor | None = None


# What the world tells: platforms, warehouses, ERPs and payment providers, by files, webhooks and polling.
Told = (
    Initiated
    | ScannedAtReturnBar
    | Received
    | Inspected
    | Refunded
    | RefundReversed
    | CreditNoted
    | CreditNoteVoided
    | Restocked
    | WrittenOff
    | ExchangeOrdered
    | Cancelled
    | Expired
    | PayoutSettled
)
# What the house itself records: the way to the ERP, and what people decide.
Working = (
    OrderMatched
    | OrderNotFound
    | SkuMatched
    | MovedToQuarantine
    | CreditNoteAmended
    | InstructionIssued
    | InstructionAccepted
    | InstructionDeclined
    | OutcomeUnknown
    | InstructionAbandoned
    | Assigned
    | Noted
    | Snoozed
    | DifferenceAccepted
    | GapWaived
    | Reopened
    | RetryAsked
    | WriteOffApproved
    | OrderReferred
    | DocumentAssigned
    | PolicyAdopted
    | DispositionChosen
)
Fact = Told | Working

# In the order in which a return usually goes through them: facts of one instant are told in this order.
TOLD: dict[str, type[Told]] = {fact.__name__: fact for fact in get_args(Told)}
FACTS: dict[str, type[Fact]] = {**TOLD, **{fact.__name__: fact for fact in get_args(Working)}}
RANK: dict[type[Fact], int] = {fact: rank for rank, fact in enumerate(FACTS.values())}


def currency_of(fact: Fact) -> str | None:
    """The currency in which a fact's amounts are told; None for a fact without amounts."""
    # Not by getattr, which asks much of pydantic where there is none.
    currency: str | None = vars(fact).get("currency")
    return currency
