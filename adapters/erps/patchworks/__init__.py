"""Patchworks' room: commands in one envelope to the flows of an iPaaS, which act on the ERP behind it and acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx

from adapters.erps.patchworks.acks import Acks, MemoryAcks
from adapters.erps.patchworks.client import Client
from adapters.erps.patchworks.erp import Patchworks
from adapters.erps.patchworks.settings import terms_of
from adapters.erps.port import ErpSettings, WaitTurn


def connect(
    *,
    settings: ErpSettings,
    http: httpx.Client,
    wait_turn: WaitTurn,
    acks: Acks | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Patchworks:
    """Sends nothing yet. Raises ValueError, with the key, for a credential that is missing or a mapping that does not exist.

    `acks`: where sendings and acknowledgements are kept; without it, in memory.
    """
    client = Client(settings, http, wait_turn)
    return Patchworks(settings.name, client, terms_of(settings, client), acks or MemoryAcks(), clock or _now)


def _now() -> datetime:
    return datetime.now(UTC)
