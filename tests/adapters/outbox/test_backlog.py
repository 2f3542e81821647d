"""An ERP that is down for a day: nothing is lost or doubled, order is kept, and it is worked off at the allowed rate."""

from __future__ import annotations

from tests.adapters.outbox.backlog import OURS_PER_MINUTE, VENDORS_PER_MINUTE, weather_a_day
from tests.adapters.outbox.conftest import Bench


def test_what_piles_up_in_a_day_is_worked_off_once_each_and_in_order(bench: Bench) -> None:
    told = weather_a_day(bench.house, 500)
    assert (told.instructions, told.done, told.waiting, told.twice, told.out_of_order) == (1_000, 1_000, 0, 0, 0)
    assert told.asked_while_down < 400, "a probe every few minutes, and no more"
    assert told.refused == 0
    assert told.busiest <= VENDORS_PER_MINUTE
    least = told.instructions / OURS_PER_MINUTE / 60
    assert least * 0.9 < told.hours < least * 1.5 + 0.5
