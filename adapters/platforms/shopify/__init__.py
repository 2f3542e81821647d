"""Shopify: refunds, its own returns and dispositions, original orders, and what its payouts settled."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.shopify.admin import Admin
from adapters.platforms.shopify.platform import Shopify

__all__ = ["Shopify", "connect"]


def connect(*, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> Shopify:
    """One shop. Asks nothing yet; what is missing in its settings is said where it is first needed."""
    return Shopify(connection, Admin(connection, http, wait_turn))
