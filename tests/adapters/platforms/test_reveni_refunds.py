"""Reveni's refunds: methods, exact amounts, what was paid and taken back, and whose money it is where the shop tells of it, too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.telling import ReturnKey
from tests.adapters.platforms.contract import MERCHANT
from tests.adapters.platforms.reveni_vendor import RETURN, Vendor, document, refund

# Refunds


@pytest.mark.parametrize(
    ("said", "method"),
    [
        (refund(method="Instant bank transfer"), "platform_instant"),
        (refund(method="bank_transfer", instant=True), "platform_instant"),
        (refund(method="BANK TRANSFER"), "bank_transfer"),
        (refund(method=None, is_instant=1), "platform_instant"),
        (refund(method="store credit"), "store_credit"),
        (refund(method="ORIGINAL_PAYMENT_METHOD"), "original_payment"),
    ],
)
def test_methods(said: dict[str, Any], method: str) -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", said))
    assert [row["method"] for row in vendor.facts("Refunded")] == [method]


def test_the_mode_of_the_return_counts_where_its_refund_says_nothing() -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund(method="bank transfer"), mode="INSTANT"))
    assert vendor.facts("Refunded")[0]["method"] == "platform_instant"


@pytest.mark.parametrize(
    ("amount", "total"),
    [
        ("45.9", "45.90"),
        (45.9, "45.90"),
        (45, "45.00"),
        (30.000000000000004, "30.00"),
        ({"amount": "7.10", "currency": "GBP"}, "7.10"),
        (0, "0.00"),
    ],
)
def test_amounts_are_exact(amount: Any, total: str) -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund(amount)))
    assert vendor.facts("Refunded")[0]["amount"]["total"] == total


@pytest.mark.parametrize("amount", ["45.999", "a lot", None, -5, [], True, "1e30"])
def test_what_is_no_amount_is_shown(amount: Any) -> None:
    vendor = Vendor()
    reading = vendor.read(document("IN_PROGRESS", refund(amount)))
    assert [unmapped.field for unmapped in reading.unmapped] == ["refunds.amount"]
    assert vendor.facts("Refunded") == []


def test_amounts_with_many_digits_never_pass_through_a_float() -> None:
    vendor = Vendor()
    vendor.read(json.dumps(document("IN_PROGRESS", refund(0))).replace('"amount": 0', '"amount": 9007199254740.93'))
    assert vendor.facts("Refunded")[0]["amount"]["total"] == "9007199254740.93"


def test_fees_lessen_and_bonuses_add() -> None:
    parts: dict[str, Any] = {
        "items_amount": "76.65",
        "tax_amount": "15.33",
        "shipping_amount": 0,
        "fees": [{"amount": 4.5}, "-0.48"],
        "bonus": 5,
    }
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund("92.00", **parts), refund("1.00", id="rf-2", fee=-2), refund("1.00", id="rf-3", **parts)))
    assert [row["amount"] for row in vendor.facts("Refunded")] == [
        {"items": "76.65", "tax": "15.33", "shipping": "0.00", "fees": "0.02", "total": "92.00"},
        {"fees": "-2.00", "total": "1.00"},
        {"total": "1.00"},
    ]


def test_a_refund_without_a_currency_has_the_returns() -> None:
    vendor = Vendor()
    vendor.read(document("IN_PROGRESS", refund(currency=None)))
    assert vendor.facts("Refunded")[0]["currency"] == "GBP"


def test_several_refunds_each_with_its_id_and_only_those_that_were_paid() -> None:
    vendor = Vendor()
    said = [
        refund(),
        refund("5", "store_credit", id="rf-2"),
        refund("6", id="rf-3", status="Processing"),
        refund("7", id="rf-4", status="FAILED"),
    ]
    vendor.read(document("IN_PROGRESS", *said))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["rf-1", "rf-2"]
    assert vendor.facts("Refunded")[0]["occurred_at"] == "2026-09-21T14:13:20Z"
    reading = vendor.read(document("IN_PROGRESS", refund(status="dematerialised"), refund(method="in kind", id="rf-5")))
    assert [unmapped[:2] for unmapped in reading.unmapped] == [("refunds.status", "dematerialised"), ("refunds.method", "in kind")]


def test_a_rejection_later_does_not_take_back_what_reveni_paid() -> None:
    vendor = Vendor()
    paid = refund(method="instant bank transfer")
    vendor.read(document("IN_PROGRESS", paid, instant=True))
    vendor.read(
        document("REJECTED", paid, instant=True, items=[{"sku": "SHIRT-M", "quantity": 2, "status": "rejected", "reject_reason": "defect"}])
    )
    assert vendor.names() == ["Initiated", "Refunded", "ScannedAtReturnBar", "Received", "Inspected"]


def test_a_refund_that_was_cancelled_is_reversed_once() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund(method="store credit")))
    vendor.read(document("ACCEPTED", refund(method="store credit", status="Cancelled")))
    vendor.read(document("ACCEPTED", refund(method="store credit", status="Cancelled")))
    assert [row["fact"] for row in vendor.facts("Refunded", "RefundReversed")] == ["Refunded", "RefundReversed"]


def test_a_refund_that_changed_is_a_conflict_to_be_seen() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund("10.00", created_at=None)))
    vendor.read(document("ACCEPTED", refund("10.00", created_at=None), updated_at="2026-10-09T00:00:00Z"))
    assert vendor.house.conflicts == []
    vendor.read(document("ACCEPTED", refund("12.00")))
    assert [(raw["refund"], raw["amount"]) for raw in vendor.house.conflicts] == [("rf-1", {"total": "12.00"})]


# The shop's own voice


def shops(vendor: Vendor, of: str, number: str = "98765", total: str = "91.98", platform: str = "reveni") -> None:
    amount = {"fact": "Refunded", "refund": number, "currency": "GBP", "amount": {"total": total}, "method": "original_payment"}
    vendor.tell(**amount, platform=platform, source_id=f"shopify/refund/{number}", **{"return": of})


def test_a_refund_that_the_shop_has_told_already_is_not_told_again() -> None:
    vendor = Vendor()
    shops(vendor, RETURN)
    reading = vendor.read(document("ACCEPTED", refund(), refund("5.00", id="rf-2")))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["98765", "rf-2"]
    assert [(joined.what, joined.key) for joined in reading.joined] == [("refund 98765", ReturnKey(MERCHANT, "reveni", RETURN))]


def test_two_refunds_of_one_amount_are_two_of_the_shops() -> None:
    vendor = Vendor()
    shops(vendor, RETURN)
    vendor.read(document("ACCEPTED", refund(), refund(id="rf-2")))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["98765", "rf-2"]


def test_a_refund_that_stands_outside_any_return_is_told_under_the_shops_number() -> None:
    vendor = Vendor()
    shops(vendor, "order-450789469", platform="shopify")
    vendor.read(document("ACCEPTED", refund()))
    assert [(row["return"], row["refund"]) for row in vendor.facts("Refunded")] == [("order-450789469", "98765"), (RETURN, "98765")]
    vendor.read(document("ACCEPTED", refund()))
    assert len(vendor.facts("Refunded")) == 2


def test_which_of_two_outside_any_return_is_not_guessed() -> None:
    vendor = Vendor()
    shops(vendor, "order-450789469", platform="shopify")
    shops(vendor, "order-450789469", "98766", platform="shopify")
    vendor.read(document("ACCEPTED", refund()))
    assert vendor.facts("Refunded")[-1]["refund"] == "rf-1"


def test_a_refund_that_the_shop_tells_later_counts_once() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund()))
    shops(vendor, RETURN)
    for _ in range(2):
        vendor.read(document("ACCEPTED", refund()))
    [told, _, reversed_] = vendor.facts("Refunded", "RefundReversed")
    assert (reversed_["fact"], reversed_["refund"], reversed_["occurred_at"]) == ("RefundReversed", "rf-1", told["occurred_at"])
    assert vendor.house.conflicts == []


def test_a_refund_that_names_the_shops_is_the_shops() -> None:
    vendor = Vendor()
    vendor.read(document("ACCEPTED", refund(shopify_refund_id="gid://shopify/Refund/98765")))
    assert vendor.facts("Refunded")[0]["refund"] == "98765"
    first = Vendor()
    shops(first, RETURN)
    first.read(document("ACCEPTED", refund(shopify_refund_id=98765)))
    assert len(first.facts("Refunded")) == 1


def test_what_reveni_pays_itself_is_never_taken_for_the_shops() -> None:
    vendor = Vendor()
    shops(vendor, RETURN)
    vendor.read(document("ACCEPTED", refund(method="instant bank transfer")))
    assert [row["refund"] for row in vendor.facts("Refunded")] == ["98765", "rf-1"]
