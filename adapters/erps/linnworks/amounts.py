"""Linnworks' doubles as whole minor units and back: read as the decimals they are, rounded once, half up."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from adapters.files.exact_json import Number
from adapters.vendor.shapes import number
from domain.money import CURRENCIES, to_text


def minor_of(value: object, currency: str) -> int | None:
    """Minor units; None where there is no number. Linnworks calculates in doubles: 45.9900000001 is 45.99."""
    read = number(value)
    return rounded(read, currency) if read is not None else None


def rounded(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(CURRENCIES[currency]).to_integral_value(ROUND_HALF_UP))


def written(minor: int, currency: str) -> Number:
    """A JSON number with exactly the currency's digits."""
    return Number(to_text(minor, currency))
