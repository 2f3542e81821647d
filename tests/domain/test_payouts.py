"""Refunds against payouts: missing a while after they were paid, or there with another amount. Joined by id, never by amount."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from domain.identity import identify
from domain.policy import DEFAULT_POLICY, Policy
from domain.replay import describe
from domain.returns import ReturnState, evolve
from domain.telling import read_telling
from tests.domain.story import Row, announced, day, folded, open_at, received, refunded, reversed_, told
from tests.recording import record

LOOKED_FOR = Policy(payouts=True)


def by_card(total: str, at: int = 2, *, payment: str | None = "T-1", **other: Any) -> Row:
    return {**refunded(total, at, **other), **({"transaction": payment} if payment else {})}


def settled(
    amount: str, at: int = 5, *, payout: str = "P-1", refund: str = "RF-1", payment: str | None = "T-1", currency: str = "GBP"
) -> Row:
    return told("PayoutSettled", at, payout=payout, refund=refund, transaction=payment, currency=currency, amount=amount)


def amounts(at: int, facts: list[Row], policy: Policy = LOOKED_FOR) -> dict[str, str | None]:
    return {name: one.amount for name, one in open_at(at, facts, policy).items() if one.kind.startswith("payout")}


def test_a_refund_that_no_payout_holds_is_missing_after_a_week() -> None:
    story = [by_card("20.00", at=2)]
    assert [amounts(at, story) for at in (2, 8, 9, 30)] == [{}, {}, {"payout_missing": "20.00 GBP"}, {"payout_missing": "20.00 GBP"}]
    gap = open_at(9, story, LOOKED_FOR)["payout_missing"]
    assert (gap.opened_at, gap.evidence) == (day(9), (1,))
    assert gap.says == "Refund RF-1 paid 20.00 GBP on 2 Oct 2026; no payout holds it, and 7 days have passed."


def test_a_payout_closes_it_whenever_it_comes() -> None:
    assert amounts(30, [by_card("20.00"), settled("20.00", at=5)]) == {}
    late = [by_card("20.00"), settled("20.00", at=12)]
    assert [amounts(at, late) for at in (8, 11, 12)] == [{}, {"payout_missing": "20.00 GBP"}, {}]


@pytest.mark.parametrize(
    ("policy", "story"),
    [
        (DEFAULT_POLICY, [by_card("20.00")]),
        (LOOKED_FOR, [by_card("20.00", payment=None)]),
        (LOOKED_FOR, [by_card("0.00")]),
        (LOOKED_FOR, [by_card("20.00"), reversed_(3)]),
        *(
            (LOOKED_FOR, [{**by_card("20.00"), "method": method}])
            for method in ("store_credit", "gift_card", "bank_transfer", "platform_instant", "exchange")
        ),
    ],
)
def test_what_a_payout_never_holds_is_not_missed(policy: Policy, story: list[Row]) -> None:
    assert amounts(30, story, policy) == {}


def test_the_time_allowed_is_the_merchants() -> None:
    story = [by_card("20.00", at=2)]
    assert amounts(3, story, Policy(payouts=True, payout_after=timedelta(days=1))) == {"payout_missing": "20.00 GBP"}


def test_each_refund_is_missed_when_its_own_time_is_over() -> None:
    story = [
        by_card("20.00", 2),
        by_card("5.00", 6, refund="RF-2", payment="T-2"),
        by_card("7.00", 4, refund="RF-3", payment="T-3", currency="EUR"),
    ]
    assert [amounts(at, story).get("payout_missing") for at in (8, 9, 12, 13)] == [None, "20.00 GBP", "20.00 GBP", "25.00 GBP"]
    assert [amounts(at, story).get("payout_missing EUR") for at in (10, 11)] == [None, "7.00 EUR"]
    early, late = (open_at(at, story, LOOKED_FOR)["payout_missing"] for at in (9, 13))
    assert (early.evidence, late.evidence, late.opened_at) == ((1,), (1, 2), day(9))
    assert early.says == "Refund RF-1 paid 20.00 GBP on 2 Oct 2026; no payout holds it, and 7 days have passed."
    assert (
        late.says == "Refunds RF-1 and RF-2 paid 25.00 GBP together, the first on 2 Oct 2026; no payout holds them, and 7 days have passed."
    )
    # The first is settled: the other has its own week.
    story.append(settled("20.00", at=10))
    assert [amounts(at, story).get("payout_missing") for at in (9, 10, 12, 13)] == ["20.00 GBP", None, None, "5.00 GBP"]


def test_what_time_will_change_is_known_beforehand_and_the_same_once_it_has() -> None:
    story = [by_card("20.00", 2), by_card("5.00", 6, refund="RF-2", payment="T-2")]
    later = folded([*story, told("ExchangeOrdered", 30, order="X", status="draft")], LOOKED_FOR)
    for known in (folded(story, LOOKED_FOR), later):
        first, second = (one for one in known.segments() if one.kind == "payout_missing")
        assert (first.valid_to, first.lapsed, first.closed, first.by_clock) == (second.valid_from, True, False, True)
        assert (second.valid_to, second.by_clock, second.opened_at) == (None, True, first.opened_at)
    # A payout that comes before then leaves the first one as it is.
    (only,) = (
        one
        for one in folded([*story, settled("5.00", 10, refund="RF-2", payment="T-2")], LOOKED_FOR).segments()
        if one.kind == "payout_missing"
    )
    assert (only.amount_minor, only.valid_to, only.lapsed) == (2000, None, False)


def test_time_passes_beside_other_timers() -> None:
    """A short receipt and a missing payout come due on days of their own, whatever happens between them."""
    story = [announced(), received(3, _1=1), by_card("20.00", 4)]
    policy = Policy(payouts=True, payout_after=timedelta(days=20))
    kinds = [
        sorted(kind for kind in open_at(at, story, policy) if kind.split()[0] in ("received_short", "payout_missing"))
        for at in (16, 17, 23, 24)
    ]
    assert kinds == [
        [],
        ["received_short", "received_short 2"],
        ["received_short", "received_short 2"],
        ["payout_missing", "received_short", "received_short 2"],
    ]
    # Known beforehand, and the same once something else has happened.
    segments = {one.identity for one in folded(story, policy).segments() if one.by_clock}
    later = {
        one.identity for one in folded([*story, told("ExchangeOrdered", 30, order="X", status="draft")], policy).segments() if one.by_clock
    }
    assert len(segments) == 3
    assert segments == later


@pytest.mark.parametrize(("amount", "difference", "word"), [("19.00", "1.00 GBP", "less"), ("20.01", "-0.01 GBP", "more")])
def test_another_amount_is_a_difference_with_its_sign(amount: str, difference: str, word: str) -> None:
    story = [by_card("20.00"), settled(amount)]
    gap = open_at(30, story, DEFAULT_POLICY)["payout_mismatch"]
    assert (gap.amount, gap.evidence) == (difference, (1, 2))
    assert gap.says == f"Payout P-1 took {amount} GBP for refund RF-1, which paid 20.00 GBP: {difference.lstrip('-')} {word}."


def test_parts_of_a_refund_in_several_payouts_add_up() -> None:
    story = [by_card("20.00"), settled("12.00", 5)]
    assert amounts(5, story) == {"payout_mismatch": "8.00 GBP"}
    assert amounts(30, [*story, settled("8.00", 6, payout="P-2")]) == {}


@pytest.mark.parametrize(
    "other",
    [
        # Another currency or another payment of the same refund: settled, and not to be compared.
        settled("23.00", currency="EUR"),
        settled("12.00", payment="T-9"),
    ],
)
def test_what_cannot_be_compared_is_no_difference_and_nothing_is_missing(other: Row) -> None:
    assert amounts(30, [by_card("20.00"), other]) == {}


def test_a_settlement_that_names_no_payment_is_the_refunds() -> None:
    assert amounts(30, [by_card("20.00"), settled("20.00", payment=None)]) == {}
    assert amounts(30, [by_card("20.00", payment=None), settled("19.00", payment=None)]) == {"payout_mismatch": "1.00 GBP"}


def test_a_settlement_of_a_refund_that_nobody_told_is_a_difference_until_it_comes() -> None:
    gap = open_at(30, [settled("20.00", 5)])["payout_mismatch"]
    assert gap.amount == "-20.00 GBP"
    assert gap.says == "Payout P-1 took 20.00 GBP for refund RF-1, which is not recorded: 20.00 GBP more."
    assert amounts(30, [settled("20.00", 5), by_card("20.00", 9)]) == {}
    assert amounts(30, [settled("20.00", 5), by_card("20.00", 2), reversed_(6)]) == {}


def test_any_order_of_the_same_facts_gives_the_same_state() -> None:
    facts = [by_card("20.00", 2), settled("12.00", 5), settled("8.00", 6, payout="P-2"), reversed_(7)]
    ((key, events),) = record(facts).items()
    states = []
    for order in itertools.permutations(events):
        state = ReturnState(key)
        for event in order:
            state = evolve(state, event.fact, event.occurred_at, event.version)
        states.append((dict(sorted(state.settled.items())), {name: sorted(numbers) for name, numbers in state.settled_numbers.items()}))
    assert all(state == states[0] for state in states)


def test_a_settlement_is_the_same_by_payout_refund_and_payment() -> None:
    by_file, by_shop = read_telling(settled("20.00")), read_telling({**settled("20.00"), "source_id": "shopify/balance/7/RMA-1"})
    assert set(identify(by_file).keys) & set(identify(by_shop).keys)
    others = (
        settled("20.00", payout="P-2"),
        settled("20.00", payment="T-2"),
        settled("20.00", payment=None),
        settled("20.00", refund="RF-2"),
    )
    for other in others:
        assert not set(identify(read_telling(other)).keys) & set(identify(by_file).keys)


def test_a_settlement_is_shown_in_the_state() -> None:
    shown = describe(folded([by_card("20.00"), settled("20.00")]).state, DEFAULT_POLICY)
    assert shown["payouts.P-1.T-1"] == "20.00 GBP"
