"""Seeding a simulated Linnworks, and what people do in it by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from adapters.sandbox.linnworks import refunding, returning, selling
from adapters.sandbox.linnworks.books import Books, Document

Told = Mapping[str, Any]


def play(books: Books, told: Told) -> dict[str, Any]:
    """`{"locations": ["Quarantine"], "products": [{"sku": "SHIRT-M", "title": …, "purchase_price": "5.00"}], "kits": [{"sku": "BOX",
    "parts": [{"sku": "SHIRT-M", "quantity": 1}]}], "stock": [{"sku", "location", "quantity"}], "orders": [{"reference": "#1001", "lines":
    [{"sku", "quantity", "net", "tax"}], "shipping": "5.00", "shipping_tax": "1.00", "processed": true, "channel_pays": false}], "by_hand":
    [{"refund": {"order": "#1001", "sku": "SHIRT-M", "units": 1}}]}`, each of them left out or not.

    Raises ValueError with a sentence for what it does not know.
    """
    made: dict[str, Any] = {}
    try:
        for name, content in told.items():
            if name not in _SEEDS:
                raise ValueError(f"{name!r} is not known; these are: {', '.join(_SEEDS)}")
            made[name] = [_SEEDS[name](books, one) for one in (content if isinstance(content, list) else [content])]
    except (TypeError, KeyError, AttributeError, StopIteration, ArithmeticError) as wrong:
        raise ValueError(f"it cannot be seeded: {type(wrong).__name__} {wrong}") from None
    return made


def _location(books: Books, name: Any) -> str:
    return books.location(str(name))


def _product(books: Books, told: Told) -> str:
    item = books.item(str(told["sku"]), told.get("title"), str(told.get("purchase_price", "5.00")))
    return item.stock_item_id


def _kit(books: Books, told: Told) -> str:
    kit = books.item(str(told["sku"]), told.get("title"))
    kit.parts = [(books.item(str(part["sku"])).sku, int(part.get("quantity", 1))) for part in told["parts"]]
    return kit.stock_item_id


def _stock(books: Books, told: Told) -> int:
    item, place = books.item(str(told["sku"])), books.location(str(told["location"]))
    books.change(item, place, int(told["quantity"]) - books.level(item, place), "Stock count")
    return books.level(item, place)


def _order(books: Books, told: Told) -> dict[str, Any]:
    order = selling.sell(books, **{("reference" if name == "order" else name): content for name, content in told.items()})
    return {"order": order["OrderId"], "number": order["NumOrderId"]}


def _hand(books: Books, told: Told) -> Any:
    (name, content), *more = told.items()
    if more or name not in HANDS:
        raise ValueError(f"by hand one of these is done: {', '.join(HANDS)}")
    return HANDS[name](books, content)


def _refund(books: Books, told: Told) -> str:
    header = refunding.by_hand(books, _found(books, told["order"]), str(told["sku"]), int(told["units"]), told.get("amount"))
    return str(header["ExternalReference"])


def _remove_refund(books: Books, number: Any) -> str:
    """An actioned refund cannot be undone in Linnworks; its support can take it out."""
    header = next(one for one in books.refunds.values() if number in (one["ExternalReference"], str(one["RefundHeaderId"])))
    del books.refunds[header["RefundHeaderId"]]
    return str(number)


def _edit_refund(books: Books, told: Told) -> str:
    header = next(one for one in books.refunds.values() if one["ExternalReference"] == told["refund"])
    header["RefundLines"][0]["Amount"] = Decimal(str(told["amount"]))
    header["Amount"] = sum((line["Amount"] for line in header["RefundLines"]), Decimal(0))
    return str(told["refund"])


def _return(books: Books, told: Told) -> str:
    order = _found(books, told["order"])
    row = next(item for item in order["Items"] if item["SKU"] == told["sku"])
    line = {"OrderItemRowId": row["RowId"], "ReturnLocation": books.location(str(told["location"])), "ReturnQuantity": int(told["units"])}
    booked = returning.book(books, {"OrderId": order["OrderId"], "ReturnItems": [line]})
    if booked["Errors"]:
        raise ValueError("; ".join(booked["Errors"]))
    returning.action(books, {"OrderId": order["OrderId"], "RMAHeaderId": booked["RMAHeaderId"]})
    return str(booked["RMAHeaderId"])


def _process(books: Books, reference: Any) -> str:
    order = _found(books, reference)
    selling.process(order, books.now())
    return str(order["NumOrderId"])


def _cancel(books: Books, reference: Any) -> str:
    order = _found(books, reference)
    selling.process(order, books.now())
    order["GeneralInfo"]["HoldOrCancel"] = True
    return str(order["NumOrderId"])


def _resend(books: Books, told: Told) -> str:
    """Linnworks raises an order of no value, with the original's reference."""
    order = _found(books, told["order"])
    lines = [{"sku": told["sku"], "quantity": int(told.get("units", 1)), "net": 0, "tax": 0}]
    new = selling.sell(books, str(order["GeneralInfo"]["ReferenceNum"]), lines)
    order.setdefault("FollowUps", []).append({"RowType": "RESEND", "fkNewOrderId": new["OrderId"], "NewOrderId": new["NumOrderId"]})
    return str(new["NumOrderId"])


def _move(books: Books, told: Told) -> None:
    item, units = books.item(str(told["sku"])), int(told["units"])
    books.change(item, books.location(str(told["from"])), -units, "Moved by hand")
    books.change(item, books.location(str(told["to"])), units, "Moved by hand")


def _tear(books: Books, _told: Any) -> None:
    books.tears_next_change = True


def _found(books: Books, reference: Any) -> Document:
    found = books.by_reference(str(reference))
    if not found:
        raise ValueError(f"there is no order {reference}")
    return found[0]


_SEEDS: dict[str, Callable[[Books, Any], Any]] = {
    "locations": _location,
    "products": _product,
    "kits": _kit,
    "stock": _stock,
    "orders": _order,
    "by_hand": _hand,
}
HANDS: dict[str, Callable[[Books, Any], Any]] = {
    "refund": _refund,
    "remove_refund": _remove_refund,
    "edit_refund": _edit_refund,
    "return": _return,
    "process": _process,
    "cancel": _cancel,
    "resend": _resend,
    "move": _move,
    "tear_next_change": _tear,
}
