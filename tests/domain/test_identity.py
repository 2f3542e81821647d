"""What is the same fact: told again it is known, told otherwise it is a conflict, and within another return or party it is new."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Verdict, identify, judge
from domain.telling import read_telling
from tests.domain.rows import ABSENT, Row, row
from tests.oracle import identity as oracle
from tests.strategies import examples, worlds


def verdict(first: Row, then: Row) -> str:
    """What a ledger that holds `first` says to `then`."""
    held = identify(read_telling(first))
    return judge(identify(read_telling(then)), dict.fromkeys(held.keys, held.content)).name.lower()


def refund(**other: Any) -> Row:
    return row("Refunded", source_id=ABSENT, **other)


def received(**other: Any) -> Row:
    return row("Received", **other)


SAME_WORDS: dict[str, tuple[Row, Row]] = {
    "told twice": (received(), received()),
    "in another time zone": (received(occurred_at="2026-10-07T08:15:30Z"), received(occurred_at="2026-10-07T10:15:30+02:00")),
    "by somebody else": (received(by="dock 4"), received(by=ABSENT)),
    "with all its zeros": (refund(amount={"total": "10.5"}), refund(amount={"total": "10.50"})),
    "in another order": (
        row("Inspected", lines=[{"line": "1", "quantity": 1, "disposition": "saleable"}, {"line": "2", "quantity": 1, "disposition": "x"}]),
        row("Inspected", lines=[{"disposition": "x", "quantity": 1, "line": "2"}, {"line": "1", "quantity": 1, "disposition": "saleable"}]),
    ),
    "with what is not known left out": (received(location=ABSENT), received(location=None)),
    "as it came back from a rejected file": (received(), received(error="conflict", line_number=3)),
    "with the same source_id": (received(source_id="r-1"), received(source_id="r-1")),
    "a refund, now with a source_id": (refund(), refund() | {"source_id": "re_9"}),
    "a note, under another source_id": (row("CreditNoted", source_id="a"), row("CreditNoted", source_id="b")),
    "an announcement, by another source": (row("Initiated", source_id="rg-1"), row("Initiated", source_id=ABSENT)),
}


@pytest.mark.parametrize("how", SAME_WORDS)
def test_the_same_fact_in_other_words_is_known(how: str) -> None:
    first, then = SAME_WORDS[how]
    assert (verdict(first, then), verdict(then, first)) == ("known", "known")


OTHER_WORDS: dict[str, tuple[Row, Row]] = {
    "a source_id with another location": (received(source_id="r-1", location="A"), received(source_id="r-1", location="B")),
    "a source_id with another instant": (received(source_id="r-1"), received(source_id="r-1", occurred_at="2026-10-08T08:15:30Z")),
    "a source_id on another return": (received(source_id="r-1"), received(source_id="r-1", **{"return": "RMA-2"})),
    "a source_id of another fact": (received(source_id="r-1"), row("Cancelled", source_id="r-1", platform="returngo")),
    "a refund of another amount": (refund(amount={"total": "10.00"}), refund(amount={"total": "10.01"})),
    "a refund at another time": (refund(), refund(occurred_at="2026-10-07T12:00:01Z")),
    "a refund with a part more": (refund(amount={"total": "10.00"}), refund(amount={"total": "10.00", "tax": "0"})),
    "a note in another currency": (row("CreditNoted", amount={"total": "1"}), row("CreditNoted", amount={"total": "1"}, currency="EUR")),
    "an announcement of another order": (row("Initiated"), row("Initiated", order="SO-1")),
}


@pytest.mark.parametrize("how", OTHER_WORDS)
def test_the_same_key_with_other_content_is_a_conflict(how: str) -> None:
    first, then = OTHER_WORDS[how]
    assert (verdict(first, then), verdict(then, first)) == ("conflict", "conflict")


NEW: dict[str, tuple[Row, Row]] = {
    "another return": (refund(), refund(**{"return": "RMA-2"})),
    "another platform": (received(source_id="r-1"), received(source_id="r-1", platform="reveni")),
    "another merchant": (received(source_id="r-1"), received(source_id="r-1", merchant="bolt")),
    "the same words, two records at the source": (received(source_id="r-1"), received(source_id="r-2")),
    "another instant": (received(), received(occurred_at="2026-10-07T08:15:30.250001Z")),
    "another fact": (row("Cancelled"), row("Cancelled", fact="Expired")),
    "another refund": (refund(refund="RF-1"), refund(refund="RF-2")),
    "a note of that number in another ERP": (row("CreditNoted", erp="cin7"), row("CreditNoted", erp="linnworks")),
    "a reversal told again of another day": (row("RefundReversed"), row("RefundReversed", occurred_at="2026-10-10T07:00:00Z")),
    "parts of names put together otherwise": (
        row("CreditNoted", erp="a b", credit_note="c"),
        row("CreditNoted", erp="a", credit_note="b c"),
    ),
}


@pytest.mark.parametrize("what", NEW)
def test_another_fact_is_new(what: str) -> None:
    first, then = NEW[what]
    assert (verdict(first, then), verdict(then, first)) == ("new", "new")


def test_one_of_its_keys_with_other_content_is_enough_for_a_conflict() -> None:
    """The source_id is that of a recorded fact with the same content, the refund's id that of another one."""
    told = identify(read_telling(refund() | {"source_id": "re_1"}))
    by_source, by_refund = told.keys
    assert judge(told, {by_source: told.content}) is Verdict.KNOWN
    assert judge(told, {by_source: told.content, by_refund: b"another content"}) is Verdict.CONFLICT


def test_keys_are_sixteen_bytes_and_told_apart_by_kind() -> None:
    for name, keys in {"Initiated": 2, "Refunded": 2, "CreditNoted": 2, "Received": 1, "Cancelled": 1}.items():
        identity = identify(read_telling(row(name)))
        assert [len(key) for key in (*identity.keys, identity.content)] == [16] * (keys + 1)


@st.composite
def disputed(draw: st.DrawFn) -> list[Row]:
    """A world in which some facts are told once more with something changed: other content under the same key, or a new fact."""
    told = draw(worlds(3).filter(bool))
    for fact in draw(st.lists(st.sampled_from(told), max_size=6)):
        other = dict(fact)
        match draw(st.sampled_from(("instant", "source", "return", "erp"))):
            case "instant":
                other["occurred_at"] = "2025-03-01T00:00:00Z"
            case "source":
                other["source_id"] = draw(st.sampled_from(("1-0", "1-1", "x")))
            case "return":
                other["return"] = draw(st.sampled_from(told))["return"]
            case _:
                if "erp" in other:
                    other["erp"] = "cin7"
        told.insert(draw(st.integers(0, len(told))), other)
    return told


@examples(40)
@given(disputed())
def test_what_is_recorded_known_and_refused_is_what_the_oracle_says(told: list[Row]) -> None:
    known: dict[bytes, bytes] = {}
    found: dict[Verdict, list[Row]] = {verdict: [] for verdict in Verdict}

    for fact in told:
        identity = identify(read_telling(fact))
        judged = judge(identity, known)
        found[judged].append(fact)
        if judged is Verdict.NEW:
            known |= dict.fromkeys(identity.keys, identity.content)

    expected = oracle.distinct(told)
    assert found[Verdict.NEW] == expected.recorded
    assert found[Verdict.KNOWN] == expected.known
    assert found[Verdict.CONFLICT] == [conflict.refused for conflict in expected.conflicts]
