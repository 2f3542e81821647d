"""Tryton as a process of its own: its database made once and copied for each test that wants it fresh, its port free, its end certain."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

from adapters.erps.port import ErpSettings
from adapters.erps.tryton.client import TrytonClient
from tests.erp.company import Company

MODULES = ("ir", "res", "sale_complaint", "sale_discount", "product_kit", "account_invoice_stock")
PASSWORD = "only-for-this-test"
CREDENTIALS = {"user": "admin", "password": PASSWORD, "database": "erp"}
_MOST_SECONDS_TO_START = 60.0


class Server:
    """One Tryton over one directory. `stop` and `kill` may be called at any time; `start` goes on with the same database."""

    def __init__(self, programs: Path, home: Path) -> None:
        self._programs, self.home = programs, home
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        config = home / "trytond.conf"
        config.write_text(f"[database]\nuri = sqlite://\npath = {home}\n[web]\nlisten = 127.0.0.1:{self.port}\n")
        self._config = str(config)

    def make_database(self) -> None:
        (self.home / "erp.sqlite").touch()
        password = self.home / "password"
        password.write_text(PASSWORD)
        subprocess.run(
            [
                *(self._programs / "trytond-admin", "-c", self._config, "-d", "erp", "--email", "a@example.com"),
                *("-u", *MODULES, "--activate-dependencies"),
            ],
            env={**os.environ, "TRYTONPASSFILE": str(password)},
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        log = (self.home / "trytond.log").open("ab")
        self._process = subprocess.Popen(
            [self._programs / "trytond", "-c", self._config, "-d", "erp"], stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        until = time.monotonic() + _MOST_SECONDS_TO_START
        while time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                assert self._process.poll() is None, (self.home / "trytond.log").read_text()[-2000:]
                time.sleep(0.05)
        raise AssertionError("Tryton does not start")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def settings(self, name: str = "uk-tryton", **more: object) -> ErpSettings:
        return ErpSettings(name, "tryton", self.url, CREDENTIALS, **more)  # type: ignore[arg-type]

    def calls(self) -> int:
        """How often it was asked, by its own log."""
        return (self.home / "trytond.log").read_text(errors="replace").count("POST /erp/rpc/")

    def client(self) -> TrytonClient:
        return TrytonClient(self.settings(), httpx.Client(), lambda _: None)


def prepared(programs: Path, kept: Path) -> Path:
    """A database with a company in it, made once for each version of what makes it."""
    here = Path(__file__).parent
    told = b"".join((here / name).read_bytes() for name in ("requirements.txt", "company.py", "server.py"))
    database = kept / f"company-{hashlib.sha256(told).hexdigest()[:12]}-{dt.date.today().year}.sqlite"  # noqa: DTZ011
    if not database.exists():
        making = kept / f"making-{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        server = Server(programs, making)
        server.make_database()
        server.start()
        try:
            client = server.client()
            Company(client, client.read("ir.date.today")).set_up()
        finally:
            server.stop()
        fold_in(making / "erp.sqlite")
        os.replace(making / "erp.sqlite", database)
        shutil.rmtree(making)
    return database


def fold_in(database: Path) -> None:
    """What SQLite keeps beside the file goes into it, so that the file alone is the database."""
    import sqlite3

    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
