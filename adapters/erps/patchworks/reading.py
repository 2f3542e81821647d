"""What a callback flow answers to a question: orders, documents and stock levels, read as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from adapters.erps.patchworks.acks import pairs
from adapters.erps.port import DocumentLine, ErpDocument, Level
from adapters.vendor.answers import NotUnderstood
from adapters.vendor.shapes import Document, count, first_instant, first_text, nested, number, objects, plain
from domain.content import Amount
from domain.erp_facts import Invoice, KitComponent, OrderLine, OrderMatched, OrderNotFound
from domain.money import CURRENCIES, MoneyError, to_minor

_INVOICES: Final[Mapping[str, Invoice]] = {
    "none": "none",
    "notinvoiced": "none",
    "draft": "draft",
    "authorised": "authorised",
    "authorized": "authorised",
    "invoiced": "authorised",
    "paid": "authorised",
    "posted": "authorised",
    "processed": "authorised",
    "voided": "voided",
    "cancelled": "voided",
}
_KINDS: Final[Mapping[str, Literal["credit_note", "exchange_order", "goods"]]] = {
    "creditnote": "credit_note",
    "postcreditnote": "credit_note",
    "exchangeorder": "exchange_order",
    "orderexchange": "exchange_order",
    "goods": "goods",
}
_STATUSES: Final[Mapping[str, Literal["active", "voided", "draft", "authorised", "dispatched"]]] = {
    "active": "active",
    "posted": "active",
    "voided": "voided",
    "void": "voided",
    "cancelled": "voided",
    "deleted": "voided",
    "draft": "draft",
    "authorised": "authorised",
    "authorized": "authorised",
    "dispatched": "dispatched",
    "shipped": "dispatched",
}
_HOLDERS: Final = ("data", "payload", "body", "result", "response")


def unwrapped(content: Any) -> Any:
    """Patchworks puts every answer of a callback into a list; flows wrap theirs as they like."""
    while True:
        content = pairs(content)
        if isinstance(content, list) and len(content) == 1:
            content = content[0]
        elif isinstance(content, Mapping) and len(content) == 1 and next(iter(content)) in _HOLDERS:
            content = next(iter(content.values()))
        else:
            return content


def read_order(erp: str, reference: str, content: Any) -> OrderMatched | OrderNotFound:
    """`{"order": {…}}`, or `{"orders": […]}`; nothing in it is an order that is not there. Raises NotUnderstood."""
    content = unwrapped(content)
    if isinstance(content, Mapping) and "orders" not in content and "order" not in content and "lines" in content:
        found = [content]
    elif isinstance(content, Mapping):
        found = objects(content.get("orders")) or objects([content.get("order")])
    else:
        found = objects(content)
    if len(found) == 1:
        return _order(erp, reference, found[0])
    candidates = [name for order in found if (name := first_text(order, "number", "order", "id")) is not None]
    if isinstance(content, Mapping) and isinstance(content.get("candidates"), list):
        candidates += [str(name)[:200] for name in content["candidates"] if isinstance(name, str | int)]
    reason = f"several orders of the ERP fit {reference}" if len(found) > 1 else f"the flow knows no order {reference}"
    return OrderNotFound(erp=erp, reference=reference, reason=reason, candidates=tuple(candidates) or None)


def read_documents(content: Any) -> tuple[list[ErpDocument], Any, bool]:
    """The documents of one page, the flow's own cursor for the next, and whether there is one."""
    content = unwrapped(content)
    if not isinstance(content, Mapping):
        return [found for row in objects(content) if (found := _document(row)) is not None], None, False
    rows = objects(content.get("documents"))
    more = content.get("more") is True
    return [found for row in rows if (found := _document(row)) is not None], content.get("cursor"), more


def read_levels(content: Any) -> list[Level]:
    content = unwrapped(content)
    rows = objects(content.get("levels")) if isinstance(content, Mapping) and "levels" in content else objects(content)
    levels = []
    for row in rows or objects([content]):
        sku, location = first_text(row, "sku"), first_text(row, "location", "location_name")
        available, on_hand = count(row.get("available")), count(row.get("on_hand", row.get("onHand")))
        if sku is not None and available is not None:
            levels.append(Level(sku, location or "", available, available if on_hand is None else on_hand))
    return levels


def _order(erp: str, reference: str, order: Document) -> OrderMatched:
    currency = _currency(order, f"the order {reference}")
    lines = tuple(_order_line(line, place, currency) for place, line in enumerate(objects(order.get("lines")), start=1))
    name = first_text(order, "order", "id", "number")
    if name is None:
        raise NotUnderstood(f"the flow's order {reference} has no id; it must be told as order, or id")
    said = first_text(order, "invoice", "invoice_status", "status")
    creditable = order.get("creditable", order.get("creditable_minor"))
    return OrderMatched(
        erp=erp,
        order=name,
        number=first_text(order, "number", "order_number"),
        currency=currency,
        invoice=_INVOICES.get(plain(said or ""), "none"),
        lines=lines,
        shipping=_minor(order, "shipping", currency) or 0,
        shipping_tax=_minor(order, "shipping_tax", currency) or 0,
        creditable=_minor(order, "creditable", currency) if creditable is not None else None,
    )


def _order_line(line: Document, place: int, currency: str) -> OrderLine:
    sku, quantity = first_text(line, "sku"), count(line.get("quantity"))
    items, tax = _minor(line, "items", currency), _minor(line, "tax", currency)
    if sku is None or not quantity or items is None:
        said = "it must have sku, quantity and items (net, for the whole quantity)"
        raise NotUnderstood(f"line {place} of the flow's order cannot be read; {said}")
    kit = tuple(
        KitComponent(sku=part, quantity=units, weight=count(row.get("weight")) or 1)
        for row in objects(line.get("kit"))
        if (part := first_text(row, "sku")) is not None and (units := count(row.get("quantity")))
    )
    return OrderLine(
        order_line=first_text(line, "order_line", "id", "line") or f"{sku}/{place}",
        sku=sku,
        quantity=quantity,
        items=items,
        tax=tax or 0,
        credited=count(line.get("credited")) or 0,
        kit=kit or None,
        channel_line=first_text(line, "channel_line"),
    )


def _document(row: Document) -> ErpDocument | None:
    """None for what has no kind, number or date: nothing can be made of it."""
    kind = _KINDS.get(plain(first_text(row, "kind", "type", "command_type") or ""))
    name, at = first_text(row, "number", "document", "id"), first_instant(row, "at", "updated_at", "date")
    if kind is None or name is None or at is None:
        return None
    currency = first_text(row, "currency")
    currency = currency if currency in CURRENCIES else None
    status = _STATUSES.get(plain(first_text(row, "status") or ""), "active")
    lines = []
    for line in objects(row.get("lines")):
        sku, units = first_text(line, "sku"), count(line.get("quantity"))
        if sku is not None and units:
            money = (_minor(line, "items", currency), _minor(line, "tax", currency)) if currency else (None, None)
            lines.append(DocumentLine(first_text(line, "order_line", "line"), sku, units, *money, first_text(line, "location")))
    return ErpDocument(
        kind,
        name,
        status,
        at,
        first_text(row, "order", "order_id"),
        first_text(row, "order_reference", "order_ref", "reference"),
        first_text(row, "command_id", "instruction"),
        currency,
        _amount(row, currency) if currency is not None else None,
        tuple(lines),
    )


def _amount(row: Document, currency: str) -> Amount | None:
    holder = nested(row, "amount") or {"total": row.get("amount"), "total_minor": row.get("amount_minor")}
    total = _minor(holder, "total", currency)
    if total is None or total < 0:
        return None
    parts = {name: _minor(holder, name, currency) for name in ("items", "tax", "shipping", "fees")}
    return Amount(total=total, **parts)


def _currency(holder: Document, of: str) -> str:
    found = first_text(holder, "currency", "currency_code")
    if found not in CURRENCIES or found is None:
        raise NotUnderstood(f"the flow told no currency of {of}, or one that ISO 4217 does not know: {found!r}")
    return found


def _minor(holder: Document, name: str, currency: str) -> int | None:
    """Of a decimal text or number under the name itself, or of whole minor units under `…_minor`."""
    exact = number(holder.get(name))
    if exact is not None:
        whole, _, fraction = format(exact, "f").partition(".")
        try:
            return to_minor(f"{whole}.{fraction.rstrip('0')}".rstrip("."), currency)
        except MoneyError as wrong:
            raise NotUnderstood(f"{name}: {wrong}") from None
    minor = number(holder.get(f"{name}_minor"))
    return int(minor) if minor is not None and minor == minor.to_integral_value() else None
