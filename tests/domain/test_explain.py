"""Every gap explains itself: one sentence, with its figures, that ends with a full stop."""

import re

import pytest
from hypothesis import given

from domain.explain import day as spoken_day
from domain.explain import explain
from domain.gap import TOLERATED, Gap
from domain.money import to_text
from domain.policy import DEFAULT_POLICY, GapKind, Policy
from domain.returns import Recorded, ReturnState
from domain.telling import ReturnKey, read_instant
from domain.timeline import fold
from tests.domain.story import (
    Row,
    announced,
    credited,
    inspected,
    line,
    open_at,
    received,
    refunded,
    restocked,
    scanned,
    told,
)
from tests.strategies import examples, histories

# What belongs to the way to the ERP and to documents without a return is told by those who know of it.
OF_OTHERS = {
    GapKind.ORPHAN_CREDIT_NOTE,
    GapKind.ORDER_NOT_FOUND,
    GapKind.ORDER_NOT_INVOICED,
    GapKind.SKU_UNMATCHED,
    GapKind.KIT_NOT_DECOMPOSED,
    GapKind.INSTRUCTION_FAILED,
    GapKind.INSTRUCTION_OUTCOME_UNKNOWN,
}

EXCHANGE = announced(line("1", 1, "50.00"), resolution="exchange")
STORIES: dict[GapKind, list[Row]] = {
    GapKind.REFUND_WITHOUT_CREDIT_NOTE: [refunded("20.00")],
    GapKind.CREDIT_NOTE_WITHOUT_REFUND: [credited("20.00")],
    GapKind.CREDIT_NOTE_MISMATCH: [refunded("20.00"), credited("19.99")],
    GapKind.DUPLICATE_CREDIT_NOTE: [refunded("20.00"), credited("20.00"), credited("20.00", note="CN-2")],
    GapKind.REFUND_BEFORE_RECEIPT: [announced(), refunded("20.00")],
    GapKind.OVER_REFUND: [announced(), refunded("500.00")],
    GapKind.UNINSPECTED_ITEMS: [announced(), received(_1=1)],
    GapKind.UNRESTOCKED_ITEMS: [announced(), inspected("saleable", _1=2)],
    GapKind.DAMAGED_NOT_WRITTEN_OFF: [announced(), inspected("damaged", _1=1)],
    GapKind.RESTOCKED_UNINSPECTED: [announced(), restocked(_1=1)],
    GapKind.RECEIVED_SHORT: [announced(), received(_1=1)],
    GapKind.UNEXPECTED_UNITS: [announced(), scanned(_1=3)],
    GapKind.UNANNOUNCED_RETURN: [received()],
    GapKind.EXCHANGE_NOT_ORDERED: [EXCHANGE, received()],
    GapKind.EXCHANGE_STUCK_IN_DRAFT: [EXCHANGE, received(), told("ExchangeOrdered", 4, order="EX-1", status="draft")],
    GapKind.DISPOSITION_UNMAPPED: [announced(), inspected("half-eaten", _1=1)],
    GapKind.PAYOUT_MISSING: [{**refunded("20.00"), "transaction": "T-1"}],
    GapKind.PAYOUT_MISMATCH: [refunded("20.00"), told("PayoutSettled", 9, payout="P-1", refund="RF-1", currency="GBP", amount="19.00")],
}
POLICIES = {GapKind.PAYOUT_MISSING: Policy(payouts=True)}


@pytest.mark.parametrize("kind", STORIES)
def test_a_gap_of_every_kind_is_one_sentence_with_its_figures(kind: GapKind) -> None:
    gap = open_at(31, STORIES[kind], POLICIES.get(kind, DEFAULT_POLICY))[kind]

    assert re.fullmatch(r"[A-Z0-9][^\n]*[^.]\.", gap.says)
    assert ". " not in gap.says
    if gap.amount is not None:
        assert gap.amount.removeprefix("-") in gap.says
    if gap.units is not None:
        assert f"{gap.units} unit{'' if gap.units == 1 else 's'} " in gap.says


def test_every_kind_is_explained_here_or_is_of_the_way_to_the_erp() -> None:
    assert set(STORIES) | OF_OTHERS == set(GapKind)
    assert not set(STORIES) & OF_OTHERS


def test_a_difference_within_the_tolerance_is_no_gap_to_explain() -> None:
    with pytest.raises(ValueError, match="is no gap of a line"):
        explain(Gap(TOLERATED), ReturnState(ReturnKey("acme", "returngo", "RMA-1")), DEFAULT_POLICY)


def test_long_lists_are_cut_short() -> None:
    many = [refunded("10.00", refund=f"RF-{number}") for number in range(1, 6)]
    assert open_at(9, many)["refund_without_credit_note"].says == (
        "Refunds RF-1, RF-2 and 3 more paid 50.00 GBP together; no credit note is booked for it."
    )
    assert open_at(9, many[:3])["refund_without_credit_note"].says.startswith("Refunds RF-1, RF-2 and RF-3 paid 30.00 GBP together;")


def test_a_day_is_said_in_utc() -> None:
    assert spoken_day(read_instant("2026-10-02T00:30:00+01:00")) == "1 Oct 2026"


@examples(60)
@given(histories())
def test_any_gap_of_any_history_explains_itself(events: list[Recorded]) -> None:
    for segment in fold(events[0].key, events, DEFAULT_POLICY).segments():
        said = segment.explanation
        assert said.endswith(".")
        assert not said.endswith("..")
        assert "\n" not in said
        assert "None" not in said
        if segment.amount_minor is not None and segment.currency is not None:
            assert to_text(abs(segment.amount_minor), segment.currency) in said
        if segment.units is not None:
            assert str(segment.units) in said
