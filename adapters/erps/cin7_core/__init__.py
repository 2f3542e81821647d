"""Cin7 Core (DEAR): sales, credit notes and stock over its API v2."""

from adapters.erps.cin7_core.erp import Cin7Core, connect

__all__ = ["Cin7Core", "connect"]
