"""ReturnGO's transactions → refunds. It never moves money itself: it asks the shop, or is told what was paid elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from adapters.platforms.returngo.amounts import Unreadable, Worth, breakdown, exact_minor, on_side
from adapters.platforms.returngo.fields import Document, every, instant, nested, text
from adapters.platforms.returngo.mapping import Mappings, plain
from adapters.platforms.returngo.rma import Rma
from adapters.platforms.returngo.told import Told


class Row(NamedTuple):
    """A fact's name, source (below its RMA's), date where the record has one, and content."""

    fact: str
    source: str
    at: datetime | None
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Payment:
    """A transaction that paid something back."""

    transaction_id: str
    refund: str
    method: str
    minor: int
    currency: str
    at: datetime | None
    lines: tuple[str, ...]


def refunds(
    rma: Rma, mappings: Mappings, told: Told, currency: tuple[str, str] | None, worths: Mapping[str, Worth]
) -> tuple[list[Row], list[tuple[str, str]]]:
    """The refunds of an RMA, and (field, value) of what could not be understood.

    Transactions that name one Shopify refund are that refund, in parts (a gift card first, then the card). A refund that the shop itself
    has told is not told again.
    """
    rows: list[Row] = []
    missed: list[tuple[str, str]] = []
    payments: dict[str, list[_Payment]] = {}
    for number, transaction in enumerate(every(rma.document, "transactions")):
        try:
            status, payment = _payment(number, transaction, mappings, currency)
        except Unreadable as unreadable:
            missed.append((unreadable.field, unreadable.said))
            continue
        if payment is None:
            continue
        source = f"refund/{payment.transaction_id}"
        if status == "paid":
            payments.setdefault(payment.refund, []).append(payment)
        elif status == "failed" and told.refunds.get(payment.refund) == f"returngo/rma/{rma.rma_id}/{source}":
            rows.append(Row("RefundReversed", f"{source}/reversed", payment.at, {"refund": payment.refund}))
    for refund, parts in payments.items():
        if refund in told.refunds and told.refunds[refund] is None:
            continue
        if len({part.currency for part in parts}) > 1:
            missed.append(("transactions.amount", f"refund {refund} is told in two currencies"))
            continue
        rows.append(_refunded(refund, parts, rma, currency, worths))
    return rows, missed


def _refunded(refund: str, parts: list[_Payment], rma: Rma, currency: tuple[str, str] | None, worths: Mapping[str, Worth]) -> Row:
    parts = sorted(parts, key=lambda part: (len(part.transaction_id), part.transaction_id))
    total, told_in = sum(part.minor for part in parts), parts[0].currency
    listed = {line for part in parts for line in part.lines}
    same_money = currency is not None and currency[1] == told_in
    lines = [
        (worths[unit.line], unit.item) for unit in rma.units if same_money and unit.line in worths and (not listed or unit.line in listed)
    ]
    content = {
        "refund": refund,
        "currency": told_in,
        "amount": breakdown(total, told_in, lines),
        # The way most of the money went.
        "method": max(parts, key=lambda part: part.minor).method,
    }
    return Row("Refunded", f"refund/{parts[0].transaction_id}", _last(part.at for part in parts), content)


def _payment(number: int, transaction: Document, mappings: Mappings, currency: tuple[str, str] | None) -> tuple[str, _Payment | None]:
    """The status and the payment; none for what is no refund. Raises Unreadable."""
    kind = text(transaction.get("type"))
    method = mappings.meaning("transaction_types", kind)
    if method is None:
        raise Unreadable("transaction_types", kind or "missing")
    if method == "no_refund":
        return "", None
    said = text(transaction.get("status"))
    status = mappings.meaning("transaction_status", said)
    if status is None:
        raise Unreadable("transaction_status", said or "missing")
    if status == "waiting":
        return status, None
    transaction_id = text(transaction.get("id"))
    if transaction_id is None:
        raise Unreadable(f"transactions[{number}].id", "missing")
    amount = nested(transaction, "amount")
    paid = on_side(amount, currency[0] if currency else "shop") or on_side(amount, "shop") or on_side(amount, "customer")
    if paid is None:
        raise Unreadable(f"transactions[{number}].amount", "no amount in a currency of ISO 4217")
    named = _shop_refund(transaction)
    return status, _Payment(
        transaction_id,
        named or f"returngo-{transaction_id}",
        mappings.meaning("processors", text(transaction.get("processor"))) or method,
        exact_minor(paid[0], paid[1], f"transactions[{number}].amount"),
        paid[1],
        instant(transaction.get("lastUpdated")) or instant(transaction.get("createdAt")),
        _listed(transaction),
    )


def _shop_refund(transaction: Document) -> str | None:
    """The Shopify refund that it names, as the shop's own number: a global id ends with it."""
    if plain(text(transaction.get("externalReferenceType")) or "") != "platformrefundid":
        return None
    named = text(transaction.get("externalReferenceId"))
    return named.rsplit("/", 1)[-1] or None if named is not None else None


def _listed(transaction: Document) -> tuple[str, ...]:
    listed = transaction.get("returnItemIds")
    return tuple(line for each in listed if (line := text(each)) is not None) if isinstance(listed, list) else ()


def _last(dates: Iterable[datetime | None]) -> datetime | None:
    return max((at for at in dates if at is not None), default=None)
