"""The Return's facts: what happened to one return, in the past tense, as platforms, warehouses and ERPs report it.

A fact holds business content only; whose return it is, when it happened and who told it stand in `telling.Telling`.
Amounts are whole minor units in memory and decimal strings in JSON.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import SerializationInfo

from domain.money import CURRENCIES, MoneyError, from_canonical, to_minor, to_text


def _read_money(value: object, info: ValidationInfo) -> int:
    """From outside the currency stands in the context; without one the text is ours and canonical."""
    if info.context is None:
        if isinstance(value, int):
            return value
        return from_canonical(str(value))
    try:
        return to_minor(value, info.context["currency"])
    except MoneyError as wrong:
        raise PydanticCustomError("money", "{reason}", {"reason": str(wrong)}) from None


def _read_money_not_negative(value: object, info: ValidationInfo) -> int:
    minor = _read_money(value, info)
    if minor < 0:
        raise PydanticCustomError("money", "must not be negative; only fees may be")
    return minor


def _write_money(minor: int, info: SerializationInfo) -> str:
    context: dict[str, str] = info.context  # type: ignore[assignment]
    return to_text(minor, context["currency"])


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise PydanticCustomError(
            "currency", "{code} is not a currency of ISO 4217; give its three capital letters, such as GBP", {"code": repr(code)}
        )
    return code


# Printable: no control characters, private use, or line separators; private use is how a slash in an id travels in a URL.
PRINTABLE = r"^[^\p{Cc}\p{Co}\p{Zl}\p{Zp}]*[^\p{Cc}\p{Co}\p{Zl}\p{Zp}\s][^\p{Cc}\p{Co}\p{Zl}\p{Zp}]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]+$")]
Currency = Annotated[str, AfterValidator(_known_currency)]
Minor = Annotated[int, BeforeValidator(_read_money_not_negative), PlainSerializer(_write_money, return_type=str)]
SignedMinor = Annotated[int, BeforeValidator(_read_money), PlainSerializer(_write_money, return_type=str)]
Units = Annotated[int, Field(strict=True, gt=0, le=1_000_000)]


def _in_order(lines: tuple[Any, ...]) -> tuple[Any, ...]:
    """The order of lines inside a fact says nothing, so one order is kept: the same fact is then the same bytes."""
    return tuple(sorted(lines, key=lambda line: line.sort_key())) if len(lines) > 1 else lines


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Content):
    """A line that a return announces. `items` and `tax` are for its whole quantity."""

    line: Name
    sku: Name
    quantity: Units
    items: Minor
    tax: Minor
    order_line: Name | None = None
    reason: Text | None = None
    kit: Name | StrictBool | None = None

    def sort_key(self) -> tuple[object, ...]:
        return (self.line,)


class ExchangeItem(_Content):
    """What the customer wants in place of what goes back."""

    sku: Name
    quantity: Units

    def sort_key(self) -> tuple[object, ...]:
        return (self.sku, self.quantity)


class LineUnits(_Content):
    """So many units of a line."""

    line: Name
    quantity: Units

    def sort_key(self) -> tuple[object, ...]:
        return (self.line, self.quantity)


class LocatedUnits(LineUnits):
    """So many units of a line, put away at a location."""

    location: Name | None = None

    def sort_key(self) -> tuple[object, ...]:
        return (self.line, self.quantity, self.location or "")


class InspectedUnits(LineUnits):
    """So many units of a line, found in a condition. The policy maps the disposition to what is done."""

    disposition: Name

    def sort_key(self) -> tuple[object, ...]:
        return (self.line, self.disposition, self.quantity)


class Amount(_Content):
    """What was paid back or credited. Parts are optional; what they leave of the total counts as unexplained."""

    total: Minor
    items: Minor | None = None
    tax: Minor | None = None
    shipping: Minor | None = None
    fees: SignedMinor | None = None

    @property
    def parts(self) -> tuple[int | None, int | None, int | None, int | None]:
        return (self.items, self.tax, self.shipping, self.fees)

    @property
    def unexplained(self) -> int:
        return self.total - (self.items or 0) - (self.tax or 0) - (self.shipping or 0) - (self.fees or 0)

    @model_validator(mode="after")
    def _adds_up(self, info: ValidationInfo) -> Self:
        # Without a context it is ours, and was checked when it came in.
        if info.context is not None and None not in self.parts and self.unexplained:
            currency = info.context["currency"]
            raise PydanticCustomError(
                "amount",
                "items + tax + shipping + fees are {parts}, but total is {total}; mend one, or leave out what is not known",
                {"parts": to_text(self.total - self.unexplained, currency), "total": to_text(self.total, currency)},
            )
        return self


Lines = Annotated[tuple[Line, ...], Field(min_length=1, max_length=1000), AfterValidator(_in_order)]
ExchangeItems = Annotated[tuple[ExchangeItem, ...], Field(min_length=1, max_length=1000), AfterValidator(_in_order)]
UnitsOfLines = Annotated[tuple[LineUnits, ...], Field(min_length=1, max_length=1000), AfterValidator(_in_order)]
UnitsPutAway = Annotated[tuple[LocatedUnits, ...], Field(min_length=1, max_length=1000), AfterValidator(_in_order)]
UnitsInspected = Annotated[tuple[InspectedUnits, ...], Field(min_length=1, max_length=1000), AfterValidator(_in_order)]


class Initiated(_Content):
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


class ScannedAtReturnBar(_Content):
    """The goods were handed in at a return bar; without lines: all of them."""

    location: Name | None = None
    lines: UnitsOfLines | None = None


class Received(_Content):
    """The goods came to the warehouse; without lines: all of them."""

    location: Name | None = None
    lines: UnitsOfLines | None = None


class Inspected(_Content):
    """The goods were looked at and got a disposition."""

    lines: UnitsInspected


class Refunded(_Content):
    """Money, or a promise of it, went to the customer."""

    refund: Name
    currency: Currency
    amount: Amount
    method: Literal["original_payment", "store_credit", "gift_card", "bank_transfer", "platform_instant", "exchange"]
    transaction: Name | None = None


class RefundReversed(_Content):
    """A refund was taken back or failed afterwards."""

    refund: Name


class CreditNoted(_Content):
    """The ERP booked a credit note."""

    credit_note: Name
    erp: Name
    currency: Currency
    amount: Amount
    lines: UnitsOfLines | None = None


class CreditNoteVoided(_Content):
    """The ERP voided a credit note."""

    credit_note: Name
    erp: Name


class Restocked(_Content):
    """Units went back to saleable stock."""

    lines: UnitsPutAway
    erp: Name | None = None


class WrittenOff(_Content):
    """Units were written off."""

    lines: UnitsOfLines
    erp: Name | None = None


class ExchangeOrdered(_Content):
    """The ERP has an order for what the customer gets in exchange."""

    order: Name
    status: Literal["draft", "authorised", "dispatched"]
    erp: Name | None = None


class Cancelled(_Content):
    """The return was cancelled: nothing more is expected. Money and goods that moved stay."""


class Expired(_Content):
    """The return ran out of time: nothing more is expected. Money and goods that moved stay."""


class PayoutSettled(_Content):
    """A payout of the payment provider took a refund along. `amount` is what it took for it; the provider's `fee` goes beside it."""

    payout: Name
    refund: Name
    currency: Currency
    amount: Minor
    transaction: Name | None = None
    fee: SignedMinor | None = None


Fact = (
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

# In the order in which a return usually goes through them: facts of one instant are told in this order.
FACTS: dict[str, type[Fact]] = {
    fact.__name__: fact
    for fact in (
        Initiated,
        ScannedAtReturnBar,
        Received,
        Inspected,
        Refunded,
        RefundReversed,
        CreditNoted,
        CreditNoteVoided,
        Restocked,
        WrittenOff,
        ExchangeOrdered,
        Cancelled,
        Expired,
        PayoutSettled,
    )
}
RANK: dict[type[Fact], int] = {fact: rank for rank, fact in enumerate(FACTS.values())}


def currency_of(fact: Fact) -> str | None:
    """The currency in which a fact's amounts are told; None for a fact without amounts."""
    return fact.currency if isinstance(fact, Initiated | Refunded | CreditNoted | PayoutSettled) else None
