"""RMAs of a simulated Linnworks: a booking waits for goods, actioning it brings them into stock."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.sandbox.linnworks.books import NOTHING, Books, Document, status
from adapters.sandbox.linnworks.refunding import options_of, order_columns

Request = Mapping[str, Any]


def options(books: Books, told: Request) -> Document:
    order = books.order(told.get("OrderId"))
    reason = _barred(books, order)
    return {
        "ReturnOptions": {
            "CanSendRejectionIfDeleted": False,
            "CanReturn": reason == "None",
            "CanReturnInternally": reason == "None",
            "MustHaveRefund": False,
            "RefundAutoPopulated": False,
            "CanHaveRefund": True,
            "ReturnReasons": [],
            "RejectionReasons": [],
            "SubStatuses": [],
            "RefundOptions": options_of(books, order),
            "CannotReturnReason": reason,
            "AllExistingRMAs": [line for one in _headers(books, order["OrderId"]) for line in one["RMALines"]],
            "Errors": [],
            "Info": [],
        }
    }


def book(books: Books, told: Request) -> Document:
    order = books.order(told.get("OrderId"))
    reason = _barred(books, order)
    items = told.get("ReturnItems") or []
    said: list[str] = [reason] if reason != "None" else [] if items else ["NoNewRMAsSpecified"]
    asked: dict[str, int] = {}
    lines = [] if said else [_line(books, order, item, said, asked) for item in items]
    if said:
        return {"RMAHeaderId": 0, "Items": lines, "Errors": said, "Info": []}
    number = books.next_number("rma", 301)
    header: Document = {
        "RMAHeaderId": number,
        "RMALines": [{**line, "RMAHeaderId": number} for line in lines],
        "OrderId": order["OrderId"],
        "NumOrderId": order["NumOrderId"],
        "Status": status("OPEN"),
        "OrderSource": order["GeneralInfo"]["Source"],
        "OrderSubSource": order["GeneralInfo"]["SubSource"],
        "ExternalReference": str(told.get("Reference") or f"RMA-{number}"),
        "ChannelInitiated": bool(told.get("ChannelInitiated")),
        "CreatedDate": books.now(),
        "Actioned": False,
        "LastActionDate": None,
    }
    for line in header["RMALines"]:
        line["ExternalReference"] = header["ExternalReference"]
    books.rmas[number] = header
    return {"RMAHeaderId": number, "Items": header["RMALines"], "Errors": [], "Info": []}


def action(books: Books, told: Request) -> Document:
    header = books.rmas.get(int(told.get("RMAHeaderId") or 0))
    answer: Document = {"RefundHeaderId": 0, "SuccessfullyActioned": False, "Info": []}
    if header is None or header["OrderId"] != str(told.get("OrderId")).lower():
        return {**answer, "RMAHeaderId": 0, "Status": status("ERROR"), "Items": [], "Errors": ["Not found"]}
    answer |= {"RMAHeaderId": header["RMAHeaderId"], "Items": header["RMALines"]}
    if header["Actioned"]:
        return {**answer, "Status": header["Status"], "Errors": ["Already actioned"]}
    rows = books.rows(books.orders[header["OrderId"]])
    for line in header["RMALines"]:
        item, place = books.item(rows[line["OrderItemRowId"]]["SKU"]), line["ReturnLocation"]
        books.change(item, place, line["ReturnQuantity"], f"Order return {header['NumOrderId']} {header['ExternalReference']}")
        if line["ScrapQuantity"]:
            books.change(item, place, -line["ScrapQuantity"], f"Scrapped on return {header['ExternalReference']}")
        line |= {"Actioned": True, "ActionedDate": books.now(), "Status": status("PROCESSED")}
    header |= {"Actioned": True, "LastActionDate": books.now(), "Status": status("PROCESSED")}
    return {**answer, "Status": header["Status"], "SuccessfullyActioned": True, "Errors": []}


def delete(books: Books, told: Request) -> Document:
    header = books.rmas.get(int(told.get("RMAHeaderId") or 0))
    if header is not None and not header["Actioned"]:
        del books.rmas[header["RMAHeaderId"]]
    return {}


def headers(books: Books, told: Request) -> Document:
    return {"RMAHeaders": _headers(books, str(told.get("OrderId")).lower())}


def follow_ups(books: Books, order_id: object) -> list[Document]:
    """ProcessedOrders/GetReturnsExchanges."""
    order = books.order(order_id)
    told = []
    for header in _headers(books, order["OrderId"]):
        for line in header["RMALines"]:
            told.append(
                {
                    "pkReturnId": line["RMARowId"],
                    "RowType": "RETURN" if header["Actioned"] else "RETURNBOOKING",
                    "ReturnReference": header["ExternalReference"],
                    "fkOrderId": order["OrderId"],
                    "fkOrderItemRowId": line["OrderItemRowId"],
                    "nOrderId": order["NumOrderId"],
                    "SKU": line["ReturnItemSKU"],
                    "ReturnQty": line["ReturnQuantity"],
                    "fkReturnLocationId": line["ReturnLocation"],
                    "fkNewOrderId": NOTHING,
                    "Completed": header["Actioned"],
                    "ReturnDate": header["CreatedDate"],
                }
            )
    return [*told, *order.get("FollowUps", [])]


def rows(books: Books) -> list[Document]:
    """As the history search shows them."""
    told = []
    for header in books.rmas.values():
        for line in header["RMALines"]:
            told.append(
                {
                    **order_columns(books.orders[header["OrderId"]]),
                    "pkReturnId": line["RMARowId"],
                    "RowType": "RETURN" if header["Actioned"] else "RETURNBOOKING",
                    "ReturnReference": header["ExternalReference"],
                    "ReturnQty": line["ReturnQuantity"],
                    "ScrapQty": line["ScrapQuantity"],
                    "fkReturnLocationId": line["ReturnLocation"],
                    "Location": books.locations[line["ReturnLocation"]],
                    "cItemNumber": line["ReturnItemSKU"],
                    "CreateDate": header["CreatedDate"],
                    "ReturnDate": header["CreatedDate"],
                    "LastDate": header["LastActionDate"] or header["CreatedDate"],
                    "ActionDate": line["ActionedDate"],
                }
            )
    return told


def _headers(books: Books, order_id: str) -> list[Document]:
    return [one for one in books.rmas.values() if one["OrderId"] == order_id]


def _barred(books: Books, order: Document) -> str:
    if not order["Processed"]:
        return "OpenOrderInLinnworks"
    left = sum(row["Quantity"] - books.returned(order["OrderId"], row["RowId"]) for row in order["Items"])
    return "None" if left > 0 else "AlreadyReturnedInLinnworks"


def _line(books: Books, order: Document, told: Mapping[str, Any], said: list[str], asked: dict[str, int]) -> Document:
    row = books.rows(order).get(str(told.get("OrderItemRowId")).lower())
    place, units, scrapped = str(told.get("ReturnLocation")).lower(), told.get("ReturnQuantity"), told.get("ScrapQuantity") or 0
    wrong = None
    if row is None:
        wrong = "The order item does not exist"
    elif place not in books.locations:
        wrong = "The return location does not exist"
    elif isinstance(units, bool) or not isinstance(units, int) or units < 1 or scrapped > units:
        wrong = "The return quantity must be a whole number of at least 1"
    else:
        asked[row["RowId"]] = asked.get(row["RowId"], 0) + units
        if books.returned(order["OrderId"], row["RowId"]) + asked[row["RowId"]] > row["Quantity"]:
            wrong = "The return quantity is greater than the returnable quantity"
    if wrong is not None:
        said.append(wrong)
    return {
        "RMARowId": books.next_number("rma row", 7001),
        "Type": "Return",
        "Status": status("OPEN"),
        "CreatedDate": books.now(),
        "Actioned": False,
        "ActionedDate": None,
        "Deleted": False,
        "NewOrderId": None,
        "ValidationError": wrong,
        "Error": None,
        "Errors": [],
        "Info": "",
        "OrderItemRowId": row["RowId"] if row is not None else NOTHING,
        "ReturnItemSKU": row["SKU"] if row is not None else "",
        "ReturnItemTitle": row["Title"] if row is not None else "",
        "ReturnLocation": place,
        "ReturnQuantity": units,
        "RefundAmount": Decimal(str(told.get("RefundAmount") or 0)),
        "ScrapQuantity": scrapped,
        "Reason": str(told.get("Reason") or ""),
    }
