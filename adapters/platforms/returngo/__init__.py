"""ReturnGO's room: its RMAs, parcels and transactions, read by API; its webhooks, which say where to look."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from adapters.platforms.port import ConnectionSettings
from adapters.platforms.returngo.client import ReturnGoClient
from adapters.platforms.returngo.mapping import Mappings
from adapters.platforms.returngo.platform import ReturnGo
from adapters.platforms.returngo.reading import RmaReader


def connect(*, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> ReturnGo:
    """Sends nothing yet. Raises ValueError, with the key, for a credential that is missing or a mapping that does not exist."""
    client = ReturnGoClient(connection, http, wait_turn)
    mappings = Mappings(connection.name, connection.mappings)
    return ReturnGo(connection.name, client, RmaReader(connection.merchant, mappings), mappings)
