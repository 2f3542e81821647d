"""What a customer of Reveni wants for a return, and what that is worth: by its order, or by the document's own amounts."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.platforms.port import Unmapped
from tests.adapters.platforms.contract import MemoryHouse
from tests.adapters.platforms.returns_rig import KnownOrders, order_of
from tests.adapters.platforms.reveni_vendor import RETURN, Rows, Vendor, document

# What is wanted, and what it is worth


LARGER = [{"sku": "HAT", "exchange": {"variant": {"sku": "HAT-L"}}}]
TWO_OTHERS = [{"sku": "SHIRT-M", "quantity": 2, "exchange": [{"sku": "A", "quantity": 1}, {"sku": "B"}]}]


@pytest.mark.parametrize(
    ("of", "resolution", "exchange"),
    [
        (document(type="EXCHANGE"), "exchange", None),
        (document(type="Mixed", items=LARGER), "exchange", [{"sku": "HAT-L", "quantity": 1}]),
        (document(items=TWO_OTHERS), "exchange", [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]),
        (document(items=[{"sku": "HAT", "exchange": True}]), "exchange", None),
        (document(refund_method="Store Credit"), "store_credit", None),
    ],
)
def test_what_the_customer_wants(of: dict[str, Any], resolution: str, exchange: list[dict[str, Any]] | None) -> None:
    vendor = Vendor()
    vendor.read(of)
    [initiated] = vendor.facts("Initiated")
    assert (initiated["resolution"], initiated.get("exchange")) == (resolution, exchange)


def test_a_type_that_nobody_named_announces_nothing() -> None:
    vendor = Vendor()
    assert vendor.read(document(type="donation")).unmapped == (Unmapped("type", "donation", RETURN),)
    assert vendor.facts() == []


def test_amounts_of_the_document_count_where_net_and_tax_are_told() -> None:
    items: Rows = [
        {"sku": "SHIRT-M", "quantity": 2, "price": "10.005", "unit_tax": 1.5, "order": "x"},
        {"sku": "HAT", "amount": {"amount": 12.0, "currency": "GBP"}, "tax_amount": "2"},
    ]
    vendor = Vendor()
    vendor.read(document(items=items))
    assert [(line["items"], line["tax"]) for line in vendor.facts("Initiated")[0]["lines"]] == [("9.00", "1.80"), ("76.65", "15.33")]
    items[0]["price"] = "10.50"
    rich = Vendor()
    rich.read(document(items=items))
    assert [(line["items"], line["tax"]) for line in rich.facts("Initiated")[0]["lines"]] == [("10.00", "2.00"), ("18.00", "3.00")]


def test_a_named_and_priced_return_needs_no_order() -> None:
    of = document(items=[{"sku": "HAT", "net_price": 9, "unit_tax": 1}], currency="eur", order={"name": "#77", "external_id": "1"})
    vendor = Vendor(orders=KnownOrders([], away=True))
    vendor.read(of)
    [told] = vendor.facts("Initiated")
    assert (told["order"], told["currency"], told["lines"][0]["items"]) == ("#77", "EUR", "9.00")


def test_without_a_source_of_orders_a_price_with_its_tax_is_better_than_none() -> None:
    vendor = Vendor()
    vendor.house = MemoryHouse(lambda: vendor.at, None)
    assert "set refunds_from, or an erp" in (vendor.read(document("SHIPPED")).waits_for or "")
    assert vendor.names() == ["ScannedAtReturnBar"]
    vendor.read(document("SHIPPED", items=[{"sku": "SHIRT-M", "quantity": 2, "price": 45.99}], currency="GBP"))
    [told] = vendor.facts("Initiated")
    assert (told["order"], told["lines"][0]["items"], told["lines"][0]["tax"]) == ("450789469", "91.98", "0.00")


@pytest.mark.parametrize(
    ("of", "said"),
    [
        (document(order={"external_id": "1"}), "order 1, which the source of orders does not know"),
        (document(order={}), "the order: the return names none"),
        (document(items=[{"sku": "SHOE"}]), "SHOE of order #1001: the order has no such line, or several that it could be"),
        ({**document(), "return_items": []}, "its items: the return lists none"),
    ],
)
def test_what_has_to_be_known_first(of: dict[str, Any], said: str) -> None:
    assert Vendor().read(of).waits_for == said


def test_one_sku_at_two_prices_is_not_guessed() -> None:
    alike = order_of("1001", ("1", "HAT", 1, 900, 0), ("2", "HAT", 2, 1_800, 0), order_id="450789469")
    vendor = Vendor(orders=KnownOrders([alike]))
    vendor.read(document(items=[{"sku": "HAT"}, {"sku": "HAT", "quantity": 2}]))
    assert [(line["order_line"], line["items"]) for line in vendor.facts("Initiated")[0]["lines"]] == [("1", "9.00"), ("2", "18.00")]
    dear = order_of("1001", ("1", "HAT", 1, 900, 0), ("2", "HAT", 2, 1_900, 0), order_id="450789469")
    assert Vendor(orders=KnownOrders([dear])).read(document(items=[{"sku": "HAT"}])).waits_for is not None
