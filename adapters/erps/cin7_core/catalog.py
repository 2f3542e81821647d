"""What Cin7 has: products with their bills of materials, locations with their bins, and what is on hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from math import lcm
from time import monotonic
from typing import Final

from adapters.erps.cin7_core.client import Client
from adapters.erps.port import UNKNOWN_LOCATION, Level
from adapters.vendor.answers import Declined, NotUnderstood
from adapters.vendor.shapes import Document, first_text, flag, number, objects, plain, text
from domain.erp_facts import KitComponent

KEPT_SECONDS: Final = 600.0
# Beyond so many SKUs the whole list is shorter than a question for each.
_ASKED_ONE_BY_ONE: Final = 20
_NAMES: Final = ("ProductAvailabilityList", "ProductAvailability")
_MADE: Final = ("production", "maketoorder")


@dataclass(frozen=True, slots=True)
class Product:
    id: str
    sku: str
    name: str
    cost: Decimal
    tax_rule: str | None
    kit: tuple[KitComponent, ...] | None


@dataclass(frozen=True, slots=True)
class Place:
    """A location, or a bin as `"<Location>: <Bin>"`."""

    id: str
    name: str

    @property
    def location(self) -> str:
        return self.name.partition(": ")[0]

    @property
    def bin(self) -> str | None:
        return self.name.partition(": ")[2] or None


class UnknownPlace(Exception):
    """The message names the place and those that exist."""


class Catalog:
    def __init__(self, client: Client, decompose: str = "all", clock: Callable[[], float] = monotonic) -> None:
        self._client, self._decompose, self._clock = client, decompose, clock
        self._products: dict[str, tuple[float, Product | None]] = {}
        self._places: dict[str, Place] = {}
        self._default: str | None = None
        self._exempt: str | None = None

    def product(self, sku: str) -> Product | None:
        """By its exact SKU: Cin7's own filter takes every SKU that contains it."""
        kept = self._products.get(sku)
        if kept is None or kept[0] < self._clock():
            kept = (self._clock() + KEPT_SECONDS, self._asked(sku))
            self._products[sku] = kept
        return kept[1]

    def _asked(self, sku: str) -> Product | None:
        try:
            rows = self._client.rows("product", "Products", Sku=sku, IncludeBOM="true", IncludeDeprecated="true")
            found = next((row for row in rows if text(row.get("SKU")) == sku), None)
        except NotUnderstood as refused:
            if not no_such_call(refused):
                raise
            return Product("", sku, sku, Decimal(0), None, None)  # nobody to ask: documents name the SKU alone
        return self._product(found) if found is not None else None

    def kit(self, sku: str) -> tuple[KitComponent, ...] | None:
        """The parts of what is sold as a kit; None for everything else."""
        if self._decompose == "never" or not sku:
            return None
        product = self.product(sku)
        return product.kit if product is not None else None

    def place(self, name: str) -> Place:
        """Raises UnknownPlace."""
        if name not in self._places:
            try:
                self._read_places()
            except NotUnderstood as refused:
                if not no_such_call(refused):
                    raise
                return Place("", name)  # nobody to ask: documents name it, and are refused where it is unknown
        if name not in self._places:
            there = ", ".join(sorted(self._places)) or "none"
            raise UnknownPlace(f"Cin7 has no location {name!r}; it has: {there}")
        return self._places[name]

    def default_place(self) -> Place:
        if self._default is None:
            self._read_places()
        if self._default is None:
            raise UnknownPlace("Cin7 names no default location, and the order names none")
        return self._places[self._default]

    def untaxed_rule(self) -> str | None:
        """The name of a sales tax rule of 0 %: what a fee is booked with."""
        if self._exempt is None:
            self._exempt = ""
            with suppress(NotUnderstood):  # an account may bar its reference lists: the invoice's own rule must do
                for rule in self._client.rows("ref/tax", "TaxRuleList"):
                    of_sales = all(flag(rule.get(name)) is not False for name in ("IsActive", "IsTaxForSale"))
                    if of_sales and number(rule.get("TaxPercent")) == 0 and not self._exempt:
                        self._exempt = text(rule.get("Name")) or ""
        return self._exempt or None

    def levels(self, skus: Sequence[str]) -> list[Level]:
        wanted = set(skus)
        if len(wanted) <= _ASKED_ONE_BY_ONE:
            rows = [row for sku in sorted(wanted) for row in self._client.rows("ref/productavailability", *_NAMES, Sku=sku)]
        else:
            rows = list(self._client.rows("ref/productavailability", *_NAMES))
        summed: dict[tuple[str, str], list[Decimal]] = {}
        seen: set[tuple[str | None, ...]] = set()
        for row in rows:
            sku, location = text(row.get("SKU")), text(row.get("Location"))
            # One SKU within another is told once for each question.
            which = tuple(text(row.get(name)) for name in ("SKU", "Location", "Bin", "Batch", "ExpiryDate"))
            if sku not in wanted or location is None or which in seen:
                continue
            seen.add(which)
            told = summed.setdefault((sku, _named(location, text(row.get("Bin")))), [Decimal(0), Decimal(0)])
            for at, name in enumerate(("Available", "OnHand")):
                told[at] += number(row.get(name)) or 0
        return [Level(sku, place, int(available), int(on_hand)) for (sku, place), (available, on_hand) in sorted(summed.items())]

    def on_hand(self, sku: str, place: Place) -> Decimal:
        """Units at a place, straight from Cin7."""
        total = Decimal(0)
        for row in self._client.rows("ref/productavailability", *_NAMES, Sku=sku):
            location = text(row.get("Location"))
            if text(row.get("SKU")) == sku and location is not None and _named(location, text(row.get("Bin"))) == place.name:
                total += number(row.get("OnHand")) or 0
        return total

    def _read_places(self) -> None:
        self._places, self._default = {}, None
        for row in self._client.rows("ref/location", "LocationList", "Locations"):
            name, number_ = text(row.get("Name")), text(row.get("ID"))
            if name is None or number_ is None or any(flag(row.get(old)) for old in ("IsDeprecated", "Deprecated")):
                continue
            parent = text(row.get("ParentName"))
            if text(row.get("ParentID")) is not None and parent is None:
                continue  # told among its location's bins
            whole = _named(parent, name) if parent else name
            self._places[whole] = Place(number_, whole)
            if flag(row.get("IsDefault")):
                self._default = whole
            for each in objects(row.get("Bins")):
                inside, bin_id = text(each.get("Name")), text(each.get("ID"))
                if inside and bin_id and not flag(each.get("IsDeprecated")):
                    self._places[_named(whole, inside)] = Place(bin_id, _named(whole, inside))

    def _product(self, row: Document) -> Product:
        return Product(
            id=text(row.get("ID")) or "",
            sku=text(row.get("SKU")) or "",
            name=text(row.get("Name")) or "",
            cost=number(row.get("AverageCost")) or Decimal(0),
            tax_rule=text(row.get("SaleTaxRule")),
            kit=self._kit(row),
        )

    def _kit(self, row: Document) -> tuple[KitComponent, ...] | None:
        parts = objects(row.get("BillOfMaterialsProducts"))
        made = plain(first_text(row, "BOMType") or "") in _MADE
        by_hand = self._decompose == "auto_assembly" and not flag(row.get("AutoAssembly"))
        if not parts or made or by_hand or self._decompose == "never" or flag(row.get("BillOfMaterial")) is False:
            return None
        counted = [(text(part.get("ProductCode")) or text(part.get("SKU")), number(part.get("Quantity"))) for part in parts]
        if any(sku is None or quantity is None or quantity <= 0 or quantity != quantity.to_integral_value() for sku, quantity in counted):
            return None  # parts of a part cannot come back
        quantities = [int(quantity or 0) for _, quantity in counted]
        shares = [number(part.get("CostPercentage")) for part in parts]
        whole = lcm(*quantities)
        # A share of the cost is the component's as a whole; a weight is for one of it.
        weighed = all(share is not None and share >= 0 for share in shares) and any(shares)
        weights = [
            int((share or 0) * 10_000) * whole // quantity if weighed else 1 for share, quantity in zip(shares, quantities, strict=True)
        ]
        return tuple(
            KitComponent(sku=str(sku), quantity=quantity, weight=weight)
            for (sku, _), quantity, weight in zip(counted, quantities, weights, strict=True)
        )


def _named(location: str, bin_name: str | None) -> str:
    return location if bin_name is None or bin_name == location else f"{location}: {bin_name}"


def no_place(error: UnknownPlace) -> Declined:
    return Declined(UNKNOWN_LOCATION, str(error), "make that location in Cin7, or name another in the policy")


def no_such_call(error: NotUnderstood) -> bool:
    """404 is what Cin7 answers to a call that it does not know, not to a record."""
    return " with 404:" in str(error)


def not_there(error: NotUnderstood) -> bool:
    """Does Cin7 refuse because it is simply not there? It says 400 for that; 404 is tolerated."""
    return "not found" in str(error).lower() or no_such_call(error)
