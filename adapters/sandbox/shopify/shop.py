"""A simulated Shopify shop: orders, refunds, returns, dispositions, payouts. Its verbs queue the webhooks that Shopify would send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from adapters.sandbox.port import Clock

# Real ids are that large: whoever passes one through a float gets another.
FIRST_ID = 9_007_199_254_740_993
# A story takes a few dozen ids, so that a shop that begins at a later number has none in common.
IDS_EACH = 100
PAID_BY_SHOPIFY = ("shopify_payments",)
CARD_FEE_PER_MILLE = 29


@dataclass
class Line:
    """A line of an order; `price` is of one unit, `discount` and `tax` of all of them. Minor units."""

    id: int
    sku: str | None
    quantity: int
    price: int
    discount: int
    tax: int
    rate: str
    variant: int

    @property
    def paid(self) -> int:
        """After discounts; holds the tax in a shop whose prices do."""
        return self.price * self.quantity - self.discount


@dataclass
class Transaction:
    id: int
    kind: str
    status: str
    gateway: str
    amount: int
    created_at: datetime
    test: bool = False


@dataclass
class RefundLine:
    id: int
    line: Line
    quantity: int
    subtotal: int
    tax: int
    restock_type: str


@dataclass
class Refund:
    id: int
    order: Order
    created_at: datetime
    lines: list[RefundLine]
    shipping: int
    shipping_tax: int
    adjustments: list[tuple[str, int]]
    transactions: list[Transaction]
    shop_return: Return | None


@dataclass
class Disposition:
    id: int
    type: str
    quantity: int
    location: int
    created_at: datetime


@dataclass
class ReturnLine:
    """`fulfilment_item` stands for both the reverse fulfilment order's line and the fulfilment's line: their ids have other kinds."""

    id: int
    line: Line
    quantity: int
    reason: str
    fulfilment_item: int
    processed: int = 0
    dispositions: list[Disposition] = field(default_factory=list)


@dataclass
class Exchange:
    id: int
    variant: int
    sku: str
    quantity: int
    line: int | None = None


@dataclass
class Return:
    id: int
    order: Order
    name: str
    status: str
    created_at: datetime
    lines: list[ReturnLine]
    exchange: list[Exchange]
    fulfilment: int
    approved_at: datetime | None = None
    closed_at: datetime | None = None
    decline: tuple[str, str] | None = None


@dataclass
class Order:
    id: int
    name: str
    currency: str
    taxes_included: bool
    lines: list[Line]
    shipping: int
    shipping_tax: int
    gateway: str
    created_at: datetime
    updated_at: datetime
    presentment: tuple[str, Fraction]
    charge: Transaction
    returns: list[Return] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)


@dataclass
class BalanceTransaction:
    """A movement of the Shopify Payments balance; `payout` None until one takes it along."""

    id: int
    type: str
    amount: int
    fee: int
    currency: str
    source_type: str
    order: int | None
    transaction: int | None
    processed_at: datetime
    payout: int | None = None


@dataclass
class Payout:
    id: int
    status: str
    date: str
    currency: str
    amount: int


# (topic, what it is about) → queued. The shape of the body is the webhooks' business.
Tell = Callable[[str, Any], None]


class Shop:
    """Every verb happens at once and tells of itself."""

    def __init__(self, clock: Clock, tell: Tell, first: int = 0) -> None:
        self._clock, self._tell = clock, tell
        self._next = FIRST_ID + first * IDS_EACH
        self.orders: dict[int, Order] = {}
        self.refunds: dict[int, Refund] = {}
        self.returns: dict[int, Return] = {}
        self.balance: list[BalanceTransaction] = []
        self.payouts: dict[int, Payout] = {}

    def new_id(self) -> int:
        self._next += 2
        return self._next

    def now(self) -> datetime:
        return self._clock().replace(microsecond=0)

    def order(
        self,
        lines: Sequence[Mapping[str, Any]],
        *,
        name: str | None = None,
        order_id: int | None = None,
        currency: str = "GBP",
        taxes_included: bool = False,
        shipping: int = 0,
        shipping_tax: int = 0,
        gateway: str = "shopify_payments",
        presentment: tuple[str, Fraction] | None = None,
    ) -> Order:
        """`lines`: {sku, quantity, price, discount, tax, rate, id}, amounts in minor units."""
        now = self.now()
        made = [
            Line(
                int(each.get("id") or self.new_id()),
                each.get("sku"),
                int(each.get("quantity", 1)),
                int(each.get("price", 0)),
                int(each.get("discount", 0)),
                int(each.get("tax", 0)),
                str(each.get("rate", "0.2" if each.get("tax") else "0.0")),
                self.new_id(),
            )
            for each in lines
        ]
        total = sum(line.paid + (0 if taxes_included else line.tax) for line in made) + shipping + (0 if taxes_included else shipping_tax)
        charge = Transaction(self.new_id(), "sale", "success", gateway, total, now)
        number = order_id or self.new_id()
        order = Order(
            number,
            name or f"#{1001 + len(self.orders)}",
            currency,
            taxes_included,
            made,
            shipping,
            shipping_tax,
            gateway,
            now,
            now,
            presentment or (currency, Fraction(1)),
            charge,
        )
        self.orders[number] = order
        self._settle(order, charge, "charge")
        self._tell("orders/create", order)
        return order

    def refund(
        self,
        order: Order,
        units: Mapping[int, int],
        *,
        shop_return: Return | None = None,
        shipping: bool = False,
        kept: int = 0,
        status: str = "success",
        restock: str = "no_restock",
        gateways: tuple[str, ...] = (),
        test: bool = False,
    ) -> Refund:
        """`units`: line id → units. `kept` is what is refunded less than computed; with several gateways, each pays an equal part."""
        now = self.now()
        lines = [self._refund_line(order, line, units[line.id], restock) for line in order.lines if units.get(line.id)]
        delivery = (order.shipping, order.shipping_tax) if shipping else (0, 0)
        goods = sum(each.subtotal + (0 if order.taxes_included else each.tax) for each in lines)
        total = goods + delivery[0] + (0 if order.taxes_included else delivery[1]) - kept
        used = gateways or (order.gateway,)
        parts = [total // len(used) + (total % len(used) if at == 0 else 0) for at in range(len(used))]
        payments = [
            Transaction(self.new_id(), "refund", status, gateway, part, now, test)
            for gateway, part in zip(used, parts, strict=True)
            if part
        ]
        adjustments = [("REFUND_DISCREPANCY", kept)] if kept else []
        refund = Refund(self.new_id(), order, now, lines, *delivery, adjustments, payments, shop_return)
        order.refunds.append(refund)
        self.refunds[refund.id] = refund
        self._touch(order)
        self._tell("refunds/create", refund)
        for payment in payments:
            self._paid(refund, payment)
        return refund

    def settle(self, refund: Refund, status: str = "success") -> None:
        """What was pending succeeds, or fails."""
        for payment in refund.transactions:
            if payment.status == "pending":
                payment.status = status
                self._paid(refund, payment)
        self._touch(refund.order)

    def request_return(
        self, order: Order, units: Mapping[int, int], *, exchange: Sequence[Mapping[str, Any]] | None = None, reason: str = "SIZE_TOO_SMALL"
    ) -> Return:
        now = self.now()
        lines = [ReturnLine(self.new_id(), line, units[line.id], reason, self.new_id()) for line in order.lines if units.get(line.id)]
        wanted = [Exchange(self.new_id(), self.new_id(), str(each["sku"]), int(each.get("quantity", 1))) for each in exchange or []]
        name = f"{order.name}-R{len(order.returns) + 1}"
        made = Return(self.new_id(), order, name, "REQUESTED", now, lines, wanted, self.new_id())
        order.returns.append(made)
        self.returns[made.id] = made
        self._touch(order)
        self._tell("returns/request", made)
        return made

    def approve(self, shop_return: Return) -> None:
        shop_return.status, shop_return.approved_at = "OPEN", self.now()
        self._changed("returns/approve", shop_return)

    def decline(self, shop_return: Return, reason: str = "return_period_ended", note: str = "") -> None:
        shop_return.status, shop_return.decline = "DECLINED", (reason, note)
        self._changed("returns/decline", shop_return)

    def cancel(self, shop_return: Return) -> None:
        shop_return.status = "CANCELED"
        self._changed("returns/cancel", shop_return)

    def close(self, shop_return: Return) -> None:
        shop_return.status, shop_return.closed_at = "CLOSED", self.now()
        self._changed("returns/close", shop_return)

    def reopen(self, shop_return: Return) -> None:
        shop_return.status, shop_return.closed_at = "OPEN", None
        self._changed("returns/reopen", shop_return)

    def remove(self, shop_return: Return, line: int, quantity: int) -> None:
        """Units taken off a return; the webhook tells the difference only."""
        found = next(each for each in shop_return.lines if each.line.id == line)
        found.quantity -= quantity
        if not found.quantity:
            shop_return.lines.remove(found)
        self._touch(shop_return.order)
        self._tell("returns/update", (shop_return, found.id, quantity))

    def dispose(self, shop_return: Return, line: int, kind: str, quantity: int, *, location: int = 3333333) -> Disposition:
        found = next(each for each in shop_return.lines if each.line.id == line)
        disposition = Disposition(self.new_id(), kind.upper(), quantity, location, self.now())
        found.dispositions.append(disposition)
        self._tell("reverse_fulfillment_orders/dispose", (shop_return, [(found, disposition)]))
        return disposition

    def process(self, shop_return: Return, *, refund: bool = True) -> Refund | None:
        """From 2025-07 on: dispositions, the exchange and the money in one go; the webhook of it can be empty."""
        for each in shop_return.exchange:
            each.line = each.line or self.new_id()
        for line in shop_return.lines:
            left = line.quantity - sum(each.quantity for each in line.dispositions)
            if left:
                self.dispose(shop_return, line.line.id, "RESTOCKED", left)
            line.processed = line.quantity
        self._changed("returns/process", shop_return)
        return (
            self.refund(shop_return.order, {each.line.id: each.quantity for each in shop_return.lines}, shop_return=shop_return)
            if refund
            else None
        )

    def worth(self, order: Order, units: Mapping[int, int]) -> int:
        """What Shopify would refund for these units."""
        lines = [self._refund_line(order, line, units[line.id], "no_restock") for line in order.lines if units.get(line.id)]
        return sum(each.subtotal + (0 if order.taxes_included else each.tax) for each in lines)

    def pay_out(self) -> Payout | None:
        """Everything of the balance that no payout took along yet. The payout itself is a movement too, the other way."""
        waiting = [each for each in self.balance if each.payout is None]
        if not waiting:
            return None
        now, currency = self.now(), waiting[0].currency
        waiting = [each for each in waiting if each.currency == currency]
        payout = Payout(self.new_id(), "paid", now.date().isoformat(), currency, sum(each.amount - each.fee for each in waiting))
        for each in waiting:
            each.payout = payout.id
        self.payouts[payout.id] = payout
        itself = BalanceTransaction(self.new_id(), "payout", -payout.amount, 0, currency, "payout", None, None, now, payout.id)
        self.balance.append(itself)
        return payout

    def _refund_line(self, order: Order, line: Line, units: int, restock: str) -> RefundLine:
        before = sum(each.quantity for refund in order.refunds for each in refund.lines if each.line is line)
        # Parts of a line add up to the line, to the penny: each takes what its share of the whole has grown by.
        subtotal, tax = (
            _share(whole, before + units, line.quantity) - _share(whole, before, line.quantity) for whole in (line.paid, line.tax)
        )
        return RefundLine(self.new_id(), line, units, subtotal, tax, restock)

    def _paid(self, refund: Refund, payment: Transaction) -> None:
        if payment.status != "pending":
            self._tell("order_transactions/create", (refund.order, payment))
        if payment.status == "success" and not payment.test:
            self._settle(refund.order, payment, "refund")

    def _settle(self, order: Order, payment: Transaction, kind: str) -> None:
        if payment.gateway not in PAID_BY_SHOPIFY:
            return
        amount = payment.amount if kind == "charge" else -payment.amount
        fee = amount * CARD_FEE_PER_MILLE // 1000 if kind == "charge" else 0
        source = kind if kind == "charge" else "Payments::Refund"
        self.balance.append(BalanceTransaction(self.new_id(), kind, amount, fee, order.currency, source, order.id, payment.id, self.now()))

    def _changed(self, topic: str, shop_return: Return) -> None:
        self._touch(shop_return.order)
        self._tell(topic, shop_return)

    def _touch(self, order: Order) -> None:
        order.updated_at = self.now()
        self._tell("orders/updated", order)


def _share(whole: int, units: int, of_units: int) -> int:
    return (2 * whole * units + of_units) // (2 * of_units)
