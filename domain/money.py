"""Money in whole minor units of an ISO 4217 currency: exact, never a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# ISO 4217, active codes with a minor unit. Digits other than 2 are named, all the others have two.
_TWO_DIGITS = """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD
PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"""
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"

CURRENCIES: dict[str, int] = {
    code: digits for digits, codes in ((2, _TWO_DIGITS), (0, _NO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS)) for code in codes.split()
}

# Fifteen digits of minor units: a sum over nine thousand such amounts still fits into a signed 64-bit integer.
MAX_MINOR = 10**15 - 1
_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,8}))?\Z")


class MoneyError(ValueError):
    """A text that is no amount of its currency; the message says what was expected."""


def to_minor(text: object, currency: str) -> int:
    """Minor units of a decimal string: `to_minor("45.99", "GBP") == 4599`.

    Raises MoneyError for anything but a plain decimal string with at most the currency's minor digits, and for unknown currencies.
    """
    digits = CURRENCIES.get(currency)
    if digits is None:
        raise MoneyError(f"{currency!r} is not a currency of ISO 4217; give its three capital letters, such as GBP")
    if not isinstance(text, str):
        raise MoneyError(f'must be a decimal string such as "{to_text(4599, currency)}", not {_named(text)}')
    found = _DECIMAL.match(text)
    if found is None:
        raise MoneyError(f'{text[:40]!r} is not an amount; write a plain decimal string such as "{to_text(4599, currency)}"')
    sign, whole, fraction = found[1], found[2], found[3] or ""
    if len(fraction) > digits:
        raise MoneyError(f"{text!r} has {len(fraction)} digits after the point; {currency} has {digits}")
    minor = int(whole + fraction + "0" * (digits - len(fraction)))
    if minor > MAX_MINOR:
        raise MoneyError(f"{text!r} is larger than any refund can be ({to_text(MAX_MINOR, currency)})")
    return -minor if sign else minor


def to_text(minor: int, currency: str) -> str:
    """The canonical decimal string, with exactly the currency's digits: `to_text(4599, "GBP") == "45.99"`."""
    digits = CURRENCIES[currency]
    if not digits:
        return str(minor)
    figures = str(abs(minor)).rjust(digits + 1, "0")
    return f"{'-' if minor < 0 else ''}{figures[:-digits]}.{figures[-digits:]}"


def from_canonical(text: str) -> int:
    """Minor units of a string that `to_text` wrote: it carries all its currency's digits, so the point can go."""
    return int(text.replace(".", "", 1))


def worth(value_minor: int, units: int, of_units: int) -> int:
    """What `units` of `of_units` are worth, rounded half up to the minor unit; 0 of 0 units is 0."""
    if units >= of_units:
        return value_minor if of_units else 0
    return (2 * value_minor * units + of_units) // (2 * of_units)


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split a total by weights, exactly: largest remainder first, the earlier part on a tie.

    Weights are whole and not negative. Where all of them are 0, everything goes to the first part. Raises ValueError without weights.
    """
    if not weights or min(weights) < 0:
        raise ValueError("allocate needs at least one weight, none of them negative")
    whole = sum(weights)
    if whole == 0:
        return [total_minor] + [0] * (len(weights) - 1)
    parts = [total_minor * weight // whole for weight in weights]
    left = total_minor - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_minor * weights[i] % whole), i))
    for i in by_remainder[:left]:
        parts[i] += 1
    return parts


def _named(value: object) -> str:
    kinds = {"bool": "true or false", "int": "a number", "float": "a number", "list": "a list", "dict": "an object", "NoneType": "null"}
    return kinds.get(type(value).__name__, "that")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency, in minor units. Arithmetic across currencies raises MoneyError."""

    minor: int
    currency: str

    @classmethod
    def of(cls, text: str, currency: str) -> Money:
        return cls(to_minor(text, currency), currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{to_text(self.minor, self.currency)} {self.currency}"

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise MoneyError(f"{self} and {other} cannot be added: convert one of them first")
        return other.minor
