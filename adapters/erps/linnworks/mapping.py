"""What the operator may set about a Linnworks account, and the defaults."""

from __future__ import annotations

from typing import Final

from adapters.erps.port import ErpSettings

# Table → key → what stands there where nothing is set; None: chosen by what Linnworks has.
DEFAULTS: Final[dict[str, dict[str, str | None]]] = {
    # Does `#1001` find an order with the reference 1001, where exactly one fits?
    "references": {"strip_hash": "yes"},
    # Source and SubSource, with the instruction as the reference number, are the key of an exchange order. Location: where it ships from.
    "exchange": {"source": "DIRECT", "sub_source": "Returns Ledger", "location": None},
    "scrap": {"category": None},
}


class Mapping:
    """`[erps.mappings.*]` over the defaults. Raises ValueError, with the key, for what Linnworks has no use for."""

    def __init__(self, settings: ErpSettings) -> None:
        for table, words in settings.mappings.items():
            where = f"erps.{settings.name}.mappings.{table}"
            if table not in DEFAULTS:
                raise ValueError(f"{where}: Linnworks has no such table; it has {', '.join(sorted(DEFAULTS))}")
            for word in words:
                if word not in DEFAULTS[table]:
                    raise ValueError(f"{where}.{word}: not known; it may have {', '.join(sorted(DEFAULTS[table]))}")
        told = {table: {**words, **settings.mappings.get(table, {})} for table, words in DEFAULTS.items()}
        strip = str(told["references"]["strip_hash"]).lower()
        if strip not in ("yes", "no"):
            raise ValueError(f"erps.{settings.name}.mappings.references.strip_hash: {strip!r} must be yes or no")
        self.strip_hash = strip == "yes"
        self.exchange_source = told["exchange"]["source"] or "DIRECT"
        self.exchange_sub_source = told["exchange"]["sub_source"] or "Returns Ledger"
        self.exchange_location = told["exchange"]["location"]
        self.scrap_category = settings.accounts.get("write_off") or told["scrap"]["category"]
