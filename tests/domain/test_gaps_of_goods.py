"""Gaps of goods and exchanges, one readable example a kind: announced, handed in, received, inspected, put away."""

from datetime import timedelta

import pytest

from domain.policy import Policy
from tests.domain.story import (
    Row,
    announced,
    day,
    inspected,
    line,
    open_at,
    received,
    refunded,
    restocked,
    scanned,
    told,
    written_off,
)


def test_uninspected_items() -> None:
    given = [announced(), received(at=3), inspected("saleable", at=4, _1=1), inspected("saleable", at=5, _2=1)]

    assert {kind: (gap.amount, gap.units) for kind, gap in open_at(3, given).items()} == {
        "uninspected_items": ("96.00 GBP", 2),
        "uninspected_items 2": ("15.01 GBP", 1),
    }
    gap = open_at(5, given)["uninspected_items"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == ("48.00 GBP", 1, day(3), (2, 3))
    assert gap.says == "1 unit of SKU-1 (line 1), worth 48.00 GBP, is received and not inspected (2 received, 1 inspected)."
    assert "uninspected_items 2" not in open_at(5, given)


def test_what_is_only_scanned_waits_for_nobody_s_inspection() -> None:
    assert open_at(3, [announced(), scanned(at=2)]) == {}


def test_unrestocked_items() -> None:
    given = [announced(), received(), inspected("saleable", at=4, _1=2, _2=1), restocked(at=5, _2=1)]

    gap = open_at(5, given)["unrestocked_items"]
    assert (gap.amount, gap.units, gap.line, gap.opened_at, gap.evidence) == ("96.00 GBP", 2, "1", day(4), (3,))
    assert gap.says == "2 units of SKU-1 (line 1), worth 96.00 GBP, are inspected as saleable and not back in stock (0 restocked)."
    assert set(open_at(5, given)) == {"unrestocked_items"}


def test_damaged_not_written_off() -> None:
    given = [announced(), received(_1=2), inspected("damaged", at=4, _1=1), inspected("faulty", at=5, _1=1), written_off(at=6, _1=1)]

    gap = open_at(6, given)["damaged_not_written_off"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == ("48.00 GBP", 1, day(4), (3, 4, 5))
    assert gap.says == "1 unit of SKU-1 (line 1), worth 48.00 GBP, is damaged and not written off (1 written off)."


def test_what_is_held_waits_for_nothing_more() -> None:
    given = [announced(), received(), inspected("quarantine", _1=2), inspected("wrong-item", _2=1)]
    assert open_at(4, given) == {}


def test_restocked_uninspected() -> None:
    given = [announced(), received(), restocked(at=4, _1=2), inspected("saleable", at=6, _1=1)]

    gap = open_at(6, given)["restocked_uninspected"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == ("48.00 GBP", 1, day(4), (3, 4))
    assert gap.says == "1 unit of SKU-1 (line 1), worth 48.00 GBP, went to stock without being inspected as saleable (2 restocked)."


def test_disposition_unmapped() -> None:
    given = [announced(), received(), inspected("half-eaten", _1=1), inspected("Saleable", _1=1)]

    gap = open_at(4, given)["disposition_unmapped"]
    assert (gap.amount, gap.units) == ("96.00 GBP", 2)
    assert gap.says == (
        "2 units of SKU-1 (line 1), worth 96.00 GBP, are inspected as Saleable and half-eaten, which no disposition of the policy names."
    )
    mapped = Policy.model_validate({"dispositions": {"half-eaten": {"action": "write_off"}, "Saleable": {"action": "hold"}}})
    assert set(open_at(4, given, mapped)) == {"uninspected_items 2", "damaged_not_written_off"}


def test_received_short_from_fourteen_days_after_the_last_receipt_on() -> None:
    given = [announced(), received(at=3, _1=1), received(at=5, _2=1)]

    assert "received_short" not in open_at(day(19, "08:59:59.999999"), given)
    gap = open_at(19, given)["received_short"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == ("48.00 GBP", 1, day(19), (1, 2))
    assert gap.says == "1 unit of SKU-1 (line 1), worth 48.00 GBP, is missing: 1 of 2 came, and 14 days have passed since the last receipt."
    assert "received_short 2" not in open_at(19, given)


def test_a_later_receipt_gives_fourteen_days_more_and_the_rest_closes_it() -> None:
    given = [announced(), received(at=3, _1=1), received(at=16, _2=1), received(at=35, _1=1)]

    assert "received_short" not in open_at(17, given)
    assert open_at(30, given)["received_short"].opened_at == day(30)
    assert "received_short" not in open_at(35, given)


def test_short_at_the_very_instant_of_a_fact_that_has_nothing_to_do_with_it() -> None:
    given = [announced(), received(at=3, _1=1), refunded("1.00", at=17)]
    assert open_at(17, given)["received_short"].opened_at == day(17)


def test_nothing_is_short_as_long_as_nothing_was_received() -> None:
    assert open_at(31, [announced(), scanned(at=2, _1=1)]) == {}


def test_how_long_to_wait_is_the_policy_s() -> None:
    given = [announced(), received(at=3, _1=1)]

    assert open_at(5, given, Policy(short_after=timedelta(days=2)))["received_short"].opened_at == day(5)
    assert "received_short" in open_at(3, given, Policy(short_after=timedelta(0)))
    waited = {timedelta(days=1): "1 day has", timedelta(hours=36): "36 hours have", timedelta(minutes=90): "90 minutes have"}
    for short_after, said in waited.items():
        assert open_at(5, given, Policy(short_after=short_after))["received_short"].says.endswith(f"{said} passed since the last receipt.")
    assert "received_short" not in open_at(31, given, Policy(short_after=timedelta(weeks=999_999)))


def test_unexpected_units() -> None:
    given = [announced(), scanned(at=2, _1=3), received(at=3, _1=4), received(at=4, X9=2)]

    gap = open_at(4, given)["unexpected_units"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == (None, 2, day(2), (1, 2, 3))
    assert gap.says == "2 units of SKU-1 (line 1) more than announced came (2 announced)."
    gap = open_at(4, given)["unexpected_units X9"]
    assert (gap.units, gap.says) == (2, "2 units of line X9 came, a line that nobody announced.")
    assert open_at(4, given)["uninspected_items"].units == 2  # at most what was announced


def test_more_put_away_than_announced_is_unexpected_too() -> None:
    given = [announced(), received(), inspected("saleable", _1=2, _2=1), restocked(_1=2, _2=1), written_off(at=6, _1=1)]
    assert {kind: gap.units for kind, gap in open_at(6, given).items()} == {"unexpected_units": 1}


def test_a_kit_is_a_line_like_any_other() -> None:
    kit = line("1", 1, "20.83", "4.17", kit="GIFTBOX-KIT")
    given = [announced(kit), received(), inspected("saleable", _1=1)]

    assert open_at(3, given)["uninspected_items"].amount == "25.00 GBP"
    assert set(open_at(4, given)) == {"unrestocked_items"}


# Exchanges

EXCHANGE = announced(line("1", 1, "50.00"), resolution="exchange", exchange=[{"sku": "SKU-S", "quantity": 1}])


def ordered(status: str, at: int, order: str = "EX-1") -> Row:
    return told("ExchangeOrdered", at, order=order, status=status)


def test_exchange_not_ordered() -> None:
    given = [EXCHANGE, scanned(at=2), ordered("authorised", at=4)]

    gap = open_at(2, given)["exchange_not_ordered"]
    assert (gap.amount, gap.units, gap.opened_at, gap.evidence) == (None, None, day(2), (1,))
    assert gap.says == "The customer wants an exchange and the goods are in, but no exchange order exists."
    assert open_at(1, given) == open_at(4, given) == {}


def test_exchange_stuck_in_draft() -> None:
    given = [EXCHANGE, ordered("draft", at=2), scanned(at=3), ordered("dispatched", at=9), ordered("draft", at=10)]

    assert open_at(2, given) == {}  # nothing is in yet
    gap = open_at(3, given)["exchange_stuck_in_draft"]
    assert (gap.opened_at, gap.evidence) == (day(3), (1, 2))
    assert gap.says == "Exchange order EX-1 is still a draft, so nothing ships."
    assert open_at(10, given) == {}  # the furthest status counts


def test_one_order_that_ships_is_enough() -> None:
    given = [EXCHANGE, scanned(), ordered("draft", at=3), ordered("authorised", at=4, order="EX-2")]
    assert open_at(4, given) == {}


@pytest.mark.parametrize(("ordered_on", "opens_at"), [("initiated", 1), ("scanned", 2), ("received", 2), ("inspected", 4), ("never", None)])
def test_when_an_exchange_is_due_is_the_policy_s(ordered_on: str, opens_at: int | None) -> None:
    given = [EXCHANGE, scanned(at=2), received(at=3), inspected("saleable", at=4, _1=1)]
    policy = Policy.model_validate({"exchange_order_on": ordered_on})

    opened = [at for at in range(1, 6) if "exchange_not_ordered" in open_at(at, given, policy)]

    assert opened == (list(range(opens_at, 6)) if opens_at else [])
    if ordered_on == "initiated":
        said = open_at(1, given, policy)["exchange_not_ordered"].says
        assert said == "The customer wants an exchange, but no exchange order exists."


# The end


@pytest.mark.parametrize("end", ["Cancelled", "Expired"])
def test_an_ended_return_expects_nothing_more(end: str) -> None:
    given = [EXCHANGE, received(at=3, X9=1), told(end, 5)]

    assert {"exchange_not_ordered"} < set(open_at(3, given))
    assert {"received_short"} < set(open_at(17, given[:2]))
    assert set(open_at(31, given)) == {"unexpected_units X9"}


@pytest.mark.parametrize("end", ["Cancelled", "Expired"])
def test_the_end_hides_neither_money_nor_goods(end: str) -> None:
    given = [announced(), received(at=3, _1=2), inspected("damaged", at=4, _1=1), refunded("200.00", at=6), told(end, 7)]

    assert open_at(7, given) == open_at(6, given)
    assert set(open_at(7, given)) == {
        "refund_without_credit_note",
        "refund_before_receipt",
        "over_refund",
        "uninspected_items",
        "damaged_not_written_off",
    }
