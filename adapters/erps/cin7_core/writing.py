"""How the ledger's amounts become lines of Cin7's documents: prices, discounts and totals that Cin7 reckons to the same penny."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, Final

from adapters.erps.cin7_core.sale import Row, line_total, major
from adapters.erps.port import Work
from adapters.files.exact_json import Number

EMPTY: Final = "00000000-0000-0000-0000-000000000000"
_FINEST: Final = Decimal("0.0001")
_LONGEST_MEMO: Final = 1024
_LONGEST_COMMENT: Final = 256


def figure(value: Decimal) -> int | Number:
    """As JSON has it, digit for digit."""
    return int(value) if value == value.to_integral_value() else Number(format(value.normalize(), "f"))


def moment(at: datetime) -> str:
    """Cin7's dates are in UTC and carry no offset."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}"


def named(work: Work) -> str:
    """What stands in documents for people, and the id by which they are found again."""
    return f"{work.key.return_id} {work.reference} {work.issued.instruction}"[-_LONGEST_MEMO:]


def comment(work: Work) -> str:
    return named(work)[-_LONGEST_COMMENT:]


def line_body(
    row: Row, units: int, items: int, tax: int, currency: str, gross: bool, remark: str, *, plainly: bool
) -> list[dict[str, Any]]:
    """`units` of an invoice's line for so much: at its own price and discount where that comes to the amount, else at the price that
    does. `plainly`: always by a price that needs no rounding up or down, and no discount. More than one line only where no price does.
    """
    wanted = major(items + tax if gross else items, currency)
    quantity = Decimal(units)
    for price, discount in _terms(row, wanted, quantity, plainly):
        if line_total(price, discount, quantity) == wanted:
            product = {"ProductID": row.product_id, "SKU": row.sku, "Name": row.name}
            return [
                {
                    **{name: told for name, told in product.items() if told},
                    **_priced(row, quantity, price, discount, wanted, tax, currency, remark),
                }
            ]
    first, first_items, first_tax = units // 2, items * (units // 2) // units, tax * (units // 2) // units
    parts = ((first, first_items, first_tax), (units - first, items - first_items, tax - first_tax))
    return [body for part in parts for body in line_body(row, *part, currency, gross, remark, plainly=plainly)]


def charge_body(row: Row, items: int, tax: int, currency: str, gross: bool, remark: str) -> dict[str, Any]:
    """One charge, negative where it lessens the note."""
    wanted = major(items + tax if gross else items, currency)
    return {"Description": row.name, **_priced(row, Decimal(1), wanted, Decimal(0), wanted, tax, currency, remark)}


def _terms(row: Row, wanted: Decimal, quantity: Decimal, plainly: bool) -> list[tuple[Decimal, Decimal]]:
    """Prices and discounts to be tried, the invoice's own first."""
    each = wanted / quantity
    plain = [(each.quantize(_FINEST, ROUND_DOWN), Decimal(0)), (each.quantize(_FINEST, ROUND_HALF_UP), Decimal(0))]
    if plainly or row.discount >= 100:
        return [(row.price, row.discount), *plain] if not wanted else plain
    near = (each * 100 / (100 - row.discount)).quantize(_FINEST, ROUND_HALF_UP)
    return [(row.price, row.discount), (near, row.discount), *plain]


def _priced(
    row: Row, quantity: Decimal, price: Decimal, discount: Decimal, total: Decimal, tax: int, currency: str, remark: str
) -> Mapping[str, Any]:
    told = {
        "Quantity": figure(quantity),
        "Price": figure(price),
        "Discount": figure(discount),
        "Tax": figure(major(tax, currency)),
        "Total": figure(total),
        "TaxRule": row.tax_rule,
        "Comment": remark,
    }
    return told if row.account is None else {**told, "Account": row.account}
