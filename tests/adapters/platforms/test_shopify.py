"""Shopify against its simulator: what every platform has to keep, in every version of its webhooks."""

from __future__ import annotations

from typing import ClassVar

from adapters.sandbox.shopify import ShopifySimulator
from tests.adapters.platforms.contract import PlatformContract, Rig, SteppedClock
from tests.adapters.platforms.shop_rig import shop_rig, stories_of


class TestShopifyKeepsTheContract(PlatformContract):
    story_names: ClassVar = tuple(stories_of(ShopifySimulator(SteppedClock())))

    def rig(self, seed: int = 0) -> Rig:
        return shop_rig()


class TestShopifyBefore202410KeepsTheContract(PlatformContract):
    """Webhooks of an old subscription: shipping is an adjustment with its sign turned, and nothing is `processed`. The API is a new one."""

    story_names: ClassVar = ("refunds_outside_of_returns", "processed_at_once")

    def rig(self, seed: int = 0) -> Rig:
        return shop_rig(version="2024-07")
