"""Which room stands behind each platform's name, what it needs to be told, and how often its vendor may be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import import_module
from typing import Final, Protocol, runtime_checkable

import httpx

from adapters.inbox.quota import Rate
from adapters.platforms.port import ConnectionSettings, Orders, Platform, UnusableConnection
from adapters.vendor.accounts import credential_fault, quota_name

# What each needs to be let in, as the contract names it; and what may be given besides.
CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "happy_returns": ("api_key", "retailer_id"),
    "returngo": ("api_key", "shop"),
    "reveni": ("api_key", "store_id"),
    "shopify": ("access_token", "shop"),
}
OPTIONAL_CREDENTIALS: Final[Mapping[str, frozenset[str]]] = {"shopify": frozenset({"version"})}
# Happy Returns: half a request a second. ReturnGO: 2,000 calls a day, which are 1,800 and the 200 that may be made at once.
# Reveni and Shopify: modest rates of our own; Shopify counts by what a query costs, and says itself when that is too much.
RATES: Final[Mapping[str, Rate]] = {
    "happy_returns": Rate(1, timedelta(seconds=2), 1),
    "returngo": Rate(1_800, timedelta(days=1), 200),
    "reveni": Rate(5, timedelta(seconds=1), 10),
    "shopify": Rate(4, timedelta(seconds=1), 20),
}
TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)


@runtime_checkable
class Selling(Protocol):
    """A platform that knows the original orders."""

    @property
    def orders(self) -> Orders: ...


class Connect(Protocol):
    """What each platform's room offers. Raises ValueError with the key for settings that it cannot work with."""

    def __call__(self, *, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> Platform: ...


def make_platform(connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> Platform:
    """Sends nothing yet. Raises UnusableConnection."""
    check_credentials(connection)
    connect: Connect = import_module(f"adapters.platforms.{connection.platform}").connect
    try:
        return connect(connection=connection, http=http, wait_turn=wait_turn)
    except ValueError as wrong:
        said = str(wrong)
        raise UnusableConnection(said if said.startswith("connections.") else f"connections.{connection.name}: {said}") from None


def orders_of(platform: Platform) -> Orders | None:
    return platform.orders if isinstance(platform, Selling) else None


def check_credentials(connection: ConnectionSettings) -> None:
    """Raises UnusableConnection for one that is missing, empty or of no use."""
    needed, optional = CREDENTIALS.get(connection.platform, ()), OPTIONAL_CREDENTIALS.get(connection.platform, frozenset())
    if fault := credential_fault(connection.credentials, needed, optional, "this platform"):
        name, wrong = fault
        needs = " and ".join(needed)
        raise UnusableConnection(f"connections.{connection.name}.credentials.{name}: {wrong}; {connection.platform} needs {needs}")


def account_of(connection: ConnectionSettings) -> str:
    """Whose quota a call counts against: two connections with the same credentials share one. The name gives none of them away."""
    return quota_name(connection.platform, connection.name, connection.base_url, connection.credentials)


def make_http() -> httpx.Client:
    """A client for one connection, for one thread."""
    return httpx.Client(timeout=TIMEOUT, headers={"user-agent": "returns-ledger"})
