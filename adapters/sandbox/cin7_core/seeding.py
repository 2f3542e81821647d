"""What can be put into a simulated Cin7 Core: products, places, stock, orders, and what people do there by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.sandbox.cin7_core.amounts import CENT, NOTHING, Refused, Row, line_total, total_up
from adapters.sandbox.cin7_core.sales import EMPTY, Sales
from adapters.sandbox.cin7_core.warehouse import Warehouse

KEYS = ("locations", "products", "stock", "tax_rules", "orders", "by_hand")
BY_HAND = ("credit_note", "void", "undo", "authorise", "amend", "invoice", "ship", "void_order", "transfer")


def seed_account(sales: Sales, warehouse: Warehouse, told: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ValueError with a sentence for what it does not know.

    - `locations` [{name, bins?}], `products` [{sku, name?, cost?, kit? [{sku, quantity, share}]}], `stock` [{sku, location, quantity}],
      `tax_rules` {name: percent}
    - `orders` [{reference, lines [{sku, quantity, price, discount?, tax?, tax_rule?}], charges? [{description, price, tax?}],
      inclusive?, type?, invoice? (paid | authorised | draft | none), currency?}]; the tax of a line is reckoned where it is not given
    - `by_hand` [{credit_note: {order, lines [{sku, quantity}]}} | {void | undo | authorise: number} | {amend: {credit_note, price}} |
      {invoice | ship | void_order: order} | {transfer: {sku, quantity, from, to}}]
    """
    if unknown := sorted(set(told) - set(KEYS)):
        raise ValueError(f"{unknown[0]!r} is not known; these are: {', '.join(KEYS)}")
    made: dict[str, Any] = {}
    try:
        sales.tax_rules |= {name: Decimal(str(percent)) for name, percent in dict(told.get("tax_rules", {})).items()}
        for place in told.get("locations", ()):
            if place["name"] not in {location["Name"] for location in warehouse.locations}:
                warehouse.add_location(place["name"], place.get("bins", ()))
        for product in told.get("products", ()):
            warehouse.add_product(**product)
        for stock in told.get("stock", ()):
            _known(warehouse, stock["sku"])
            place, _ = warehouse.place({"Location": stock["location"]}, "Location", "LocationID")
            warehouse.on_hand[stock["sku"], place] = Decimal(str(stock["quantity"]))
        made["orders"] = [_order(sales, warehouse, order) for order in told.get("orders", ())]
        made["by_hand"] = [_by_hand(sales, warehouse, deed) for deed in told.get("by_hand", ())]
    except Refused as refused:
        raise ValueError(str(refused)) from None
    except (TypeError, LookupError, ArithmeticError, AttributeError, StopIteration) as wrong:
        raise ValueError(f"it cannot be put in: {type(wrong).__name__} {wrong}") from None
    return {name: rows for name, rows in made.items() if rows}


def _known(warehouse: Warehouse, sku: str) -> Row:
    return warehouse.products.get(sku) or warehouse.add_product(sku)


def _order(sales: Sales, warehouse: Warehouse, told: Mapping[str, Any]) -> dict[str, str]:
    """An order as the shop's connector would have imported it, shipped, and invoiced as told."""
    inclusive = bool(told.get("inclusive", False))
    sale = sales.create(
        {
            "Customer": told.get("customer", "Ann Other"),
            "Contact": "Ann Other",
            "Email": "ann.other@example.com",
            "Location": told.get("location", warehouse.locations[0]["Name"]),
            "SkipQuote": True,
            "TaxInclusive": inclusive,
            "TaxRule": told.get("tax_rule", "Standard"),
            "CustomerReference": told["reference"],
            "ExternalID": told.get("external_id"),
            "CustomerCurrency": told.get("currency", "GBP"),
            "SaleType": str(told.get("type", "Advanced")).removesuffix(" Sale"),
            "ShippingAddress": {
                "Line1": "1 High Street",
                "City": "York",
                "Postcode": "YO1 7HH",
                "Country": "United Kingdom",
                "Contact": "Ann Other",
            },
        }
    )
    lines = [_priced(sales, told, line, inclusive) for line in told["lines"]]
    for line in lines:
        product = _known(warehouse, line["SKU"])
        line |= {"ProductID": product["ID"], "Name": product["Name"], "AverageCost": product["AverageCost"]}
    charges = [_priced(sales, told, {"sku": None, "quantity": 1, **charge}, inclusive) for charge in told.get("charges", ())]
    for charge, of in zip(charges, told.get("charges", ()), strict=True):
        del charge["SKU"]
        charge["Description"] = of["description"]
    order = sale["Order"]
    order |= {"Status": "AUTHORISED", "Lines": lines, "AdditionalCharges": charges}
    total_up(order, inclusive)
    sale["Status"] = "ORDERED"
    state = str(told.get("invoice", "authorised")).upper()
    if state != "NONE":
        _invoice(sale, warehouse, state)
    return {"reference": told["reference"], "sale": sale["ID"], "order": order["SaleOrderNumber"]}


def _priced(sales: Sales, order: Mapping[str, Any], told: Mapping[str, Any], inclusive: bool) -> Row:
    quantity, price = Decimal(str(told["quantity"])), Decimal(str(told["price"]))
    discount, rule = Decimal(str(told.get("discount", 0))), told.get("tax_rule", order.get("tax_rule", "Standard"))
    percent = sales.tax_rules[rule]
    total = Decimal(str(told["total"])) if "total" in told else line_total(price, discount, quantity)
    reckoned = total * percent / (100 + percent) if inclusive else total * percent / 100
    tax = Decimal(str(told["tax"])) if "tax" in told else reckoned.quantize(CENT)
    return {
        "SKU": told["sku"],
        "Quantity": quantity,
        "Price": price,
        "Discount": discount,
        "Tax": tax,
        "Total": total,
        "TaxRule": rule,
        "Comment": "",
    }


def _invoice(sale: Row, warehouse: Warehouse, status: str) -> Row:
    order = sale["Order"]
    invoice: Row = {
        "TaskID": warehouse.new_id(),
        "InvoiceNumber": warehouse.number("INV"),
        "Memo": "",
        "Status": status,
        "InvoiceDate": warehouse.now(),
        "InvoiceDueDate": warehouse.now(),
        "CurrencyConversionRate": sale["CurrencyRate"],
        "Lines": [{**line, "Account": "200"} for line in order["Lines"]],
        "AdditionalCharges": [{**charge, "Account": "200"} for charge in order["AdditionalCharges"]],
        "Payments": [],
        "TotalBeforeTax": order["TotalBeforeTax"],
        "Tax": order["Tax"],
        "Total": order["Total"],
        "Paid": order["Total"] if status == "PAID" else NOTHING,
    }
    sale["Invoices"].append(invoice)
    picked = [
        {
            "ProductID": line["ProductID"],
            "SKU": line["SKU"],
            "Name": line["Name"],
            "Location": sale["Location"],
            "Quantity": line["Quantity"],
        }
        for line in order["Lines"]
    ]
    sale["Fulfilments"] = [{"TaskID": warehouse.new_id(), "Pick": {"Status": "AUTHORISED", "Lines": picked}}]
    return invoice


def _by_hand(sales: Sales, warehouse: Warehouse, deed: Mapping[str, Any]) -> Any:
    (what, of), *more = deed.items()
    if what not in BY_HAND or more:
        raise ValueError(f"{what!r} is nothing that people do here; these are: {', '.join(BY_HAND)}")
    match what:
        case "credit_note":
            return _note(sales, of)
        case "void" | "undo":
            return sales.withdraw_note(of, what == "void", by_hand=True)["CreditNotes"][0]["CreditNoteNumber"]
        case "authorise":
            sale, note = _note_of(sales, of)
            note["Status"] = "AUTHORISED"
            sales.restock(note, 1)
            sales.touched(sale)
        case "amend":
            sale, note = _note_of(sales, of["credit_note"])
            line = note["Lines"][0]
            line["Price"], line["Discount"] = Decimal(str(of["price"])), NOTHING
            line["Total"] = line_total(line["Price"], NOTHING, line["Quantity"])
            total_up(note, sale["TaxCalculation"] == "Inclusive")
            sales.touched(sale)
        case "invoice":
            sale = _sale_of(sales, of)
            for invoice in sale["Invoices"] or [_invoice(sale, warehouse, "DRAFT")]:
                invoice["Status"] = "AUTHORISED"
            sales.touched(sale)
        case "ship":
            sale = _sale_of(sales, of)
            sale["CombinedShippingStatus"] = "SHIPPED"
            sales.touched(sale)
        case "void_order":
            sales.void(_sale_of(sales, of)["ID"], True)
        case "transfer":
            line = {"SKU": of["sku"], "TransferQuantity": of["quantity"]}
            places = {"FromLocation": of["from"], "ToLocation": of["to"]}
            return warehouse.transfer({**places, "Status": "COMPLETED", "CompletionDate": warehouse.now(), "Lines": [line]})["Number"]
    return of


def _note(sales: Sales, told: Mapping[str, Any]) -> str:
    """A person's credit note: units of the invoice's lines at what they were sold for, their tax by the unit."""
    sale = _sale_of(sales, told["order"])
    invoice = sale["Invoices"][0]
    lines = []
    for wanted in told["lines"]:
        sold = next(line for line in invoice["Lines"] if line["SKU"] == wanted["sku"])
        quantity = Decimal(str(wanted["quantity"]))
        tax = (sold["Tax"] * quantity / sold["Quantity"]).quantize(CENT)
        lines.append({**sold, "Quantity": quantity, "Tax": tax, "Total": line_total(sold["Price"], sold["Discount"], quantity)})
    made = sales.credit(
        {
            "SaleID": sale["ID"],
            "TaskID": EMPTY,
            "CombineAdditionalCharges": False,
            "CreditNoteInvoiceNumber": invoice["InvoiceNumber"],
            "Memo": told.get("memo", ""),
            "Status": told.get("status", "AUTHORISED"),
            "CreditNoteDate": "2026-10-02T00:00:00",
            "Lines": lines,
        }
    )
    return str(made["CreditNotes"][-1]["CreditNoteNumber"])


def _sale_of(sales: Sales, name: str) -> Row:
    """By the shop's reference, the order's number, or its id."""
    for sale in sales.documents.values():
        if name in (sale["CustomerReference"], sale["Order"]["SaleOrderNumber"], sale["ID"]):
            return sale
    raise ValueError(f"there is no order {name}")


def _note_of(sales: Sales, number: str) -> tuple[Row, Row]:
    for sale in sales.documents.values():
        for note in sale["CreditNotes"]:
            if note["CreditNoteNumber"] == number:
                return sale, note
    raise ValueError(f"there is no credit note {number}")
