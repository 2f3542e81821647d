"""The original order as Tryton has it: found by its exact reference, with what its invoices charged and what was credited already."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.erps.tryton.client import Row
from adapters.erps.tryton.sale import BOOKED, Sale, Sales, sku_of
from domain.erp_facts import Invoice, KitComponent, OrderLine, OrderMatched, OrderNotFound
from domain.money import CURRENCIES, allocate

_WEIGHT_DIGITS = 4


class Orders:
    def __init__(self, erp: str, sales: Sales) -> None:
        self._erp, self._sales = erp, sales

    def match(self, reference: str) -> OrderMatched | OrderNotFound:
        found = self._sales.by_reference(reference)
        if len(found) > 1:
            names = tuple(sorted(str(row["number"] or row["id"]) for row in found))[:20]
            reason = f"Tryton has {len(found)} sales with the reference {reference}; which of them is meant cannot be told"
            return OrderNotFound(erp=self._erp, reference=reference, reason=reason, candidates=names)
        sale = self._sales.read(found[0]["id"]) if found else None
        if sale is None:
            return OrderNotFound(erp=self._erp, reference=reference, reason=f"Tryton has no sale with the reference {reference}")
        if sale.currency not in CURRENCIES:
            reason = f"the sale's currency in Tryton is {sale.currency}, which is none of ISO 4217"
            return OrderNotFound(erp=self._erp, reference=reference, reason=reason, candidates=(sale.number,))
        goods = [line for line in sale.lines if line["quantity"] > 0]
        shipping, told = [0, 0], []
        parts, money = self._sales.components(goods), _money(sale, goods)
        for line in goods:
            items, tax = money[line["id"]]
            if sale.is_shipping(line):
                shipping = [shipping[0] + items, shipping[1] + tax]
                continue
            quantity = int(line["quantity"])
            told.append(
                OrderLine(
                    order_line=str(line["id"]),
                    sku=sku_of(line) or f"line {line['id']}",
                    quantity=quantity,
                    items=max(0, items),
                    tax=max(0, tax),
                    credited=max(0, min(quantity, sale.credited_units(line["id"], ours=False))),
                    kit=tuple(_weighed(parts[line["id"]])) if line["id"] in parts else None,
                )
            )
        return OrderMatched(
            erp=self._erp,
            order=str(sale.id),
            number=sale.number,
            currency=sale.currency,
            invoice=invoice_of(sale),
            lines=tuple(told),
            shipping=max(0, shipping[0]),
            shipping_tax=max(0, shipping[1]),
            creditable=max(0, sale.total - sale.credited_total()) if invoice_of(sale) == "authorised" else None,
        )


def invoice_of(sale: Sale) -> Invoice:
    states = {bill["state"] for bill in sale.bills}
    if states & set(BOOKED):
        return "authorised"
    if states:
        return "draft"
    return "voided" if sale.row["invoices"] or sale.row["state"] == "cancelled" else "none"


def _money(sale: Sale, lines: Sequence[Row]) -> dict[int, tuple[int, int]]:
    """Items and tax of each line, by what was invoiced; by the sale itself before that."""
    booked = {bill["id"] for bill in sale.bills if bill["state"] in BOOKED}
    told = {line["id"]: (0, 0) for line in lines}
    if booked:
        for one in sale.billed:
            if one.row["invoice"] in booked and one.sale_line in told:
                items, tax = told[one.sale_line]
                told[one.sale_line] = (items + one.items, tax + one.tax)
        return told
    amounts = [max(0, sale.minor(line["amount"])) for line in lines]
    taxes = allocate(max(0, sale.minor(sale.row["tax_amount"])), amounts) if any(amounts) else [0] * len(lines)
    return {line["id"]: (items, tax) for line, items, tax in zip(lines, amounts, taxes, strict=True)}


def _weighed(parts: Sequence[Row]) -> list[KitComponent]:
    """A kit's price is split as Tryton itself splits it."""
    told: dict[str, tuple[int, Decimal]] = {}
    for part in parts:
        sku = sku_of(part) or f"part {part['id']}"
        before = told.get(sku, (0, Decimal(0)))
        ratio: Any = part["price_ratio"]
        told[sku] = (before[0] + max(1, int(part["quantity_ratio"] or part["quantity"])), before[1] + Decimal(ratio or 0))
    return [KitComponent(sku=sku, quantity=units, weight=int(ratio.scaleb(_WEIGHT_DIGITS))) for sku, (units, ratio) in told.items()]
