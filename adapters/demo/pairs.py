"""Whose returns the demo plays: five merchants, each with a returns platform, an ERP and (where the platform tells no money) a shop.

They are other merchants than those of the told month, whose returns nobody posts anything for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Front
from adapters.sandbox.happy_returns import HappyReturnsSandbox
from adapters.sandbox.linnworks import LinnworksSandbox
from adapters.sandbox.patchworks import PatchworksSandbox
from adapters.sandbox.port import Clock
from adapters.sandbox.registry import OFFERS, WEBHOOK_SECRET, Offer
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.reveni import ReveniSandbox
from adapters.sandbox.shopify import ShopifySimulator

# Happy Returns names returns by their number alone; three accounts of it are not to name the same.
_ACCOUNTS_APART: Final = 1_000_000_000
POLL: Final = timedelta(seconds=4)
# What a minute's merging and a vendor's quota would make of a demo that somebody watches.
_PLENTY: Final = 100_000
# The ERP without a simulator: a program that runs beside the house.
TRYTON: Final = "tryton"


@dataclass(frozen=True, slots=True)
class Pair:
    """`platform` and `erp` are prefixes of `OFFERS`, or TRYTON; the connection is called like the merchant and its platform."""

    merchant: str
    platform: str
    erp: str
    has_shop: bool = True

    @property
    def connection(self) -> str:
        return f"{self.merchant}-{self.platform}"

    @property
    def shop(self) -> str | None:
        return f"{self.merchant}-shopify" if self.has_shop else None

    @property
    def on_sale(self) -> str:
        """Where the ERP keeps what can be sold."""
        return {"linnworks": "Default", TRYTON: "Storage Zone"}.get(self.erp, "Main Warehouse")


PAIRS: Final = (
    Pair("harbour-goods", "happy-returns", "cin7-core"),
    Pair("fern-and-fold", "returngo", "cin7-core", has_shop=False),
    Pair("casa-olmo", "reveni", "cin7-core"),
    Pair("north-trail", "happy-returns", "linnworks"),
    Pair("little-oak", "happy-returns", "patchworks"),
)
# Who returns what a Tryton has sold, where there is one: a merchant of each platform.
TRYTON_PAIRS: Final = (
    Pair("heron-books", "happy-returns", TRYTON),
    Pair("salt-and-oak", "returngo", TRYTON, has_shop=False),
    Pair("vela-norte", "reveni", TRYTON),
)


def simulated_erps(pairs: Sequence[Pair]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pair.erp for pair in pairs if pair.erp != TRYTON))


def accounts(pairs: Sequence[Pair]) -> dict[str, Offer]:
    """Every account of the demo that is simulated, by its name, which is the prefix of its simulator."""
    found: dict[str, Offer] = {}
    for pair in pairs:
        found[pair.connection] = OFFERS[pair.platform]
        if pair.shop is not None:
            found[pair.shop] = OFFERS["shopify"]
    return found | {erp: OFFERS[erp] for erp in simulated_erps(pairs)}


def make_fronts(clock: Clock, first: int, pairs: Sequence[Pair] = PAIRS) -> dict[str, Front]:
    """A simulator for every account. They forget all when they end: `first` is where ids and numbers begin, so that none comes twice."""
    fronts = {
        name: Front(_make(offer.kind, name, clock, first + (place * _ACCOUNTS_APART if offer.kind == "happy_returns" else 0)))
        for place, (name, offer) in enumerate(accounts(pairs).items())
    }
    for erp in simulated_erps(pairs):
        if erp != "cin7-core":
            fronts[erp].seed({"locations": ["In transit", "Quarantine", "Damaged"]})
    return fronts


def webhook_targets(house: str, pairs: Sequence[Pair] = PAIRS) -> Mapping[str, str]:
    """Where the platforms send their webhooks: what signs nothing has the secret in the path."""
    return {
        name: f"{house}/webhooks/{name}" + ("" if offer.signs else f"/{WEBHOOK_SECRET}")
        for name, offer in accounts(pairs).items()
        if name not in simulated_erps(pairs)
    }


def _make(
    kind: str, name: str, clock: Clock, first: int
) -> HappyReturnsSandbox | ReturnGoSandbox | ReveniSandbox | ShopifySimulator | Cin7CoreSandbox | LinnworksSandbox | PatchworksSandbox:
    match kind:
        case "happy_returns":
            return HappyReturnsSandbox(clock, webhook_secret=WEBHOOK_SECRET, merge_seconds=1, first=first, calls_per_second=1000.0)
        case "returngo":
            return ReturnGoSandbox(clock, quota_per_day=_PLENTY, first=first)
        case "reveni":
            return ReveniSandbox(clock, first=first)
        case "shopify":
            return ShopifySimulator(clock, secret=WEBHOOK_SECRET, first=first)
        case "cin7_core":
            return Cin7CoreSandbox(clock, calls_per_minute=_PLENTY, first=first)
        case "linnworks":
            return LinnworksSandbox(clock, prefix=f"/{name}", limit_factor=100, first=first)
        case "patchworks":
            return PatchworksSandbox(clock, first=first)
        case _:
            raise ValueError(f"the demo has no {kind}")
