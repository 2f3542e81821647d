"""Goods: back from the customer by a return shipment, from place to place and out of stock by internal shipments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from adapters.erps.port import ORDER_NOT_FOUND, REFUSED, FoundTwice, NotThere, Unfinished, Work
from adapters.erps.tryton.client import Lost, No, Row, SaidNo, TrytonClient
from adapters.erps.tryton.naming import named
from adapters.erps.tryton.places import Places, Products
from adapters.erps.tryton.sale import Sale, Sales, nested
from adapters.erps.tryton.written import first_of_all
from adapters.vendor.answers import Accepted

RETURN: Final = "stock.shipment.out.return"
INTERNAL: Final = "stock.shipment.internal"
# Warnings that an instruction means: goods of no order line, and a receipt that differs from what was announced.
_AGREED: Final = ("done", "check_quantity_product")
_LOOK: Final = "look at the shipment and the stock in Tryton, mend what it says, then let it be sent again"
_MOST_STEPS: Final = 6


@dataclass(frozen=True, slots=True)
class Leg:
    """Units by SKU on their way. `source` None: they come back from the customer."""

    source: int | None
    target: int
    units: tuple[tuple[str, int], ...]

    @property
    def model(self) -> str:
        return RETURN if self.source is None else INTERNAL

    @property
    def domain(self) -> tuple[Any, ...]:
        """What tells this leg's shipment from others of the same instruction."""
        if self.source is None:
            return (["warehouse_input", "=", self.target],)
        return (["from_location", "=", self.source], ["to_location", "=", self.target])


class Goods:
    def __init__(self, client: TrytonClient, sales: Sales, places: Places, products: Products) -> None:
        self._client, self._sales, self._places, self._products = client, sales, places, products

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        legs = self._legs(work)
        found = [self._ours(work, leg) for leg in legs]
        if found and found[0] is not None and all(row is not None and row["state"] == "done" for row in found):
            return Accepted(shipment_name(legs[0].model, found[0]))
        if not found:
            return Accepted(work.issued.instruction)
        begun = next(((leg, row) for leg, row in zip(legs, found, strict=True) if row is not None), None)
        return NotThere("shipments by reference") if begun is None else Unfinished(shipment_name(begun[0].model, begun[1]))

    def do(self, work: Work) -> Accepted:
        legs = self._legs(work)
        if not work.issued.goods:
            raise No(REFUSED, "the instruction moves nothing", "waive the gap")
        products = self._products.by_skus_or_no(sku for leg in legs for sku, _ in leg.units)
        done = [self._bring(work, leg, products) for leg in legs]
        # Goods that are to go where they stand need nothing.
        return Accepted(done[0] if done else work.issued.instruction)

    def _legs(self, work: Work) -> list[Leg]:
        together: dict[tuple[int | None, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        home: list[Row] = []

        def warehouse() -> Row:
            if not home:
                sale = self._sale(work)
                storage = nested(sale.row, "warehouse").get("storage_location") if sale is not None else None
                home.append(self._places.warehouse_of(storage or 0))
            return home[0]

        for one in work.issued.goods:
            source = self._places.id_of(one.from_location) if one.from_location is not None else None
            if one.to_location is not None:
                target = self._places.id_of(one.to_location)
            elif work.issued.kind == "write_off":
                house = self._places.warehouse_of(source) if source is not None else warehouse()
                target = self._places.scrap(house)
                if source is None:
                    # What never came into stock is received first: a return shipment ends in a place of the warehouse.
                    source = int(house["storage_location"])
                    together[None, source][one.sku] += one.quantity
            else:
                target = int(warehouse()["storage_location"])
            if source != target:
                together[source, target][one.sku] += one.quantity
        legs = sorted(together.items(), key=lambda leg: (leg[0][0] is not None, leg[0][0] or 0, leg[0][1]))
        return [Leg(source, target, tuple(sorted(units.items()))) for (source, target), units in legs]

    def _bring(self, work: Work, leg: Leg, products: dict[str, Row]) -> str:
        row = self._ours(work, leg)
        if row is None:
            body = self._return(work, leg, products) if leg.source is None else self._internal(work, leg, products)
            made = int(self._client.write(f"{leg.model}.create", [body])[0])
            first_of_all(self._client, leg.model, work, made, partial(self._take_back, leg), leg.domain)
            row = self._read(leg, [["id", "=", made]])[0]
        for _ in range(_MOST_STEPS):
            if row["state"] == "done":
                return shipment_name(leg.model, row)
            self._step(leg, row)
            row = self._read(leg, [["id", "=", row["id"]]])[0]
        raise Lost(f"{shipment_name(leg.model, row)} is {row['state']} in Tryton, and does not go on")

    def _step(self, leg: Leg, row: Row) -> None:
        own = [row["id"]]
        step = {"draft": "wait", "request": "wait", "waiting": "assign_try", "assigned": "do", "packed": "do", "shipped": "do"}
        name = step.get(row["state"], "do")
        if leg.source is None:
            name = "receive" if row["state"] == "draft" else "do"
        elif row["state"] == "assigned" and row["transit_location"] is not None:
            name = "ship"
        try:
            told = self._client.write(f"{leg.model}.{name}", own, agreed=_AGREED)
        except SaidNo as no:
            now = self._read(leg, [["id", "=", row["id"]]])
            if now and now[0]["state"] != row["state"]:
                return  # somebody else took this step
            if row["state"] in ("draft", "request", "waiting"):
                self._take_back(leg, row["id"])
            raise No(REFUSED, f"Tryton refused the {shipment_name(leg.model, row)}: {no}", _LOOK) from no
        if name == "assign_try" and told is not True and self._read(leg, [["id", "=", row["id"]]])[0]["state"] == "waiting":
            self._take_back(leg, row["id"])
            place = self._places.name_of(leg.source)
            raise No(REFUSED, f"{place} does not hold what is to be moved: {_shown(leg)}", "count the place in Tryton, then retry")

    def _take_back(self, leg: Leg, shipment: int) -> None:
        """It stays as cancelled: what a person is shown of it remains."""
        self._client.write(f"{leg.model}.cancel", [shipment])

    def _return(self, work: Work, leg: Leg, products: dict[str, Row]) -> dict[str, Any]:
        sale = self._sale(work)
        if sale is None:
            reason = "goods come back by a return shipment of the order's customer, and no order is known"
            raise No(ORDER_NOT_FOUND, reason, "match the order")
        party = sale.row["party"]
        customer = self._client.by_ids("party.party", [party], "customer_location")[party]["customer_location"]
        prices = {nested(line, "product").get("code"): line["unit_price"] for line in sale.lines if line["quantity"] > 0}
        more = {"currency": sale.row["currency"], "from_location": customer, "to_location": leg.target}
        moves = self._moves(leg, products)
        for move, (sku, _) in zip(moves, leg.units, strict=True):
            price = prices.get(sku)
            move |= {**more, "unit_price": products[sku]["list_price"] if price is None else price}
        house = self._places.warehouse_of(leg.target)
        return {
            "customer": party,
            "contact_address": sale.row["shipment_address"] or sale.row["invoice_address"],
            "company": self._client.company,
            "warehouse": house["id"],
            "warehouse_input": leg.target,
            "warehouse_storage": leg.target,
            "reference": work.issued.instruction,
            "moves": [["create", moves]],
        }

    def _internal(self, work: Work, leg: Leg, products: dict[str, Row]) -> dict[str, Any]:
        moves = [{**move, "from_location": leg.source, "to_location": leg.target} for move in self._moves(leg, products)]
        return {
            "company": self._client.company,
            "from_location": leg.source,
            "to_location": leg.target,
            "reference": work.issued.instruction,
            "moves": [["create", moves]],
        }

    def _moves(self, leg: Leg, products: dict[str, Row]) -> list[dict[str, Any]]:
        company = self._client.company
        return [
            {"product": products[sku]["id"], "unit": products[sku]["default_uom"], "quantity": units, "company": company}
            for sku, units in leg.units
        ]

    def _ours(self, work: Work, leg: Leg) -> Row | None:
        found = self._read(leg, [["reference", "=", work.issued.instruction], *leg.domain])
        if len(found) > 1:
            raise FoundTwice(f"{', '.join(shipment_name(leg.model, row) for row in found)} all carry {work.issued.instruction}")
        return found[0] if found else None

    def _read(self, leg: Leg, domain: Sequence[Any]) -> list[Row]:
        fields = ("number", "state", "transit_location") if leg.model == INTERNAL else ("number", "state")
        wanted = [*domain, ["state", "!=", "cancelled"], ["company", "=", self._client.company]]
        return self._client.rows(leg.model, wanted, *fields)

    def _sale(self, work: Work) -> Sale | None:
        told = work.issued.order or (work.order.order if work.order else "")
        return self._sales.read(int(told)) if told.isdecimal() else None


def shipment_name(model: str, row: Row) -> str:
    return f"{'return' if model == RETURN else 'internal'} shipment {named(row)}"


def _shown(leg: Leg) -> str:
    return ", ".join(f"{units} x {sku}" for sku, units in leg.units)
