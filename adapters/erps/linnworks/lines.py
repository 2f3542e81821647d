"""An order's lines: what was paid for each of them, its tax, and the parts of kits by Linnworks' own composition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from adapters.erps.linnworks.amounts import minor_of, rounded
from adapters.erps.linnworks.client import LinnworksClient
from adapters.vendor.answers import NotUnderstood
from adapters.vendor.shapes import Document, count, first_text, flag, listed, nested, number, objects
from domain.erp_facts import KitComponent, OrderLine
from domain.money import allocate

_NOTHING: Final = "00000000-0000-0000-0000-000000000000"
# Purchase prices as weights, in hundredths of the currency's unit.
_PRICE_DIGITS: Final = 2


def read_lines(client: LinnworksClient, order: Document, currency: str, refunded: Mapping[str, tuple[int, Decimal]]) -> Iterator[OrderLine]:
    """`refunded`: units, and money without units, that refunds of others gave back of a row."""
    items = [one for one in objects(order.get("Items")) if first_text(one, "RowId") and count(one.get("Quantity"))]
    money = [list(_net_and_gross(one, currency)) for one in items]
    for pair, less in zip(money, _order_discount(order, [gross for _, gross in money], currency), strict=True):
        if less:
            net_less = less * pair[0] // pair[1] if pair[1] else 0
            pair[0], pair[1] = pair[0] - net_less, pair[1] - less
    for item, (net, gross) in zip(items, money, strict=True):
        row, quantity = str(first_text(item, "RowId")), count(item.get("Quantity")) or 1
        units, alone = refunded.get(row.lower(), (0, Decimal(0)))
        if alone and gross:
            units += rounded(alone, currency) * quantity // gross
        yield OrderLine(
            order_line=row,
            sku=first_text(item, "SKU", "ItemSKU", "ChannelSKU", "ItemNumber") or row,
            quantity=quantity,
            items=max(0, net),
            tax=max(0, gross - net),
            credited=min(quantity, units),
            kit=tuple(_parts(client, item, quantity)) or None,
            channel_line=first_text(item, "ItemNumber"),
        )


def child_row(order: Document, row: str, sku: str) -> str | None:
    """The row of a kit's part, where the order has one: parts can be returned by themselves."""
    for item in objects(order.get("Items")):
        if str(item.get("RowId")).lower() == row.lower():
            found = [part for part in _leaves(item) if first_text(part, "SKU") == sku and first_text(part, "RowId") not in (None, _NOTHING)]
            return first_text(found[0], "RowId") if len(found) == 1 else None
    return None


def _net_and_gross(item: Document, currency: str) -> tuple[int, int]:
    """`Cost` and `CostIncTax` are for the whole line, after its own discount; where one is missing it follows from the others."""
    net, gross = (number(item.get(name)) for name in ("Cost", "CostIncTax"))
    tax, rate = number(item.get("Tax")), (number(item.get("TaxRate")) or Decimal(0)) / 100
    price = number(item.get("PricePerUnit"))
    if not net and not gross and price:
        paid = price * (count(item.get("Quantity")) or 0) * (1 - (number(item.get("Discount")) or Decimal(0)) / 100)
        net, gross = (None, paid) if flag(item.get("TaxCostInclusive")) else (paid, None)
    # A rate below nothing stands for the country's; then only the figures tell.
    rate = max(rate, Decimal(0))
    if net is None and gross is not None:
        net = gross - tax if tax is not None else gross / (1 + rate)
    if gross is None and net is not None:
        gross = net + tax if tax is not None else net * (1 + rate)
    net, gross = net or Decimal(0), gross or Decimal(0)
    return rounded(min(net, gross), currency), rounded(gross, currency)


def _order_discount(order: Document, gross: list[int], currency: str) -> list[int]:
    """What a discount on the whole order takes off each line, where the lines do not have it yet: then they come to more than was charged,
    by exactly the discount. Spread by value, exact."""
    totals = nested(order, "TotalsInfo")
    total, discount = (minor_of(totals.get(name), currency) for name in ("TotalCharge", "TotalDiscount"))
    postage = minor_of(totals.get("PostageCost"), currency) or 0
    if not gross or not total or not discount or sum(gross) + postage - total != discount or discount > sum(gross):
        return [0] * len(gross)
    return allocate(discount, gross)


def _parts(client: LinnworksClient, item: Document, quantity: int) -> list[KitComponent]:
    leaves = list(_leaves(item)) if objects(item.get("CompositeSubItems")) else []
    stock_item = first_text(item, "StockItemId", "ItemId")
    # The order's own parts say how many there are in all, or in one kit: with several kits only the composition can tell.
    asked = not leaves or quantity > 1
    known = asked and stock_item not in (None, _NOTHING) and not flag(item.get("IsService"))
    composed = _composition(client, str(stock_item)) if known else []
    told = [(str(first_text(one, "SKU")), count(one.get("Quantity")) or 0, number(one.get("PurchasePrice"))) for one in composed]
    if told:
        return _weighed(told)
    for leaf in leaves:
        units = count(leaf.get("Quantity")) or 0
        told.append((str(first_text(leaf, "SKU")), units // quantity if units % quantity == 0 else units, number(leaf.get("UnitCost"))))
    return _weighed(told)


def _composition(client: LinnworksClient, stock_item: str) -> list[Document]:
    try:
        told = client.get("Inventory/GetInventoryItemCompositions", inventoryItemId=stock_item, getFullDetail="true")
    except NotUnderstood:
        return []
    found = objects(listed(told, "Items", "Data"))
    return [one for one in found if first_text(one, "SKU") and count(one.get("Quantity"))]


def _leaves(item: Document) -> Iterator[Document]:
    for part in objects(item.get("CompositeSubItems")):
        if objects(part.get("CompositeSubItems")):
            yield from _leaves(part)
        elif first_text(part, "SKU") and count(part.get("Quantity")):
            yield part


def _weighed(parts: list[tuple[str, int, Decimal | None]]) -> list[KitComponent]:
    """A kit's value is split by what its parts cost, where every part has a cost; otherwise each unit is worth the same."""
    together: dict[str, tuple[int, Decimal | None]] = {}
    for sku, units, cost in parts:
        before = together.get(sku, (0, cost))
        together[sku] = (before[0] + units, before[1])
    priced = all(cost for _, cost in together.values())
    return [
        KitComponent(sku=sku, quantity=units, weight=max(1, int((cost or 0) * 10**_PRICE_DIGITS)) if priced else 1)
        for sku, (units, cost) in together.items()
        if units
    ]
