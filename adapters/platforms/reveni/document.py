"""A return as Reveni's API shows it: hardly a field is promised, so each is looked for where it may stand."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from adapters.platforms.tables import Tables
from adapters.vendor.shapes import Document, count, first_instant, first_text, flag, nested, number, objects, plain, text
from domain.money import CURRENCIES, MAX_MINOR

RETURN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\Z")
# JavaScript writes 30.000000000000004 where it means 30.
_NOISE_MINOR: Final = Decimal("0.0001")
_DATES: Final = {
    "open": ("created_at", "created", "date_created"),
    "handed_in": ("shipped_at", "picked_up_at", "in_transit_at"),
    "received": ("received_at", "delivered_at"),
    "inspected": ("validated_at", "accepted_at", "rejected_at", "reviewed_at"),
    "done": ("completed_at", "closed_at"),
    "expired": ("expired_at",),
    "cancelled": ("cancelled_at", "canceled_at"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a return. `verdict` as the item itself says it; None where it says nothing."""

    line: str
    item_id: str | None
    order_line: str | None
    sku: str | None
    quantity: int
    reason: str | None
    verdict: str | None
    reject_reason: str | None
    exchange: tuple[tuple[str, int], ...]
    is_exchange: bool
    document: Document


class Return:
    """Reads one document by one connection's tables."""

    def __init__(self, return_id: str, document: Document, tables: Tables) -> None:
        self.return_id, self.document, self._tables = return_id, document, tables
        self.status_said = first_text(document, "status", "state") or ""
        self.status = tables.meaning("return_status", self.status_said)
        self.items = self._items()

    @property
    def order(self) -> Document:
        return nested(self.document, "order")

    @property
    def order_id(self) -> str | None:
        """The shop's id of the order; ids of any length, and paths that end in one."""
        return first_text(self.order, "external_id", "externalId") or first_text(self.document, "order_external_id", "external_order_id")

    @property
    def order_name(self) -> str | None:
        return first_text(self.order, "name", "order_name") or first_text(self.document, "order_name")

    @property
    def instant(self) -> bool:
        """Paid by Reveni before the goods are back?"""
        said = plain(first_text(self.document, "mode", "refund_mode") or "")
        return said in ("instant", "instantrefund") or bool(flag(self.document.get("instant")) or flag(self.document.get("is_instant")))

    def date(self, step: str) -> datetime | None:
        return first_instant(self.document, *_DATES[step])

    @property
    def updated_at(self) -> datetime | None:
        return first_instant(self.document, "updated_at", "updated", "modified_at")

    def currency(self, *holders: Document) -> str | None:
        """The first that is told, by these objects or by the return."""
        for holder in (*holders, self.document, self.order, nested(self.document, "summary")):
            for said in (holder.get("currency"), holder.get("currency_code")):
                if (code := (text(said) or "").upper()) in CURRENCIES:
                    return code
        amounts = (value for item in self.items for value in item.document.values())
        return next((code for value in amounts if (code := (text(nested(value).get("currency")) or "").upper()) in CURRENCIES), None)

    def _items(self) -> list[Item]:
        found, seen = [], Counter[str]()
        for item in objects(self.document.get("return_items")) or objects(self.document.get("items")):
            item_id = first_text(item, "id", "item_id", "return_item_id")
            order_line = first_text(item, "external_id", "line_item_id", "order_line_item_id", "external_line_item_id")
            sku = text(item.get("sku")) or text(nested(item, "variant").get("sku")) or text(nested(item, "product").get("sku"))
            named, quantity = item_id or order_line or sku, 1 if item.get("quantity") is None else count(item.get("quantity"))
            if named is None or not quantity:
                continue
            line = named if not seen[named] else f"{named}#{seen[named]}"
            seen[named] += 1
            exchange, is_exchange = _exchange(item.get("exchange"), quantity)
            found.append(
                Item(
                    line,
                    item_id,
                    order_line.rpartition("/")[2] if order_line is not None else None,
                    sku,
                    quantity,
                    first_text(item, "return_reason", "reason"),
                    first_text(item, "status", "validation_status"),
                    first_text(item, "reject_reason", "rejection_reason"),
                    exchange,
                    is_exchange,
                    item,
                )
            )
        return found


def minor(value: object, currency: str) -> int | None:
    """Minor units of an amount: a text, a number or an object with `amount`; None for anything else, and for digits the currency lacks."""
    said = number(nested(value).get("amount")) if isinstance(value, dict) else number(value)
    if said is None:
        return None
    scaled = said.scaleb(CURRENCIES[currency])
    whole = scaled.to_integral_value(ROUND_HALF_UP)
    return int(whole) if abs(scaled - whole) <= _NOISE_MINOR and abs(whole) <= MAX_MINOR else None


def _exchange(said: Any, quantity: int) -> tuple[tuple[tuple[str, int], ...], bool]:
    """What the customer wants instead, where its SKU is told, and whether he wants anything."""
    rows = [said] if isinstance(said, dict) else said if isinstance(said, list) else []
    wanted = []
    for row in objects(rows):
        sku = text(row.get("sku")) or text(nested(row, "variant").get("sku"))
        if sku is not None:
            wanted.append((sku, count(row.get("quantity")) or quantity))
    return tuple(wanted), bool(rows) or flag(said) is True
