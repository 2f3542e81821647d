"""Refunds as Linnworks keeps them: a header with lines, read tolerantly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from adapters.erps.linnworks.amounts import minor_of
from adapters.erps.linnworks.client import LinnworksClient
from adapters.vendor.shapes import Document, count, first_text, flag, instant, listed, nested, number, objects, text

OURS = "rl-"


def headers_of(client: LinnworksClient, order_id: str) -> list[Document]:
    """Each with its lines: they carry our id."""
    told = client.ask("ReturnsRefunds/GetRefundHeadersByOrderId", {"request": {"OrderId": order_id}})
    return [_with_lines(client, order_id, header) for header in objects(listed(told, "RefundHeaders"))]


def _with_lines(client: LinnworksClient, order_id: str, header: Document) -> Document:
    if objects(header.get("RefundLines")) or not count(header.get("RefundHeaderId")):
        return header
    content = {"request": {"RefundHeaderId": count(header.get("RefundHeaderId")), "OrderId": order_id}}
    told = client.ask("ReturnsRefunds/GetRefundLinesByHeaderId", content)
    return {**header, "RefundLines": listed(told, "RefundLines")}


def live_lines(header: Document) -> list[Document]:
    return [line for line in objects(header.get("RefundLines")) if not flag(line.get("Deleted"))]


def is_gone(header: Document) -> bool:
    """All its lines were deleted."""
    return bool(objects(header.get("RefundLines"))) and not live_lines(header)


def is_actioned(document: Document) -> bool:
    """A header, a line or an answer about one: has it been carried out?"""
    said = flag(document.get("Actioned"))
    if said is None:
        lines = live_lines(document)
        said = bool(lines) and all(flag(line.get("Actioned")) for line in lines)
    return said or first_text(nested(document, "Status"), "StatusHeader") == "PROCESSED"


def instruction_of(header: Document) -> str | None:
    """Our id, in the header's or in a line's reference."""
    said = [text(header.get("ExternalReference")), *(text(line.get("ExternalReference")) for line in live_lines(header))]
    return next((one for one in said if one is not None and one.startswith(OURS)), None)


def reference_in(document: Document) -> str | None:
    """What people call the refund: its reference, which Linnworks makes. Headers do not always have it; then the history search does."""
    said = first_text(document, "RefundReference")
    return said if said is not None and not said.startswith(OURS) else None


def likely_reference(header: Document) -> str:
    """Where nothing else tells: the header's own reference, unless it is ours, or its id."""
    said = first_text(header, "ExternalReference")
    return said if said is not None and not said.startswith(OURS) else str(header.get("RefundHeaderId"))


def amount_minor(header: Document, currency: str) -> int:
    """Of the lines, where there are any: the header's own amount may lag behind."""
    lines = live_lines(header)
    if lines:
        return sum(minor_of(line.get("Amount"), currency) or 0 for line in lines)
    return minor_of(header.get("Amount"), currency) or 0


def row_of(line: Document) -> str | None:
    """The row of the order that a refund line gives back."""
    return first_text(line, "OrderItemRowId") or first_text(nested(line, "RefundedItem"), "OrderItemRowId")


def unit_of(line: Document) -> str:
    """Item, Shipping, Service or Additional."""
    said = first_text(line, "RefundedUnit")
    if said is not None:
        return said
    return "Shipping" if flag(line.get("IsShippingRefund")) else "Additional" if row_of(line) is None else "Item"


def units_refunded(headers: Iterable[Document]) -> Mapping[str, tuple[int, Decimal]]:
    """By row, in lower case: units that refunds of others give back, and money of those that name no units."""
    told: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for header in headers:
        if instruction_of(header) is not None:
            continue
        for line in live_lines(header):
            row = row_of(line)
            if row is not None and unit_of(line) in ("Item", "Service"):
                units, money = told[row.lower()]
                quantity = count(line.get("Quantity")) or 0
                told[row.lower()] = (units + quantity, money if quantity else money + (number(line.get("Amount")) or Decimal(0)))
    return told


def happened_at(header: Document) -> str | None:
    return next((str(header[name]) for name in ("LastActionDate", "CreatedDate") if instant(header.get(name)) is not None), None)


def problems(answer: Document, lines: str) -> list[str]:
    """What an answer of 200 complains of: `Errors`, and what is wrong with its lines."""
    said = _said(answer)
    for line in objects(answer.get(lines)):
        said += [word for name in ("ValidationError", "Error") if (word := text(line.get(name))) is not None]
        said += _said(line)
    return list(dict.fromkeys(said))


def _said(document: Document) -> list[str]:
    """Errors are texts in answers, and objects in lines."""
    told = listed(document, "Errors")
    words = [first_text(one, "ErrorMessage", "Message") if isinstance(one, dict) else text(one) for one in told]
    return [word for word in words if word is not None]
