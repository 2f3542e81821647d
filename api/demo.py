"""The demo house's settings: its connections and ERPs are simulators on this machine, whatever is configured for the real house.

But for one: a Tryton that is configured and asked for by name is posted to, as there is no simulator of it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from adapters.demo.pairs import PAIRS, POLL, TRYTON, TRYTON_PAIRS, Pair, accounts, simulated_erps
from adapters.sandbox.registry import WEBHOOK_SECRET
from api.settings import Connection, Erp, Settings, SettingsError

HOST: Final = "127.0.0.1"
USUAL_PORT: Final = 8091
_POLL: Final = f"{POLL.total_seconds():.0f}s"
# Simulators have no quota that matters.
_RATE: Final = "6000/min"
_PORT_FILE: Final = "demo-sandbox.port"


def demo_settings(settings: Settings) -> Settings:
    """The same, with the demo's accounts in place of the configured ones: nothing real is ever asked or told by the demo."""
    address, pairs = f"http://{HOST}:{sandbox_port(settings.data_dir)}", demo_pairs(settings)
    erps = _erps(address, pairs)
    if (tryton := demo_tryton(settings)) is not None:
        erps = (tryton, *erps)
    return settings.model_copy(update={"connections": _connections(address, pairs, tryton), "erps": erps})


def demo_pairs(settings: Settings) -> Sequence[Pair]:
    """Whose returns are played."""
    return PAIRS if settings.demo_erp is None else TRYTON_PAIRS


def demo_tryton(settings: Settings) -> Erp | None:
    """The ERP that `demo_erp` names, by its name or its kind. Raises SettingsError where that leads nowhere."""
    wanted = settings.demo_erp
    if wanted is None:
        return None
    found = [erp for erp in settings.erps if erp.kind == TRYTON and wanted in (erp.name, erp.kind)]
    if len(found) == 1:
        # A demo is watched: what it books is read back at once.
        return found[0].model_copy(update={"poll": POLL})
    if found:
        names = ", ".join(erp.name for erp in found)
        raise SettingsError(f"demo_erp: several [[erps]] are of the kind {TRYTON}: say which ({names})")
    raise SettingsError(
        f"demo_erp: there is no [[erps]] of the kind {TRYTON} with the name {wanted!r}; it takes name, kind, base_url and "
        "credentials { user, password, database }. All other ERPs of the demo are simulators"
    )


def sandbox_port(data_dir: Path) -> int:
    """Where the simulators answer, or did when the demo last ran."""
    try:
        return int((data_dir / _PORT_FILE).read_text())
    except (OSError, ValueError):
        return USUAL_PORT


def claim_sandbox_port(data_dir: Path) -> int:
    """The same port as last time, if it is free, or another that is; every process of the house finds it in the data directory."""
    for port in (sandbox_port(data_dir), 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
            except OSError:
                continue
            found = int(trial.getsockname()[1])
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / _PORT_FILE).write_text(f"{found}\n")
        return found
    raise OSError(f"there is no free port on {HOST}")


def _connections(address: str, pairs: Sequence[Pair], tryton: Erp | None) -> tuple[Connection, ...]:
    found: list[Connection] = []
    for pair in pairs:
        if pair.shop is not None:
            found.append(_connection(address, pairs, pair.shop, pair.merchant))
        dispositions = {
            **{name: {"action": "restock", "location": pair.on_sale} for name in ("saleable", "sellable", "restockable")},
            "damaged": {"action": "write_off", "location": "Damaged"},
        }
        found.append(
            _connection(
                address,
                pairs,
                pair.connection,
                pair.merchant,
                erp=tryton.name if tryton is not None else pair.erp,
                refunds_from=pair.shop,
                policy={"dispositions": dispositions},
            )
        )
    return tuple(found)


def _connection(address: str, pairs: Sequence[Pair], name: str, merchant: str, **more: Any) -> Connection:
    offer = accounts(pairs)[name]
    return Connection.model_validate(
        {
            "name": name,
            "merchant": merchant,
            "platform": offer.kind,
            "base_url": offer.base_url(address, name),
            "webhook_secret": WEBHOOK_SECRET,
            "credentials": offer.credentials_at(address, name),
            "poll": _POLL,
            "rate": _RATE,
            **more,
        }
    )


def _erps(address: str, pairs: Sequence[Pair]) -> tuple[Erp, ...]:
    found = []
    for name in simulated_erps(pairs):
        offer = accounts(pairs)[name]
        told: dict[str, Any] = {"name": name, "kind": offer.kind, "base_url": offer.base_url(address, name), "poll": _POLL, "rate": _RATE}
        told["accounts"] = {"write_off": "404", "adjustment": "403"} if name == "cin7-core" else {}
        found.append(Erp.model_validate({**told, "credentials": offer.credentials_at(address, name)}))
    return tuple(found)
