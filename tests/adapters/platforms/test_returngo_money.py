"""ReturnGO's transactions and what refunds come of them."""

from __future__ import annotations

from adapters.platforms.port import Reading, Unmapped
from tests.adapters.platforms.contract import MERCHANT
from tests.adapters.platforms.rma_documents import both, house, item, paid, read, rma, told


class TestMoney:
    def test_a_refund_that_names_shopifys(self) -> None:
        shopify = {"externalReferenceId": 9988776655443322110, "externalReferenceType": "PlatformRefundId"}
        (refund,) = told(read(rma(item("1"), transactions=[paid(880001, both(12.0), **shopify)])), "Refunded")
        assert (refund["refund"], refund["occurred_at"], refund["source_id"]) == (
            "9988776655443322110",
            "2026-10-09T08:00:00Z",
            "returngo/rma/123/refund/880001",
        )
        assert refund["amount"] == {"items": "10.00", "tax": "2.00", "shipping": "0.00", "fees": "0.00", "total": "12.00"}

    def test_fees_lessen_it(self) -> None:
        document = rma(item("1", restockingFee=1.2, returnFee="2.55", shipmentFee=0), transactions=[paid("T1", both(8.25))])
        assert told(read(document), "Refunded")[0]["amount"] == {
            "items": "10.00",
            "tax": "2.00",
            "shipping": "0.00",
            "fees": "-3.75",
            "total": "8.25",
        }

    def test_what_does_not_add_up_has_no_parts(self) -> None:
        assert told(read(rma(item("1"), transactions=[paid("T1", both(9.99))])), "Refunded")[0]["amount"] == {"total": "9.99"}

    def test_javascripts_noise_is_no_money_and_fractions_of_a_penny_are_refused(self) -> None:
        document = rma(item("1"), transactions=[paid("T1", both(30.000000000000004)), paid("T2", both(1.005))])
        reading = read(document)
        assert [(row["refund"], row["amount"]["total"]) for row in told(reading, "Refunded")] == [("returngo-T1", "30.00")]
        assert reading.unmapped == (Unmapped("transactions[1].amount", "1.005 has more digits than GBP", "123"),)

    def test_only_success_is_money(self) -> None:
        transactions = [
            paid("T1", both(1.0), status="Requested"),
            paid("T2", both(1.0), status="Failed"),
            paid("T3", both(1.0), type="InvoicePayment"),
            paid("T4", both(1.0), status="Levitating"),
            paid("T5", both(1.0), type="Barter"),
        ]
        reading = read(rma(item("1"), transactions=transactions))
        assert told(reading, "Refunded") == []
        assert reading.unmapped == (Unmapped("transaction_status", "Levitating", "123"), Unmapped("transaction_types", "Barter", "123"))

    def test_the_way_it_was_paid(self) -> None:
        kinds = {"RefundToPaymentMethod": "original_payment", "StoreCredit": "store_credit", "new gift card": "gift_card"}
        transactions = [paid(kind, both(1.0), type=kind) for kind in kinds] + [paid("T9", both(1.0), processor="Wise")]
        methods = [
            row["method"] for row in told(read(rma(item("1"), transactions=transactions), processors={"wise": "bank_transfer"}), "Refunded")
        ]
        assert methods == [*kinds.values(), "bank_transfer"]

    def test_a_refund_that_failed_after_all_is_taken_back(self) -> None:
        desk = house()
        read(rma(item("1"), transactions=[paid("T1", both(12.0))]), desk)
        failed = rma(item("1"), transactions=[paid("T1", both(12.0), status="Failed", lastUpdated="2026-10-10T08:00:00+00:00")])
        (reversal,) = told(read(failed, desk), "RefundReversed")
        assert (reversal["refund"], reversal["occurred_at"]) == ("returngo-T1", "2026-10-10T08:00:00Z")

    def test_a_refund_that_the_shop_has_told_on_this_return_is_not_told_again(self) -> None:
        desk = house()
        by_shopify = {
            "fact": "Refunded",
            "merchant": MERCHANT,
            "platform": "returngo",
            "return": "123",
            "occurred_at": "2026-10-09T07:59:58Z",
            "source_id": "shopify/refund/4001",
            "refund": "4001",
            "currency": "GBP",
            "amount": {"total": "12.00"},
            "method": "original_payment",
        }
        desk.record(Reading((by_shopify,)))
        named = {"externalReferenceId": "4001", "externalReferenceType": "PlatformRefundId"}
        assert told(read(rma(item("1"), transactions=[paid("T1", both(12.0), **named)]), desk), "Refunded") == []
        assert not desk.conflicts

    def test_money_in_another_currency_than_the_goods_is_told_without_parts(self) -> None:
        euros = {"amount": 14.04, "currency": "EUR"}
        (refund,) = told(read(rma(item("1"), transactions=[paid("T1", euros)])), "Refunded")
        assert (refund["currency"], refund["amount"]) == ("EUR", {"total": "14.04"})
