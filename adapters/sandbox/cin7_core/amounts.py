"""Cin7's arithmetic: decimals with four digits, lines rounded to two, prices with or without tax."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

Row = dict[str, Any]

CENT, FINEST = Decimal("0.01"), Decimal("0.0001")
NOTHING = Decimal(0)


class Refused(Exception):
    """The API says no; the message stands in its error body."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def decimal(value: object, name: str, default: Decimal | None = None) -> Decimal:
    """A number as a client sends it. Raises Refused for what is none."""
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Refused(f"{name} is required")
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{name} is not a number") from None


def line_total(price: Decimal, discount: Decimal, quantity: Decimal, rounding: str = ROUND_HALF_UP) -> Decimal:
    each = (price * (100 - discount) / 100).quantize(FINEST, rounding)
    return (each * quantity).quantize(CENT, rounding)


def total_up(document: Row, inclusive: bool) -> None:
    """The totals of an order, an invoice or a note, from its lines and charges."""
    rows = [*document["Lines"], *document["AdditionalCharges"]]
    lines, tax = sum((row["Total"] for row in rows), NOTHING), sum((row["Tax"] for row in rows), NOTHING)
    document["Tax"] = tax
    document["TotalBeforeTax"] = lines - tax if inclusive else lines
    document["Total"] = lines if inclusive else lines + tax


def as_json(value: Any) -> Any:
    """Decimals as the vendor writes them: plain JSON numbers."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case Mapping():
            return {name: as_json(member) for name, member in value.items() if not name.startswith("_")}
        case list() | tuple():
            return [as_json(member) for member in value]
        case _:
            return value
