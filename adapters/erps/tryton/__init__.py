"""Tryton behind the port: credit notes on the original invoice's lines, shipments for goods, sales for exchanges."""

from __future__ import annotations

import httpx

from adapters.erps.alone import Alone, in_this_process
from adapters.erps.port import Erp, ErpSettings, WaitTurn
from adapters.erps.tryton.client import TrytonClient
from adapters.erps.tryton.erp import Tryton
from adapters.erps.tryton.mapping import TrytonMapping


def connect(*, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn, alone: Alone = in_this_process) -> Erp:
    """`alone`: how the hands at one database of Tryton keep out of each other's way.

    Raises ValueError or KeyError, with the key, for what is missing or not known. Sends nothing yet.
    """
    return Tryton(settings, TrytonClient(settings, http, wait_turn), TrytonMapping(settings.mappings), alone)


__all__ = ["connect"]
