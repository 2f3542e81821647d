"""Refunds of a simulated Linnworks: booked, actioned once, deleted as long as they are not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.sandbox.linnworks.books import Books, Document, status

Request = Mapping[str, Any]
_LONGEST_NOTE = 200


def options(books: Books, told: Request) -> Document:
    return {"RefundOptions": options_of(books, books.order(told.get("OrderId")))}


def options_of(books: Books, order: Document) -> Document:
    reason = _barred(books, order)
    can, pays = reason == "None", order["OrderId"] in books.paying
    reasons = ("SubStatuses", "InsufficientRefundReasons", "ItemRefundReasons", "ServiceRefundReasons", "ShippingRefundReasons")
    return {
        "CanSendRejectionIfDeleted": False,
        "CanRefund": can,
        "CanRefundInternally": can and not pays,
        "CanRefundItems": can,
        "CanRefundServices": can,
        "CanRefundShipping": can,
        "CanRefundShippingIndependently": can,
        "CanRefundAdditionally": can,
        "CanRefundFreeText": True,
        "CanInsufficientRefundFreeText": True,
        "RefundFreeTextOrNoteMaxLength": _LONGEST_NOTE,
        **{name: [] for name in (*reasons, "ItemizedRefundReasons", "RejectionReasons", "Errors")},
        "CannotRefundReason": reason,
        "AllExistingRefunds": [line for one in _headers(books, order["OrderId"]) for line in one["RefundLines"]],
    }


def create(books: Books, told: Request) -> Document:
    order = books.order(told.get("OrderId"))
    reason = _barred(books, order)
    lines = told.get("RefundLines") or []
    if reason == "None" and not lines:
        reason = "NoNewRefundsSpecified"
    said = [reason] if reason != "None" else []
    verified = [] if said else [_verified(books, order, line, said) for line in lines]
    answer = {"RefundHeaderId": 0, "RefundReference": None, "Status": status("ERROR"), "CannotRefundReason": reason, "Errors": said}
    if said:
        return {**answer, "RefundLines": verified}
    header = _book(books, order, verified, bool(told.get("ChannelInitiated")))
    shown = {"RefundHeaderId": header["RefundHeaderId"], "RefundReference": header["ExternalReference"], "Status": status("OPEN")}
    return {**answer, **shown, "RefundLines": header["RefundLines"]}


def action(books: Books, told: Request) -> Document:
    header = books.refunds.get(int(told.get("RefundHeaderId") or 0))
    answer: Document = {"SuccessfullyActioned": False, "RefundHeaderId": 0, "RefundReference": None, "CannotRefundReason": "None"}
    if header is None or header["OrderId"] != str(told.get("OrderId")).lower():
        return {**answer, "CannotRefundReason": "RefundNotInSystem", "Status": status("ERROR"), "Errors": ["Not found"], "RefundLines": []}
    answer |= {"RefundHeaderId": header["RefundHeaderId"], "RefundReference": header["ExternalReference"]}
    if header["Actioned"]:
        return {**answer, "Status": header["Status"], "Errors": ["Already actioned"], "RefundLines": header["RefundLines"]}
    if header["OrderId"] in books.paying:
        books.paid_by_channel.append((header["OrderId"], header["RefundHeaderId"]))
    settle(books, header)
    return {**answer, "SuccessfullyActioned": True, "Status": header["Status"], "Errors": [], "RefundLines": header["RefundLines"]}


def delete(books: Books, told: Request) -> Document:
    header = books.refunds.get(int(told.get("RefundHeaderId") or 0))
    if header is not None and not header["Actioned"]:
        del books.refunds[header["RefundHeaderId"]]
    return {}


def headers(books: Books, told: Request) -> Document:
    return {"RefundHeaders": _headers(books, str(told.get("OrderId")).lower())}


def lines_of(books: Books, told: Request) -> Document:
    header = books.refunds.get(int(told.get("RefundHeaderId") or 0))
    if header is None:
        return {"RefundHeaderId": 0, "RefundLines": []}
    order = books.orders[header["OrderId"]]
    return {"RefundHeaderId": header["RefundHeaderId"], "RefundLines": header["RefundLines"], "RefundOptions": options_of(books, order)}


def by_hand(books: Books, order: Document, sku: str, units: int, amount: str | None = None) -> Document:
    """A person refunds units of a line, at its price."""
    row = next(item for item in order["Items"] if item["SKU"] == sku)
    paid = Decimal(amount) if amount is not None else (row["CostIncTax"] * units / row["Quantity"]).quantize(Decimal("0.01"))
    line = _line(books, order, {"RefundedUnit": "Item", "OrderItemRowId": row["RowId"], "Amount": paid, "Quantity": units})
    header = _book(books, order, [line], False)
    settle(books, header)
    return header


def settle(books: Books, header: Document) -> None:
    """It is actioned."""
    header |= {"Actioned": True, "LastActionDate": books.now(), "Status": status("PROCESSED")}
    for line in header["RefundLines"]:
        line |= {"Actioned": True, "ActionedDate": books.now(), "Status": status("PROCESSED")}


def _headers(books: Books, order_id: str) -> list[Document]:
    return [one for one in books.refunds.values() if one["OrderId"] == order_id]


def _barred(books: Books, order: Document) -> str:
    if not order["Processed"]:
        return "OpenOrderInLinnworks"
    if books.refunded_in_all(order["OrderId"]) >= order["TotalsInfo"]["TotalCharge"]:
        return "OrderIsFullyRefundedInLinnworks"
    return "None"


def _verified(books: Books, order: Document, line: Mapping[str, Any], said: list[str]) -> Document:
    """One line checked against what was paid for its row [V]; complaints go to `said`."""
    unit, amount = line.get("RefundedUnit"), Decimal(str(line.get("Amount") or 0))
    row = next((item for item in order["Items"] if item["RowId"] == str(line.get("OrderItemRowId")).lower()), None)
    paid = order["TotalsInfo"]["PostageCost"] if unit == "Shipping" else row["CostIncTax"] if row is not None else None
    verified = _line(books, order, line)
    wrong = None
    if unit not in ("Item", "Shipping", "Service", "Additional"):
        wrong = f"RefundedUnit {unit} is not known"
    elif amount <= 0:
        wrong = "The amount must be greater than zero"
    elif unit in ("Item", "Service") and row is None:
        wrong = "The order item does not exist"
    elif unit != "Additional" and paid is not None:
        key = row["RowId"] if row is not None and unit != "Shipping" else None
        if books.refunded(order["OrderId"], key, str(unit)) + amount > paid:
            wrong = f"The refund exceeds what was paid: {paid}"
    if wrong is not None:
        said.append(wrong)
    return {**verified, "ValidationError": wrong}


def _line(books: Books, order: Document, line: Mapping[str, Any]) -> Document:
    row = next((item for item in order["Items"] if item["RowId"] == str(line.get("OrderItemRowId")).lower()), None)
    unit = line.get("RefundedUnit")
    return {
        "RefundRowId": books.new_id("refund row"),
        "Status": status("OPEN"),
        "RefundedUnit": unit,
        "IsShippingRefund": unit == "Shipping",
        "IsAdditionalRefund": unit == "Additional",
        "IsCancellation": False,
        "RefundedItem": None
        if row is None or unit in ("Shipping", "Additional")
        else {
            "OrderItemRowId": row["RowId"],
            "ItemSKU": row["SKU"],
            "ChannelSKU": row["ChannelSKU"],
            "ItemTitle": row["Title"],
            "Cost": row["CostIncTax"],
            "CancelledQuantity": 0,
        },
        "ValidationError": None,
        "Error": None,
        "Errors": [],
        "Actioned": False,
        "ActionedDate": None,
        "ChannelInitiated": False,
        "Internal": order["OrderId"] not in books.paying,
        "Deleted": False,
        "ExternalReference": line.get("ExternalReference") or "",
        "IsFreeText": True,
        "FreeTextOrNote": str(line.get("FreeTextOrNote") or "")[:_LONGEST_NOTE],
        "Amount": Decimal(str(line.get("Amount") or 0)),
        "Quantity": int(line.get("Quantity") or 0),
    }


def _book(books: Books, order: Document, lines: list[Document], channel_initiated: bool) -> Document:
    number = books.next_number("refund", 501)
    general = order["GeneralInfo"]
    header: Document = {
        "RefundHeaderId": number,
        "Currency": order["TotalsInfo"]["Currency"],
        "Amount": sum((line["Amount"] for line in lines), Decimal(0)),
        "RefundLines": [{**line, "RefundHeaderId": number} for line in lines],
        "RefundLink": "",
        "OrderId": order["OrderId"],
        "NumOrderId": order["NumOrderId"],
        "Status": status("OPEN"),
        "OrderSource": general["Source"],
        "OrderSubSource": general["SubSource"],
        "ExternalReference": f"RF-{order['NumOrderId']}-{number}",
        "ChannelInitiated": channel_initiated,
        "CreatedDate": books.now(),
        "Actioned": False,
        "LastActionDate": None,
    }
    books.refunds[number] = header
    return header


def rows(books: Books) -> list[Document]:
    """As the history search shows them."""
    told = []
    for header in books.refunds.values():
        order = books.orders[header["OrderId"]]
        for line in header["RefundLines"]:
            told.append(
                {
                    **order_columns(order),
                    "RowType": "REFUND",
                    "RefundReference": header["ExternalReference"],
                    "pkRefundRowId": line["RefundRowId"],
                    "Amount": line["Amount"],
                    "cItemNumber": (line["RefundedItem"] or {}).get("ItemSKU", ""),
                    "CreateDate": header["CreatedDate"],
                    "ActionDate": line["ActionedDate"],
                    "RefundStatus": line["Status"]["StatusHeader"],
                }
            )
    return told


def order_columns(order: Document) -> Document:
    general, totals = order["GeneralInfo"], order["TotalsInfo"]
    return {
        "pkOrderID": order["OrderId"],
        "nOrderId": order["NumOrderId"],
        "ReferenceNum": general["ReferenceNum"],
        "SecondaryReference": general["SecondaryReference"],
        "ExternalReference": general["ExternalReferenceNum"],
        "Source": general["Source"],
        "SubSource": general["SubSource"],
        "cCurrency": totals["Currency"],
        "fTotalCharge": totals["TotalCharge"],
        "dProcessedOn": order["ProcessedDateTime"],
    }
