"""Happy Returns' room: its returns, scans, shipments and conditions, told without amounts and nearly without dates."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from adapters.platforms.happy_returns.commands import Content
from adapters.platforms.happy_returns.platform import HappyReturns
from adapters.platforms.port import ConnectionSettings

__all__ = ["Content", "HappyReturns", "connect"]


def connect(*, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> HappyReturns:
    """Sends nothing yet. Raises ValueError, with the key, for a credential that is missing or a mapping that does not exist."""
    return HappyReturns(connection, http, wait_turn)
