"""Which room stands behind each kind of ERP, what it needs to be told, and how often its vendor may be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any, Final, Protocol

import httpx
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.erps.alone import Alone
from adapters.erps.port import Erp, ErpSettings, WaitTurn
from adapters.vendor.accounts import credential_fault, quota_name
from adapters.vendor.quota import Rate

KINDS: Final = ("cin7_core", "linnworks", "patchworks", "tryton")
# What each needs to be let in, as the contract names it; each room says itself what is missing.
CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "cin7_core": ("account_id", "application_key"),
    "linnworks": ("application_id", "application_secret", "token"),
    "patchworks": (),
    "tryton": ("user", "password", "database"),
}
OPTIONAL_CREDENTIALS: Final[Mapping[str, frozenset[str]]] = {
    "patchworks": frozenset({"api_key", "flow_id", "webhook_url", "callback_url", "ack_secret"}),
}
# Kinds whose commands are acknowledged some time after they were taken: that nobody knows yet is nothing to worry about.
ACKNOWLEDGED_LATER: Final = frozenset({"patchworks"})
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
_MINUTE: Final = timedelta(minutes=1)
# Linnworks counts each method by itself, 150 a minute but for these, of which it takes 250.
_OFTEN_NAMES: Final = """
    GetOrderDetailsByReferenceId GetOrderDetailsByNumOrderId GetOrdersById GetOpenOrders GetAllOpenOrders GetExtendedProperties
    SetExtendedProperties GetOrderAuditTrail GetOrderNotes SetOrderNotes GetOrderRelations GetOrderItems AddOrderItem ProcessOrder
    ProcessOrdersInBatch SetOrderGeneralInfo SetOrderShippingInfo GetReturnItemsInfo GetOrderInfo GetProcessedOrderExtendedProperties
    AddOrderNote SKUExists GetItemChangesHistory GetStockItemsByKey GetStockItemsFullByIds GetStockLevel GetStockLevelByLocation
    GetStockLevel_Batch SetStockLevel GetInventoryItemById GetStockItemIdsBySKU GetInventoryItemCompositions
    GetInventoryItemsCompositionByIds GetInventoryItemLocations UpdateInventoryItemField UpdateInventoryItemStockField
    UpdateInventoryItemLevels"""
_OFTEN: Final = frozenset(_OFTEN_NAMES.split())


class UnusableErp(Exception):
    """An ERP's settings that it cannot be used with. The message begins with the key."""


class Connect(Protocol):
    """What each ERP's room offers. Raises ValueError or KeyError for settings that it cannot work with."""

    def __call__(self, *, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn) -> Erp: ...


def make_erp(
    settings: ErpSettings,
    http: httpx.Client,
    wait_turn: WaitTurn,
    pool: ConnectionPool[Connection[Any]] | None = None,
    alone: Alone | None = None,
) -> Erp:
    """Sends nothing yet. `pool`: where acknowledgements are kept; `alone`: how all processes keep out of each other's way.

    Raises UnusableErp.
    """
    check_credentials(settings)
    more: dict[str, Any] = {}
    if settings.kind == "patchworks" and pool is not None:
        from adapters.erps.patchworks.kept_acks import KeptAcks

        more["acks"] = KeptAcks(pool, settings.name)
    if settings.kind in ("cin7_core", "tryton") and alone is not None:
        more["alone"] = alone
    try:
        connect: Connect = import_module(f"adapters.erps.{settings.kind}").connect
    except ModuleNotFoundError as missing:
        raise UnusableErp(f"erps.{settings.name}.kind: {settings.kind} cannot be used here: {missing}") from None
    try:
        return connect(settings=settings, http=http, wait_turn=wait_turn, **more)
    except (ValueError, KeyError) as wrong:
        said = str(wrong)
        raise UnusableErp(said if said.startswith("erps.") else f"erps.{settings.name}: {said}") from None


def check_credentials(settings: ErpSettings) -> None:
    """Raises UnusableErp for one that is missing, empty or of no use."""
    needed, optional = CREDENTIALS[settings.kind], OPTIONAL_CREDENTIALS.get(settings.kind, frozenset())
    if fault := credential_fault(settings.credentials, needed, optional, "this ERP"):
        name, wrong = fault
        takes = ", ".join(sorted({*needed, *optional}))
        raise UnusableErp(f"erps.{settings.name}.credentials.{name}: {wrong}; {settings.kind} takes {takes}")


def rates_of(settings: ErpSettings, own: Rate | None) -> Callable[[str], Rate] | None:
    """The rate of each method; `own` is what the operator set, for each of them. None: nobody counts.

    Ours are below the vendors', so that what people do with the same account beside us finds room.
    """
    if own is not None:
        return lambda _: own
    match settings.kind:
        case "cin7_core":
            return lambda _: Rate(50, _MINUTE, 10)
        case "linnworks":
            return lambda method: Rate(240 if method.rpartition("/")[2] in _OFTEN else 140, _MINUTE, 10)
        case "patchworks":
            return lambda method: Rate(230 if method in ("callbacks", "core") else 110, _MINUTE, 10)
        case _:
            return None


def quota_account(settings: ErpSettings) -> str:
    """Whose quota a call counts against: two ERPs with the same credentials share one. The name gives none of them away."""
    return quota_name(settings.kind, settings.name, settings.base_url, settings.credentials)


def make_http() -> httpx.Client:
    """A client for one account, for one thread."""
    return httpx.Client(timeout=TIMEOUT, headers={"user-agent": "returns-ledger"})


def brings_goods_in(settings: ErpSettings) -> bool:
    """Does its credit note bring the goods into stock? An ERP that cannot be used yet brings nothing in."""
    with make_http() as http:
        try:
            return make_erp(settings, http, _no_turn).goods_in_with_note
        except UnusableErp:
            return False


def _no_turn(_: str) -> None:
    raise UnusableErp("no ERP is asked from here")
