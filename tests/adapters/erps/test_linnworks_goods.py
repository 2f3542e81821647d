"""Goods in Linnworks: RMAs, moves that are never half done, scrap, kits, and places that exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.erps.linnworks.paging import recent_rows
from adapters.erps.port import FOUND_TWICE, ORDER_NOT_INVOICED, REFUSED, SKU_UNMATCHED, NotThere, Unfinished
from adapters.sandbox.faults import Faults
from adapters.vendor.answers import Accepted, Declined, Unknown
from domain.erp_facts import GoodsLine, MoneyLine, OrderMatched
from tests.adapters.erps.contract import SHIRT, code, matched
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.rig import SteppedClock, Worker, moved, work_of


def stocked(front: Any = None) -> LinnworksRig:
    rig = LinnworksRig() if front is None else LinnworksRig(front)
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-M", rig.quarantine, 4)
    return rig


def kit_order(quantity: int = 2) -> LinnworksRig:
    rig = LinnworksRig()
    rig.sandbox.seed({"products": [{"sku": "SHIRT-M", "purchase_price": "9.00"}, {"sku": "SOCKS", "purchase_price": "3.00"}]})
    rig.sandbox.seed({"kits": [{"sku": "BOX", "parts": [{"sku": "SHIRT-M"}, {"sku": "SOCKS", "quantity": 2}]}]})
    line = {"sku": "BOX", "quantity": quantity, "net": "50.00", "tax": "10.00"}
    rig.sandbox.seed({"orders": [{"reference": "#1001", "lines": [line]}]})
    return rig


def part(order: OrderMatched, sku: str, quantity: int, units: int, to_location: str | None) -> GoodsLine:
    return GoodsLine(line="1", sku=sku, quantity=quantity, units=units, order_line=order.lines[0].order_line, to_location=to_location)


# Moves


def test_both_legs_of_a_move_go_in_one_call_and_carry_our_id() -> None:
    rig = stocked()
    work = work_of(rig, "restock", order=matched(rig), goods=[moved("SHIRT-M", 2, rig.quarantine, rig.main)])
    assert Worker(rig).drive(work) == Accepted(work.issued.instruction)
    assert rig.sandbox.calls["Stock/UpdateStockLevelsBySKU"] == 1
    notes = [one["Note"] for one in rig.sandbox.books.history if one["Note"] != "Stock count"]
    assert notes == [f"{work.issued.instruction}/move RMA-501 #1001"] * 2


def test_a_move_that_was_torn_apart_is_finished() -> None:
    rig = stocked()
    work = work_of(rig, "restock", order=matched(rig), goods=[moved("SHIRT-M", 2, rig.quarantine, rig.main)])
    rig.by_hand(tear_next_change=True)
    assert isinstance(rig.erp.carry_out(work), Unknown)
    assert (rig.stock("SHIRT-M", rig.quarantine), rig.stock("SHIRT-M", rig.main)) == (2, 0), "what leaves goes first"
    assert isinstance(rig.erp.find(work), Unfinished)
    assert rig.leftovers()
    assert isinstance(Worker(rig).drive(work, sent_before=True), Accepted)
    assert (rig.stock("SHIRT-M", rig.quarantine), rig.stock("SHIRT-M", rig.main)) == (2, 2)
    assert rig.leftovers() == []


@pytest.mark.parametrize("seed", range(10))
def test_torn_and_on_a_bad_day_a_move_is_finished_once(seed: int) -> None:
    rig = stocked()
    goods = [moved("SHIRT-M", 2, rig.quarantine, rig.main), moved("SHIRT-M", 1, rig.quarantine, rig.damaged)]
    work = work_of(rig, "move", order=matched(rig), goods=goods)
    rig.by_hand(tear_next_change=True)
    rig.front.set_faults(Faults.at(1.0, seed))
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert [rig.stock("SHIRT-M", place) for place in (rig.quarantine, rig.main, rig.damaged)] == [1, 2, 1]


def test_what_is_not_there_is_not_moved() -> None:
    rig = stocked()
    work = work_of(rig, "restock", order=matched(rig), goods=[moved("SHIRT-M", 5, rig.quarantine, rig.main)])
    answer = Worker(rig).drive(work)
    assert code(answer) == REFUSED
    assert isinstance(answer, Declined)
    assert "has 4 of SHIRT-M at Quarantine" in answer.reason
    assert "Stock/UpdateStockLevelsBySKU" not in rig.sandbox.calls


def test_an_item_that_linnworks_does_not_know_is_not_moved() -> None:
    rig = stocked()
    work = work_of(rig, "move", order=matched(rig), goods=[moved("SHIRT-XXL", 1, rig.quarantine, rig.main)])
    assert isinstance(rig.erp.find(work), NotThere)
    assert code(Worker(rig).drive(work)) == SKU_UNMATCHED


def test_a_leg_that_is_there_twice_waits_for_a_person() -> None:
    rig = stocked()
    work = work_of(rig, "move", order=matched(rig), goods=[moved("SHIRT-M", 1, rig.quarantine, rig.main)])
    Worker(rig).drive(work)
    rig.sandbox.books.history.append(dict(rig.sandbox.books.history[-1]))
    answer = rig.erp.carry_out(work)
    assert isinstance(answer, Declined)
    assert answer.code == FOUND_TWICE


def test_a_long_history_is_read_back_as_far_as_the_instruction_is_old() -> None:
    rig = stocked()
    work = work_of(rig, "move", order=matched(rig), goods=[moved("SHIRT-M", 1, rig.quarantine, rig.main)])
    Worker(rig).drive(work)
    for number in range(500):
        rig.clock.advance(timedelta(minutes=1))
        rig.seed_stock("SHIRT-M", rig.main, number)
    assert isinstance(rig.erp.find(work), Accepted)


@pytest.mark.parametrize("oldest_first", [True, False])
def test_lists_are_read_from_their_newest_end(oldest_first: bool) -> None:
    clock = SteppedClock()
    rows = []
    for number in range(100):
        clock.advance(timedelta(hours=1))
        rows.append({"Date": clock().isoformat(), "number": number})
    rows = rows if oldest_first else rows[::-1]
    asked = []

    def page(number: int) -> dict[str, Any]:
        asked.append(number)
        return {"Data": rows[(number - 1) * 10 : number * 10], "TotalPages": 10}

    found = {row["number"] for row in recent_rows(page, clock() - timedelta(hours=15), "Date")}
    assert set(range(85, 100)) <= found
    assert len(asked) <= 4


# Coming back


def test_goods_of_two_places_come_back_in_one_rma() -> None:
    rig = stocked()
    goods = [moved("SHIRT-M", 1, None, rig.quarantine), moved("SHIRT-M", 2, None, rig.transit)]
    work = work_of(rig, "book_in", order=matched(rig), goods=goods)
    answer = Worker(rig).drive(work)
    (header,) = rig.sandbox.state()["rmas"]
    assert answer == Accepted(str(header["RMAHeaderId"]))
    assert (header["ExternalReference"], header["Actioned"]) == (work.issued.instruction, True)
    assert sorted(line["ReturnQuantity"] for line in header["RMALines"]) == [1, 2]
    assert all(line["RefundAmount"] == 0 and line["Reason"] == "RMA-501 #1001" for line in header["RMALines"])
    assert (rig.stock("SHIRT-M", rig.quarantine), rig.stock("SHIRT-M", rig.transit)) == (5, 2)


def test_goods_wait_for_an_order_that_is_not_processed() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT], invoiced=False)
    work = work_of(rig, "book_in", order=matched(rig), goods=[moved("SHIRT-M", 1, None, rig.transit)])
    assert code(Worker(rig).drive(work)) == ORDER_NOT_INVOICED


def test_more_than_was_sold_does_not_come_back() -> None:
    rig = stocked()
    rig.by_hand(**{"return": {"order": "#1001", "sku": "SHIRT-M", "units": 2, "location": rig.main}})
    work = work_of(rig, "book_in", order=matched(rig), goods=[moved("SHIRT-M", 2, None, rig.transit)])
    answer = Worker(rig).drive(work)
    assert code(answer) == REFUSED
    assert isinstance(answer, Declined)
    assert "returnable" in answer.reason
    assert rig.leftovers() == []


def test_what_was_never_booked_in_is_restocked_where_the_order_shipped_from() -> None:
    rig = stocked()
    work = work_of(
        rig, "restock", order=matched(rig), goods=[moved("SHIRT-M", 1, None, None), moved("SHIRT-M", 2, rig.quarantine, rig.main)]
    )
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert (rig.stock("SHIRT-M", rig.main), rig.stock("SHIRT-M", rig.quarantine)) == (3, 2)
    again = Worker(rig)
    assert isinstance(again.drive(work, sent_before=True), Accepted)
    assert again.sent == 0


def test_nothing_of_an_instruction_is_done_where_a_part_cannot_be() -> None:
    rig = stocked()
    goods = [moved("SHIRT-M", 1, None, rig.main), moved("SHIRT-M", 9, rig.quarantine, rig.main)]
    assert code(Worker(rig).drive(work_of(rig, "restock", order=matched(rig), goods=goods))) == REFUSED
    assert rig.sandbox.state()["rmas"] == []
    assert rig.stock("SHIRT-M", rig.main) == 0


# Written off


def test_what_was_never_booked_in_is_scrapped_as_it_comes_in() -> None:
    rig = stocked()
    work = work_of(rig, "write_off", order=matched(rig), goods=[moved("SHIRT-M", 1, None, None), moved("SHIRT-M", 2, rig.quarantine, None)])
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert (rig.stock("SHIRT-M", rig.main), rig.stock("SHIRT-M", rig.quarantine)) == (0, 2)
    (header,) = rig.sandbox.state()["rmas"]
    assert [line["ScrapQuantity"] for line in header["RMALines"]] == [1]
    (scrap,) = rig.sandbox.state()["scraps"]
    assert (scrap["Quantity"], scrap["CategoryName"]) == (2, "Damaged")
    assert scrap["ScrapReason"] == f"{work.issued.instruction}/scrap 1/1 RMA-501 #1001"


@pytest.mark.parametrize("seed", range(6))
def test_several_scraps_are_made_once_each_on_a_bad_day(seed: int) -> None:
    rig = stocked()
    rig.seed_stock("SHIRT-M", rig.damaged, 3)
    rig.seed_stock("SOCKS", rig.damaged, 3)
    goods = [moved("SHIRT-M", 1, rig.damaged, None), moved("SOCKS", 2, rig.damaged, None), moved("SHIRT-M", 1, rig.quarantine, None)]
    work = work_of(rig, "write_off", order=matched(rig), goods=goods)
    rig.front.set_faults(Faults.at(1.0, seed))
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert sorted((one["ItemNumber"], one["Quantity"]) for one in rig.sandbox.state()["scraps"]) == [
        ("SHIRT-M", 1),
        ("SHIRT-M", 1),
        ("SOCKS", 2),
    ]


def test_a_scrap_category_that_is_set_must_be_there() -> None:
    rig = LinnworksRig(mappings={"scrap": {"category": "Moths"}})
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-M", rig.damaged, 1)
    answer = Worker(rig).drive(work_of(rig, "write_off", order=matched(rig), goods=[moved("SHIRT-M", 1, rig.damaged, None)]))
    assert isinstance(answer, Declined)
    assert "accounts.write_off: Damaged, Lost" in answer.what_to_do


# Kits


def test_a_kit_has_the_parts_of_linnworks_own_composition() -> None:
    (line,) = matched(kit_order()).lines
    assert [(one.sku, one.quantity, one.weight) for one in line.kit or ()] == [("SHIRT-M", 1, 900), ("SOCKS", 2, 300)]


def test_a_kit_that_the_order_does_not_break_up_is_still_one() -> None:
    rig = kit_order(1)
    order = next(iter(rig.sandbox.books.orders.values()))
    order["Items"][0]["CompositeSubItems"] = []
    (line,) = matched(rig).lines
    assert [(one.sku, one.quantity) for one in line.kit or ()] == [("SHIRT-M", 1), ("SOCKS", 2)]


def test_a_whole_kit_comes_back_by_its_own_row() -> None:
    rig = kit_order()
    order = matched(rig)
    goods = [part(order, "SHIRT-M", 1, 1, rig.transit), part(order, "SOCKS", 2, 1, rig.transit)]
    assert isinstance(Worker(rig).drive(work_of(rig, "book_in", order=order, goods=goods)), Accepted)
    (header,) = rig.sandbox.state()["rmas"]
    assert [(line["ReturnItemSKU"], line["ReturnQuantity"]) for line in header["RMALines"]] == [("BOX", 1)]
    assert (rig.stock("SHIRT-M", rig.transit), rig.stock("SOCKS", rig.transit)) == (1, 2)


def test_a_part_of_a_kit_comes_back_alone() -> None:
    rig = kit_order()
    order = matched(rig)
    work = work_of(rig, "book_in", order=order, goods=[part(order, "SOCKS", 1, 1, rig.transit)])
    assert isinstance(Worker(rig).drive(work), Accepted)
    (header,) = rig.sandbox.state()["rmas"]
    assert [(line["ReturnItemSKU"], line["ReturnQuantity"]) for line in header["RMALines"]] == [("SOCKS", 1)]
    assert (rig.stock("SHIRT-M", rig.transit), rig.stock("SOCKS", rig.transit)) == (0, 1)


def test_a_part_that_the_order_does_not_list_is_counted_in() -> None:
    rig = kit_order()
    next(iter(rig.sandbox.books.orders.values()))["Items"][0]["CompositeSubItems"] = []
    order = matched(rig)
    work = work_of(rig, "book_in", order=order, goods=[part(order, "SOCKS", 1, 1, rig.transit)])
    assert isinstance(Worker(rig).drive(work), Accepted)
    assert rig.sandbox.state()["rmas"] == []
    assert rig.stock("SOCKS", rig.transit) == 1
    assert isinstance(rig.erp.find(work), Accepted)


def test_part_of_a_kit_is_credited_on_the_kit_s_row() -> None:
    rig = kit_order()
    order = matched(rig)
    row = order.lines[0].order_line
    money = [MoneyLine(line="1", order_line=row, sku="BOX", quantity=1, items=500, tax=100, component="SOCKS")]
    assert isinstance(Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=money)), Accepted)
    (header,) = rig.sandbox.state()["refunds"]
    assert [(line["RefundedItem"]["OrderItemRowId"], line["Amount"], line["Quantity"]) for line in header["RefundLines"]] == [(row, 6.0, 0)]


def test_goods_that_are_to_go_where_they_stand_need_nothing() -> None:
    rig = stocked()
    work = work_of(rig, "restock", order=matched(rig), goods=[moved("SHIRT-M", 1, rig.quarantine, rig.quarantine)])
    assert Worker(rig).drive(work) == rig.erp.find(work) == Accepted(work.issued.instruction)
    assert rig.stock("SHIRT-M", rig.quarantine) == 4


def test_an_instruction_that_moves_nothing_is_declined() -> None:
    rig = stocked()
    work = work_of(rig, "move", order=matched(rig))
    assert code(Worker(rig).drive(replace(work, order=None))) == REFUSED
