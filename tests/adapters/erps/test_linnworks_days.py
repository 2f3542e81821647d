"""Whole days in one Linnworks account: many returns, every kind of instruction, everything that can fail failing."""

from __future__ import annotations

import pytest

from adapters.sandbox.faults import Faults
from adapters.vendor.answers import Accepted
from domain.content import ExchangeItem
from tests.adapters.erps.contract import SHIRT, matched
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.rig import Worker, credited, moved, work_of

RETURNS = 4


@pytest.mark.parametrize("seed", range(8))
def test_after_a_bad_day_everything_is_done_once(seed: int) -> None:
    rig = LinnworksRig()
    rig.seed_stock("SHIRT-M", rig.main, 100)
    rig.seed_stock("SHIRT-L", rig.main, 100)
    references = [f"#{1000 + number}" for number in range(RETURNS)]
    for reference in references:
        rig.seed_order(reference, [SHIRT], shipping=500, shipping_tax=100)
    orders = {reference: matched(rig, reference) for reference in references}
    told = []
    for reference, order in orders.items():
        money = [credited(order.lines[0], 2)]
        told += [
            work_of(rig, "book_in", reference, order, goods=[moved("SHIRT-M", 2, None, rig.transit)]),
            work_of(rig, "post_credit_note", reference, order, money=money, shipping=500, shipping_tax=100, fees=-199),
            work_of(rig, "move", reference, order, goods=[moved("SHIRT-M", 2, rig.transit, rig.quarantine)]),
            work_of(rig, "restock", reference, order, goods=[moved("SHIRT-M", 1, rig.quarantine, rig.main)]),
            work_of(rig, "move", reference, order, goods=[moved("SHIRT-M", 1, rig.quarantine, rig.damaged)], turn=1),
            work_of(rig, "write_off", reference, order, goods=[moved("SHIRT-M", 1, rig.damaged, None)]),
            work_of(rig, "order_exchange", reference, order, exchange=[ExchangeItem(sku="SHIRT-L", quantity=1)], status="authorised"),
        ]
    rig.front.set_faults(Faults.at(1.0, seed))
    answers = [Worker(rig).drive(work, sent_before=number % 2 == 1) for number, work in enumerate(told)]
    rig.front.set_faults(Faults())
    assert all(isinstance(answer, Accepted) for answer in answers), answers
    assert rig.leftovers() == []
    places = [rig.stock("SHIRT-M", place) for place in (rig.main, rig.transit, rig.quarantine, rig.damaged)]
    assert places == [100 + RETURNS, 0, 0, 0]
    assert len(rig.exchanges()) == RETURNS
    note = next(work.issued.amount.total for work in told if work.issued.amount is not None)
    assert [[one.total_minor for one in rig.notes(reference)] for reference in references] == [[note]] * RETURNS
    assert [rig.erp.find(work) for work in told] == answers
