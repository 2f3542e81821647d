"""What a shop's words mean here, and which of that a merchant can set: `mappings` of the connection over these defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from domain.policy import read_duration

# What a reverse fulfilment order says became of units. The vendor's RESTOCKED raises the stock that the shop sells from; NOT_RESTOCKED does
# not say why, so the units are held until a person looks; MISSING never came.
DISPOSITIONS: Final = {
    "restocked": "restockable, restocked",
    "not_restocked": "quarantine",
    "processing_required": "received",
    "missing": "missing",
}
# Where an ERP posts, it is the ERP that brings the units back into stock: the shop's word on that would count them twice.
WITH_AN_ERP: Final = {"restocked": "restockable"}
_NO_DISPOSITION: Final = frozenset({"received", "missing"})

RETURN_STATUSES: Final = {"requested": "open", "open": "open", "closed": "closed", "declined": "cancelled", "canceled": "cancelled"}

TRANSACTION_STATUSES: Final = {
    "success": "paid",
    "pending": "pending",
    "awaiting_response": "pending",
    "unknown": "pending",
    "failure": "failed",
    "error": "failed",
}


# Movements of the Shopify Payments balance that settle a refund. The vendor's set is open; what is no refund is nothing to the ledger.
MOVEMENTS: Final = {"refund": "refund"}

TABLES: Final = (
    "api",
    "dispositions",
    "return_statuses",
    "transaction_statuses",
    "transactions",
    "gateways",
    "movements",
    "join",
    "poll",
    "availability",
)


class Treated(NamedTuple):
    """What a disposition says of the units it is about."""

    received: bool
    disposition: str | None
    restocked: bool


class Mappings:
    """The connection's mapping tables over the defaults."""

    def __init__(self, given: Mapping[str, Mapping[str, str]], erp_posts: bool = False) -> None:
        """Raises ValueError with the key."""
        unknown = sorted(set(given) - set(TABLES))
        if unknown:
            raise ValueError(f"mappings.{unknown[0]}: is no table of Shopify's; these are: {', '.join(TABLES)}")
        self._dispositions = DISPOSITIONS | (WITH_AN_ERP if erp_posts else {}) | _lower(given.get("dispositions", {}))
        self._returns = RETURN_STATUSES | _known("return_statuses", given, RETURN_STATUSES)
        self._transactions = TRANSACTION_STATUSES | _known("transaction_statuses", given, TRANSACTION_STATUSES)
        self._movements = MOVEMENTS | _lower(given.get("movements", {}))
        self._gateways = _lower(given.get("gateways", {}))
        # A development shop pays with test transactions only.
        self.counts_tests = given.get("transactions", {}).get("test", "").casefold() in ("money", "count", "yes", "true")
        # How long a return that Shopify shows waits for the platform that made it, and how long an unclaimed refund is looked after.
        self.wait_for_platform = _duration(given, "join", "wait", "1h")
        self.watch = _duration(given, "join", "watch", "30d")
        self.overlap = _duration(given, "poll", "overlap", "10m")
        for place, location in given.get("availability", {}).items():
            if not (location.isascii() and location.isdigit()):
                raise ValueError(f"mappings.availability.{place}: must be the digits of the location's id in Shopify, not {location!r}")
        # An app without the scope read_all_orders sees the orders of sixty days.
        self.look_back = _duration(given, "poll", "look_back", "60d")

    def treated(self, disposition: object) -> Treated | None:
        """`restockable, restocked` → received, inspected as restockable, back in stock; None for a type that nobody mapped."""
        means = self._dispositions.get(str(disposition).casefold())
        if means is None:
            return None
        words = [word for word in re.split(r"[\s,+]+", means.strip()) if word]
        restocked = "restocked" in words[1:]
        first = words[0] if words else "missing"
        return Treated(first != "missing", None if first in _NO_DISPOSITION else first, restocked)

    def is_outside_payouts(self, gateway: str) -> bool:
        """Beside the known routes, those that the merchant declares: `gateways.our_bank = "outside"`."""
        return self._gateways.get(gateway) == "outside"

    def settles_refund(self, movement: object) -> bool | None:
        """None for a type that has to do with refunds, and that nobody mapped."""
        kind = str(movement).casefold()
        means = self._movements.get(kind)
        return means == "refund" if means is not None else None if "refund" in kind else False

    def return_status(self, status: object) -> str | None:
        """open, closed or cancelled."""
        return self._returns.get(str(status).casefold())

    def transaction_status(self, status: object) -> str | None:
        """paid, pending or failed."""
        return self._transactions.get(str(status).casefold())


def _known(name: str, given: Mapping[str, Mapping[str, str]], defaults: Mapping[str, str]) -> dict[str, str]:
    table, words = _lower(given.get(name, {})), sorted(set(defaults.values()))
    for status, means in table.items():
        if means not in words:
            raise ValueError(f"mappings.{name}.{status}: must be one of {', '.join(words)}, not {means!r}")
    return table


def _duration(given: Mapping[str, Mapping[str, str]], table: str, name: str, default: str) -> timedelta:
    try:
        return read_duration(given.get(table, {}).get(name, default))
    except ValueError as wrong:
        raise ValueError(f"mappings.{table}.{name}: {wrong}") from None


def _lower(table: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): value for name, value in table.items()}


MOST_WATCHED: Final = 2_000
OPEN_RETURNS_A_POLL: Final = 25
UNCLAIMED_A_POLL: Final = 100
REREAD_AFTER_EMPTY_BODY: Final = timedelta(minutes=5)
PAYOUTS_EVERY: Final = timedelta(hours=1)
# A payout can be paid some days after the date that it carries.
PAYOUTS_OVERLAP: Final = timedelta(days=10)
PAYOUTS_KEPT: Final = 500
