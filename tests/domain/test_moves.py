"""What facts move: money through the clearing account and units from place to place, nothing made and nothing lost, all of it balanced."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.gaps import clearings
from domain.moves import PLACES, MoneyMove, UnitMove, places
from domain.policy import DEFAULT_POLICY, Policy
from domain.postings import ACCOUNTS, CLEARING, Posting, kind_of, money_postings, unit_postings
from domain.returns import Recorded
from domain.timeline import fold
from tests.domain.story import (
    announced,
    credited,
    folded,
    inspected,
    received,
    refunded,
    restocked,
    reversed_,
    scanned,
    voided,
    written_off,
)
from tests.strategies import at_few_instants, examples, histories, moments_of, policies

WAREHOUSE = PLACES[1:-1]


def standing(*moves: UnitMove) -> dict[str, int]:
    return {place: sum(move.units[number] for move in moves) for number, place in enumerate(PLACES)}


def where(*facts: dict[str, object]) -> dict[str, int]:
    """Where the units of line 1 are in the end; places without any are left out."""
    moves = [move for move in folded(facts).units if move.line == "1"]
    return {place: units for place, units in standing(*moves).items() if units}


# Stories


def test_two_jackets_on_their_way() -> None:
    told = [announced(), scanned(at=2, _1=2), received(at=3, _1=1), inspected("tag-missing", at=4, _1=1)]
    assert [where(*told[:number]) for number in range(1, 5)] == [
        {"announced": 2, "with_customer": 2},
        {"announced": 2, "in_transit": 2},
        {"announced": 2, "in_transit": 1, "quarantine": 1},
        {"announced": 2, "in_transit": 1, "held": 1},
    ]


def test_put_away_and_written_off() -> None:
    told = [announced(), received(), inspected("saleable", _1=1), inspected("damaged", _1=1), restocked(_1=1), written_off(at=6, _1=1)]
    assert where(*told) == {"announced": 2, "saleable": 1, "written_off": 1}


def test_a_later_step_tells_that_the_earlier_ones_were_taken() -> None:
    assert where(announced(), restocked(_1=1)) == {"announced": 2, "with_customer": 1, "saleable": 1}


def test_what_was_never_announced_stands_beside_the_sum_until_it_is() -> None:
    assert where(received(_1=3)) == {"unexpected": 3}
    assert where(received(_1=3), announced(at=9)) == {"announced": 2, "quarantine": 2, "unexpected": 1}
    told = folded([received(_1=3), announced(at=9)]).units
    assert [(move.sku, standing(move)["unexpected"]) for move in told if move.line == "1"] == [(None, 3), (None, -3), ("SKU-1", 1)]


def test_a_reversal_and_a_void_take_back_what_was_moved() -> None:
    told = [refunded("20.00", at=6, items="25.00", fees="-5.00"), credited("15.00"), reversed_(at=8), voided(at=9)]
    assert [(move.fact, move.side, move.document, move.total, move.items, move.fees) for move in folded(told).money] == [
        ("Refunded", "refunded", "RF-1", 2000, 2500, -500),
        ("CreditNoted", "credited", "CN-1", 1500, 0, 0),
        ("RefundReversed", "refunded", "RF-1", -2000, -2500, 500),
        ("CreditNoteVoided", "credited", "CN-1", -1500, 0, 0),
    ]


def test_what_was_reversed_before_it_was_told_moves_nothing_and_shows_its_currency() -> None:
    told = [reversed_(at=5), refunded("20.00", at=6), voided(at=6), credited("20.00", at=7)]
    assert [(move.currency, move.total) for move in folded(told).money] == [("GBP", 0), ("GBP", 0)]


def test_a_refund_is_taken_back_once_however_often_that_is_told() -> None:
    told = [refunded("20.00", at=6), reversed_(at=7), reversed_(at=8), reversed_(at=8, refund="nobody knows it")]
    assert [move.total for move in folded(told).money] == [2000, -2000]


def test_the_journal_s_words() -> None:
    paid, noted = folded([refunded("20.00", items="25.00", fees="-5.00"), credited("15.00", items="12.00")]).money
    assert money_postings(paid) == [Posting(CLEARING, 2000), Posting("refunds-paid:original_payment", -2000)]
    assert money_postings(noted) == [
        Posting("sales-returns:items", 1200),
        Posting("sales-returns:unexplained", 300),
        Posting(CLEARING, -1500),
    ]
    came = [move for move in folded([announced(), received(at=3, _1=3)]).units if move.line == "1"]
    assert [unit_postings(move) for move in came] == [
        [Posting("units:announced", -2), Posting("units:with-customer", 2)],
        [
            Posting("units:with-customer", -2),
            Posting("units:quarantine", 2),
            Posting("units:unexpected", 1),
            Posting("units:unexplained-source", -1),
        ],
    ]
    assert {kind_of(account) for account in ACCOUNTS} == {"asset", "liability", "revenue", "expense", "equity"}
    assert kind_of(CLEARING) == kind_of("units:saleable") == "asset"


# Any history


@examples(80)
@given(histories(), policies(), st.data())
def test_nothing_is_made_and_nothing_lost(events: list[Recorded], policy: Policy, data: st.DataObject) -> None:
    """At every moment: the places of a line's units sum up to the announced ones, and the moves to where they stand."""
    if data.draw(st.booleans(), label="crowded"):
        events = data.draw(at_few_instants(events))
    there = fold(events[0].key, events, policy, until=data.draw(moments_of(events)))

    moved: dict[tuple[str, str | None], list[UnitMove]] = {}
    for move in there.units:
        moved.setdefault((move.line, move.sku), []).append(move)
    for (line, sku), moves in moved.items():
        units = standing(*moves)
        assert units["announced"] == sum(units[place] for place in WAREHOUSE)
        known = there.state.announced.get(line)
        if sku == (known.sku if known else None):
            assert tuple(units.values()) == places(there.state, line, policy.actions)
            assert min(units.values()) >= 0
        else:
            assert not any(units.values())  # told before it was announced, and moved on to its SKU since
    assert {line for line, _ in moved} >= set(there.state.announced)


@examples(80)
@given(histories(), st.data())
def test_the_moves_sum_up_to_what_was_refunded_and_credited(events: list[Recorded], data: st.DataObject) -> None:
    if data.draw(st.booleans(), label="crowded"):
        events = data.draw(at_few_instants(events))
    there = fold(events[0].key, events, DEFAULT_POLICY, until=data.draw(moments_of(events)))

    sums: Counter[tuple[str, str]] = Counter()
    for move in there.money:
        sums[move.currency, move.side] += move.total
        assert move.total == move.items + move.tax + move.shipping + move.fees + move.unexplained

    for clearing in clearings(there.state, DEFAULT_POLICY):
        assert sums.pop((clearing.currency, "refunded"), 0) == clearing.refunded
        assert sums.pop((clearing.currency, "credited"), 0) == clearing.credited
        gap = clearing.gap.amount_minor if clearing.gap else 0
        assert clearing.refunded - clearing.credited == (gap or 0) + clearing.tolerated
    assert not any(sums.values())  # of currencies in which everything was taken back


@examples(80)
@given(histories(), policies())
def test_every_posting_is_balanced_and_names_an_account(events: list[Recorded], policy: Policy) -> None:
    there = fold(events[0].key, events, policy)
    clearing: Counter[str] = Counter()
    for move in there.money:
        postings = money_postings(move)
        assert_balanced(postings)
        clearing[move.currency] += sum(posting.amount for posting in postings if posting.account == CLEARING)
    for unit_move in there.units:
        assert_balanced(unit_postings(unit_move))
    assert clearing == balance_of(there.money)


def assert_balanced(postings: list[Posting]) -> None:
    assert sum(posting.amount for posting in postings) == 0
    assert {posting.account for posting in postings} <= set(ACCOUNTS)


def balance_of(moves: list[MoneyMove]) -> Counter[str]:
    balance: Counter[str] = Counter()
    for move in moves:
        balance[move.currency] += move.total if move.side == "refunded" else -move.total
    return balance
