"""Policy is data: every field has a default, what cannot be meant is refused, and what is written is read back."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.policy import CLEARING_KINDS, DEFAULT_OWNERS, DEFAULT_POLICY, DEFAULT_SLA, GapKind, Policy, read_duration, write_duration
from tests.strategies import examples, policies


def test_the_defaults_are_those_of_the_contract() -> None:
    told = DEFAULT_POLICY.model_dump(mode="json")
    assert {name: told[name] for name in ("credit_note_on", "move_on", "restock_on", "release_refund_on", "exchange_order_on")} == {
        "credit_note_on": "received",
        "move_on": "scanned",
        "restock_on": "inspected",
        "release_refund_on": "never",
        "exchange_order_on": "received",
    }
    assert (DEFAULT_POLICY.short_after, DEFAULT_POLICY.tolerance_minor) == (timedelta(days=14), {})


@pytest.mark.parametrize(
    ("action", "dispositions"),
    [
        ("restock", ["saleable", "sellable", "restockable"]),
        ("write_off", ["damaged", "faulty", "defective"]),
        ("hold", ["tag-missing", "wrong-item", "quarantine", "refurbish"]),
        (None, ["Saleable", "half-eaten", ""]),
    ],
)
def test_the_default_dispositions(action: str | None, dispositions: list[str]) -> None:
    assert {DEFAULT_POLICY.actions.get(disposition) for disposition in dispositions} == {action}


def test_dispositions_given_add_to_the_default_ones_and_go_before_them() -> None:
    given = {"saleable": {"action": "hold"}, "half-eaten": {"action": "write_off", "location": "Bin"}}
    actions = Policy.model_validate({"dispositions": given}).actions
    assert [actions[name] for name in ("saleable", "half-eaten", "sellable")] == ["hold", "write_off", "restock"]


def test_every_kind_has_an_owner_and_a_time() -> None:
    assert set(DEFAULT_OWNERS) == set(DEFAULT_SLA) == set(GapKind)
    assert {DEFAULT_POLICY.owner(kind) for kind in CLEARING_KINDS} == {"finance"}
    by_owner = {owner: {kind for kind in GapKind if DEFAULT_OWNERS[kind] == owner} for owner in ("cx", "finance", "ops")}
    assert by_owner["cx"] == {GapKind.EXCHANGE_NOT_ORDERED, GapKind.EXCHANGE_STUCK_IN_DRAFT, GapKind.ORDER_NOT_FOUND}
    assert GapKind.UNRESTOCKED_ITEMS in by_owner["ops"]


def test_owners_and_times_are_the_merchant_s_where_there_are_any() -> None:
    policy = Policy.model_validate({"sla": {"unrestocked_items": "2h"}, "owners": {"unrestocked_items": "warehouse"}})
    assert policy.owner(GapKind.UNRESTOCKED_ITEMS) == "warehouse"
    assert policy.due_after(GapKind.UNRESTOCKED_ITEMS) == timedelta(hours=2)
    assert policy.owner(GapKind.UNINSPECTED_ITEMS) == "ops"


def test_tolerances_are_money_of_their_currency() -> None:
    policy = Policy(tolerance={"GBP": "0.05", "JPY": "10", "KWD": "0.001"})
    assert policy.tolerance_minor == {"GBP": 5, "JPY": 10, "KWD": 1}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"credit_note": "received"}, "credit_note"),
        ({"credit_note_on": "sometimes"}, "credit_note_on"),
        ({"tolerance": {"GBX": "1"}}, "tolerance: 'GBX' is not a currency of ISO 4217"),
        ({"tolerance": {"GBP": "0.001"}}, "tolerance.GBP: '0.001' has 3 digits after the point"),
        ({"tolerance": {"GBP": "-1"}}, "tolerance.GBP: must not be negative"),
        ({"tolerance": {"GBP": 1}}, "tolerance.GBP"),
        ({"sla": {"unrestocked": "48h"}}, "sla"),
        ({"sla": {"unrestocked_items": "48"}}, "is not a duration; write a whole number and s, m, h, d or w"),
        ({"owners": {"nothing": "ops"}}, "owners"),
        ({"short_after": "-1d"}, "is not a duration"),
        ({"short_after": "999999999w"}, "is longer than time is counted"),
        ({"dispositions": {"saleable": {"action": "sell"}}}, "dispositions.saleable.action"),
        ({"dispositions": {"saleable": {"action": "hold", "shelf": "A"}}}, "dispositions.saleable.shelf"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Policy.model_validate(given)
    assert said in str(refused.value)


@pytest.mark.parametrize(("text", "duration"), [("2s", timedelta(seconds=2)), ("90m", timedelta(minutes=90)), ("2w", timedelta(days=14))])
def test_durations_are_read_as_written(text: str, duration: timedelta) -> None:
    assert read_duration(text) == duration


@examples(100)
@given(st.integers(0, 10**8), st.sampled_from("smhdw"))
def test_durations_survive_the_way_out_and_in(number: int, unit: str) -> None:
    duration = read_duration(f"{number}{unit}")
    assert read_duration(write_duration(duration)) == duration


@examples(100)
@given(policies())
def test_a_policy_survives_the_way_out_and_in(policy: Policy) -> None:
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
