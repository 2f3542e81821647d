"""Goods and exchange orders at Cin7 Core: levels that others change meanwhile, bins, several documents, all or none."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest

from adapters.erps.port import FoundTwice, Level, NotThere, Unfinished
from adapters.vendor.answers import Accepted, Declined
from domain.content import ExchangeItem
from domain.erp_facts import InstructionIssued, OrderMatched
from domain.instructions import instruction_id
from tests.adapters.erps.cin7_rig import Cin7Rig
from tests.adapters.erps.contract import SHIRT, matched
from tests.adapters.erps.rig import KEY, ScriptedFront, Worker, bad_day, moved, work_of


def ready(*args: Any, **options: Any) -> tuple[Cin7Rig, OrderMatched]:
    rig = Cin7Rig(*args, **options)
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-M", rig.quarantine, 4)
    rig.front.seed({"locations": [{"name": "Annex", "bins": ["A-1", "A-2"]}]})
    return rig, matched(rig)


class TestStock:
    def test_a_bin_is_a_place_of_its_own(self) -> None:
        rig, order = ready()
        rig.seed_stock("SHIRT-M", "Annex: A-1", 1)
        steps = (("book_in", None, "Annex: A-2"), ("move", rig.quarantine, "Annex: A-1"), ("write_off", "Annex: A-1", None))
        for kind, source, target in steps:
            work = work_of(rig, kind, order=order, goods=[moved("SHIRT-M", 2, source, target)])  # type: ignore[arg-type]
            assert isinstance(Worker(rig).drive(work), Accepted), kind
        assert (rig.stock("SHIRT-M", "Annex: A-1"), rig.stock("SHIRT-M", "Annex: A-2")) == (1, 2)
        assert Level("SHIRT-M", "Annex: A-2", 2, 2) in rig.erp.levels(["SHIRT-M"])

    def test_several_places_make_several_documents_found_together(self) -> None:
        rig, order = ready()
        goods = [
            moved("SHIRT-M", 1, None, rig.main),
            moved("SHIRT-M", 1, rig.quarantine, rig.main, line="2"),
            moved("SHIRT-M", 2, rig.quarantine, rig.damaged, line="3"),
        ]
        work = work_of(rig, "restock", order=order, goods=goods)
        answer = Worker(rig).drive(work)
        assert answer == Accepted("ST-00001, TR-00001, TR-00002")
        assert rig.erp.find(work) == answer
        assert [rig.stock("SHIRT-M", place) for place in (rig.main, rig.quarantine, rig.damaged)] == [2, 1, 2]

    @pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "torn_answer", "rate_limited"])
    @pytest.mark.parametrize("number", range(10))
    def test_of_several_documents_each_is_made_once(self, number: int, fault: str) -> None:
        rig, order = ready(ScriptedFront)
        goods = [moved("SHIRT-M", 1, None, rig.main), moved("SHIRT-M", 1, rig.quarantine, rig.damaged, line="2")]
        front = rig.front
        assert isinstance(front, ScriptedFront)
        front.script = {front.calls + number: fault}
        assert isinstance(Worker(rig).drive(work_of(rig, "restock", order=order, goods=goods)), Accepted)
        assert [rig.stock("SHIRT-M", place) for place in (rig.main, rig.quarantine, rig.damaged)] == [1, 3, 1]

    def test_where_one_of_several_is_refused_the_others_are_undone(self) -> None:
        rig, order = ready()
        goods = [moved("SHIRT-M", 1, None, rig.main), moved("SHIRT-M", 99, rig.quarantine, rig.damaged, line="2")]
        work = work_of(rig, "restock", order=order, goods=goods)
        answer = Worker(rig).drive(work)
        assert isinstance(answer, Declined)
        assert "Not enough stock of SHIRT-M in Quarantine" in answer.reason
        assert [rig.stock("SHIRT-M", place) for place in (rig.main, rig.quarantine, rig.damaged)] == [0, 4, 0]
        assert rig.leftovers() == []
        assert isinstance(rig.erp.find(work), NotThere)

    def test_a_write_off_whose_lines_fail_inside_a_200_is_taken_back(self) -> None:
        rig, order = ready()
        answer = Worker(rig).drive(work_of(rig, "write_off", order=order, goods=[moved("SHIRT-M", 5, rig.quarantine, None)]))
        assert isinstance(answer, Declined)
        assert "Not enough stock" in answer.reason
        assert [one["Status"] for one in rig.sandbox.warehouse.write_offs] == ["VOIDED"]
        assert rig.stock("SHIRT-M", rig.quarantine) == 4

    def test_a_write_off_that_was_left_as_a_draft_is_made_anew(self) -> None:
        rig, order = ready()
        work = work_of(rig, "write_off", order=order, goods=[moved("SHIRT-M", 1, rig.quarantine, None)])
        told = {"Location": rig.quarantine, "Status": "DRAFT", "Account": "404", "Notes": f"x {work.issued.instruction}"}
        rig.sandbox.warehouse.write_off({**told, "Lines": [{"ProductCode": "SHIRT-M", "Quantity": 1}]})
        assert rig.erp.find(work) == Unfinished("IW-00001")
        assert Worker(rig).drive(work, sent_before=True) == Accepted("IW-00002")
        assert rig.stock("SHIRT-M", rig.quarantine) == 3
        assert rig.leftovers() == []

    def test_what_never_was_in_stock_is_booked_in_and_written_off(self) -> None:
        rig, order = ready()
        assert isinstance(Worker(rig).drive(work_of(rig, "write_off", order=order, goods=[moved("SHIRT-M", 1, None, None)])), Accepted)
        assert rig.stock("SHIRT-M", rig.main) == 0
        assert [len(rig.sandbox.warehouse.adjustments), len(rig.sandbox.warehouse.write_offs)] == [1, 1]

    def test_a_write_off_needs_an_account(self) -> None:
        rig, order = ready(accounts={})
        answer = Worker(rig).drive(work_of(rig, "write_off", order=order, goods=[moved("SHIRT-M", 1, rig.quarantine, None)]))
        assert isinstance(answer, Declined)
        assert "write_off" in answer.what_to_do

    def test_a_product_that_is_not_there_is_named(self) -> None:
        rig, order = ready()
        for kind, source, target in (("book_in", None, rig.main), ("write_off", rig.main, None), ("move", rig.main, rig.damaged)):
            work = work_of(rig, kind, order=order, goods=[moved("SHIRT", 1, source, target)])  # type: ignore[arg-type]
            answer = Worker(rig).drive(work)
            assert isinstance(answer, Declined)
            assert (answer.code, "'SHIRT'" in answer.reason) == ("sku_unmatched", True)

    def test_a_unit_that_others_move_while_a_level_is_written_is_not_lost(self) -> None:
        rig, order = ready()
        rig.seed_stock("SHIRT-M", rig.main, 10)
        warehouse, adjust = rig.sandbox.warehouse, rig.sandbox.warehouse.adjust
        meanwhile = [-3]

        def overtaken(told: dict[str, Any]) -> dict[str, Any]:
            for units in meanwhile:
                warehouse.on_hand["SHIRT-M", rig.main] += units
            meanwhile.clear()
            return adjust(told)

        warehouse.adjust = overtaken  # type: ignore[method-assign]
        assert isinstance(Worker(rig).drive(work_of(rig, "book_in", order=order, goods=[moved("SHIRT-M", 2, None, rig.main)])), Accepted)
        assert rig.stock("SHIRT-M", rig.main) == 9
        assert [one["Status"] for one in warehouse.adjustments] == ["VOIDED", "COMPLETED"]

    @pytest.mark.parametrize("proved", [False, True])
    def test_a_level_that_was_old_when_it_was_read_is_noticed(self, proved: bool) -> None:
        rig, order = ready()
        rig.seed_stock("SHIRT-M", rig.main, 10)
        if proved:
            Worker(rig).drive(work_of(rig, "book_in", order=order, goods=[moved("SHIRT-M", 1, None, rig.main)], turn=1))
        on_hand, stale = rig.erp._catalog.on_hand, [1]

        def old(*asked: Any) -> Any:
            return on_hand(*asked) - (stale.pop() if stale else 0)

        rig.erp._catalog.on_hand = old  # type: ignore[assignment, method-assign]
        assert isinstance(Worker(rig).drive(work_of(rig, "book_in", order=order, goods=[moved("SHIRT-M", 1, None, rig.main)])), Accepted)
        assert rig.stock("SHIRT-M", rig.main) == (12 if proved else 11)

    def test_a_host_that_tells_the_level_after_is_learnt_once(self) -> None:
        rig, order = ready()
        rig.seed_stock("SHIRT-M", rig.main, 10)
        warehouse, adjust = rig.sandbox.warehouse, rig.sandbox.warehouse.adjust

        def after(told: dict[str, Any]) -> dict[str, Any]:
            made = adjust(told)
            for line in made["ExistingStockLines"]:
                line["QuantityOnHand"] = line["Adjustment"]
            return made

        warehouse.adjust = after  # type: ignore[method-assign]
        for turn in range(3):
            work = work_of(rig, "book_in", order=order, goods=[moved("SHIRT-M", 2, None, rig.main)], turn=turn)
            assert isinstance(Worker(rig).drive(work), Accepted)
        assert rig.stock("SHIRT-M", rig.main) == 16
        assert [one["Status"] for one in warehouse.adjustments].count("COMPLETED") == 3
        assert [one["Status"] for one in warehouse.adjustments].count("VOIDED") == 2

    def test_two_workers_of_one_house_book_in_one_after_the_other(self) -> None:
        rig, order = ready(calls_per_minute=10_000)
        issued = [work_of(rig, "book_in", order=order, goods=[moved("SHIRT-M", 1, None, rig.main)], turn=turn) for turn in range(24)]
        erps = [rig.connect() for _ in range(4)]

        def go(place: int) -> None:
            for work in issued[place::4]:
                assert isinstance(erps[place].carry_out(work), Accepted)

        threads = [Thread(target=go, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert rig.stock("SHIRT-M", rig.main) == 24

    def test_two_documents_with_one_id_are_for_a_person(self) -> None:
        rig, order = ready()
        work = work_of(rig, "move", order=order, goods=[moved("SHIRT-M", 1, rig.quarantine, rig.damaged)])
        Worker(rig).drive(work)
        rig.sandbox.warehouse.transfers.append({**rig.sandbox.warehouse.transfers[0], "TaskID": "copy", "Number": "TR-00099"})
        with pytest.raises(FoundTwice, match="TR-00001, TR-00099"):
            rig.erp.find(work)

    def test_many_skus_are_asked_for_in_one_list(self) -> None:
        rig, _ = ready()
        for number in range(30):
            rig.seed_stock(f"S-{number}", rig.main, number + 1)
        assert len(rig.erp.levels([f"S-{number}" for number in range(30)])) == 30


class TestExchanges:
    WANTED = (ExchangeItem(sku="SHIRT-L", quantity=1), ExchangeItem(sku="SOCKS", quantity=2))

    def ready(self, **options: Any) -> tuple[Cin7Rig, OrderMatched]:
        rig, order = ready(**options)
        for sku in ("SHIRT-L", "SOCKS"):
            rig.seed_stock(sku, rig.main, 5)
        return rig, order

    def test_the_order_goes_to_the_same_customer_and_names_the_original(self) -> None:
        rig, order = self.ready(inclusive=True)
        work = work_of(rig, "order_exchange", order=order, exchange=self.WANTED, status="authorised")
        answer = Worker(rig).drive(work)
        assert answer == Accepted("SO-00002")
        original = rig.sale("#1001")
        sale = next(one for one in rig.sandbox.sales.documents.values() if one["ExternalID"] == work.issued.instruction)
        same = ("CustomerID", "Location", "ShippingAddress", "TaxCalculation", "TaxRule")
        assert {name: sale[name] for name in same} == {name: original[name] for name in same}
        assert sale["CustomerReference"].startswith("#1001 exchange RMA-501")
        assert "SO-00001" in sale["Note"]
        assert [(line["SKU"], int(line["Quantity"]), int(line["Total"])) for line in sale["Order"]["Lines"]] == [
            ("SHIRT-L", 1, 0),
            ("SOCKS", 2, 0),
        ]
        assert matched(rig).order == original["ID"], "it is not taken for the original order"

    def test_a_product_that_is_not_there_stops_it_before_anything_is_made(self) -> None:
        rig, order = self.ready()
        answer = Worker(rig).drive(
            work_of(rig, "order_exchange", order=order, exchange=[ExchangeItem(sku="NOPE", quantity=1)], status="draft")
        )
        assert isinstance(answer, Declined)
        assert answer.code == "sku_unmatched"
        assert rig.exchanges() == []

    def test_where_the_lines_are_refused_the_header_is_voided(self) -> None:
        rig, order = self.ready()
        rig.sandbox.sales.tax_rules.pop("Standard")
        answer = Worker(rig).drive(work_of(rig, "order_exchange", order=order, exchange=self.WANTED, status="draft"))
        assert isinstance(answer, Declined)
        assert "Tax rule not found" in answer.reason
        assert (rig.exchanges(), rig.leftovers()) == ([], [])

    def test_a_draft_of_anybody_is_authorised(self) -> None:
        rig, order = self.ready()
        draft = Worker(rig).drive(work_of(rig, "order_exchange", order=order, exchange=self.WANTED, status="draft"))
        assert isinstance(draft, Accepted)
        work = work_of(rig, "authorise_exchange", order=order, document=draft.reference, status="authorised")
        rig.front.set_faults(bad_day(3))
        assert Worker(rig).drive(work) == draft
        assert [(one.status, one.units) for one in rig.exchanges()] == [("authorised", (("SHIRT-L", 1), ("SOCKS", 2)))]

    def test_an_order_that_is_not_there_or_void_cannot_be_authorised(self) -> None:
        rig, order = self.ready()
        draft = Worker(rig).drive(work_of(rig, "order_exchange", order=order, exchange=self.WANTED, status="draft"))
        assert isinstance(draft, Accepted)
        rig.front.seed({"by_hand": [{"void_order": draft.reference}]})
        for document in (draft.reference, "SO-777"):
            answer = Worker(rig).drive(work_of(rig, "authorise_exchange", order=order, document=document, status="authorised"))
            assert isinstance(answer, Declined)
            assert document in answer.reason


def test_what_is_for_a_platform_is_none_of_its_business() -> None:
    rig, order = ready()
    work = work_of(rig, "move", order=order)
    issued = InstructionIssued(instruction=instruction_id(KEY, "r"), kind="release_refund", erp="erp", currency="GBP")
    assert isinstance(rig.erp.carry_out(type(work)(KEY, "#1001", issued, order, rig.clock())), Declined)
