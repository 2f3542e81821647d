"""Reveni's refunds: several to a return, each with its id; some Reveni pays itself, some the shop pays and tells of as well.

An instant refund stays paid when the goods are rejected later: Reveni bears that. Only a refund that failed or was cancelled is reversed.

What goes back by the original payment is a refund of the shop, which the shop tells, too, under its own number. Where Reveni names that
number, it is used. Where it does not, a refund of the shop over the same amount, on this return or on none, is taken for it; and if the
shop's comes later, Reveni's own is taken back at its instant. So the money counts once, and the reading says which pair was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.platforms.port import Desk, Joined, Unmapped
from adapters.platforms.reveni.document import Return, minor
from adapters.platforms.reveni.told import PREFIX, SHOP, Payment, Told
from adapters.platforms.tables import Tables
from adapters.vendor.shapes import Document, first_instant, first_text, flag, listed, mark, nested, objects, shown
from domain.money import to_text
from domain.telling import ReturnKey

# Ways by which the shop pays.
_BY_THE_SHOP: Final = frozenset({"original_payment"})
_SHOP_IDS: Final = ("shopify_refund_id", "external_refund_id", "external_id", "platform_refund_id", "order_refund_id")
_LONGEST_ID: Final = 100


class Row(NamedTuple):
    """A fact, its source below the return's, its date where there is one, and its content."""

    fact: str
    source: str
    at: datetime | None
    content: dict[str, Any]


class _Refund(NamedTuple):
    refund_id: str
    shop_id: str | None
    status: str
    currency: str
    parts: dict[str, str]
    total: int
    method: str
    transaction: str | None
    at: datetime | None


class Refunds:
    """Those of one return, at one reading."""

    def __init__(self, key: ReturnKey, of: Return, told: Told, currency: str | None, desk: Desk, tables: Tables) -> None:
        """`currency` is the return's: that of refunds which name none."""
        self._key, self._of, self._told, self._currency, self._desk, self._tables = key, of, told, currency, desk, tables
        self.rows: list[Row] = []
        self.unmapped: list[Unmapped] = []
        self.joined: list[Joined] = []
        self._taken: set[str] = set()
        for place, document in enumerate(refunds_in(of.document), start=1):
            refund = self._read(document, place)
            if refund is not None:
                self._tell(refund)

    def _tell(self, refund: _Refund) -> None:
        source = f"refund/{refund.refund_id}"
        own = next((each for each in self._told.refunds.values() if each.source == f"{PREFIX}{self._key.return_id}/{source}"), None)
        if refund.status == "failed":
            if own is not None and own.fact.refund not in self._told.reversed:
                self.rows.append(Row("RefundReversed", f"{source}/reversed", None, {"refund": own.fact.refund}))
            return
        if own is not None:
            self._again(refund, own, source)
        elif refund.shop_id is not None:
            if refund.shop_id not in self._told.refunds:
                self.rows.append(self._row(refund, source, refund.shop_id, refund.at))
        elif refund.method in _BY_THE_SHOP and (shops := self._shops(refund)) is not None:
            if shops.telling.key != self._key:
                # Under the shop's number: the shop then takes its own back.
                self.rows.append(self._row(refund, source, shops.fact.refund, shops.telling.occurred_at))
        else:
            self.rows.append(self._row(refund, source, refund.refund_id, refund.at))

    def _again(self, refund: _Refund, own: Payment, source: str) -> None:
        """Told before. Another amount is told once more, so that the conflict shows; a refund that the shop tells by now is taken back."""
        content = self._row(refund, source, own.fact.refund, own.telling.occurred_at)
        amount = own.fact.amount
        if (amount.total, own.fact.currency) != (refund.total, refund.currency):
            self.rows.append(content)
        elif own.fact.refund == refund.refund_id and refund.method in _BY_THE_SHOP and refund.refund_id not in self._told.reversed:
            shops = self._shops(refund, here=True)
            if shops is not None:
                self.rows.append(Row("RefundReversed", f"{source}/told-by-the-shop", own.telling.occurred_at, {"refund": refund.refund_id}))

    def _shops(self, refund: _Refund, *, here: bool = False) -> Payment | None:
        """The shop's own telling of this refund: the same amount, on this return, or on the order outside any return."""
        tellings = self._told.standing()
        if not here and self._of.order_id is not None:
            outside = ReturnKey(self._key.merchant, "shopify", f"order-{self._of.order_id.rpartition('/')[2]}")
            tellings += Told(self._desk.told(outside)).standing()
        fitting = [
            each
            for each in tellings
            if each.source.startswith(SHOP)
            and each.fact.refund not in self._taken
            and (each.fact.amount.total, each.fact.currency) == (refund.total, refund.currency)
        ]
        here_first = [each for each in fitting if each.telling.key == self._key] or fitting
        # Two refunds of one amount outside any return: which of them is meant is not known.
        if not here_first or (here_first[0].telling.key != self._key and len(here_first) > 1):
            return None
        chosen = here_first[0]
        self._taken.add(chosen.fact.refund)
        others = tuple(each.fact.refund for each in here_first[1:])
        amount = f"{to_text(refund.total, refund.currency)} {refund.currency}"
        why = f"refund {refund.refund_id} goes back by the shop, and this is the shop's over the same {amount}"
        self.joined.append(Joined(f"refund {chosen.fact.refund}", self._key, why, others))
        return chosen

    def _row(self, refund: _Refund, source: str, named: str, at: datetime | None) -> Row:
        content: dict[str, Any] = {"refund": named, "currency": refund.currency, "amount": refund.parts, "method": refund.method}
        return Row("Refunded", source, at, content | ({"transaction": refund.transaction} if refund.transaction is not None else {}))

    def _read(self, document: Document, place: int) -> _Refund | None:
        """None where it has not been paid, or cannot be understood: that is shown."""
        status = self._status(document)
        if status not in ("paid", "failed"):
            return None
        currency = self._of.currency(document, nested(document, "amount")) or self._currency
        if currency is None:
            self._unmapped("refunds.currency", first_text(document, "currency") or "missing")
            return None
        parts = self._parts(document, currency)
        if parts is None:
            said = first_text(document, "amount", "total") or str(document.get("amount", "missing"))
            self._unmapped("refunds.amount", said)
            return None
        method = self._method(document)
        if method is None:
            return None
        transaction = first_text(document, "transaction_id", "payment_id", "transfer_id", "transaction")
        at = first_instant(document, "refunded_at", "paid_at", "processed_at", "completed_at", "created_at", "created", "date")
        refund_id = first_text(document, "id", "refund_id") or transaction or f"{self._of.return_id}-{place}"
        shop_id = first_text(document, *_SHOP_IDS) if method in _BY_THE_SHOP else None
        shop_id = shop_id.rpartition("/")[2] if shop_id is not None else None
        total = parts.pop("total")
        amount = {name: to_text(value, currency) for name, value in (parts | {"total": total}).items()}
        named = refund_id if len(refund_id) <= _LONGEST_ID else mark(refund_id, 16)
        return _Refund(named, shop_id, status, currency, amount, total, method, transaction, at)

    def _status(self, document: Document) -> str | None:
        said = first_text(document, "status", "state")
        if said is None:
            # A list of refunds that has no statuses lists what was paid.
            return "paid"
        meaning = self._tables.meaning("refund_status", said)
        if meaning is None:
            self._unmapped("refunds.status", said)
        return meaning

    def _method(self, document: Document) -> str | None:
        said = first_text(document, "method", "refund_method", "type", "payment_method") or first_text(self._of.document, "refund_method")
        instant = flag(document.get("instant")) if document.get("instant") is not None else flag(document.get("is_instant"))
        instant = self._of.instant if instant is None else instant
        meaning = self._tables.meaning("refund_methods", said)
        if said is None and instant:
            return "platform_instant"
        if meaning is None:
            self._unmapped("refunds.method", said or "missing")
            return None
        return "platform_instant" if meaning == "bank_transfer" and instant else meaning

    def _parts(self, document: Document, currency: str) -> dict[str, int] | None:
        """Fees lessen the refund and are negative, whatever sign they come with; bonuses add to them. Parts that do not add up are none."""
        found: dict[str, int] = {}
        fees = None
        for name, value in document.items():
            meaning = self._tables.meaning("refund_amounts", name)
            if meaning is None or value is None:
                continue
            several = isinstance(value, list) and meaning in ("fee", "bonus")
            amounts = [amount for each in (value if several else [value]) if (amount := minor(each, currency)) is not None]
            if len(amounts) != (len(value) if several else 1):
                return None
            if meaning in ("fee", "bonus"):
                size = sum(abs(amount) for amount in amounts)
                fees = (fees or 0) + (size if meaning == "bonus" else -size)
            elif found.setdefault(meaning, amounts[0]) != amounts[0]:
                return None
        total = found.get("total")
        if total is None or any(part < 0 for part in found.values()):
            return None
        parts = found | ({"fees": fees} if fees is not None else {})
        whole = {"items", "tax", "shipping", "fees"} <= set(parts)
        return {"total": total} if whole and sum(parts.values()) != 2 * total else parts

    def _unmapped(self, field: str, said: str) -> None:
        self.unmapped.append(Unmapped(field, shown(said), self._key.return_id))


def refunds_in(document: Document) -> Sequence[Document]:
    """A list of refunds, or the one refund of a return."""
    return objects(listed(document, "refunds")) or [one for one in (nested(document, "refund"),) if one]
