"""Cin7 Core against its simulator: what every ERP has to keep, in both kinds of prices."""

from __future__ import annotations

from collections.abc import Callable

from adapters.sandbox.faults import Front
from tests.adapters.erps.cin7_rig import Cin7Rig
from tests.adapters.erps.contract import ErpContract


class TestCin7CoreKeepsTheContract(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Cin7Rig:
        return Cin7Rig(front)


class TestCin7CoreWithTaxInItsPricesKeepsTheContract(ErpContract):
    """And with refusals inside 200, and a limit that answers 503."""

    def rig(self, front: Callable[..., Front] = Front) -> Cin7Rig:
        return Cin7Rig(front, inclusive=True, errors_in_200=True, limit_status=503)
