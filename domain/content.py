"""What facts are made of: names, money, units, lines and amounts, each checked where it comes in.

Amounts are whole minor units in memory and decimal strings in JSON.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

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


def in_order(lines: tuple[Any, ...]) -> tuple[Any, ...]:
    """The order of lines inside a fact says nothing, so one order is kept: the same fact is then the same bytes."""
    return tuple(sorted(lines, key=lambda line: line.sort_key())) if len(lines) > 1 else lines


class Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(Content):
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


class ExchangeItem(Content):
    """What the customer wants in place of what goes back."""

    sku: Name
    quantity: Units

    def sort_key(self) -> tuple[object, ...]:
        return (self.sku, self.quantity)


class LineUnits(Content):
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


class Amount(Content):
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


Lines = Annotated[tuple[Line, ...], Field(min_length=1, max_length=1000), AfterValidator(in_order)]
ExchangeItems = Annotated[tuple[ExchangeItem, ...], Field(min_length=1, max_length=1000), AfterValidator(in_order)]
UnitsOfLines = Annotated[tuple[LineUnits, ...], Field(min_length=1, max_length=1000), AfterValidator(in_order)]
UnitsPutAway = Annotated[tuple[LocatedUnits, ...], Field(min_length=1, max_length=1000), AfterValidator(in_order)]
UnitsInspected = Annotated[tuple[InspectedUnits, ...], Field(min_length=1, max_length=1000), AfterValidator(in_order)]
