"""Refund arithmetic of Shopify: the exact amounts in a refund's JSON, and how far they explain the money that was paid back.

Goods (subtotal + tax) + shipping (subtotal + tax) + duties and other fees - order adjustments (amount + tax) = what the transactions
paid, says the vendor; real refunds do not always add up. Subtotals hold the tax in some shops and not in others, and nothing in a refund
says which: the reading that adds up to the money is taken, then the tax rates are asked, then the order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from adapters.files.exact_json import Number
from domain.money import MoneyError, to_minor, to_text

_PLAIN = re.compile(r"(-?\d{1,15})(?:\.(\d{0,30}))?\Z", re.ASCII)
_RATE = re.compile(r"\d{1,3}(?:\.\d{1,12})?\Z", re.ASCII)
# An adjustment with one of these reasons is a deduction that somebody named: a fee. Any other leaves money unexplained.
_FEE_REASONS = ("RESTOCK", "DAMAGE", "CUSTOMER")


def minor(amount: object, currency: str) -> int | None:
    """Minor units of an amount as it stands in the JSON, text or number; None where it is no amount of that currency."""
    if isinstance(amount, bool) or not isinstance(amount, str | int):
        return None
    found = _PLAIN.match(str(amount))
    if found is None:
        return None
    fraction = (found[2] or "").rstrip("0")
    try:
        return to_minor(f"{found[1]}.{fraction}" if fraction else found[1], currency)
    except MoneyError:
        return None


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON list; nothing where there is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def shop_currencies(refund: dict[str, Any]) -> Iterable[object]:
    """Every currency that the refund's amounts in shop money are told in."""
    fields = ("refund_line_items", "refund_shipping_lines", "order_adjustments", "duties")
    for holder in [refund, *(each for field in fields for each in objects(refund.get(field)))]:
        for field, value in holder.items():
            if field.endswith("_set") and isinstance(value, dict) and isinstance(value.get("shop_money"), dict):
                yield value["shop_money"].get("currency_code")


class _Taxed(NamedTuple):
    """A subtotal and its tax; `holds_tax` where it is known whether the subtotal holds it."""

    subtotal: int
    tax: int
    holds_tax: bool | None

    def net(self, holds_tax: bool) -> int:
        return self.subtotal - self.tax if holds_tax else self.subtotal


class Arithmetic:
    """One refund's amounts in one currency. `order` is what is known of its order."""

    def __init__(self, refund: dict[str, Any], order: dict[str, Any], currency: str) -> None:
        self._refund, self._order, self._currency = refund, order, currency

    def amount(self, total: int) -> dict[str, str]:
        """The contract's amount: all the parts where they add up, else those that are known; what is left over counts as unexplained."""
        goods, shipping = self._goods(), self._shipping()
        fees, taxes_on_fees, discrepancy = self._adjusted()
        parts: dict[str, int | None] = {}
        if goods is not None and shipping is not None:
            tax = sum(each.tax for each in (*goods, shipping)) + taxes_on_fees
            for goods_hold_tax, shipping_holds_tax in ((False, False), (True, True), (True, False), (False, True)):
                items, delivery = sum(each.net(goods_hold_tax) for each in goods), shipping.net(shipping_holds_tax)
                if items + tax + delivery + fees + discrepancy == total and min(items, tax, delivery) >= 0:
                    parts = {"items": items, "tax": tax, "shipping": delivery, "fees": None if discrepancy else fees}
                    break
            else:
                parts = {"tax": tax, "items": _settled(goods), "shipping": _settled([shipping])}
            if not goods and parts.get("fees") is None:
                # Money that no line stands for may be for goods all the same.
                parts = {"shipping": parts["shipping"]}
        elif goods is not None:
            parts = {"items": _settled(goods)}
        elif shipping is not None:
            parts = {"shipping": _settled([shipping])}
        if (parts.get("shipping") or 0) > total:
            parts["shipping"] = None
        known = {part: value for part, value in parts.items() if value is not None and (value >= 0 or part == "fees")}
        return {part: to_text(value, self._currency) for part, value in (known | {"total": total}).items()}

    def _goods(self) -> list[_Taxed] | None:
        lines = objects(self._refund.get("refund_line_items"))
        if "refund_line_items" not in self._refund:
            return None
        taxed = [self._taxed(self._money(line, "subtotal"), self._money(line, "total_tax"), line.get("line_item")) for line in lines]
        known = [each for each in taxed if each is not None]
        return known if len(known) == len(taxed) else None

    def _shipping(self) -> _Taxed | None:
        """From 2024-10 on shipping has lines of its own; before, and for a time beside them, it was an adjustment with its sign turned."""
        adjusted = [each for each in self._adjustments() if _is_shipping(each)]
        lines = objects(self._refund.get("refund_shipping_lines"))
        subtotal = self._sum(lines, "subtotal_amount") if lines else self._sum(adjusted, "amount", turned=True)
        if not lines and not adjusted:
            return _Taxed(0, 0, False)
        shipping_line = lines[0].get("shipping_line") if lines else None
        if any("tax_amount_set" in line for line in lines):
            tax = self._sum(lines, "tax_amount")
        elif adjusted:
            tax = self._sum(adjusted, "tax_amount", turned=True)
        else:
            tax = self._tax_of_whole_shipping(lines)
        return self._taxed(subtotal, tax, shipping_line)

    def _tax_of_whole_shipping(self, lines: list[dict[str, Any]]) -> int | None:
        """The lines do not tell their tax: it is that of the shipping line, where there is none or all of the line is paid back."""
        whole = 0
        for line in lines:
            shipping_line = line.get("shipping_line")
            if not isinstance(shipping_line, dict) or not isinstance(shipping_line.get("tax_lines"), list):
                return None
            tax = self._sum(objects(shipping_line["tax_lines"]), "price")
            in_full = self._money(line, "subtotal_amount") == self._money(shipping_line, "discounted_price")
            if tax is None or (tax and not in_full):
                return None
            whole += tax
        return whole

    def _adjusted(self) -> tuple[int, int, int]:
        """Fees (duties, other fees, named deductions), the tax on them, and what was refunded more (or, negative, less) than computed."""
        fees = self._total_of("duties") + self._total_of("additional_fees")
        taxes = discrepancy = 0
        for each in self._adjustments():
            if _is_shipping(each):
                continue
            amount, tax = -(self._money(each, "amount") or 0), -(self._money(each, "tax_amount") or 0)
            if str(each.get("reason")).strip().upper() in _FEE_REASONS:
                fees, taxes = fees + amount, taxes + tax
            else:
                discrepancy += amount + tax
        return fees, taxes, discrepancy

    def _adjustments(self) -> list[dict[str, Any]]:
        return objects(self._refund.get("order_adjustments"))

    def _total_of(self, what: str) -> int:
        total = self._money(self._refund, f"total_{what}")
        return total if total is not None else self._sum(objects(self._refund.get(what)), "amount") or 0

    def _sum(self, holders: list[dict[str, Any]], field: str, *, turned: bool = False) -> int | None:
        amounts = [self._money(each, field) for each in holders]
        known = [each for each in amounts if each is not None]
        return None if len(known) < len(amounts) else -sum(known) if turned else sum(known)

    def _money(self, holder: dict[str, Any], field: str) -> int | None:
        """The exact amount, in the currency of the refund's money: shop money, else what the customer sees, else the plain field."""
        amounts = holder.get(f"{field}_set")
        if isinstance(amounts, dict):
            for side in (amounts.get("shop_money"), amounts.get("presentment_money")):
                if isinstance(side, dict) and side.get("currency_code") == self._currency:
                    return minor(side.get("amount"), self._currency)
            return None
        shop = self._order.get("currency")
        return minor(holder.get(field), self._currency) if shop in (None, self._currency) else None

    def _taxed(self, subtotal: int | None, tax: int | None, taxed_line: object) -> _Taxed | None:
        if subtotal is None or tax is None:
            return None
        rates = _rates(taxed_line)
        if not tax:
            return _Taxed(subtotal, tax, False)
        if rates:
            without, within = abs(subtotal * rates - tax), abs(subtotal * rates / (1 + rates) - tax)
            if without != within:
                return _Taxed(subtotal, tax, within < without)
        included = self._order.get("taxes_included")
        return _Taxed(subtotal, tax, included if isinstance(included, bool) else None)


def _rates(line: object) -> Fraction:
    tax_lines = objects(line.get("tax_lines")) if isinstance(line, dict) else []
    texts = [str(each["rate"]) for each in tax_lines if isinstance(each.get("rate"), Number | str | int)]
    return sum((Fraction(text) for text in texts if _RATE.match(text)), Fraction(0))


def _settled(taxed: list[_Taxed]) -> int | None:
    """What these are worth without tax; None where one of them does not let on."""
    net = [None if each.holds_tax is None else each.net(each.holds_tax) for each in taxed]
    return None if None in net else sum(each for each in net if each is not None)


def _is_shipping(adjustment: dict[str, Any]) -> bool:
    told = f"{adjustment.get('kind')} {adjustment.get('reason')}".casefold()
    return "shipping_refund" in told or "shipping refund" in told
