"""ReturnGO's own samples, types that drift, fields that are anything, and mappings that do not exist."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from adapters.files.exact_json import loads
from adapters.platforms.returngo.fields import flag, instant, number, text
from adapters.platforms.returngo.mapping import Mappings
from tests.adapters.platforms.rma_documents import both, item, looked_at, paid, read, rma


class TestTheVendorsOwnSamples:
    def test_the_documented_example_is_understood_as_far_as_it_says_anything(self) -> None:
        """Its values are the word "string" and the number 0: no currency, no date. Each reason is shown; nothing breaks."""
        zero = {"amount": 0, "currency": "string", "shopAmount": 0, "shopCurrency": "string"}
        document = {
            "rmaSummary": {
                "rmaId": "string",
                "status": "Pending",
                "order_name": "string",
                "events": [
                    {
                        "eventName": "RMA_CREATED",
                        "eventDate": "string",
                        "triggeredVia": "Return Portal",
                        "storeLocationId": "online",
                        "userDetails": {"userFirstName": "string", "userRole": "Owner"},
                    }
                ],
            },
            "orderDetails": {"orderId": "string", "order_name": "string"},
            "shipments": [{"shipmentId": "string", "status": "Pending", "customerAddress": {"name": "string"}, "isOutbound": True}],
            "items": [
                {
                    "shopLineItemId": "string",
                    "returnedItemId": "string",
                    "sku": "string",
                    "paidPrice": zero,
                    "paidTax": zero,
                    "taxIncluded": True,
                    "resolutionType": "RefundToPaymentMethod",
                    "shipmentId": "string",
                    "extendedReason": "string",
                    "itemValidationStatusResponse": {"isRestockable": True, "isReturned": True, "lastValidationDate": "string"},
                    "exchangeItems": [{"quantity": 0, "sku": "string", "catalogPrice": zero}],
                }
            ],
            "comments": [{"commentType": "merchant", "htmlText": "string", "datetime": "string"}],
            "exchangeOrders": [{"draftOrderId": "string", "orderId": "string", "orderName": "string", "type": "Fee"}],
            "cancellationFee": 0,
            "transactions": [
                {
                    "id": "string",
                    "type": "RefundToPaymentMethod",
                    "externalReferenceId": "string",
                    "externalReferenceType": "PlatformRefundId",
                    "amount": zero,
                    "status": "Requested",
                    "bankAccountDetails": {"iban": "string"},
                    "returnItemIds": ["string"],
                }
            ],
            "createdAt": "string",
            "lastUpdated": "string",
            "isOutOfPolicy": True,
        }
        reading = read(document)
        assert [missed.field for missed in reading.unmapped] == ["items.paidPrice", "createdAt"]
        assert [fact["fact"] for fact in reading.facts] == ["Received", "Inspected", "ExchangeOrdered", "ExchangeOrdered"]
        assert {fact["occurred_at"] for fact in reading.facts} == {"2026-10-20T12:00:00Z"}

    def test_types_that_drift_change_nothing(self) -> None:
        plainly = rma(
            item("1", itemValidationStatusResponse=looked_at(True, False)), parcel="Received", transactions=[paid("880001", both(12.0))]
        )
        drifted = copy.deepcopy(plainly)
        drifted["rmaSummary"]["rmaId"] = 123
        drifted["isOutOfPolicy"] = 0
        drifted["items"][0] |= {
            "isAutoApprove": 1,
            "taxIncluded": 1,
            "shopLineItemId": 911,
            "returnedItemId": 1,
            "paidPrice": {name: str(value) for name, value in both(12.0).items()},
            "returnReason": " > Too small",
            "itemValidationStatusResponse": looked_at(1, 0),
        }
        drifted["transactions"][0]["id"] = 880001
        assert read(drifted) == read(plainly)

    @pytest.mark.parametrize("junk", [None, "x", 7, [], [None, "x", 3], {}, [[]], True, 1.5])
    def test_any_field_may_be_anything(self, junk: object) -> None:
        document = rma(
            item("1", itemValidationStatusResponse=looked_at(True, True)),
            parcel="Received",
            transactions=[paid("T1", both(12.0))],
            exchangeOrders=[],
        )
        for name in document:
            if name != "rmaSummary":
                read(document | {name: junk})
        for name in document["items"][0]:
            read(document | {"items": [document["items"][0] | {name: junk}]})
        for name in document["transactions"][0]:
            read(document | {"transactions": [document["transactions"][0] | {name: junk}]})
        for name in ("status", "order_name", "events"):
            read(document | {"rmaSummary": document["rmaSummary"] | {name: junk}})


class TestFields:
    def test_texts(self) -> None:
        assert [text(value) for value in (" > Too big", 9007199254740993, "  ", None, True, 1.5)] == [
            "Too big",
            "9007199254740993",
            None,
            None,
            None,
            None,
        ]

    def test_flags(self) -> None:
        values: list[object] = [True, 1, "1", "True", False, 0, "no", None, "perhaps", 2, []]
        assert [flag(value) for value in values] == [True] * 4 + [False] * 3 + [None] * 4

    def test_numbers(self) -> None:
        values: list[object] = [loads("12.10"), "7.5", 3, "", None, True, "nan", "1e99", []]
        assert [str(number(value)) for value in values] == ["12.10", "7.5", "3"] + ["None"] * 6

    def test_instants(self) -> None:
        for said in ("2026-01-18T17:49:33+00:00", "2026-01-18T17:49:33Z", "2026-01-18 18:49:33+01:00", "2026-01-18T17:49:33"):
            assert instant(said) == datetime(2026, 1, 18, 17, 49, 33, tzinfo=UTC)
        assert [instant(said) for said in ("2024-03-19dT12:34:56", "string", "0001-01-01T00:00:00+14:00", None, 5)] == [None] * 5


class TestMappings:
    @pytest.mark.parametrize(
        ("tables", "message"),
        [
            ({"colours": {"red": "blue"}}, "connections.uk.mappings.colours: ReturnGO has no such table"),
            ({"rma_status": {"Done": "ended"}}, "connections.uk.mappings.rma_status.Done: 'ended' must be one of"),
        ],
    )
    def test_what_does_not_exist_is_refused_with_its_key(self, tables: dict[str, dict[str, str]], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Mappings("uk", tables)
