"""Exchange orders: a sale of no value to the same customer that carries the instruction's id; a draft is one that is quoted only."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal

from adapters.erps.port import ORDER_NOT_FOUND, REFUSED, FoundTwice, NotThere, Unfinished, Work
from adapters.erps.tryton.client import Lost, No, Row, SaidNo, TrytonClient
from adapters.erps.tryton.naming import id_in, named
from adapters.erps.tryton.places import Products
from adapters.erps.tryton.sale import Sales
from adapters.erps.tryton.written import first_of_all
from adapters.vendor.answers import Accepted

MODEL: Final = "sale.sale"
_FIELDS: Final = ("number", "state", "shipment_state")
_GOES_OUT: Final = ("confirmed", "processing", "done")
_LOOK: Final = "look at the sale in Tryton, mend what it says, then let it be sent again"
_MOST_STEPS: Final = 3


class Exchanges:
    def __init__(self, client: TrytonClient, sales: Sales, products: Products) -> None:
        self._client, self._sales, self._products = client, sales, products

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        row = self._ours(work)
        if row is None:
            return NotThere("sales by reference")
        if work.issued.kind == "authorise_exchange":
            return Accepted(named(row)) if row["state"] in _GOES_OUT else NotThere(f"the state of sale {named(row)}")
        return Accepted(named(row)) if row["state"] in _enough(work) else Unfinished(named(row))

    def do(self, work: Work) -> Accepted:
        row = self._ours(work)
        if row is None and work.issued.kind == "authorise_exchange":
            reason = f"Tryton has no sale {work.issued.document} that could go out"
            raise No(ORDER_NOT_FOUND, reason, "look for the exchange order in Tryton, then retry or waive the gap")
        if row is None:
            made = int(self._client.write(f"{MODEL}.create", [self._body(work)])[0])
            first_of_all(self._client, MODEL, work, made, self._delete)
            row = self._read([["id", "=", made]])[0]
        for _ in range(_MOST_STEPS):
            if row["state"] in _enough(work):
                return Accepted(named(row))
            step = "quote" if row["state"] == "draft" else "confirm"
            try:
                self._client.write(f"{MODEL}.{step}", [row["id"]])
            except SaidNo as no:
                raise No(REFUSED, f"Tryton refused to {step} the exchange {named(row)}: {no}", _LOOK) from no
            row = self._read([["id", "=", row["id"]]])[0]
        raise Lost(f"sale {named(row)} is {row['state']} in Tryton, and does not go on")

    def _body(self, work: Work) -> dict[str, Any]:
        told = work.issued.order or (work.order.order if work.order else "")
        original = self._sales.read(int(told)) if told.isdecimal() else None
        if original is None:
            raise No(ORDER_NOT_FOUND, "Tryton does not have the original sale any more", "match the order again")
        items = work.issued.exchange or ()
        products = self._products.by_skus_or_no(item.sku for item in items)
        lines = [
            {
                "type": "line",
                "product": products[item.sku]["id"],
                "quantity": item.quantity,
                "unit": products[item.sku]["default_uom"],
                "base_price": products[item.sku]["list_price"],
                "unit_price": Decimal(0),
            }
            for item in items
        ]
        names = ("party", "currency", "invoice_address", "shipment_address", "payment_term", "warehouse")
        return {
            **{name: original.row[name] for name in names},
            "company": self._client.company,
            "reference": work.issued.instruction,
            "description": f"Exchange for return {work.key.return_id}, order {work.reference}"[:200],
            # Nothing is paid for it, and so nothing invoiced.
            "invoice_method": "manual",
            "shipment_method": "order",
            "lines": [["create", lines]],
        }

    def _delete(self, sale: int) -> None:
        self._client.write(f"{MODEL}.cancel", [sale])

    def _ours(self, work: Work) -> Row | None:
        if work.issued.kind == "authorise_exchange":
            found = self._read([["id", "=", id_in(work.issued.document)]])
        else:
            found = self._read([["reference", "=", work.issued.instruction]])
        if len(found) > 1:
            raise FoundTwice(f"sales {', '.join(map(named, found))} all carry {work.issued.document or work.issued.instruction}")
        return found[0] if found else None

    def _read(self, domain: list[Any]) -> list[Row]:
        return self._client.rows(MODEL, [*domain, ["company", "=", self._client.company], ["state", "!=", "cancelled"]], *_FIELDS)


def status_of(row: Row) -> Literal["draft", "authorised", "dispatched", "voided"]:
    if row["state"] == "cancelled":
        return "voided"
    if row["shipment_state"] == "sent" or row["state"] == "done":
        return "dispatched"
    return "authorised" if row["state"] in _GOES_OUT else "draft"


def _enough(work: Work) -> tuple[str, ...]:
    return _GOES_OUT if work.issued.status != "draft" else (*_GOES_OUT, "quotation")
