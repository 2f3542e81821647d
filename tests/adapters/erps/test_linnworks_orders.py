"""Orders in Linnworks: which one a reference means, what was paid for it, and exchange orders under a key of ours."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.erps.port import FOUND_TWICE, REFUSED, SKU_UNMATCHED
from adapters.vendor.answers import Accepted, Declined
from domain.content import ExchangeItem
from domain.erp_facts import OrderMatched, OrderNotFound
from tests.adapters.erps.contract import SHIRT, code, matched
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.rig import Worker, work_of

LINE = {"sku": "SHIRT-M", "quantity": 1, "net": "38.33", "tax": "7.66"}


def not_found(rig: LinnworksRig, reference: str) -> OrderNotFound:
    found = rig.erp.match_order(reference, rig.clock())
    assert isinstance(found, OrderNotFound), found
    return found


def order(rig: LinnworksRig, reference: str, **more: Any) -> str:
    made = rig.sandbox.seed({"orders": [{"reference": reference, "lines": [LINE], **more}]})
    return str(made["orders"][0]["number"])


def exchange(rig: LinnworksRig, status: str, sku: str = "SHIRT-L", **more: Any) -> Any:
    return work_of(rig, "order_exchange", order=matched(rig), exchange=[ExchangeItem(sku=sku, quantity=1)], status=status, **more)


# Which order


def test_the_hash_of_a_name_may_be_missing() -> None:
    rig = LinnworksRig()
    number = order(rig, "1001")
    assert matched(rig, "#1001").number == number
    order(rig, "#1002")
    assert matched(rig, "1002").number
    strict = LinnworksRig(mappings={"references": {"strip_hash": "no"}})
    order(strict, "1001")
    not_found(strict, "#1001")


def test_the_name_as_it_is_goes_before_the_one_without_hash() -> None:
    rig = LinnworksRig()
    order(rig, "1001")
    number = order(rig, "#1001")
    assert matched(rig, "#1001").number == number


def test_the_reference_number_goes_before_other_references() -> None:
    rig = LinnworksRig()
    order(rig, "AMZ-7", secondary="#1001")
    assert isinstance(rig.erp.match_order("#1001", rig.clock()), OrderMatched)
    number = order(rig, "#1001")
    assert matched(rig, "#1001").number == number


def test_two_orders_with_one_reference_are_not_guessed_between() -> None:
    rig = LinnworksRig()
    numbers = {order(rig, "#1001"), order(rig, "#1001")}
    found = not_found(rig, "#1001")
    assert set(found.candidates or ()) == numbers
    assert "2 orders" in found.reason


def test_what_was_sent_again_is_not_the_original() -> None:
    rig = LinnworksRig()
    number = order(rig, "#1001")
    rig.by_hand(resend={"order": "#1001", "sku": "SHIRT-M"})
    assert matched(rig).number == number
    # With an extra charge it has a total; Linnworks still says what it follows.
    last = list(rig.sandbox.books.orders.values())[-1]
    last["TotalsInfo"]["TotalCharge"] = last["TotalsInfo"]["TotalCharge"] + 5
    assert matched(rig).number == number


def test_a_resend_says_so_in_its_status() -> None:
    rig = LinnworksRig()
    number = order(rig, "#1001")
    order(rig, "#1001", order_status=4)
    assert matched(rig).number == number


# What was paid


def test_cancelled_and_unprocessed_orders_are_no_invoice() -> None:
    rig = LinnworksRig()
    order(rig, "#1", processed=False)
    order(rig, "#2", processed=False, order_status=0)
    order(rig, "#3")
    rig.by_hand(cancel="#3")
    assert [matched(rig, name).invoice for name in ("#1", "#2", "#3")] == ["draft", "none", "voided"]


def test_a_discount_on_the_order_is_spread_over_its_lines() -> None:
    rig = LinnworksRig()
    lines = [{"sku": "A", "quantity": 1, "net": "10.00", "tax": "2.00"}, {"sku": "B", "quantity": 3, "net": "20.00", "tax": "4.00"}]
    rig.sandbox.seed({"orders": [{"reference": "#1001", "lines": lines, "shipping": "5.00", "shipping_tax": "1.00", "discount": "3.61"}]})
    found = matched(rig)
    assert sum(one.items + one.tax for one in found.lines) == 3600 - 361
    assert found.creditable == 3600 - 361 + 600
    assert (found.shipping, found.shipping_tax) == (500, 100)


def test_doubles_are_read_as_the_money_they_mean() -> None:
    rig = LinnworksRig()
    order(rig, "#1001")
    row = next(iter(rig.sandbox.books.orders.values()))["Items"][0]
    row |= {"Cost": 38.329999999999998, "CostIncTax": 45.990000000000002}
    assert [(one.items, one.tax) for one in matched(rig).lines] == [(3833, 766)]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ({"CostIncTax": 46.0, "TaxRate": 20}, (3833, 767)),
        ({"CostIncTax": 46.0, "Tax": 7.67}, (3833, 767)),
        ({"Cost": 38.33, "TaxRate": 20}, (3833, 767)),
        ({"PricePerUnit": 46.0, "TaxRate": 20, "TaxCostInclusive": True}, (3833, 767)),
        ({"PricePerUnit": 38.33, "TaxRate": 20, "TaxCostInclusive": False}, (3833, 767)),
        ({"PricePerUnit": 92.0, "Discount": 50, "TaxRate": 20, "TaxCostInclusive": True}, (3833, 767)),
        ({"PricePerUnit": 46.0, "TaxRate": -1, "Tax": 7.67, "TaxCostInclusive": True}, (3833, 767)),
        ({"CostIncTax": 0, "Cost": 0}, (0, 0)),
    ],
)
def test_what_is_missing_of_a_line_follows_from_the_rest(left: dict[str, Any], told: tuple[int, int]) -> None:
    rig = LinnworksRig()
    order(rig, "#1001")
    row = next(iter(rig.sandbox.books.orders.values()))["Items"][0]
    for name in ("Cost", "CostIncTax", "Tax", "TaxRate", "PricePerUnit", "TaxCostInclusive", "Discount"):
        del row[name]
    row |= left
    assert [(one.items, one.tax) for one in matched(rig).lines] == [told]


def test_the_channel_s_own_id_of_a_line_is_kept() -> None:
    rig = LinnworksRig()
    rig.sandbox.seed({"orders": [{"reference": "#1001", "lines": [{**LINE, "item_number": "866550311766439020"}]}]})
    assert [one.channel_line for one in matched(rig).lines] == ["866550311766439020"]


def test_an_order_in_a_currency_that_nobody_knows_is_not_read() -> None:
    rig = LinnworksRig()
    order(rig, "#1001", currency="UNK")
    assert "UNK" in not_found(rig, "#1001").reason


# Exchange orders


def test_an_exchange_order_names_the_return_and_its_original() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-L", rig.main, 3)
    work = exchange(rig, "draft")
    answer = Worker(rig).drive(work)
    assert isinstance(answer, Accepted)
    made = next(one for one in rig.sandbox.state()["orders"] if str(one["NumOrderId"]) == answer.reference)
    assert made["GeneralInfo"]["ReferenceNum"] == work.issued.instruction
    assert {one["Name"]: one["Value"] for one in made["ExtendedProperties"]} == {"Return": "RMA-501", "Original order": "#1001"}
    assert made["GeneralInfo"]["IsParked"], "an unpaid order is parked"
    assert matched(rig).number != answer.reference, "it is not taken for the original"
    (original,) = [one for one in rig.sandbox.state()["orders"] if one["GeneralInfo"]["ReferenceNum"] == "#1001"]
    assert [one["Note"] for one in original["Notes"]] == [
        f"Exchange order {answer.reference} for return RMA-501 ({work.issued.instruction})"
    ]


def test_creating_an_exchange_order_again_creates_nothing() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-L", rig.main, 3)
    work = exchange(rig, "authorised")
    first = rig.erp.carry_out(work)
    assert rig.erp.carry_out(work) == first
    assert len(rig.exchanges()) == 1


def test_an_exchange_for_what_linnworks_does_not_have_waits() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    assert code(Worker(rig).drive(exchange(rig, "authorised", sku="SHIRT-XXL"))) == SKU_UNMATCHED
    assert rig.exchanges() == []


def test_two_exchange_orders_of_one_id_wait_for_a_person() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-L", rig.main, 3)
    work = exchange(rig, "draft")
    Worker(rig).drive(work)
    order(rig, work.issued.instruction)
    answer = rig.erp.carry_out(work)
    assert isinstance(answer, Declined)
    assert answer.code == FOUND_TWICE


def test_a_draft_that_was_cancelled_is_not_authorised() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-L", rig.main, 3)
    draft = exchange(rig, "draft")
    made = Worker(rig).drive(draft)
    assert isinstance(made, Accepted)
    rig.by_hand(cancel=draft.issued.instruction)
    work = work_of(rig, "authorise_exchange", order=matched(rig), document=made.reference, status="authorised")
    answer = Worker(rig).drive(work)
    assert code(answer) == REFUSED
    assert isinstance(answer, Declined)
    assert "cancelled" in answer.reason


def test_a_draft_that_a_person_authorised_needs_nothing_more() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    rig.seed_stock("SHIRT-L", rig.main, 3)
    made = Worker(rig).drive(exchange(rig, "draft"))
    assert isinstance(made, Accepted)
    found = next(one for one in rig.sandbox.books.orders.values() if str(one["NumOrderId"]) == made.reference)
    found["GeneralInfo"] |= {"Status": 1, "IsParked": False, "Marker": 0}
    work = work_of(rig, "authorise_exchange", order=matched(rig), document=made.reference, status="authorised")
    assert rig.erp.find(work) == made
    assert Worker(rig).drive(work) == made
    assert "Orders/ChangeStatus" not in rig.sandbox.calls
