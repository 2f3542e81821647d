"""The documents of a simulated ReturnGO, and what can happen to them: the shape is the vendor's, the story is yours to tell.

`rmas.create(…)`, `approve`, `ship`, `receive`, `validate`, `refund`, `exchange`, `reject`, `cancel`, `finish`: each changes the document,
writes history, and leaves the events that ReturnGO would send. As with the vendor, an RMA's `lastUpdated` stands still while its shipments
and transactions change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.sandbox.port import Clock

Document = dict[str, Any]

# Beyond 2^53: whoever reads ids as floats is found out.
_FIRST_LINE_ITEM = 9_007_199_254_740_993
SHIPMENT_MOVES: dict[str, tuple[str, ...]] = {
    "Pending": ("LabelCreated", "Shipped", "Received", "Canceled", "Validated"),
    "LabelCreated": ("Shipped", "Received", "Canceled", "Validated"),
    "Shipped": ("Received", "Canceled", "Validated"),
    "Canceled": ("Received", "Validated"),
    "Received": ("Validated",),
    "Validated": (),
}


class Event(NamedTuple):
    """Something a webhook can be subscribed to."""

    name: str
    at: str
    rma_id: str
    about: Document


class IllegalMove(ValueError):
    """A status that cannot follow the one before."""


class Rmas:
    """All RMAs of one shop. Amounts are told as decimal strings and kept as the JSON numbers that ReturnGO sends."""

    def __init__(self, clock: Clock, currency: str = "GBP", customer_currency: str | None = None, rate: str = "1", first: int = 0) -> None:
        self._clock = clock
        self._currency, self._customer_currency, self._rate = currency, customer_currency or currency, Decimal(rate)
        self.documents: dict[str, Document] = {}
        self.events: list[Event] = []
        begins = {"rma": 9_856_537, "item": 40_001, "shipment": 70_001, "transaction": 880_001, "line": _FIRST_LINE_ITEM}
        self._next = {kind: number + first for kind, number in begins.items()}

    # What happens

    def create(
        self,
        items: Sequence[Mapping[str, Any]],
        *,
        order: str = "#1001",
        resolution: str = "RefundToPaymentMethod",
        tax_included: bool = True,
    ) -> str:
        """`items`: one mapping a unit: `sku`, `price` and `tax` (strings, per unit), and where wanted `reason`, `resolution`, `line_item`,
        `exchange` (a SKU), `restockingFee`, `returnFee`, `shipmentFee`, or any field of the document by its own name."""
        rma_id, now = self._id("rma"), self._now()
        self.documents[rma_id] = {
            "rmaSummary": {"rmaId": rma_id, "status": "Pending", "order_name": order, "events": []},
            "orderDetails": {"orderId": str(_FIRST_LINE_ITEM - 7 + len(self.documents)), "order_name": order},
            "shipments": [],
            "items": [self._item(item, resolution, tax_included) for item in items],
            "comments": [],
            "exchangeOrders": [],
            "exchangeItems": [],
            "cancellationFee": 0,
            "transactions": [],
            "createdAt": now,
            "lastUpdated": now,
            "isOutOfPolicy": False,
        }
        self._history(rma_id, "RMA_CREATED")
        self._emit("RMA_CREATED", rma_id, {"rmaId": rma_id, "status": "Pending"})
        return rma_id

    def approve(self, rma_id: str) -> None:
        self.set_status(rma_id, "Approved")

    def ship(self, rma_id: str, lines: Iterable[int] | None = None, outbound: bool = False) -> str:
        """A parcel with these units (their places in `items`; all that have none, if left out), on its way."""
        shipment_id = self._id("shipment")
        document = self.documents[rma_id]
        document["shipments"].append(
            {
                "shipmentId": shipment_id,
                "status": "Pending",
                "carrierName": "Royal Mail",
                "trackingNumber": f"RM{shipment_id}GB",
                "customerAddress": {"name": "Ann Other", "street1": "1 High Street", "email": "ann.other@example.com"},
                "isOutbound": outbound,
            }
        )
        if not outbound:
            items = document["items"]
            for place in lines if lines is not None else [n for n, item in enumerate(items) if item["shipmentId"] is None]:
                items[place]["shipmentId"] = shipment_id
        self._emit("SHIPMENT_CREATED", rma_id, {"shipmentId": shipment_id, "status": "Pending"})
        self.move_shipment(shipment_id, "Shipped")
        return shipment_id

    def move_shipment(self, shipment_id: str, status: str) -> None:
        """Along ReturnGO's status machine; the status that it has already changes nothing. Raises IllegalMove, KeyError."""
        rma_id, shipment = self.shipment(shipment_id)
        if status == shipment["status"]:
            return
        if status not in SHIPMENT_MOVES[shipment["status"]]:
            raise IllegalMove(f"Shipment status cannot be changed from {shipment['status']} to {status}")
        shipment["status"] = status
        self.documents[rma_id]["comments"].append(
            {"commentType": "system", "triggeredBy": "ReturnGO", "htmlText": f"<p>Shipment is {status}</p>", "datetime": self._now()}
        )
        self._emit("SHIPMENT_STATUS_UPDATED", rma_id, {"shipmentId": shipment_id, "status": status})

    def receive(self, rma_id: str, shipment_id: str | None = None) -> None:
        """One parcel, or all of them. The RMA is received when all its parcels are."""
        parcels = [each for each in self.documents[rma_id]["shipments"] if not each["isOutbound"]]
        for parcel in parcels:
            if shipment_id in (None, parcel["shipmentId"]):
                self.move_shipment(parcel["shipmentId"], "Received")
        if all(parcel["status"] in ("Received", "Validated", "Canceled") for parcel in parcels):
            self.set_status(rma_id, "Received")

    def validate(self, rma_id: str, found: Mapping[int, str] | str = "restockable", status: str | None = "Validated") -> None:
        """Per place in `items`, or for all: `restockable`, `damaged` or `missing`. `status` None leaves the RMA's as it is."""
        items = self.documents[rma_id]["items"]
        for place, item in enumerate(items):
            how = found if isinstance(found, str) else found.get(place)
            if how is None:
                continue
            if how not in ("restockable", "damaged", "missing"):
                raise ValueError(f"a unit is restockable, damaged or missing, not {how!r}")
            item["itemValidationStatusResponse"] |= {
                "isReturned": how != "missing",
                "isRestockable": how == "restockable",
                "nonRestockableReason": "Stain on the sleeve" if how == "damaged" else None,
                "nonReturnedReason": "Not in the parcel" if how == "missing" else None,
                "lastValidationDate": self._now(),
                "lastValidatedBy": "Wanda Warehouse",
            }
        self._touch(rma_id)
        if status is not None:
            self.set_status(rma_id, status)

    def refund(
        self,
        rma_id: str,
        amount: str,
        *,
        refund_id: str | None = None,
        kind: str = "RefundToPaymentMethod",
        status: str = "Success",
        processor: str = "Shopify",
        lines: Iterable[int] | None = None,
    ) -> str:
        """A transaction. `refund_id` is the Shopify refund that it names; `lines` the places of the units it pays for (all)."""
        transaction_id, now = self._id("transaction"), self._now()
        items = self.documents[rma_id]["items"]
        self.documents[rma_id]["transactions"].append(
            {
                "id": transaction_id,
                "type": kind,
                "externalReferenceId": refund_id,
                "externalReferenceType": "PlatformRefundId" if refund_id is not None else None,
                "amount": self._money(amount),
                "status": "Requested",
                "processor": processor,
                "bankAccountDetails": {"iban": "GB33BUKB20201555555555", "firstName": "Ann", "lastName": "Other"},
                "returnItemIds": [items[place]["returnedItemId"] for place in (lines if lines is not None else range(len(items)))],
                "createdAt": now,
                "lastUpdated": now,
            }
        )
        self._emit("TRANSACTION_CREATED", rma_id, {"transactionId": transaction_id, "status": "Requested"})
        if status != "Requested":
            self.settle(transaction_id, status)
        return transaction_id

    def settle(self, transaction_id: str, status: str = "Success") -> None:
        rma_id, transaction = self.transaction(transaction_id)
        transaction |= {"status": status, "lastUpdated": self._now()}
        if status == "Success":
            self._emit("REFUND_CREATED", rma_id, {"transactionId": transaction_id, "status": status})

    def exchange(self, rma_id: str, *, draft: str | None = None, order: str | None = None, name: str | None = None) -> None:
        """An exchange order: a draft, or the order that a draft has become."""
        orders = self.documents[rma_id]["exchangeOrders"]
        if order is not None and orders and orders[-1]["orderId"] is None:
            orders[-1] |= {"orderId": order, "orderName": name}
        else:
            orders.append({"draftOrderId": draft, "orderId": order, "orderName": name, "type": "Exchange"})
        self._touch(rma_id)
        self._emit("RMA_STATUS_UPDATED", rma_id, {"rmaId": rma_id, "status": self.documents[rma_id]["rmaSummary"]["status"]})

    def finish(self, rma_id: str) -> None:
        self.set_status(rma_id, "Done")

    def reject(self, rma_id: str) -> None:
        self.set_status(rma_id, "Rejected")

    def cancel(self, rma_id: str) -> None:
        self.set_status(rma_id, "Canceled")

    def set_status(self, rma_id: str, status: str) -> None:
        summary = self.documents[rma_id]["rmaSummary"]
        if summary["status"] == status:
            return
        summary["status"] = status
        self._touch(rma_id)
        self._history(rma_id, f"RMA_{status.upper()}")
        self._emit("RMA_STATUS_UPDATED", rma_id, {"rmaId": rma_id, "status": status})

    # What is there

    def shipment(self, shipment_id: str) -> tuple[str, Document]:
        return self._within("shipments", "shipmentId", shipment_id)

    def transaction(self, transaction_id: str) -> tuple[str, Document]:
        return self._within("transactions", "id", transaction_id)

    def take_events(self) -> list[Event]:
        taken, self.events = self.events, []
        return taken

    def _within(self, name: str, field: str, wanted: str) -> tuple[str, Document]:
        for rma_id, document in self.documents.items():
            for each in document[name]:
                if each[field] == wanted:
                    return rma_id, each
        raise KeyError(wanted)

    def _item(self, told: Mapping[str, Any], resolution: str, tax_included: bool) -> Document:
        told = dict(told)
        item_id = self._id("item")
        item: Document = {
            "shopLineItemId": told.pop("line_item", None) or self._id("line"),
            "shopProductId": "7001",
            "variantId": "8001",
            "returnedItemId": item_id,
            "fullName": f"{told['sku']} / M",
            "productName": told["sku"],
            "variantName": "M",
            "sku": told.pop("sku"),
            "barcode": "5012345678900",
            "paidPrice": self._money(told.pop("price")),
            "paidTax": self._money(told.pop("tax", "0")),
            "taxIncluded": tax_included,
            "returnReason": told.pop("reason", "Too small"),
            "extendedReason": " > Sleeves",
            "resolutionName": "Refund to the payment method",
            "resolutionType": told.pop("resolution", resolution),
            "policyRuleName": "30 days",
            "isAutoApprove": False,
            "restockingFee": 0,
            "returnFee": 0,
            "shipmentFee": 0,
            "shipmentId": None,
            "returnMethod": {"type": "Shipment", "name": "Royal Mail"},
            "itemValidationStatusResponse": {
                "returnedItemId": item_id,
                "isRestockable": False,
                "isReturned": False,
                "nonRestockableReason": None,
                "nonReturnedReason": None,
                "storeLocationId": None,
                "lastValidationDate": None,
                "lastValidatedBy": None,
            },
            "exchangeItems": [],
            "followUpQuestions": [],
        }
        if (wanted := told.pop("exchange", None)) is not None:
            item["exchangeItems"] = [
                {"productId": "7001", "variantId": "8002", "quantity": 1, "sku": wanted, "itemPriceMethod": "PaidPrice"}
            ]
        return item | told

    def _money(self, amount: str) -> Document:
        value = Decimal(amount)
        return {
            "amount": _json(value * self._rate),
            "currency": self._customer_currency,
            "shopAmount": _json(value),
            "shopCurrency": self._currency,
        }

    def _id(self, kind: str) -> str:
        self._next[kind] += 1
        return str(self._next[kind] - 1)

    def _now(self) -> str:
        return instant(self._clock())

    def _touch(self, rma_id: str) -> None:
        self.documents[rma_id]["lastUpdated"] = self._now()

    def _history(self, rma_id: str, name: str) -> None:
        self.documents[rma_id]["rmaSummary"]["events"].append(
            {
                "eventName": name,
                "eventDate": self._now(),
                "triggeredVia": "Return Portal",
                "storeLocationId": "online",
                "userDetails": {
                    "userFirstName": "Olga",
                    "userLastName": "Owner",
                    "userEmailAddress": "olga@example.com",
                    "userRole": "Owner",
                },
            }
        )

    def _emit(self, name: str, rma_id: str, about: Document) -> None:
        self.events.append(Event(name, self._now(), rma_id, about))


def instant(at: datetime) -> str:
    """As ReturnGO writes it: whole seconds, `+00:00`."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _json(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
