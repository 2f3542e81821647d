"""Money is whole minor units of one currency: read and written exactly, split exactly, never a float."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import CURRENCIES, MAX_MINOR, Money, MoneyError, allocate, from_canonical, to_minor, to_text, worth
from tests.strategies import CURRENCY, MINOR, SIGNED_MINOR, examples

# Text


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("45.99", "GBP", 4599),
        ("45.9", "GBP", 4590),
        ("45", "GBP", 4500),
        ("0", "GBP", 0),
        ("-0.00", "GBP", 0),
        ("-2.5", "GBP", -250),
        ("007.10", "EUR", 710),
        ("1250", "JPY", 1250),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
        ("9999999999999.99", "USD", MAX_MINOR),
        ("999999999999999", "JPY", MAX_MINOR),
    ],
)
def test_an_amount_is_read_in_minor_units(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "said"),
    [
        ("45.999", "GBP", "'45.999' has 3 digits after the point; GBP has 2"),
        ("1.000", "GBP", "'1.000' has 3 digits after the point; GBP has 2"),
        ("1250.0", "JPY", "'1250.0' has 1 digits after the point; JPY has 0"),
        ("45,99", "GBP", "'45,99' is not an amount; write a plain decimal string such as \"45.99\""),
        ("1e3", "GBP", "is not an amount"),
        ("NaN", "GBP", "is not an amount"),
        ("+1", "GBP", "is not an amount"),
        (" 1", "GBP", "is not an amount"),
        ("1\n", "GBP", "is not an amount"),
        ("1.", "GBP", "is not an amount"),
        (".5", "GBP", "is not an amount"),
        ("", "GBP", "is not an amount"),
        ("١٢", "GBP", "is not an amount"),
        ("10000000000000.00", "GBP", "is larger than any refund can be (9999999999999.99)"),
        ("9" * 5000, "GBP", "is not an amount"),
        ("1", "gbp", "'gbp' is not a currency of ISO 4217; give its three capital letters, such as GBP"),
        ("1", "ZZZ", "'ZZZ' is not a currency of ISO 4217"),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused(text: str, currency: str, said: str) -> None:
    with pytest.raises(MoneyError) as refused:
        to_minor(text, currency)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("given", "named"), [(45.99, "a number"), (45, "a number"), (True, "true or false"), (None, "null"), ([], "a list"), ({}, "an object")]
)
def test_only_text_is_an_amount(given: object, named: str) -> None:
    with pytest.raises(MoneyError, match=f'must be a decimal string such as "45.99", not {named}'):
        to_minor(given, "GBP")


@examples(200)
@given(SIGNED_MINOR, CURRENCY)
def test_every_amount_survives_the_way_out_and_in(minor: int, currency: str) -> None:
    text = to_text(minor, currency)

    assert to_minor(text, currency) == minor
    assert from_canonical(text) == minor
    assert Fraction(text) * 10 ** CURRENCIES[currency] == minor
    assert len(text.partition(".")[2]) == CURRENCIES[currency]


# Shares


@examples(200)
@given(MINOR, st.integers(1, 1000), st.data())
def test_units_are_worth_their_share_rounded_half_up(value: int, of_units: int, data: st.DataObject) -> None:
    units = data.draw(st.integers(0, of_units))
    exact = Fraction(value * units, of_units)

    rounded = worth(value, units, of_units)

    assert -Fraction(1, 2) < rounded - exact <= Fraction(1, 2)
    assert worth(value, of_units, of_units) == value
    assert worth(value, 0, of_units) == 0


def test_half_a_unit_is_rounded_up() -> None:
    assert [worth(5, units, 2) for units in range(3)] == [0, 3, 5]
    assert [worth(100, units, 3) for units in range(4)] == [0, 33, 67, 100]
    assert worth(999, 5, 3) == 999  # more units than there are are worth no more
    assert worth(999, 0, 0) == 0


@examples(200)
@given(SIGNED_MINOR, st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_a_total_is_split_without_losing_a_unit(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)

    assert sum(parts) == total
    if sum(weights):
        assert all(abs(part - Fraction(total * weight, sum(weights))) < 1 for part, weight in zip(parts, weights, strict=True))


def test_the_largest_remainder_gets_what_is_left_and_the_earlier_one_on_a_tie() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(10, [1, 5, 4]) == [1, 5, 4]
    assert allocate(5, [1, 2, 1]) == [1, 3, 1]
    assert allocate(7, [0, 0]) == [7, 0]


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_a_split_needs_weights_that_are_not_negative(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one weight, none of them negative"):
        allocate(100, weights)


# Money


def test_money_is_added_and_written_within_its_currency() -> None:
    paid, credited = Money.of("45.99", "GBP"), Money.of("40", "GBP")

    assert paid - credited == Money(599, "GBP")
    assert paid + credited == Money(8599, "GBP")
    assert (str(-paid), str(Money(1250, "JPY"))) == ("-45.99 GBP", "1250 JPY")


@examples(50)
@given(MINOR, MINOR, st.lists(CURRENCY, min_size=2, max_size=2, unique=True))
def test_money_of_two_currencies_is_never_added(one: int, other: int, codes: list[str]) -> None:
    with pytest.raises(MoneyError, match="convert one of them first"):
        Money(one, codes[0]) + Money(other, codes[1])
    with pytest.raises(MoneyError):
        Money(one, codes[0]) - Money(other, codes[1])
