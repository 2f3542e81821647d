"""What Tryton's documents leave open: which lines are shipping, what a fee is called, which place is meant by a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    # `strip_hash`: "#1001" at the shop may be "1001" here.
    "references": {"strip_hash": "yes"},
    # `shipping`: words of which a line's product or description has one; the others name lines that the invoice does not have.
    "charges": {"shipping": "ship, freight, delivery, postage", "shipping_name": "Shipping", "fee_name": "Restocking fee"},
    # `first_look_days`: how far back the first reading of changes goes.
    "changes": {"first_look_days": "1"},
    # `scrap`: the place of what is written off; else the warehouse's first waste location.
    "goods": {"scrap": ""},
}
# Free names: what a place is called in the policy, and its name or code in Tryton.
_LOCATIONS: Final = "locations"


class TrytonMapping:
    """The configuration's `mappings` over the defaults. Raises ValueError with a sentence for a name that is not known."""

    def __init__(self, told: Mapping[str, Mapping[str, str]]) -> None:
        for table, names in told.items():
            if table == _LOCATIONS:
                continue
            if table not in _KNOWN:
                raise ValueError(f"mappings.{table} is not known for Tryton; these are: {', '.join(sorted({*_KNOWN, _LOCATIONS}))}")
            if unknown := sorted(set(names) - set(_KNOWN[table])):
                raise ValueError(f"mappings.{table}.{unknown[0]} is not known; these are: {', '.join(sorted(_KNOWN[table]))}")
        tables = {table: {**names, **told.get(table, {})} for table, names in _KNOWN.items()}
        if tables["references"]["strip_hash"] not in ("yes", "no"):
            raise ValueError("mappings.references.strip_hash must be one of: yes, no")
        if not tables["changes"]["first_look_days"].isdecimal():
            raise ValueError("mappings.changes.first_look_days must be a whole number of days")
        self.strip_hash = tables["references"]["strip_hash"] == "yes"
        self.first_look_days = int(tables["changes"]["first_look_days"])
        self.shipping_name, self.fee_name = tables["charges"]["shipping_name"], tables["charges"]["fee_name"]
        self.scrap = tables["goods"]["scrap"] or None
        self.locations = dict(told.get(_LOCATIONS, {}))
        self._shipping = tuple(word.strip().casefold() for word in tables["charges"]["shipping"].split(",") if word.strip())

    def is_shipping(self, *said: str | None) -> bool:
        return any(word in (one or "").casefold() for word in self._shipping for one in said)
