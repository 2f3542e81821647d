"""Every simulator by the prefix it is served below, with the credentials it takes: one list for the command, the demo and the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.sandbox.cin7_core import Cin7CoreSandbox
from adapters.sandbox.faults import Front
from adapters.sandbox.happy_returns import HappyReturnsSandbox
from adapters.sandbox.linnworks import SANDBOX_CREDENTIALS, LinnworksSandbox
from adapters.sandbox.patchworks import PatchworksSandbox
from adapters.sandbox.port import Clock, Simulator
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.reveni import ReveniSandbox
from adapters.sandbox.shopify import ShopifySimulator

# Everybody may know it; the Happy Returns and Shopify simulators sign with it, the others have no signature.
WEBHOOK_SECRET: Final = "sandbox-secret"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of simulator. `below` is what `base_url` has beyond the prefix; credentials that begin with a slash are addresses there."""

    kind: str
    make: Callable[[Clock, str], Simulator]
    credentials: Mapping[str, str]
    below: str = ""
    quota: str = ""
    signs: bool = False

    def base_url(self, address: str, prefix: str) -> str:
        return f"{address}/{prefix}{self.below}"

    def credentials_at(self, address: str, prefix: str) -> dict[str, str]:
        return {name: f"{address}/{prefix}{said}" if said.startswith("/") else said for name, said in self.credentials.items()}


_CIN7_KEYS: Final = {"account_id": "sandbox-account", "application_key": "sandbox-key"}

OFFERS: Final[Mapping[str, Offer]] = {
    "happy-returns": Offer(
        "happy_returns",
        lambda clock, _: HappyReturnsSandbox(clock, webhook_secret=WEBHOOK_SECRET),
        {"api_key": "sandbox-key", "retailer_id": "sandbox-retailer"},
        quota="0.5 calls a second",
        signs=True,
    ),
    "returngo": Offer(
        "returngo",
        lambda clock, _: ReturnGoSandbox(clock),
        {"api_key": "sandbox-key", "shop": "sandbox.myshopify.com"},
        quota="2,000 calls a day",
    ),
    "reveni": Offer(
        "reveni", lambda clock, _: ReveniSandbox(clock), {"api_key": "sandbox-key", "store_id": "sandbox-store"}, quota="by the minute"
    ),
    "shopify": Offer(
        "shopify",
        lambda clock, _: ShopifySimulator(clock, secret=WEBHOOK_SECRET),
        {"access_token": "shpat_sandbox", "shop": "sandbox.myshopify.com"},
        quota="2,000 points, 100 a second more",
        signs=True,
    ),
    "cin7-core": Offer(
        "cin7_core", lambda clock, _: Cin7CoreSandbox(clock), _CIN7_KEYS, below="/ExternalApi/v2", quota="60 calls a minute"
    ),
    "linnworks": Offer(
        "linnworks",
        lambda clock, prefix: LinnworksSandbox(clock, prefix=f"/{prefix}"),
        SANDBOX_CREDENTIALS,
        quota="150 or 250 calls a minute and method",
    ),
    "patchworks": Offer(
        "patchworks",
        lambda clock, _: PatchworksSandbox(clock),
        {
            "api_key": "sandbox-key",
            "webhook_url": "/api/v1/acme/wh-1041?patchworks_signature=sandbox-signature",
            "callback_url": "/api/v1/acme/cb-1041?patchworks_signature=sandbox-signature",
        },
        quota="120 webhooks a minute",
    ),
}


def every_front(clock: Clock) -> dict[str, Front]:
    """One simulator of each kind, without faults, below its own prefix."""
    return {prefix: Front(offer.make(clock, prefix)) for prefix, offer in OFFERS.items()}
