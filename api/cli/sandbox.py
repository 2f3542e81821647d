"""The command that serves every simulator, to try a configuration on: platforms and ERPs in memory, gone when it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from api.bootstrap import clock
from api.cli.common import talk
from api.cli.running import free_port

if TYPE_CHECKING:
    import uvicorn


def sandbox(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 picks a free one.")] = 8090,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
) -> None:
    """Serve a simulator of every platform and ERP, each with /_control to seed it, see its documents and set its faults."""
    # No other command has a use for a server and all simulators.
    import uvicorn

    from adapters.sandbox.registry import every_front
    from adapters.sandbox.serving import sandbox_app

    port = free_port(host, port)
    app = sandbox_app(every_front(clock))
    settings = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none")
    server = uvicorn.Server(settings)
    threading.Thread(target=_announce, args=(server, host, port), daemon=True).start()
    server.run()


def _announce(server: uvicorn.Server, host: str, port: int) -> None:
    """Say what is where once it answers."""
    from adapters.sandbox.registry import OFFERS, WEBHOOK_SECRET

    pause = threading.Event()
    while not server.started:
        pause.wait(0.05)
    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104 (compared, not bound)
    address = f"http://{shown}:{port}"
    for prefix, offer in OFFERS.items():
        talk(f"{offer.kind}: {offer.base_url(address, prefix)} (/{prefix}/_control; {offer.quota})")
        for name, said in offer.credentials_at(address, prefix).items():
            talk(f"    {name} = {said}")
        if offer.signs:
            talk(f"    webhook_secret = {WEBHOOK_SECRET}")
    talk(f"Sandbox: {address} (Ctrl-C stops it; what it holds goes with it)")
