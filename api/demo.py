"""The demo house's settings: its connections and ERPs are simulators on this machine, whatever is configured for the real house."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Final

from adapters.demo.pairs import ERPS, PAIRS, POLL, accounts
from adapters.sandbox.registry import WEBHOOK_SECRET
from api.settings import Connection, Erp, Settings

HOST: Final = "127.0.0.1"
USUAL_PORT: Final = 8091
_POLL: Final = f"{POLL.total_seconds():.0f}s"
# Simulators have no quota that matters.
_RATE: Final = "6000/min"
_PORT_FILE: Final = "demo-sandbox.port"


def demo_settings(settings: Settings) -> Settings:
    """The same, with the demo's accounts in place of the configured ones: nothing real is ever asked or told by the demo."""
    address = f"http://{HOST}:{sandbox_port(settings.data_dir)}"
    return settings.model_copy(update={"connections": _connections(address), "erps": _erps(address)})


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


def _connections(address: str) -> tuple[Connection, ...]:
    found: list[Connection] = []
    for pair in PAIRS:
        if pair.shop is not None:
            found.append(_connection(address, pair.shop, pair.merchant))
        dispositions = {
            **{name: {"action": "restock", "location": pair.on_sale} for name in ("saleable", "sellable", "restockable")},
            "damaged": {"action": "write_off", "location": "Damaged"},
        }
        found.append(
            _connection(
                address, pair.connection, pair.merchant, erp=pair.erp, refunds_from=pair.shop, policy={"dispositions": dispositions}
            )
        )
    return tuple(found)


def _connection(address: str, name: str, merchant: str, **more: Any) -> Connection:
    offer = accounts()[name]
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


def _erps(address: str) -> tuple[Erp, ...]:
    found = []
    for name in ERPS:
        offer = accounts()[name]
        told: dict[str, Any] = {"name": name, "kind": offer.kind, "base_url": offer.base_url(address, name), "poll": _POLL, "rate": _RATE}
        told["accounts"] = {"write_off": "404", "adjustment": "403"} if name == "cin7-core" else {}
        found.append(Erp.model_validate({**told, "credentials": offer.credentials_at(address, name)}))
    return tuple(found)
