"""What an RMA announces and what is found of its goods, with every oddity that has been seen in its document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.platforms.port import Unmapped
from tests.adapters.platforms.contract import MERCHANT
from tests.adapters.platforms.rma_documents import NOW, both, house, item, looked_at, read, rma, told


class TestInitiated:
    def test_everything_that_was_announced(self) -> None:
        reading = read(rma(item("1", paidPrice=both(45.99), paidTax=both(7.67)), item("2", extendedReason=" > Sleeves", sku="")))
        (initiated,) = reading.facts
        assert initiated == {
            "fact": "Initiated",
            "merchant": MERCHANT,
            "platform": "returngo",
            "return": "123",
            "occurred_at": "2026-10-02T09:30:00Z",
            "source_id": "returngo/rma/123/initiated",
            "order": "R99288",
            "currency": "GBP",
            "resolution": "refund",
            "lines": [
                {"line": "1", "order_line": "911", "sku": "SKU-1", "quantity": 1, "items": "38.32", "tax": "7.67", "reason": "Too small"},
                {
                    "line": "2",
                    "order_line": "912",
                    "sku": "line:912",
                    "quantity": 1,
                    "items": "10.00",
                    "tax": "2.00",
                    "reason": "Too small",
                },
            ],
        }
        assert reading.unmapped == ()

    def test_prices_without_tax(self) -> None:
        (line,) = told(read(rma(item("1", taxIncluded=False))), "Initiated")[0]["lines"]
        assert (line["items"], line["tax"]) == ("12.00", "2.00")

    def test_the_shops_currency_goes_before_the_customers(self) -> None:
        price = {"amount": 14.04, "currency": "EUR", "shopAmount": 12.0, "shopCurrency": "GBP"}
        tax = {"amount": 2.34, "currency": "EUR", "shopAmount": 2.0, "shopCurrency": "GBP"}
        (initiated,) = told(read(rma(item("1", paidPrice=price, paidTax=tax))), "Initiated")
        assert (initiated["currency"], initiated["lines"][0]["items"], initiated["lines"][0]["tax"]) == ("GBP", "10.00", "2.00")

    def test_a_shop_amount_that_nobody_filled_in_is_none(self) -> None:
        price = {"amount": 14.04, "currency": "EUR", "shopAmount": 0, "shopCurrency": "GBP"}
        tax = {"amount": 2.34, "currency": "EUR", "shopAmount": 0, "shopCurrency": "GBP"}
        free = {"amount": 0, "currency": "EUR", "shopAmount": 0, "shopCurrency": "GBP"}
        reading = read(rma(item("1", paidPrice=price, paidTax=tax), item("2", paidPrice=free, paidTax=free)))
        (initiated,) = told(reading, "Initiated")
        assert initiated["currency"] == "EUR"
        assert [(line["items"], line["tax"]) for line in initiated["lines"]] == [("11.70", "2.34"), ("0.00", "0.00")]

    def test_half_in_one_currency_and_half_in_another_is_not_read(self) -> None:
        only_shop = {"shopAmount": 12.0, "shopCurrency": "GBP"}
        only_customer = {"amount": 14.04, "currency": "EUR"}
        reading = read(rma(item("1", paidPrice=only_shop, paidTax=None), item("2", paidPrice=only_customer, paidTax=None)))
        assert reading.facts == ()
        assert reading.unmapped == (Unmapped("items.paidPrice", "no currency of ISO 4217 in which all items are told", "123"),)

    def test_units_of_one_line_share_what_rounding_leaves_over(self) -> None:
        thirds = {"shopLineItemId": "7", "paidPrice": both(10.0), "paidTax": both(1.6666666666666667)}
        (initiated,) = told(read(rma(item("1", **thirds), item("2", **thirds), item("3", **thirds))), "Initiated")
        assert [line["tax"] for line in initiated["lines"]] == ["1.67", "1.67", "1.66"]
        assert [line["items"] for line in initiated["lines"]] == ["8.33", "8.33", "8.34"]

    def test_currencies_with_other_digits(self) -> None:
        (initiated,) = told(read(rma(item("1", paidPrice=both(1200, "JPY"), paidTax=both(109, "JPY")))), "Initiated")
        assert (initiated["lines"][0]["items"], initiated["lines"][0]["tax"]) == ("1091", "109")
        (initiated,) = told(read(rma(item("1", paidPrice=both(1.2345, "KWD"), paidTax=both(0, "KWD")))), "Initiated")
        assert initiated["lines"][0]["items"] == "1.235"

    def test_units_without_an_id_are_named_by_their_order_line_and_place(self) -> None:
        units = [
            item("1", returnedItemId=None, shopLineItemId=9007199254740993),
            item("2", returnedItemId="", shopLineItemId="9007199254740993"),
        ]
        (initiated,) = told(read(rma(*units)), "Initiated")
        assert [line["line"] for line in initiated["lines"]] == ["9007199254740993-1", "9007199254740993-2"]
        assert {line["order_line"] for line in initiated["lines"]} == {"9007199254740993"}

    @pytest.mark.parametrize(
        ("kinds", "resolution"),
        [
            (["RefundToPaymentMethod", "variant exchange"], "exchange"),
            (["Store credit", "StoreCredit"], "store_credit"),
            (["StoreCredit", "RefundToPaymentMethod"], "refund"),
        ],
    )
    def test_one_resolution_for_the_whole_return(self, kinds: list[str], resolution: str) -> None:
        (initiated,) = told(read(rma(*(item(str(n), resolutionType=kind) for n, kind in enumerate(kinds)))), "Initiated")
        assert initiated["resolution"] == resolution

    def test_an_unknown_resolution_is_shown_and_not_guessed(self) -> None:
        document = rma(item("1", resolutionType="PlantATree"), parcel="Received")
        reading = read(document)
        assert [fact["fact"] for fact in reading.facts] == ["Received"]
        assert reading.unmapped == (Unmapped("resolution_types", "PlantATree", "123"),)
        assert told(read(document, resolution_types={"Plant a tree": "refund"}), "Initiated")[0]["resolution"] == "refund"

    def test_without_a_date_of_creation_it_waits(self) -> None:
        document = rma(item("1"), createdAt="2024-03-19dT12:34:56", rmaSummary={"rmaId": 123, "status": "Pending", "order_name": "R1"})
        reading = read(document)
        assert reading.facts == ()
        assert reading.unmapped == (Unmapped("createdAt", "2024-03-19dT12:34:56", "123"),)

    def test_an_announcement_that_changed_is_a_conflict_and_not_silence(self) -> None:
        desk = house()
        read(rma(item("1")), desk)
        assert not desk.conflicts
        read(rma(item("1"), item("2")), desk)
        assert [conflict["fact"] for conflict in desk.conflicts] == ["Initiated"]


class TestGoods:
    @pytest.mark.parametrize("status", ["Pending", "Approved", "Received"])
    def test_not_looked_at_yet_is_no_finding(self, status: str) -> None:
        reading = read(rma(item("1"), parcel="Received", status=status))
        assert [fact["fact"] for fact in reading.facts] == ["Initiated", "Received"]

    @pytest.mark.parametrize("status", ["Validated", "Done"])
    @pytest.mark.parametrize("parcel", [None, "Shipped", "Received"])
    def test_a_jump_is_one_receipt_and_one_inspection(self, status: str, parcel: str | None) -> None:
        desk = house()
        units = [item("1", itemValidationStatusResponse=looked_at(1, 1)), item("2", itemValidationStatusResponse=looked_at(1, 0))]
        reading = read(rma(*units, parcel=parcel, status=status), desk)
        (received,), (inspected,) = told(reading, "Received"), told(reading, "Inspected")
        assert [line["line"] for line in received["lines"]] == ["1", "2"]
        assert [line["disposition"] for line in inspected["lines"]] == ["restockable", "damaged"]

    @pytest.mark.parametrize("status", ["Validated", "Done"])
    def test_a_jump_without_a_validation_is_an_inspection_that_nobody_has_named(self, status: str) -> None:
        desk = house()
        reading = read(rma(item("1"), item("2"), parcel="Shipped", status=status), desk)
        assert [fact["fact"] for fact in reading.facts] == ["Initiated", "Received", "Inspected"]
        assert [line["disposition"] for line in told(reading, "Inspected")[0]["lines"]] == ["not-validated", "not-validated"]
        assert told(read(rma(item("1"), item("2"), parcel="Received", status=status), desk), "Received") == []
        assert not desk.conflicts
        (named,) = told(read(rma(item("1"), status=status), dispositions={"not_validated": "restockable"}), "Inspected")
        assert named["lines"][0]["disposition"] == "restockable"

    def test_where_some_were_looked_at_the_others_wait_for_it(self) -> None:
        reading = read(rma(item("1", itemValidationStatusResponse=looked_at(True, True)), item("2"), status="Validated"))
        assert sorted(line["line"] for row in told(reading, "Received") for line in row["lines"]) == ["1", "2"]
        assert [line["line"] for row in told(reading, "Inspected") for line in row["lines"]] == ["1"]

    def test_done_can_be_said_to_be_about_money_only(self) -> None:
        """ReturnGO closes an RMA when the refund covers the balance."""
        reading = read(rma(item("1"), parcel="Shipped", status="Done"), rma_status={"Done": "done"})
        assert [fact["fact"] for fact in reading.facts] == ["Initiated"]

    @pytest.mark.parametrize("status", ["Received", "Validated"])
    def test_the_rmas_own_status_says_that_all_came(self, status: str) -> None:
        (received,) = told(read(rma(item("1"), item("2"), status=status, parcel="Shipped")), "Received")
        assert [line["line"] for line in received["lines"]] == ["1", "2"]

    def test_a_parcel_on_its_way_is_not_meant_where_parcels_are_told_one_by_one(self) -> None:
        document = rma(item("1"), item("2", shipmentId="S2"), item("3", shipmentId=None), status="Received", parcel="Received")
        document["shipments"].append({"shipmentId": "S2", "status": "Shipped"})
        lines = [[line["line"] for line in received["lines"]] for received in told(read(document), "Received")]
        assert lines == [["1"], ["3"]]

    def test_what_goes_out_brings_nothing_in(self) -> None:
        document = rma(item("1", shipmentId="S9"), shipments=[{"shipmentId": "S9", "status": "Received", "isOutbound": 1}])
        assert told(read(document), "Received") == []

    @pytest.mark.parametrize(
        ("validation", "disposition"),
        [
            (looked_at(True, True), "restockable"),
            (looked_at(1, 0), "damaged"),
            (looked_at("true", "false"), "damaged"),
            (looked_at(True, False) | {"nonRestockableReason": "Tag missing"}, "tag-missing"),
            (looked_at(True, True, at=None), "restockable"),
        ],
    )
    def test_findings(self, validation: dict[str, Any], disposition: str) -> None:
        reading = read(rma(item("1", itemValidationStatusResponse=validation)), dispositions={"tag missing": "tag-missing"})
        (received,), (inspected,) = told(reading, "Received"), told(reading, "Inspected")
        assert inspected["lines"] == [{"line": "1", "quantity": 1, "disposition": disposition}]
        expected = "2026-10-08T10:00:00Z" if validation["lastValidationDate"] else "2026-10-03T10:00:00Z"
        assert (received["occurred_at"], inspected["occurred_at"]) == (expected, expected)

    def test_a_unit_that_did_not_come_is_neither_received_nor_inspected(self) -> None:
        document = rma(
            item("1", itemValidationStatusResponse=looked_at(True, True)), item("2", itemValidationStatusResponse=looked_at(False, False))
        )
        reading = read(document | {"shipments": [{"shipmentId": "S1", "status": "Validated"}]})
        for fact in ("Received", "Inspected"):
            assert [line["line"] for row in told(reading, fact) for line in row["lines"]] == ["1"]

    def test_a_unit_missing_from_a_parcel_that_had_come_is_looked_for(self) -> None:
        desk = house()
        read(rma(item("1"), item("2"), parcel="Received"), desk)
        found = [
            item("1", itemValidationStatusResponse=looked_at(True, True)),
            item("2", itemValidationStatusResponse=looked_at(False, False)),
        ]
        reading = read(rma(*found, parcel="Validated"), desk)
        assert told(reading, "Received") == []
        assert [line["disposition"] for line in told(reading, "Inspected")[0]["lines"]] == ["restockable", "not-returned"]
        assert not desk.conflicts

    def test_a_finding_that_is_changed_afterwards_is_a_conflict_that_shows_both(self) -> None:
        desk = house()
        read(rma(item("1", itemValidationStatusResponse=looked_at(True, True)), item("2"), parcel="Received"), desk)
        for _ in range(2):
            later = looked_at(True, False, "2026-10-11T10:00:00+00:00")
            read(rma(item("1", itemValidationStatusResponse=later), item("2"), parcel="Received"), desk)
        assert [conflict["lines"][0]["disposition"] for conflict in desk.conflicts] == ["damaged", "damaged"]
        assert len([telling for telling in desk.tellings if type(telling.fact).__name__ == "Inspected"]) == 1

    def test_units_looked_at_in_one_sitting_are_one_inspection(self) -> None:
        at = [looked_at(True, True, f"2026-10-08T{time}+00:00") for time in ("10:00:00", "10:04:00", "15:00:00")]
        inspected = told(read(rma(*(item(str(n), itemValidationStatusResponse=each) for n, each in enumerate(at)))), "Inspected")
        assert [(row["occurred_at"], len(row["lines"])) for row in inspected] == [("2026-10-08T10:04:00Z", 2), ("2026-10-08T15:00:00Z", 1)]

    def test_the_history_dates_a_receipt(self) -> None:
        document = rma(item("1"), parcel="Received", status="Received")
        document["rmaSummary"]["events"].append({"eventName": "RMA_RECEIVED", "eventDate": "2026-10-07T16:20:00.250Z"})
        assert told(read(document), "Received")[0]["occurred_at"] == "2026-10-07T16:20:00.250000Z"

    def test_a_date_once_given_is_kept(self) -> None:
        """The RMA's own date stands still while a parcel comes, moves when it is paid, and is no date of receipt."""
        desk = house()
        document = rma(item("1"), parcel="Received")
        document["comments"] = [{"datetime": "2026-10-06T15:51:00+00:00", "htmlText": "<p>Shipment is Received</p>"}]
        assert told(read(document, desk), "Received")[0]["occurred_at"] == "2026-10-06T15:51:00Z"
        document["lastUpdated"] = "2026-10-09T00:00:00+00:00"
        assert told(read(document, desk), "Received") == []
        assert told(read(document), "Received")[0]["occurred_at"] == "2026-10-09T00:00:00Z"
        assert not desk.conflicts

    def test_what_a_webhook_says_happened_last_dates_what_nothing_else_does(self) -> None:
        at_least = datetime(2026, 10, 6, 15, 50, tzinfo=UTC)
        assert told(read(rma(item("1"), parcel="Received"), at_least=at_least), "Received")[0]["occurred_at"] == "2026-10-06T15:50:00Z"
        tomorrow = NOW + timedelta(days=1)
        assert told(read(rma(item("1"), parcel="Received"), at_least=tomorrow), "Received")[0]["occurred_at"] == "2026-10-03T10:00:00Z"

    def test_unknown_status_values_are_shown(self) -> None:
        reading = read(rma(item("1"), status="Teleported", parcel="Beamed"))
        assert reading.unmapped == (Unmapped("shipment_status", "Beamed", "123"), Unmapped("rma_status", "Teleported", "123"))
        assert [fact["fact"] for fact in reading.facts] == ["Initiated"]
        assert len(told(read(rma(item("1"), parcel="Beamed"), shipment_status={"Beamed": "received"}), "Received")) == 1
