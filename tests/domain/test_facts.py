"""The door into the ledger: what is a fact, and with which words everything else is turned away."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.content import Line
from domain.facts import TOLD, Inspected, Refunded
from domain.money import MAX_MINOR
from domain.refusals import Rejected
from domain.telling import Telling, read_instant, read_telling, write_telling
from tests.domain.rows import ABSENT, BAD, GOOD, row
from tests.examples import CONTRACT_EXAMPLES
from tests.strategies import examples, worlds


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_rejected_with_the_field_and_what_to_do(name: str) -> None:
    told, field, reason = BAD[name]

    with pytest.raises(Rejected) as rejected:
        read_telling(told)

    assert rejected.value.field == field
    assert reason in rejected.value.reason
    assert str(rejected.value) == f"{field}: {rejected.value.reason}"


@pytest.mark.parametrize("name", GOOD)
def test_a_row_on_the_edge_is_a_fact(name: str) -> None:
    telling = read_telling(GOOD[name])

    assert type(telling.fact).__name__ == GOOD[name]["fact"]
    assert read_telling(write_telling(telling)) == telling


def test_amounts_are_kept_in_minor_units_and_names_as_they_are() -> None:
    yen, dinars, most = (read_telling(GOOD[name]).fact for name in ("yen", "dinars", "as much as there is"))
    assert isinstance(yen, Refunded)
    assert isinstance(dinars, Refunded)
    assert isinstance(most, Refunded)
    assert (yen.amount.total, dinars.amount.total, most.amount.total) == (1375, 1234, MAX_MINOR)
    assert yen.amount.parts == (1250, 125, None, None)
    assert read_telling(GOOD["names of people's systems"]).key == ("Müller/Söhne & Co. 50% off?#", "own-portal.v2", "#1001/ä 🎁\\%2F")


def test_the_order_of_lines_says_nothing_and_facts_cannot_be_changed() -> None:
    there, back = row("Inspected"), row("Inspected", lines=list(reversed(CONTRACT_EXAMPLES["Inspected"]["lines"])))
    fact = read_telling(there).fact

    assert fact == read_telling(back).fact
    assert isinstance(fact, Inspected)
    assert [told.line for told in fact.lines] == ["1", "2"]
    with pytest.raises(ValueError, match="frozen"):
        fact.lines = ()


def test_a_file_s_merchant_stands_in_where_the_row_names_none() -> None:
    assert read_telling(row("Received", merchant=ABSENT), "bolt").key.merchant == "bolt"
    assert read_telling(row("Received", merchant=None), "bolt").key.merchant == "bolt"
    assert read_telling(row("Received"), "bolt").key.merchant == "acme"


def test_instants_are_kept_in_utc() -> None:
    assert read_instant("2026-10-02T09:30:00+01:00") == read_instant("2026-10-02T08:30:00Z") == read_instant("2026-10-01T22:45:00-09:45")
    assert str(read_telling(row("Received", occurred_at="2026-10-02T09:30:00+05:30")).occurred_at) == "2026-10-02 04:00:00+00:00"


# Whatever stands in a row

WORDS = st.text(max_size=20) | st.sampled_from(("0", "-1", "1.5", "GBP", "2026-10-02T09:30:00Z"))
NAMES = st.text(max_size=8) | st.sampled_from(("line", "quantity", "total"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def places_in(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    return [path, *(place for key, inner in entries for place in places_in(inner, (*path, key)))]


def read_or_reason(told: Any) -> Telling | Rejected:
    try:
        return read_telling(told)
    except Rejected as rejected:
        return rejected


@examples(300)
@given(st.data(), st.sampled_from(sorted(TOLD)), JSON)
def test_any_value_in_any_place_is_either_a_fact_or_a_reason(data: st.DataObject, name: str, value: Any) -> None:
    told: Any = copy.deepcopy(CONTRACT_EXAMPLES[name])
    *way, last = data.draw(st.sampled_from(places_in(told)[1:]))
    inner = told
    for step in way:
        inner = inner[step]
    inner[last] = value

    outcome = read_or_reason(told)

    if isinstance(outcome, Rejected):
        assert outcome.field
        assert len(outcome.reason) < 1000
    else:
        assert read_telling(write_telling(outcome)) == outcome


@examples(20)
@given(worlds())
def test_every_fact_survives_the_way_out_and_in(told: list[dict[str, Any]]) -> None:
    for fact in told:
        telling: Telling = read_telling(fact)
        assert read_telling(write_telling(telling)) == telling


def test_every_fact_has_its_fields_from_the_contract() -> None:
    fields = {name: set(fact.model_fields) for name, fact in TOLD.items()}
    assert fields["Initiated"] == {"order", "currency", "resolution", "lines", "exchange", "erp"}
    assert set(Line.model_fields) == {"line", "order_line", "sku", "quantity", "items", "tax", "reason", "kit"}
    assert fields["Refunded"] == {"refund", "currency", "amount", "method", "transaction"}
    assert fields["CreditNoted"] == {"credit_note", "erp", "currency", "amount", "lines"}
    assert fields["Cancelled"] == fields["Expired"] == set()
