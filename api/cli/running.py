"""The command that runs the whole house: one process that watches over the database, the web server, the workers and the demo's sandbox."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from adapters.postgres.embedded import EmbeddedError, open_database
from api.bootstrap import House, clock, open_house
from api.cli.common import FAILED, ConfigOption, HouseOption, checked_house, fail, talk
from api.settings import DEMO_HOUSE, PREFIX, Settings, load_settings

PARTS = ("web", "worker", "inbox", "outbox", "alerts", "sandbox")
STOP_SECONDS = 4.0
# A part that dies is started again; one that keeps dying ends the house, so that whoever watches it hears of it.
MOST_STARTS, WITHIN_SECONDS = 5, 60.0
# How often the supervisor looks whether the embedded database is still there.
DATABASE_SECONDS = 3.0
MOST_SESSIONS = 32
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="The demo house with its feed; the default as long as no connection is configured."),
    ] = None,
    host: Annotated[str | None, typer.Option("--host")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535)] = None,
    erp: Annotated[
        str | None, typer.Option("--erp", help="A Tryton of the configuration (its name, or tryton) that the demo posts to.")
    ] = None,
    only: Annotated[str | None, typer.Option("--only", help=f"One part alone: {', '.join(PARTS)}.")] = None,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Run the house: database, API and console, projections, the platforms' inbox. Ctrl-C stops all of it."""
    settings = load_settings(config)
    if only is not None and only not in PARTS:
        raise typer.BadParameter(f"{only!r}: choose from {', '.join(PARTS)}", param_hint="--only")
    chosen = checked_house(house)
    demo_wanted = demo if demo is not None else chosen == DEMO_HOUSE or (chosen is None and not settings.connections)
    if erp is not None and not demo_wanted:
        raise typer.BadParameter(
            "is for the demo: add --demo; a house that is no demo has its ERPs in its configuration", param_hint="--erp"
        )
    if demo_wanted:
        from api.demo import claim_sandbox_port, demo_settings  # they bring every simulator

        chosen = DEMO_HOUSE
        if erp is not None:
            # The parts of the house, and its commands, have it from there.
            os.environ[f"{PREFIX}DEMO_ERP"] = erp
            settings = settings.model_copy(update={"demo_erp": erp})
        if only is None:
            claim_sandbox_port(settings.data_dir)
        settings = demo_settings(settings)
        if only is None:
            _open_tryton(settings)
    host, port = host or settings.host, settings.port if port is None else port
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # What httpx or psycopg say at INFO is of no use to whoever runs the house.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if not demo_wanted and settings.connections:
        from api.connecting import check_connections

        check_connections(settings)
    if only is None:
        _Supervisor(settings, chosen, demo_wanted, host, port, config).run()
    else:
        _run_part(only, settings, chosen, demo_wanted, host, port)


def _open_tryton(settings: Settings) -> None:
    """Where the demo posts to a real program, that one is looked at before anything starts."""
    from adapters.demo.playing import TAX_PERCENT
    from adapters.demo.tryton_shop import TrytonShop
    from api.demo import demo_tryton

    if (tryton := demo_tryton(settings)) is None:
        return
    told = tryton.told()
    try:
        shop = TrytonShop(told, TAX_PERCENT)
        talk(f"the demo sells, ships and posts in the database {told.credentials['database']} of Tryton at {told.base_url}")
        shop.open_for_business()
    except ValueError as wrong:
        fail(f"erps.{tryton.name}: {wrong}")


def _run_part(part: str, settings: Settings, house: str | None, demo: bool, host: str, port: int) -> None:
    from api.worker import play_demo, project, tell_people, work_inbox, work_outbox  # the web server's process has no use for it

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _end_with_parent(stop)
    wanted = 16 if part == "web" else 4 + len(settings.connections) + (4 * len(settings.erps) if part == "outbox" else 0)
    # None is held while a vendor is asked: many accounts share a few, and a database's sessions are not used up by one house.
    pool_size = min(wanted, MOST_SESSIONS)
    with open_house(settings, house, pool_size=pool_size) as opened:
        if part == "web":
            _serve(opened, demo, host, port, stop)
        elif part == "worker":
            project(opened, stop)
        elif part == "inbox":
            work_inbox(opened, stop)
        elif part == "outbox":
            work_outbox(opened, stop)
        elif part == "alerts":
            tell_people(opened, stop)
        else:
            play_demo(opened, stop, f"http://{_reached(host)}:{port}")


def _serve(opened: House, demo: bool, host: str, port: int, stop: threading.Event) -> None:
    import uvicorn

    from api.http.app import make_app
    from api.http.heads import BoundedHead

    app = make_app(opened, demo=demo, keys_needed=needs_keys(demo, host))
    settings = uvicorn.Config(
        app, http=BoundedHead, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False
    )
    server = uvicorn.Server(settings)

    def leave() -> None:
        stop.wait()
        app.state.drain.set()  # open pages hold a stream each, for which the server would wait
        server.should_exit = True

    threading.Thread(target=leave, daemon=True).start()
    server.run()
    stop.set()


def needs_keys(demo: bool, host: str) -> bool:
    """Only the demo, and only for whoever sits at this machine, is open."""
    return not (demo and host in LOOPBACK)


def _end_with_parent(stop: threading.Event) -> None:
    """A part that lost its house (kill -9) ends by itself: nothing is left behind on the port or the database."""
    parent = os.getppid()
    told = os.environ.get("RETURNS_LEDGER_PART_OF")
    if told != str(parent):
        if told is not None and os.name == "posix":
            os._exit(FAILED)  # the house was killed while this part was still starting
        return

    def watch() -> None:
        while not stop.wait(0.5):
            if os.getppid() != parent:
                stop.set()
                time.sleep(STOP_SECONDS)
                os._exit(FAILED)

    threading.Thread(target=watch, daemon=True).start()


@dataclass(slots=True)
class _Part:
    name: str
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)


class _Supervisor:
    """Starts the parts, starts again what dies, and stops all of it within a few seconds."""

    def __init__(self, settings: Settings, house: str | None, demo: bool, host: str, port: int, config: Path | None) -> None:
        self._settings, self._house, self._demo, self._host, self._port, self._config = settings, house, demo, host, port, config
        # The inbox has a process of its own: reading documents must not hold up the projections, nor they it.
        beside = (["sandbox"] if demo else []) + (["inbox"] if settings.connections else [])
        # Nor must an ERP that does not answer.
        if any(connection.erp is not None for connection in settings.connections):
            beside.append("outbox")
        # A mail server that hangs is nobody else's affair either.
        if not demo and (settings.alerts.rules or settings.alerts.digests):
            beside.append("alerts")
        self._parts = [_Part(name) for name in ("worker", "web", *beside)]
        self._stop = threading.Event()
        self._welcome: str | None = None

    def run(self) -> None:
        self._port = free_port(self._host, self._port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: self._stop.set())
        with open_database(self._settings.data_dir, self._settings.database_url) as url:
            # Made once, here, before the parts would race to it.
            with open_house(self._settings, self._house) as opened:
                self._welcome = self._first_admin(opened)
            try:
                for part in self._parts:
                    self._start(part)
                threading.Thread(target=self._announce, daemon=True).start()
                self._watch(url)
            finally:
                self._end()

    def _start(self, part: _Part) -> None:
        now = time.monotonic()
        part.starts = [at for at in part.starts if now - at < WITHIN_SECONDS] + [now]
        if len(part.starts) > MOST_STARTS:
            fail(f"the {part.name} ended {MOST_STARTS} times within {WITHIN_SECONDS:.0f} s; see its messages above")
        command = [sys.executable, "-m", "api.cli.main", "run", "--only", part.name, "--host", self._host, "--port", str(self._port)]
        command += ["--demo" if self._demo else "--no-demo"]
        command += ["--house", self._house] if self._house else []
        command += ["--config", str(self._config)] if self._config else []
        part.process = subprocess.Popen(command, env=os.environ | {"RETURNS_LEDGER_PART_OF": str(os.getpid())}, stdin=subprocess.DEVNULL)

    def _watch(self, url: str) -> None:
        looked = time.monotonic()
        while not self._stop.wait(0.2):
            if self._settings.database_url is None and time.monotonic() - looked > DATABASE_SECONDS:
                self._revive(url)
                looked = time.monotonic()
            for part in self._parts:
                if part.process is not None and part.process.poll() is not None and not self._stop.is_set():
                    talk(f"{part.name} ended with {part.process.returncode}; starting it again")
                    self._stop.wait(min(2.0, 0.2 * 2 ** len(part.starts)))
                    self._start(part)

    def _revive(self, url: str) -> None:
        """An embedded server that was killed comes back with the next process that enters; nobody else would enter a running house."""
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            talk("the embedded database is away; bringing it back")
            try:
                with open_database(self._settings.data_dir, None):
                    pass
            except EmbeddedError as failure:
                talk(f"error: {failure}")

    def _end(self) -> None:
        running = [part.process for part in self._parts if part.process is not None and part.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _announce(self) -> None:
        """Say where the console is once it answers: before that the address is of no use."""
        shown = f"[{self._host}]" if ":" in self._host else self._host
        while not self._stop.wait(0.1):
            try:
                with socket.create_connection((self._host if self._host != "0.0.0.0" else "127.0.0.1", self._port), timeout=1):  # noqa: S104 (compared, not bound)
                    break
            except OSError:
                continue
        if not self._stop.is_set():
            what = "Returns Ledger, demo house" if self._demo else "Returns Ledger"
            talk(f"{what}: http://{shown}:{self._port} (Ctrl-C stops it)")
            if self._welcome is not None:
                base = self._settings.console.public_url or f"http://{_reached(self._host)}:{self._port}"
                link = f"{base}/sign-in/link?token={self._welcome}"
                talk(f"Nobody may sign in yet. The first admin comes in here, once, within a day: {link}")

    def _first_admin(self, opened: House) -> str | None:
        """What stands in the link for the first admin, where somebody has to sign in and nobody can."""
        from adapters import people

        if not needs_keys(self._demo, self._host):
            return None
        with opened.connection() as conn:
            return people.first_admin(conn, clock())


def _reached(host: str) -> str:
    """The address at which this machine itself reaches what listens there."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 (compared, not bound)


def free_port(host: str, port: int) -> int:
    """The port, found free; 0 picks one. Says plainly who is in the way if it is not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as taken:
            fail(f"cannot listen on {host}:{port}: {taken.strerror}. Is another house running? Choose another with --port.")
        return int(trial.getsockname()[1])
