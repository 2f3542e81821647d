"""A sale of Tryton with its invoices and what credits them, read from its documents in a handful of calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from adapters.erps.tryton.client import Row, TrytonClient
from adapters.erps.tryton.mapping import TrytonMapping
from domain.money import CURRENCIES, allocate

BOOKED: Final = ("posted", "paid")
OURS: Final = "rl-"
_INVOICE: Final = (
    *("number", "state", "reference", "total_amount", "tax_amount"),
    *("party", "account", "journal", "invoice_address", "currency"),
)
_LINE: Final = (
    *("invoice", "origin", "product", "product.code", "description"),
    *("quantity", "amount", "unit", "unit_price", "account", "taxes"),
)


@dataclass(frozen=True, slots=True)
class BillLine:
    """A line of a posted invoice. `items` and `tax` in minor units, for all of it."""

    row: Row
    sale_line: int | None
    quantity: int
    items: int
    tax: int


@dataclass(frozen=True, slots=True)
class Credit:
    """A line that credits: of which line of the sale, by which invoice, and whose instruction. `units` 0: money alone."""

    invoice: Row
    sale_line: int | None
    units: int
    instruction: str | None


@dataclass(frozen=True, slots=True)
class Sale:
    """`lines` are the sale's own rows, `bills` its invoices that stand, `credits` what booked credit notes take back of them."""

    row: Row
    currency: str
    lines: tuple[Row, ...]
    bills: tuple[Row, ...]
    billed: tuple[BillLine, ...]
    credits: tuple[Credit, ...]
    mapping: TrytonMapping = field(repr=False)

    @property
    def id(self) -> int:
        return int(self.row["id"])

    @property
    def number(self) -> str:
        return str(self.row["number"] or self.row["id"])

    def minor(self, amount: Any) -> int:
        return minor_of(amount, self.currency)

    def major(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-CURRENCIES[self.currency])

    def is_shipping(self, line: Row) -> bool:
        """A line without a product, or of a service, that is called like shipping."""
        kind = nested(line, "product").get("type")
        return kind in (None, "service") and self.mapping.is_shipping(sku_of(line), line.get("description"))

    @property
    def total(self) -> int:
        return sum(self.minor(bill["total_amount"]) for bill in self.bills if bill["state"] in BOOKED)

    def credited_total(self, *, without: str | None = None) -> int:
        """What booked notes credit, the one of that instruction left out."""
        notes = {one.invoice["id"]: one.invoice for one in self.credits if without is None or one.instruction != without}
        return -sum(min(0, self.minor(note["total_amount"])) for note in notes.values())

    def credited_units(self, line: int, *, without: str | None = None, ours: bool = True) -> int:
        return sum(
            credit.units
            for credit in self.credits
            if credit.sale_line == line and (without is None or credit.instruction != without) and (ours or credit.instruction is None)
        )


class Sales:
    def __init__(self, client: TrytonClient, mapping: TrytonMapping) -> None:
        self._client, self._mapping = client, mapping

    def by_reference(self, reference: str) -> list[Row]:
        """Sales that carry the reference as it is, else without or with a hash; what is cancelled, where nothing else fits."""
        names = [reference]
        if self._mapping.strip_hash:
            names += [name for name in (reference.removeprefix("#"), f"#{reference.removeprefix('#')}") if name != reference]
        found = self._client.rows(
            "sale.sale", [["reference", "in", names], ["company", "=", self._client.company]], "number", "reference", "state", limit=21
        )
        for group in ([reference], names):
            fitting = [row for row in found if row["reference"] in group]
            if fitting:
                return [row for row in fitting if row["state"] != "cancelled"] or fitting
        return []

    def read(self, sale_id: int) -> Sale | None:
        fields = ("number", "reference", "state", "currency.code", "currency", "party", "invoice_address", "shipment_address")
        rows = self._client.rows(
            "sale.sale",
            [["id", "=", sale_id]],
            *fields,
            *("payment_term", "warehouse", "warehouse.storage_location", "invoices", "untaxed_amount", "tax_amount", "lines"),
        )
        if not rows:
            return None
        sale = rows[0]
        currency = str(nested(sale, "currency")["code"])
        lines = self._client.rows(
            "sale.line",
            [["sale", "=", sale_id], ["type", "=", "line"]],
            *("product", "product.code", "product.type", "description", "quantity", "unit", "unit_price", "base_price", "amount"),
            "components",
        )
        bills = [row for row in self._invoices(sale["invoices"]) if row["state"] != "cancelled" and row["total_amount"] >= 0]
        billed = self._billed(bills, currency, {row["id"] for row in lines})
        credits = self._credits(sale, lines, billed)
        return Sale(sale, currency, tuple(lines), tuple(bills), tuple(billed), tuple(credits), self._mapping)

    def components(self, lines: Iterable[Row]) -> dict[int, list[Row]]:
        """The parts of each kit, as the sale took them."""
        wanted = [part for line in lines for part in line.get("components") or ()]
        found: dict[int, list[Row]] = {}
        if wanted:
            fields = ("line", "product.code", "quantity", "quantity_ratio", "price_ratio")
            for row in self._client.rows("sale.line.component", [["id", "in", wanted]], *fields):
                found.setdefault(row["line"], []).append(row)
        return found

    def _invoices(self, ids: Iterable[int]) -> list[Row]:
        return list(self._client.by_ids("account.invoice", ids, *_INVOICE).values())

    def _billed(self, bills: list[Row], currency: str, of_sale: set[int]) -> list[BillLine]:
        if not bills:
            return []
        ids = [bill["id"] for bill in bills]
        rows = self._client.rows("account.invoice.line", [["invoice", "in", ids], ["type", "=", "line"]], *_LINE)
        taxes = self._client.rows("account.invoice.tax", [["invoice", "in", ids]], "invoice", "tax", "tax.parent", "amount")
        tax_of = dict.fromkeys((row["id"] for row in rows), 0)
        for tax in taxes:
            inside = [row for row in rows if row["invoice"] == tax["invoice"]]
            named = {tax["tax"], nested(tax, "tax").get("parent")}
            taxed = [row for row in inside if named & set(row["taxes"] or ())] or inside
            weights = [abs(minor_of(row["amount"], currency)) for row in taxed]
            amount = minor_of(tax["amount"], currency)
            shares = allocate(abs(amount), weights if any(weights) else [1] * len(taxed)) if taxed else []
            for row, share in zip(taxed, shares, strict=True):
                tax_of[row["id"]] += share if amount >= 0 else -share
        return [
            BillLine(
                row,
                line if (line := referred(row["origin"], "sale.line")) in of_sale else None,
                int(row["quantity"]),
                minor_of(row["amount"], currency),
                tax_of[row["id"]],
            )
            for row in rows
        ]

    def _credits(self, sale: Row, lines: list[Row], billed: list[BillLine]) -> list[Credit]:
        """Lines that name a line of an invoice; and what complaints brought about: return sales, and notes that name the complaint."""
        by_line = {one.row["id"]: one.sale_line for one in billed}
        by_product = {line["product"]: line["id"] for line in reversed(lines)}
        origins = [f"account.invoice.line,{row_id}" for row_id in by_line]
        of = [f"sale.sale,{sale['id']}", *(f"account.invoice,{one}" for one in sale["invoices"])]
        complaints = self._client.rows("sale.complaint", [["origin", "in", of]], "actions") if billed else []
        if complaints:
            origins += [f"sale.complaint,{row['id']}" for row in complaints]
            actions = [action for row in complaints for action in row["actions"]]
            results = self._client.by_ids("sale.complaint.action", actions, "result").values()
            returns = [one for row in results if (one := referred(row["result"], "sale.sale")) is not None]
            origins += [f"sale.line,{row['id']}" for row in self._client.rows("sale.line", [["sale", "in", returns]], "id")]
        if not origins:
            return []
        found = self._client.rows(
            "account.invoice.line", [["origin", "in", origins], ["invoice.state", "in", list(BOOKED)], ["invoice.type", "=", "out"]], *_LINE
        )
        invoices = self._client.by_ids("account.invoice", {row["invoice"] for row in found}, *_INVOICE)
        told = []
        for row in found:
            line = by_line.get(referred(row["origin"], "account.invoice.line") or 0) or by_product.get(row["product"])
            note = invoices[row["invoice"]]
            units = -int(row["quantity"]) if row["product"] is not None else 0
            told.append(Credit(note, line, units, instruction_of(note, [row])))
        return told


def minor_of(amount: Any, currency: str) -> int:
    return int(Decimal(amount or 0).scaleb(CURRENCIES[currency]).to_integral_value(ROUND_HALF_UP))


def instruction_of(note: Row, lines: Iterable[Row]) -> str | None:
    """The reference; or what the lines say, where somebody edited it."""
    reference = str(note["reference"] or "")
    if reference.startswith(OURS):
        return reference
    for line in lines:
        _, _, said = (line["description"] or "").rpartition(f"({OURS}")
        if said.endswith(")"):
            return OURS + said[:-1]
    return None


def nested(row: Row, name: str) -> Mapping[str, Any]:
    """What was asked for by a dotted name; empty where there is nothing."""
    told = row.get(f"{name}.")
    return told if isinstance(told, Mapping) else {}


def referred(reference: object, model: str) -> int | None:
    """The id in `model,id`."""
    named, _, row_id = str(reference or "").partition(",")
    return int(row_id) if named == model and row_id.isdecimal() else None


def sku_of(row: Row) -> str | None:
    product = nested(row, "product")
    code = product.get("code")
    return str(code) if code else f"product {product['id']}" if product.get("id") else None
