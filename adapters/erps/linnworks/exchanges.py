"""Exchange orders of no value: created under a key that holds our id, so that creating one twice creates it once.

Source, SubSource and ReferenceNumber are the key of CreateOrders; a draft is an unpaid order (Linnworks parks it), an authorised one is
paid, and a paid order is not touched by creating it again [V].
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from adapters.erps.linnworks.client import LinnworksClient, Lost, No, NoSuchMethod
from adapters.erps.linnworks.mapping import Mapping
from adapters.erps.linnworks.orders import Orders, invoice_of, ships_from_of, shown_number
from adapters.erps.linnworks.places import Places, Skus
from adapters.erps.port import ORDER_NOT_FOUND, REFUSED, FoundTwice, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, VendorRefused, VendorTrouble
from adapters.vendor.shapes import Document, count, first_text, flag, nested, text

_PAID: Final = 1
_PARKED: Final = 7
_DISPATCH_WITHIN: Final = timedelta(days=1)
_ADDRESS: Final = (
    *("FullName", "Company", "Address1", "Address2", "Address3", "Town", "Region", "PostCode", "Country"),
    *("PhoneNumber", "EmailAddress"),
)
OrderStatus = Literal["draft", "authorised", "dispatched", "voided"]


class Exchange:
    """The order of one instruction, new or to be authorised."""

    def __init__(self, client: LinnworksClient, orders: Orders, places: Places, skus: Skus, mapping: Mapping, work: Work) -> None:
        self._client, self._orders, self._places, self._skus = client, orders, places, skus
        self._mapping, self._work = mapping, work

    def look(self) -> Accepted | Unfinished | NotThere:
        order = self._ours()
        return NotThere("orders by reference number") if order is None else Accepted(shown_number(order))

    def check(self) -> None:
        self._skus.ids_or_no({one.sku for one in self._work.issued.exchange or ()})

    def do(self) -> Accepted:
        found = self._ours()
        if found is not None:
            return Accepted(shown_number(found))
        self.check()
        original = self._orders.by_id(self._work.issued.order or "") or {}
        content = {"orders": [self._asked(original)], "location": self._location(original)}
        saved = self._client.write("Orders/CreateOrders", content)
        order_id = next((one for one in saved if isinstance(one, str)), None) if isinstance(saved, list) else None
        try:
            made = self._orders.by_id(order_id) if order_id is not None else self._ours()
            made = made or self._ours()
        except VendorTrouble as trouble:
            raise Lost(f"the exchange order was sent, and cannot be looked at: {trouble}") from trouble
        if made is None:
            raise Lost("Linnworks took the exchange order and does not show it")
        self._tell_original(original, shown_number(made))
        return Accepted(shown_number(made))

    def _tell_original(self, original: Document, number: str) -> None:
        """A note, so that people find the way from the original, too. The exchange does not hang on it."""
        order_id = first_text(original, "OrderId")
        if order_id is None:
            return
        work = self._work
        note = f"Exchange order {number} for return {work.key.return_id} ({work.issued.instruction})"
        with suppress(No, Lost, VendorTrouble, VendorRefused):
            self._client.write("ProcessedOrders/AddOrderNote", {"pkOrderID": order_id, "noteText": note, "isInternal": True})

    def _ours(self) -> Document | None:
        found = [one for one in self._orders.by_reference(self._work.issued.instruction) if status_of(one) != "voided"]
        if len(found) > 1:
            raise FoundTwice(f"orders {', '.join(map(shown_number, found))} all carry {self._work.issued.instruction}")
        return found[0] if found else None

    def _location(self, original: Document) -> str:
        """CreateOrders takes a location's name."""
        if self._mapping.exchange_location is not None:
            self._places.id_of(self._mapping.exchange_location)
            return self._mapping.exchange_location
        return self._places.name_of(ships_from_of(original)) or "Default"

    def _asked(self, original: Document) -> dict[str, Any]:
        """The customer's address goes from the original order to this one, and nowhere else."""
        work, draft = self._work, self._work.issued.status == "draft"
        customer = nested(original, "CustomerInfo")
        delivery = _address(nested(customer, "Address"))
        billing = _address(nested(customer, "BillingAddress")) or delivery
        reference = text(nested(original, "GeneralInfo").get("ReferenceNum")) or work.reference
        asked: dict[str, Any] = {
            "Source": self._mapping.exchange_source,
            "SubSource": self._mapping.exchange_sub_source,
            "ReferenceNumber": work.issued.instruction,
            "ExternalReference": f"{work.key.return_id} {work.reference}",
            "ReceivedDate": _written(work.issued_at),
            "DispatchBy": _written(work.issued_at + _DISPATCH_WITHIN),
            "PaymentStatus": "Unpaid" if draft else "Paid",
            "Currency": work.issued.currency,
            "UseChannelTax": True,
            "AutomaticallyLinkBySKU": True,
            "PostalServiceCost": 0,
            "PostalServiceTaxRate": 0,
            "Discount": 0,
            "OrderItems": [
                {
                    "ItemNumber": str(number),
                    "ChannelSKU": item.sku,
                    "ItemTitle": item.sku,
                    "Qty": item.quantity,
                    "PricePerUnit": 0,
                    "TaxRate": 0,
                    "TaxCostInclusive": True,
                    "UseChannelTax": True,
                    "LineDiscount": 0,
                    "IsService": False,
                }
                for number, item in enumerate(work.issued.exchange or (), start=1)
            ],
            "Relations": [{"ReferenceId": reference}],
            "ExtendedProperties": [
                {"Name": "Return", "Value": work.key.return_id, "Type": "Order"},
                {"Name": "Original order", "Value": work.reference, "Type": "Order"},
            ],
        }
        if not draft:
            asked["PaidOn"] = _written(work.issued_at)
        if delivery:
            asked |= {"DeliveryAddress": delivery, "BillingAddress": billing}
        return asked


class Authorising:
    """A draft that is to go out: it is set to paid, and no longer parked. Both say how it shall be, so doing them twice changes nothing."""

    def __init__(self, client: LinnworksClient, orders: Orders, work: Work) -> None:
        self._client, self._orders, self._work = client, orders, work

    def look(self) -> Accepted | Unfinished | NotThere:
        order = self._draft()
        number = shown_number(order)
        return Accepted(number) if status_of(order) in ("authorised", "dispatched") else NotThere(f"the status of order {number}")

    def check(self) -> None:
        if status_of(self._draft()) == "voided":
            reason = f"the exchange order {self._work.issued.document} is cancelled in Linnworks"
            raise No(REFUSED, reason, "order it anew in Linnworks, or waive the gap")

    def do(self) -> Accepted:
        self.check()
        order = self._draft()
        order_id = str(order["OrderId"])
        if count(nested(order, "GeneralInfo").get("Status")) != _PAID:
            self._client.write("Orders/ChangeStatus", {"orderIds": [order_id], "status": _PAID})
        if _is_parked(nested(self._again(order_id, order), "GeneralInfo")):
            # Where orders have no tags, being paid is what releases them.
            with suppress(NoSuchMethod):
                self._client.write("Orders/ChangeOrderTag", {"orderIds": [order_id], "tag": None})
        return Accepted(shown_number(order))

    def _again(self, order_id: str, order: Document) -> Document:
        return self._orders.by_id(order_id) or order

    def _draft(self) -> Document:
        name = self._work.issued.document or ""
        found = self._orders.by_number(name) if name.isdecimal() else self._orders.by_id(name)
        # Read once more by its id: that answer is never an older one.
        found = self._orders.by_id(str(found["OrderId"])) or found if found is not None else None
        if found is None:
            what_to_do = "look for the exchange order in Linnworks, then retry or waive the gap"
            raise No(ORDER_NOT_FOUND, f"Linnworks has no order {name}", what_to_do)
        return found


def status_of(order: Document) -> OrderStatus:
    general = nested(order, "GeneralInfo")
    if invoice_of(order) == "voided":
        return "voided"
    if invoice_of(order) == "authorised":
        return "dispatched"
    return "authorised" if count(general.get("Status")) == _PAID and not _is_parked(general) else "draft"


def _is_parked(general: Document) -> bool:
    return bool(flag(general.get("IsParked"))) or count(general.get("Marker")) == _PARKED


def _address(told: Document) -> dict[str, str]:
    """`MatchCountryName` is how CreateOrders takes the country."""
    found = {name: said for name in _ADDRESS if (said := text(told.get(name))) is not None}
    return {**found, "MatchCountryName": found["Country"]} if "Country" in found else found


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
