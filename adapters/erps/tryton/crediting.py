"""The lines of a credit note: each on the line of the invoice that it takes back, at prices that leave nothing to be rounded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from adapters.erps.port import OVER_CREDIT, REFUSED, Work
from adapters.erps.tryton.client import No
from adapters.erps.tryton.sale import BillLine, Sale
from domain.content import Amount
from domain.money import allocate, to_text

_LOOK = "look at the credit notes of this sale in Tryton: reverse what is too much, or accept the difference"


class Wanted(NamedTuple):
    """A line to be: `tax` is what the note's tax must come to for it. `units` of the product, or one without a product."""

    like: BillLine
    units: int
    items: int
    tax: int
    name: str | None = None
    origin: bool = True


def wanted_lines(work: Work, sale: Sale) -> list[Wanted]:
    """Raises No where the invoices do not allow it."""
    issued, amount = work.issued, work.issued.amount
    assert amount is not None, "a credit note has an amount"
    told: list[Wanted] = []
    left = {one.row["id"]: one.quantity for one in sale.billed}
    if not sale.billed:
        raise No(REFUSED, f"the invoices of {sale.number} have no lines", "look at the sale in Tryton, then retry")
    taken: dict[int, int] = defaultdict(int)
    for money in issued.money:
        line = int(money.order_line) if money.order_line.isdecimal() else 0
        rows = [one for one in sale.billed if one.sale_line == line and one.quantity > 0]
        if not rows:
            reason = f"no invoice of {sale.number} has the line {money.order_line} ({money.sku})"
            raise No(REFUSED, reason, "match the order again, or credit it by hand")
        if money.component is not None:
            told.append(Wanted(rows[0], 1, money.items, money.tax, f"{money.quantity} x {money.component} of {money.sku}"))
            continue
        taken[line] += money.quantity
        units, parts = money.quantity, list[tuple[BillLine, int]]()
        for row in rows:
            here = min(units, left[row.row["id"]])
            left[row.row["id"]] -= here
            units -= here
            if here:
                parts.append((row, here))
        if units:
            raise No(OVER_CREDIT, f"{sale.number} invoiced fewer of {money.sku} than are to be credited", _LOOK)
        weights = [here for _, here in parts]
        shares = zip(parts, allocate(money.items, weights), allocate(money.tax, weights), strict=True)
        told += [Wanted(row, here, items, tax) for (row, here), items, tax in shares]
    _units_allow(work, sale, taken)
    told += _beside(work, sale, amount)
    return [one for one in told if one.items or one.tax or one.units > 1 or one.name is None]


def money_allows(work: Work, sale: Sale) -> None:
    """Never beyond what the invoices still allow: Tryton itself takes any amount. Raises No."""
    assert work.issued.amount is not None, "a credit note has an amount"
    asked, free = work.issued.amount.total, sale.total - sale.credited_total(without=work.issued.instruction)
    if asked > free:
        shown = to_text(max(0, free), sale.currency)
        reason = f"the invoices of {sale.number} allow {shown} {sale.currency} more, and {to_text(asked, sale.currency)} is to be credited"
        raise No(OVER_CREDIT, reason, _LOOK)


def line_bodies(one: Wanted, sale: Sale, work: Work) -> list[dict[str, Any]]:
    """One row, or two where the price of a unit would have to be rounded."""
    row = one.like.row
    remark = f"{one.name or row['description'] or ''} ({work.issued.instruction})".strip()
    body: dict[str, Any] = {"type": "line", "account": row["account"], "description": remark, "taxes": [["add", list(row["taxes"] or ())]]}
    if one.origin:
        body["origin"] = f"account.invoice.line,{row['id']}"
    if one.name is None and row["product"] is not None:
        body |= {"product": row["product"], "unit": row["unit"]}
    prices: dict[int, int] = defaultdict(int)
    for price in allocate(abs(one.items), [1] * one.units):
        prices[price] += 1
    sign = 1 if one.items >= 0 else -1
    return [{**body, "quantity": -units, "unit_price": sale.major(sign * price)} for price, units in prices.items()]


def taxes_to_set(rows: list[Mapping[str, Any]], lines: list[Wanted], sale: Sale, tax: int) -> dict[int, int]:
    """What each tax of a draft must be, in minor units and negative, so that the note's tax is exactly `tax`; only those that differ."""
    reckoned = {row["id"]: sale.minor(row["amount"]) for row in rows}
    if not rows:
        if tax:
            reason = f"the invoice of {sale.number} has no tax, and {to_text(tax, sale.currency)} of tax is to be credited"
            raise No(REFUSED, reason, "compare the tax of the invoice with the return's, or post this note by hand")
        return {}
    wanted = dict(reckoned)
    if len({row["tax"] for row in rows}) == len(rows):
        for row in rows:
            of_it = [one for one in lines if row["tax"] in (one.like.row["taxes"] or ())]
            if of_it and all(len(one.like.row["taxes"] or ()) < 2 for one in lines):
                wanted[row["id"]] = -sum(one.tax for one in of_it)
    largest = max(rows, key=lambda row: abs(reckoned[row["id"]]))["id"]
    wanted[largest] += -tax - sum(wanted.values())
    return {row_id: amount for row_id, amount in wanted.items() if amount != reckoned[row_id]}


def _units_allow(work: Work, sale: Sale, taken: Mapping[int, int]) -> None:
    for line, units in taken.items():
        sold = sum(one.quantity for one in sale.billed if one.sale_line == line)
        free = sold - sale.credited_units(line, without=work.issued.instruction)
        if units > free:
            sku = next((money.sku for money in work.issued.money if money.order_line == str(line)), str(line))
            reason = f"{sale.number} has {max(0, free)} of {sku} left to credit, and {units} are to be credited"
            raise No(OVER_CREDIT, reason, _LOOK)


def _beside(work: Work, sale: Sale, amount: Amount) -> list[Wanted]:
    """Shipping on the invoice's own line for it; and what is left of the total: a restocking fee lessens the note."""
    items = sum(money.items for money in work.issued.money)
    net, tax = amount.shipping or 0, (amount.tax or 0) - sum(money.tax for money in work.issued.money)
    told = []
    if net or tax:
        names = {line["id"]: line for line in sale.lines if sale.is_shipping(line)}
        rows = [one for one in sale.billed if one.sale_line in names and one.quantity > 0]
        told.append(Wanted(rows[0] if rows else sale.billed[0], 1, net, tax, sale.mapping.shipping_name, bool(rows)))
    fee = amount.total - items - (amount.tax or 0) - (amount.shipping or 0)
    if fee:
        like = sale.billed[0]
        untaxed = BillLine({**like.row, "taxes": []}, None, like.quantity, like.items, like.tax)
        told.append(Wanted(untaxed, 1, fee, 0, sale.mapping.fee_name, False))
    return told
