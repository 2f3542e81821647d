"""Exchange orders: a sale of value zero, its header first and its lines then; found by its ExternalID, finished where it was begun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.erps.cin7_core.catalog import Catalog
from adapters.erps.cin7_core.client import Client, Done, Refusal, Uncertain
from adapters.erps.cin7_core.orders import Orders
from adapters.erps.cin7_core.sale import Sale, read_sale
from adapters.erps.cin7_core.writing import figure, named
from adapters.erps.port import ORDER_NOT_FOUND, REFUSED, SKU_UNMATCHED, FoundTwice, NotThere, Unfinished, Work
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown
from adapters.vendor.shapes import Document, first_text, nested, number, objects, plain, text

_LONGEST_REFERENCE: Final = 256
# Of an order: further than authorised is authorised, too.
_AUTHORISED: Final = ("authorised", "authnoalloc", "fulfilled", "closed")
_ADDRESS: Final = ("Line1", "Line2", "City", "State", "Postcode", "Country")
_SHIPPING: Final = (*_ADDRESS, "Company", "Contact", "ShipToOther")
_LOOK: Final = "look at the exchange in Cin7, or order it there by hand"


class Exchanges:
    def __init__(self, client: Client, catalog: Catalog, orders: Orders) -> None:
        self._client, self._catalog, self._orders = client, catalog, orders

    # Asking

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        if work.issued.kind == "authorise_exchange":
            sale = self._named(work.issued.document or "")
            if sale is not None and sale.order.status in _AUTHORISED:
                return Accepted(work.issued.document or sale.number or sale.id)
            return NotThere(f"the order of {work.issued.document}, which is not authorised")
        sale = self._ours(work)
        if sale is None:
            return NotThere("sales by ExternalID and CustomerReference")
        return Accepted(sale.number or sale.id) if self._is_as_wanted(sale, work) else Unfinished(sale.number or sale.id)

    def _ours(self, work: Work) -> Sale | None:
        """The sale that carries the instruction's id. Raises FoundTwice."""
        name = work.issued.instruction
        for params in ({"ExternalID": name}, {"Search": name}):
            rows: dict[str, Document] = {}
            for row in self._client.rows("saleList", "SaleList", **params):
                sale_id = first_text(row, "SaleID", "ID")
                said = (text(row.get("ExternalID")) or "", text(row.get("CustomerReference")) or "")
                if sale_id is not None and any(name in each for each in said) and plain(text(row.get("Status")) or "") != "voided":
                    rows[sale_id] = row
            if len(rows) > 1:
                names = ", ".join(sorted(first_text(row, "OrderNumber", "SaleID") or "?" for row in rows.values()))
                raise FoundTwice(f"sales {names} all carry {name}")
            if rows:
                return self._orders.sale(next(iter(rows)))
        return None

    def _named(self, number_: str) -> Sale | None:
        """The sale that people call so."""
        for row in self._client.rows("saleList", "SaleList", Search=number_):
            if number_ in (first_text(row, each) for each in ("OrderNumber", "SaleID", "ExternalID")):
                return self._orders.sale(first_text(row, "SaleID", "ID") or "")
        return None

    def _is_as_wanted(self, sale: Sale, work: Work) -> bool:
        if sale.order.status in _AUTHORISED:
            return True
        return work.issued.status == "draft" and sale.order.status == "draft" and bool(sale.order.lines)

    # Doing

    def order(self, work: Work) -> Answer:
        products = {}
        for item in work.issued.exchange or ():
            product = self._catalog.product(item.sku)
            if product is None:
                return Declined(
                    SKU_UNMATCHED, f"Cin7 has no product {item.sku!r}", "make the product in Cin7, or order the exchange by hand"
                )
            products[item.sku] = product
        original = self._orders.sale(work.issued.order or (work.order.order if work.order else ""))
        if original is None:
            return Declined(ORDER_NOT_FOUND, "Cin7 does not have the original sale any more", _LOOK)
        sale = self._ours(work)
        if sale is not None and self._is_as_wanted(sale, work):
            return Accepted(sale.number or sale.id)
        if sale is None:
            made = self._header(work, original)
            if not isinstance(made, Sale):
                return made
            sale = made
        rule = text(original.document.get("TaxRule")) or next((row.tax_rule for bill in original.bills for row in bill.lines), None)
        lines = []
        for item in work.issued.exchange or ():
            product = products[item.sku]
            lines.append(
                {
                    "ProductID": product.id,
                    "SKU": product.sku,
                    "Name": product.name,
                    "Quantity": item.quantity,
                    "Price": 0,
                    "Discount": 0,
                    "Tax": 0,
                    "Total": 0,
                    "TaxRule": rule or product.tax_rule,
                    "Comment": work.issued.instruction,
                }
            )
        return self._lines(work, sale, lines, "DRAFT" if work.issued.status == "draft" else "AUTHORISED")

    def authorise(self, work: Work) -> Answer:
        name = work.issued.document or ""
        sale = self._named(name)
        if sale is None:
            return Declined(ORDER_NOT_FOUND, f"Cin7 has no order {name}", _LOOK)
        if sale.order.status in _AUTHORISED:
            return Accepted(name)
        if sale.order.status != "draft" or not sale.order.lines:
            return Declined(REFUSED, f"order {name} is {sale.order.status}, so that it cannot be authorised", _LOOK)
        lines = [_again(line) for line in objects(nested(sale.document, "Order").get("Lines"))]
        return self._lines(work, sale, lines, "AUTHORISED", name)

    def _header(self, work: Work, original: Sale) -> Sale | Answer:
        match self._client.write("POST", "sale", _header_body(work, original)):
            case Uncertain(reason):
                return Unknown(reason)
            case Refusal(message):
                return Declined(REFUSED, f"Cin7 refused the exchange order: {message}", _LOOK)
            case Done(content):
                document = content[0] if isinstance(content, list) and content else content
                sale = read_sale(document) if isinstance(document, Mapping) else None
                return sale or Unknown("Cin7 answered the new sale without its id")

    def _lines(self, work: Work, sale: Sale, lines: list[dict[str, Any]], status: str, name: str | None = None) -> Answer:
        charges = [_again(charge) for charge in objects(nested(sale.document, "Order").get("AdditionalCharges"))]
        body = {
            "SaleID": sale.id,
            "CombineAdditionalCharges": False,
            "Memo": named(work),
            "Status": status,
            "Lines": lines,
            "AdditionalCharges": charges,
        }
        match self._client.write("POST", "sale/order", body):
            case Uncertain(reason):
                return Unknown(reason)
            case Refusal(message):
                said = Declined(REFUSED, f"Cin7 refused the lines of the exchange order: {message}", _LOOK)
                return self._given_up(sale, said) if name is None else said
            case Done(content):
                told = content if isinstance(content, Mapping) else {}
                return Accepted(name or first_text(told, "SaleOrderNumber") or sale.number or sale.id)

    def _given_up(self, sale: Sale, answer: Declined) -> Answer:
        """A header without lines must not stay."""
        match self._client.write("DELETE", "sale", ID=sale.id, Void="true"):
            case Done():
                return answer
            case Uncertain(reason):
                return Unknown(reason)
            case Refusal():
                reason = f"{answer.reason}; the empty sale {sale.number or sale.id} is still there, void it by hand"
                return Declined(answer.code, reason, answer.what_to_do)


def _header_body(work: Work, original: Sale) -> dict[str, Any]:
    """The original sale's customer, address and terms; passed on as they come, kept nowhere."""
    told = original.document
    number_ = original.number or original.id
    reference = f"{work.reference} exchange {work.key.return_id} {work.issued.instruction}"
    rate = number(told.get("CurrencyRate"))
    foreign = text(told.get("CustomerCurrency")) != text(told.get("BaseCurrency"))
    copied = {name: text(told.get(name)) for name in ("Customer", "CustomerID", "Location", "TaxRule", "Terms", "PriceTier")}
    body: dict[str, Any] = {name: value for name, value in copied.items() if value is not None}
    body |= {
        "SkipQuote": True,
        "TaxInclusive": original.inclusive,
        "CustomerReference": reference[-_LONGEST_REFERENCE:],
        "ExternalID": work.issued.instruction,
        "Note": f"Exchange for {number_}, {named(work)}",
    }
    if rate is not None and foreign:
        body["CurrencyRate"] = figure(rate)
    for name, fields in (("BillingAddress", _ADDRESS), ("ShippingAddress", _SHIPPING)):
        address = nested(told, name)
        if text(address.get("Line1")) and text(address.get("Country")):
            body[name] = {field: address[field] for field in fields if address.get(field) not in (None, "")}
    return body


def _again(line: Document) -> dict[str, Any]:
    """A line as it was told, with the fields that may be written."""
    fields = ("ProductID", "SKU", "Name", "Description", "Quantity", "Price", "Discount", "Tax", "Total", "TaxRule", "Comment", "DropShip")
    return {name: line[name] for name in fields if line.get(name) is not None}
