"""A platform as the hand that releases refunds: asked once, by a platform that looks what is released before it sends anything."""

from __future__ import annotations

from datetime import datetime

from adapters.erps.port import NotThere, Work
from adapters.platforms.port import Platform, Releasing
from adapters.vendor.answers import Accepted, Answer, Declined, VendorTrouble
from domain.erp_facts import OrderMatched, OrderNotFound

NOT_SUPPORTED = "not_supported"


class ReleasingHand:
    """One connection's, for one thread."""

    def __init__(self, name: str, platform: Platform) -> None:
        self._name, self._platform = name, platform

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        raise VendorTrouble("a platform is not asked for an ERP's orders")

    def carry_out(self, work: Work) -> Answer:
        if not isinstance(self._platform, Releasing):
            reason = f"{work.key.platform} cannot be told from here to release a refund"
            return Declined(NOT_SUPPORTED, reason, f'release it there, or set release_refund_on = "never" for {self._name}')
        return self._platform.release_refund(work.key.return_id, work.reference)

    def find(self, work: Work) -> Accepted | NotThere:
        # The platform itself looks before it sends: once what was sent has had time to show, it is simply told again.
        return NotThere("the platform is asked before anything is sent")
