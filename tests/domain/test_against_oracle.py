"""The fold against the oracle: two readings of the contract that share no code, over nasty worlds and at any instant."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.gap import PARTS
from domain.money import to_text
from domain.moves import PLACES
from domain.policy import DEFAULT_OWNERS, DEFAULT_POLICY, GapKind
from domain.telling import ReturnKey
from domain.timeline import Fold, Segment, fold
from tests.oracle import gaps as oracle_gaps
from tests.oracle import tie_out as oracle_tie_out
from tests.recording import record
from tests.strategies import examples, moments_of, worlds

NOW = datetime(2026, 11, 21, tzinfo=UTC)
World = list[dict[str, Any]]


def folds(told: World) -> dict[ReturnKey, Fold]:
    return {key: fold(key, events, DEFAULT_POLICY) for key, events in record(told).items()}


@st.composite
def worlds_and_instants(draw: st.DrawFn) -> tuple[World, datetime | None]:
    told = draw(worlds().filter(bool))
    events = [event for events in record(told).values() for event in events]
    return told, draw(st.none() | moments_of(events))


@examples(80)
@given(worlds_and_instants())
def test_the_gaps_are_the_oracle_s(asked: tuple[World, datetime | None]) -> None:
    told, at = asked

    found = {(key, *gap) for key, folded in folds(told).items() for gap in standing(folded, at or NOW)}

    assert found == {(key_of(gap), *expected(gap)) for gap in oracle_gaps.gaps(told, at, NOW)}


@examples(60)
@given(worlds_and_instants())
def test_the_money_is_the_oracle_s(asked: tuple[World, datetime | None]) -> None:
    told, at = asked
    sums: dict[str, dict[str, int]] = defaultdict(lambda: {"refunded": 0, "credited": 0})
    for folded in folds(told).values():
        for move in folded.money:
            if move.occurred_at <= (at or NOW):
                sums[move.currency][move.side] += move.total

    rows = oracle_tie_out.money(told, at, NOW)

    assert {code: (to_text(row["refunded"], code), to_text(row["credited"], code)) for code, row in sums.items()} == {
        row["currency"]: (row["refunded"], row["credited"]) for row in rows
    }
    assert {row["difference"].strip("0.") for row in rows} <= {""}


@examples(60)
@given(worlds_and_instants())
def test_the_units_are_the_oracle_s(asked: tuple[World, datetime | None]) -> None:
    told, at = asked
    sums: dict[tuple[str, str | None], list[int]] = defaultdict(lambda: [0] * len(PLACES))
    for key, folded in folds(told).items():
        for move in folded.units:
            if move.occurred_at <= (at or NOW):
                sums[key.merchant, move.sku] = [was + units for was, units in zip(sums[key.merchant, move.sku], move.units, strict=True)]

    rows = oracle_tie_out.units(told, at, NOW)

    expected = {(row["merchant"], row["sku"]): [row[place] for place in PLACES] for row in rows}
    assert {of: units for of, units in sums.items() if any(units)} == {of: units for of, units in expected.items() if any(units)}


def standing(folded: Fold, at: datetime) -> list[tuple[Any, ...]]:
    """What is open, as tuples that can be compared with `expected`."""
    return [_said(one) for one in folded.segments() if one.valid_from <= at and (one.valid_to is None or one.valid_to > at)]


def _said(one: Segment) -> tuple[Any, ...]:
    amount = None if one.amount_minor is None or one.currency is None else to_text(one.amount_minor, one.currency)
    parts = None
    if one.breakdown is not None and one.currency is not None:
        parts = tuple((part, to_text(minor, one.currency)) for part, minor in zip(PARTS, one.breakdown, strict=True))
    return (one.kind, one.line, one.currency, one.sku, amount, one.units, parts, one.opened_at, DEFAULT_OWNERS[GapKind(one.kind)])


def expected(gap: dict[str, Any]) -> tuple[Any, ...]:
    parts = None if gap["breakdown"] is None else tuple(gap["breakdown"].items())
    about = (gap["kind"], gap["line"], gap["currency"], gap["sku"])
    return (*about, gap["amount"], gap["units"], parts, gap["opened_at"], gap["owner"])


def key_of(gap: dict[str, Any]) -> ReturnKey:
    return ReturnKey(gap["merchant"], gap["platform"], gap["return"])
