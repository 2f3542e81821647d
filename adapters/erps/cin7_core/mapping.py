"""What Cin7's documents leave open: which charges are shipping, what a restocking fee is called, how a Simple Sale takes its note."""

from __future__ import annotations

from collections.abc import Mapping

_SHIPPING = "ship, freight, delivery, postage"
_KNOWN: Mapping[str, Mapping[str, str]] = {
    # `strip_hash`: "#1001" at the shop may be "1001" here.
    "references": {"strip_hash": "yes"},
    # `shipping`: words of which a charge's description has one; the others are for what the invoice has none of.
    "charges": {"shipping": _SHIPPING, "shipping_name": "Shipping", "fee_name": "Restocking fee", "fee_tax_rule": ""},
    # `decompose`: all (every product with a bill of materials), auto_assembly, or never (and no product is asked for).
    "kits": {"decompose": "all"},
    # `simple_sale`: under which TaskID the one note of a Simple Sale is made: new (an empty id), or sale (the sale's own).
    "credit_notes": {"simple_sale": "new"},
    # `first_look_days`: how far back the first reading of changes goes.
    "changes": {"first_look_days": "1"},
}
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("references", "strip_hash"): ("yes", "no"),
    ("kits", "decompose"): ("all", "auto_assembly", "never"),
    ("credit_notes", "simple_sale"): ("new", "sale"),
}


class Cin7Mapping:
    """The configuration's `mappings` over the defaults. Raises ValueError with a sentence for a name that is not known."""

    def __init__(self, told: Mapping[str, Mapping[str, str]]) -> None:
        for table, names in told.items():
            if table not in _KNOWN:
                raise ValueError(f"mappings.{table} is not known for Cin7 Core; these are: {', '.join(sorted(_KNOWN))}")
            if unknown := sorted(set(names) - set(_KNOWN[table])):
                raise ValueError(f"mappings.{table}.{unknown[0]} is not known; these are: {', '.join(sorted(_KNOWN[table]))}")
        self._tables = {table: {**names, **told.get(table, {})} for table, names in _KNOWN.items()}
        for (table, name), allowed in _CHOICES.items():
            if self._tables[table][name] not in allowed:
                raise ValueError(f"mappings.{table}.{name} must be one of: {', '.join(allowed)}")
        if not self._tables["changes"]["first_look_days"].isdecimal():
            raise ValueError("mappings.changes.first_look_days must be a whole number of days")
        words = self._tables["charges"]["shipping"].split(",")
        self._shipping = tuple(word.strip().casefold() for word in words if word.strip())

    @property
    def strip_hash(self) -> bool:
        return self._tables["references"]["strip_hash"] == "yes"

    @property
    def decompose(self) -> str:
        return self._tables["kits"]["decompose"]

    @property
    def simple_sale(self) -> str:
        return self._tables["credit_notes"]["simple_sale"]

    @property
    def first_look_days(self) -> int:
        return int(self._tables["changes"]["first_look_days"])

    @property
    def shipping_name(self) -> str:
        return self._tables["charges"]["shipping_name"]

    @property
    def fee_name(self) -> str:
        return self._tables["charges"]["fee_name"]

    @property
    def fee_tax_rule(self) -> str:
        return self._tables["charges"]["fee_tax_rule"]

    def is_shipping(self, description: str) -> bool:
        said = description.casefold()
        return any(word in said for word in self._shipping)
