"""Linnworks behind the port: refunds as credit notes, RMAs for goods, deltas for moves, scrap for write-offs, orders for exchanges."""

from __future__ import annotations

import httpx

from adapters.erps.linnworks.client import LinnworksClient
from adapters.erps.linnworks.erp import Linnworks
from adapters.erps.linnworks.mapping import Mapping
from adapters.erps.port import Erp, ErpSettings, WaitTurn


def connect(*, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn) -> Erp:
    """Raises ValueError, with the key, for missing credentials and for mappings that Linnworks does not have. Sends nothing yet."""
    return Linnworks(settings, LinnworksClient(settings, http, wait_turn), Mapping(settings))


__all__ = ["connect"]
