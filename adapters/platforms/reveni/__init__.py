"""Reveni's room: a narrow adapter to an API that is not published, everything in it behind a mapping table."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.reveni.commands import Verdict
from adapters.platforms.reveni.platform import Reveni

__all__ = ["Reveni", "Verdict", "connect"]


def connect(*, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> Reveni:
    """Sends nothing yet. Raises ValueError, with the key, for a credential that is missing or a mapping that does not exist."""
    return Reveni(connection, http, wait_turn)
