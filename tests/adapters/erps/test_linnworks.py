"""Linnworks keeps the contract of ERPs."""

from __future__ import annotations

from collections.abc import Callable

from adapters.sandbox.faults import Front
from tests.adapters.erps.contract import ErpContract
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.rig import Rig


class TestLinnworks(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Rig:
        return LinnworksRig(front)
