"""Gaps of money, one readable example a kind: given what was told, when asked as of an instant, then this is open and says so."""

import pytest

from domain.policy import Policy
from tests.domain.story import (
    Row,
    announced,
    credited,
    day,
    line,
    open_at,
    received,
    refunded,
    restocked,
    reversed_,
    scanned,
    voided,
)

# The goods are in, so that only the money is looked at.
RETURN = [announced(), received()]


def test_refund_without_credit_note() -> None:
    given = [*RETURN, refunded("111.01", at=6)]

    assert "refund_without_credit_note" not in open_at(day(6, "08:59:59.999999"), given)
    gap = open_at(6, given)["refund_without_credit_note"]
    assert (gap.amount, gap.opened_at, gap.evidence) == ("111.01 GBP", day(6), (3,))
    assert gap.says == "Refund RF-1 paid 111.01 GBP on 6 Oct 2026; no credit note is booked for it."


def test_a_credit_note_of_the_same_amount_closes_it_and_a_void_opens_it_again() -> None:
    given = [*RETURN, refunded("111.01", at=6), credited("111.01", at=7), voided(at=9)]

    assert "refund_without_credit_note" in open_at(6, given)
    assert not {kind for kind in open_at(8, given) if "credit_note" in kind}
    gap = open_at(9, given)["refund_without_credit_note"]
    assert (gap.amount, gap.opened_at, gap.evidence) == ("111.01 GBP", day(9), (3, 4, 5))
    assert gap.says == "Refund RF-1 paid 111.01 GBP on 6 Oct 2026; no credit note is booked for it (the one there was is void)."


def test_credit_note_without_refund() -> None:
    given = [*RETURN, credited("60.00", at=7), credited("36.00", at=8, note="CN-2")]

    gap = open_at(8, given)["credit_note_without_refund"]
    assert (gap.amount, gap.opened_at, gap.evidence) == ("-96.00 GBP", day(7), (3, 4))
    assert gap.says == "Credit notes CN-1 and CN-2 credit 96.00 GBP together; nothing was refunded."


def test_a_reversed_refund_leaves_its_credit_note_alone() -> None:
    given = [*RETURN, refunded("96.00", at=6), credited("96.00", at=7), reversed_(at=8)]

    gap = open_at(8, given)["credit_note_without_refund"]
    assert gap.amount == "-96.00 GBP"
    assert gap.says == "Credit note CN-1 credits 96.00 GBP on 7 Oct 2026; nothing was refunded (it was reversed)."


def test_credit_note_mismatch_is_broken_down_by_parts_that_everybody_tells() -> None:
    paid = refunded("103.00", items="80.00", tax="16.00", shipping="8.00", fees="-1.00")
    given = [*RETURN, paid, credited("97.00", items="80.00", tax="16.00", fees="0", shipping="1.00")]

    gap = open_at(7, given)["credit_note_mismatch"]
    assert (gap.amount, gap.breakdown) == ("6.00 GBP", {"shipping": "7.00", "fees": "-1.00"})
    assert gap.says == (
        "Refund RF-1 paid 103.00 GBP on 6 Oct 2026; credit note CN-1 is 97.00 GBP: "
        "6.00 GBP less, of which shipping 7.00 GBP and fees -1.00 GBP."
    )


def test_what_not_everybody_tells_is_unexplained() -> None:
    given = [*RETURN, refunded("96.00", items="80.00", tax="16.00"), credited("100.00", items="80.00")]

    gap = open_at(7, given)["credit_note_mismatch"]
    assert (gap.amount, gap.breakdown) == ("-4.00 GBP", {"unexplained": "-4.00"})
    assert gap.says.endswith("credit note CN-1 is 100.00 GBP: 4.00 GBP more, not explained by any part.")


@pytest.mark.parametrize(
    ("tolerance", "credit", "is_open"),
    [("0.00", "95.99", True), ("0.01", "95.99", False), ("0.01", "96.01", False), ("0.01", "95.98", True), ("0.01", "96.02", True)],
)
def test_a_difference_within_the_tolerance_is_no_gap(tolerance: str, credit: str, is_open: bool) -> None:
    given = [*RETURN, refunded("96.00"), credited(credit)]

    found = open_at(7, given, Policy(tolerance={"GBP": tolerance}))

    assert ("credit_note_mismatch" in found) is is_open


def test_the_tolerance_of_one_currency_is_not_that_of_another_and_a_missing_note_is_never_tolerated() -> None:
    given = [*RETURN, refunded("96.00"), credited("95.99")]
    assert "credit_note_mismatch" in open_at(7, given, Policy(tolerance={"EUR": "5.00"}))
    assert "refund_without_credit_note" in open_at(7, [*RETURN, refunded("0.01")], Policy(tolerance={"GBP": "5.00"}))


def test_duplicate_credit_note() -> None:
    given = [*RETURN, refunded("96.00"), credited("96.00", at=7), credited("96.00", at=9, note="CN-2")]

    assert "duplicate_credit_note" not in open_at(8, given)
    gap = open_at(9, given)["duplicate_credit_note"]
    assert (gap.amount, gap.breakdown, gap.opened_at) == ("-96.00 GBP", None, day(9))
    assert gap.says == (
        "Refund RF-1 paid 96.00 GBP on 6 Oct 2026; credit notes CN-1 and CN-2 are 192.00 GBP together: 96.00 GBP was credited twice."
    )
    assert "credit_note_mismatch" not in open_at(9, given)


@pytest.mark.parametrize(
    ("notes", "kind"),
    [
        (["60.00", "36.00", "36.00"], "duplicate_credit_note"),  # one of the two parts again
        (["60.00", "36.00", "96.00"], "duplicate_credit_note"),  # both parts, and the whole
        (["95.00", "2.00"], "credit_note_mismatch"),  # one too much, but no note of one
        (["96.00", "0", "0.00"], None),  # notes of nothing are none
        (["97.00", "0"], "credit_note_mismatch"),
        (["60.00", "35.00"], "credit_note_mismatch"),  # too little is never a duplicate
    ],
)
def test_a_duplicate_is_an_excess_of_whole_notes(notes: list[str], kind: str | None) -> None:
    given = [*RETURN, refunded("96.00"), *(credited(total, note=f"CN-{number}") for number, total in enumerate(notes))]

    assert [found for found in open_at(7, given) if "credit_note" in found] == ([kind] if kind else [])


def test_a_refund_in_another_currency_has_a_row_of_its_own_and_pays_for_no_goods() -> None:
    given = [announced(), refunded("111.01", at=6, currency="EUR"), credited("96.00", at=7)]

    found = open_at(7, given)
    assert found["refund_without_credit_note EUR"].amount == "111.01 EUR"
    assert found["credit_note_without_refund"].amount == "-96.00 GBP"
    assert "refund_before_receipt" not in found


def test_refund_before_receipt() -> None:
    given = [announced(), refunded("111.01", at=6), scanned(at=8, _1=1)]

    gap = open_at(6, given)["refund_before_receipt"]
    assert (gap.amount, gap.units, gap.line) == ("111.01 GBP", 3, None)
    gap = open_at(8, given)["refund_before_receipt"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == ("63.01 GBP", 2, day(6), (1, 2, 3))
    assert gap.says == "Refund RF-1 paid 111.01 GBP on 6 Oct 2026, but 2 units worth 63.01 GBP are not in yet."


@pytest.mark.parametrize(
    ("paid", "in_", "amount"),
    [
        ("48.00", {"_1": 1}, None),  # no more than what is in is worth
        ("48.01", {"_1": 1}, "0.01 GBP"),
        ("20.00", {}, "20.00 GBP"),  # less than what is out is worth
        ("500.00", {"_1": 1}, "63.01 GBP"),  # no more than what is out is worth
        ("500.00", {"_1": 9, "_2": 9}, None),  # more than announced does not count for another line
        ("500.00", {"_1": 9}, "15.01 GBP"),
    ],
)
def test_refund_before_receipt_is_the_smaller_of_what_was_paid_ahead_and_what_is_out(
    paid: str, in_: dict[str, int], amount: str | None
) -> None:
    given = [announced(), *([received(**in_)] if in_ else []), refunded(paid)]

    gap = open_at(6, given).get("refund_before_receipt")

    assert (gap and gap.amount) == amount


def test_shipping_is_paid_for_no_goods() -> None:
    given = [announced(), received(_1=1), refunded("53.00", shipping="5.00")]
    assert "refund_before_receipt" not in open_at(6, given)


def test_over_refund() -> None:
    given = [*RETURN, refunded("100.00", at=6, shipping="4.99"), refunded("20.00", at=7, refund="RF-2")]

    assert "over_refund" not in open_at(6, given)
    gap = open_at(7, given)["over_refund"]
    assert (gap.amount, gap.evidence) == ("4.00 GBP", (1, 3, 4))
    assert gap.says == (
        "Refunds RF-1 and RF-2 paid 120.00 GBP together; without its shipping that is "
        "4.00 GBP more than the 111.01 GBP that the announced lines are worth."
    )


def test_unannounced_return_and_its_money() -> None:
    given = [refunded("20.00", at=6), received(at=7), announced(at=9)]

    found = open_at(8, given)
    assert set(found) == {"unannounced_return", "refund_without_credit_note"}
    gap = found["unannounced_return"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == (None, None, day(6), (1, 2))
    assert gap.says == "2 events are recorded for this return, but no platform has announced it."
    assert "unannounced_return" not in open_at(9, given)
    assert open_at(9, given)["uninspected_items"].units == 2  # all of them, although announced later


@pytest.mark.parametrize("fact", [refunded("0"), credited("0.00"), reversed_(), voided()])
def test_nothing_of_nothing_opens_nothing(fact: Row) -> None:
    assert open_at(9, [*RETURN[:1], fact]) == {}


def test_amounts_of_other_currencies_have_their_own_digits() -> None:
    lines = line("1", 3, "1000", "100")
    given = [announced(lines, currency="JPY"), received(_1=1, at=3), refunded("1100", currency="JPY"), restocked(_1=1)]

    found = open_at(7, given)
    assert found["refund_without_credit_note JPY"].amount == "1100 JPY"
    assert found["refund_before_receipt JPY"].amount == "733 JPY"  # 1100 · 2/3
    assert found["restocked_uninspected JPY"].amount == "367 JPY"


def test_the_place_of_a_refund_outside_any_return_is_no_gap_once_the_refund_stands_elsewhere() -> None:
    def at_the_shop(return_id: str, *facts: Row) -> set[str]:
        return set(open_at(9, [{**fact, "platform": "shopify", "return": return_id} for fact in facts]))

    moved = [refunded("20.00", 6), reversed_(6)]
    assert at_the_shop("order-5324938444866", *moved) == set()
    assert at_the_shop("order-5324938444866", *moved, refunded("5.00", 7, refund="RF-2")) == {
        "unannounced_return",
        "refund_without_credit_note",
    }
    assert "unannounced_return" in at_the_shop("order-5324938444866", *moved, received(7))
    assert "unannounced_return" in at_the_shop("order-5324938444866", *moved, credited("20.00", 7))
    assert at_the_shop("7001", *moved) == {"unannounced_return"}, "a return of the shop's own has yet to be announced"
    assert set(open_at(9, moved)) == {"unannounced_return"}
