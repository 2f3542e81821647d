"""Orders of a simulated Linnworks: sold on a channel, created by API, processed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.sandbox.linnworks.books import CENT, NOTHING, Books, Document, Refused

PAID, UNPAID, PARKED = 1, 0, 7
_ADDRESS = {
    "EmailAddress": "ada.lovelace@example.com",
    "Address1": "12 St James's Square",
    "Address2": "",
    "Address3": "",
    "Town": "London",
    "Region": "",
    "PostCode": "SW1Y 4JH",
    "Country": "United Kingdom",
    "Continent": "EU",
    "FullName": "Ada Lovelace",
    "Company": "",
    "PhoneNumber": "",
    "CountryId": NOTHING,
}


def sell(
    books: Books,
    reference: str,
    lines: Sequence[Mapping[str, Any]],
    *,
    shipping: str = "0",
    shipping_tax: str = "0",
    currency: str = "GBP",
    location: str = "Default",
    processed: bool = True,
    discount: str = "0",
    secondary: str = "",
    source: str = "SHOPIFY",
    sub_source: str = "acme",
    order_status: int = PAID,
    channel_pays: bool = False,
) -> Document:
    """`lines`: sku, quantity, and net and tax for the whole line; `item_number` is the channel's id. `discount` is on the whole order: the
    lines do not have it."""
    order_id, number = books.new_id("order"), books.next_number("order number", 100_001)
    items = [_row(books, order_id, place, dict(line)) for place, line in enumerate(lines, start=1)]
    net_shipping, gross_shipping = Decimal(shipping), Decimal(shipping) + Decimal(shipping_tax)
    gross = sum((item["CostIncTax"] for item in items), Decimal(0))
    net = sum((item["Cost"] for item in items), Decimal(0))
    at = books.now()
    order: Document = {
        "OrderId": order_id,
        "NumOrderId": number,
        "Processed": processed,
        "ProcessedDateTime": at if processed else None,
        "FulfilmentLocationId": books.location(location),
        "GeneralInfo": {
            "Status": order_status,
            "Marker": PARKED if order_status == UNPAID else 0,
            "IsParked": order_status == UNPAID,
            "ReferenceNum": reference,
            "SecondaryReference": secondary,
            "ExternalReferenceNum": reference,
            "ReceivedDate": at,
            "Source": source,
            "SubSource": sub_source,
            "HoldOrCancel": False,
            "Location": books.location(location),
            "NumItems": len(items),
            "PartShipped": False,
        },
        "ShippingInfo": {"PostalServiceName": "Default", "PostageCost": gross_shipping, "PostageCostExTax": net_shipping},
        "CustomerInfo": {"ChannelBuyerName": "ada", "Address": dict(_ADDRESS), "BillingAddress": dict(_ADDRESS)},
        "TotalsInfo": {
            "Subtotal": net,
            "PostageCost": gross_shipping,
            "PostageCostExTax": net_shipping,
            "Tax": gross - net + gross_shipping - net_shipping,
            "TotalCharge": gross + gross_shipping - Decimal(discount),
            "TotalDiscount": Decimal(discount),
            "Currency": currency,
            "CountryTaxRate": Decimal(20),
            "ConversionRate": Decimal(1),
        },
        "ExtendedProperties": [],
        "FolderName": [],
        "Items": items,
        "Notes": [],
        "PaidDateTime": at if order_status != UNPAID else None,
        "TaxId": "",
    }
    books.orders[order_id] = order
    if channel_pays:
        books.paying.add(order_id)
    return order


def process(order: Document, at: str) -> None:
    order |= {"Processed": True, "ProcessedDateTime": at}


def create(books: Books, told: Mapping[str, Any], location: str) -> str | None:
    """CreateOrders, for one order: unpaid ones are updated, paid ones left alone [V]. The id where something was saved."""
    for name in ("Source", "SubSource", "ReferenceNumber", "ReceivedDate", "DispatchBy"):
        if not told.get(name):
            raise Refused(f"{name} is required")
    rows = told.get("OrderItems") or []
    if not rows:
        raise Refused("OrderItems is required")
    key = (told["Source"], told["SubSource"], told["ReferenceNumber"])
    found = next((one for one in books.orders.values() if _key(one) == key), None)
    if found is not None:
        if found["GeneralInfo"]["Status"] != UNPAID:
            return None
        del books.orders[found["OrderId"]]
    if location not in books.locations.values():
        raise Refused(f"Location {location} does not exist")
    order = sell(
        books,
        str(told["ReferenceNumber"]),
        [_ordered(row) for row in rows],
        currency=str(told.get("Currency") or "UNK"),
        location=location,
        processed=False,
        secondary=str(told.get("SecondaryReferenceNumber") or ""),
        source=str(told["Source"]),
        sub_source=str(told["SubSource"]),
        order_status=PAID if told.get("PaymentStatus") == "Paid" else UNPAID,
    )
    if found is not None:
        kept = {"OrderId": found["OrderId"], "NumOrderId": found["NumOrderId"]}
        del books.orders[order["OrderId"]]
        order |= kept
        books.orders[order["OrderId"]] = order
    properties = told.get("ExtendedProperties") or []
    order["ExtendedProperties"] = [{"RowId": books.new_id("property"), **one} for one in properties]
    return str(order["OrderId"])


def _key(order: Document) -> tuple[object, ...]:
    general = order["GeneralInfo"]
    return (general["Source"], general["SubSource"], general["ReferenceNum"])


def _ordered(row: Mapping[str, Any]) -> Document:
    for name in ("ItemNumber", "ChannelSKU", "Qty", "PricePerUnit", "TaxRate", "LineDiscount", "ItemTitle"):
        if row.get(name) is None:
            raise Refused(f"OrderItems.{name} is required")
    quantity = row["Qty"]
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
        raise Refused("OrderItems.Qty must be a whole number")
    gross = Decimal(str(row["PricePerUnit"])) * quantity
    net = (gross / (1 + Decimal(str(row["TaxRate"])) / 100)).quantize(CENT)
    return {"sku": row["ChannelSKU"], "quantity": quantity, "net": net, "tax": gross - net, "item_number": row["ItemNumber"]}


def _row(books: Books, order_id: str, place: int, line: Document) -> Document:
    item, quantity = books.item(str(line["sku"])), int(line["quantity"])
    net, tax = Decimal(str(line["net"])), Decimal(str(line["tax"]))
    row = _bare(books, order_id, str(line.get("item_number") or 9000 + place), item.sku, quantity)
    rate = (tax * 100 / net).quantize(Decimal(1)) if net else Decimal(0)
    row |= {
        "PricePerUnit": (net + tax) / quantity,
        "Tax": tax,
        "TaxRate": rate,
        "TaxCostInclusive": True,
        "Cost": net,
        "CostIncTax": net + tax,
        "CompositeSubItems": [_bare(books, order_id, "", sku, each * quantity) for sku, each in item.parts],
    }
    return row


def _bare(books: Books, order_id: str, item_number: str, sku: str, quantity: int) -> Document:
    item = books.item(sku)
    return {
        "RowId": books.new_id("row"),
        "OrderId": order_id,
        "ItemId": item.stock_item_id,
        "StockItemId": item.stock_item_id,
        "ItemNumber": item_number,
        "SKU": sku,
        "ChannelSKU": sku,
        "Title": item.title,
        "Quantity": quantity,
        "PricePerUnit": Decimal(0),
        "UnitCost": item.purchase_price,
        "Discount": Decimal(0),
        "DiscountValue": Decimal(0),
        "Tax": Decimal(0),
        "TaxRate": Decimal(0),
        "TaxCostInclusive": True,
        "Cost": Decimal(0),
        "CostIncTax": Decimal(0),
        "IsService": False,
        "CompositeSubItems": [],
    }
