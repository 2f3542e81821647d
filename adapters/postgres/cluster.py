"""The server of one cluster: looked at, started and stopped. Whoever calls this holds the start lock."""

import hashlib
import os
import shlex
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal, assert_never
from urllib.parse import quote

from adapters.postgres.binaries import Binaries, ProgramError
from adapters.postgres.errors import EmbeddedError
from adapters.postgres.making import DATABASE, ENTRY_FILE, make_cluster
from adapters.postgres.owner import Owner, own_directory
from adapters.postgres.processes import is_server, kill_servers

SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100  # the kernel takes 107 on Linux, 103 on macOS
START_SECONDS = 300.0  # after a crash a day of heavy import may have to be read again
STOP_SECONDS = 20
LOG_BYTES = 10_000_000
# down: no server. busy: starting or stopping. deaf: running, but its socket was removed. ready: takes connections.
State = Literal["down", "busy", "deaf", "ready"]


class Cluster:
    """The cluster in `home`/cluster, with its log beside it."""

    def __init__(self, home: Path, owner: Owner | None, binaries: Binaries) -> None:
        self._home = home
        self._owner = owner
        self._binaries = binaries
        self._directory = home / "cluster"
        self._log = home / "server.log"
        self._sockets = socket_directory(home)

    @property
    def url(self) -> str:
        """Where psycopg.connect finds the database. Everything is said, as PGPORT and the like would fill in the rest."""
        if sys.platform == "win32":
            password = quote((self._home / ENTRY_FILE).read_text(), safe="")
            return f"postgresql://{DATABASE}:{password}@127.0.0.1:{self._port(self._status_lines())}/{DATABASE}"
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self._sockets), safe='')}&port=5432"

    def ensure_running(self) -> None:
        """Leave a server that takes connections, whatever was found. Raises EmbeddedError."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            match self.state():
                case "ready":
                    return
                case "down":
                    make_cluster(self._directory, self._owner, self._binaries)
                    self._start(deadline)
                case "deaf":
                    self.stop()
                case "busy":  # of somebody who was killed while starting or stopping it
                    time.sleep(0.05)
                case unknown:
                    assert_never(unknown)
        raise EmbeddedError(
            f"The PostgreSQL in {self._directory} does not become ready (waited {START_SECONDS:.0f} s). Its log, {self._log}, "
            "should say what it is doing; if it is still recovering from a crash, try again later."
        )

    def state(self) -> State:
        """What the server is doing, asked of its socket and its process, as postmaster.pid outlives both."""
        lines = self._status_lines()
        if not lines or not lines[0].isdigit():
            return "down"
        answers = self._answers(lines)
        if not answers and not is_server(int(lines[0]), self._directory):
            return "down"
        if len(lines) < 8 or lines[7].strip() != "ready":
            return "busy"
        return "ready" if answers else "deaf"

    def stop(self) -> None:
        """Stop the server, connected or not; nothing that was committed is lost. Raises EmbeddedError where it will not go."""
        complaint = ""
        for mode in ("fast", "immediate"):
            if self.state() == "down":
                break
            arguments = ("stop", "-D", "cluster", "-s", "-w", "-m", mode, "-t", str(STOP_SECONDS))
            try:
                self._binaries.run("pg_ctl", *arguments, seconds=STOP_SECONDS + 10)
            except ProgramError as error:
                complaint = str(error)
        if self.state() != "down":
            raise EmbeddedError(
                f"The PostgreSQL in {self._directory} does not stop: {complaint}. Its process is named in "
                f"{self._directory / 'postmaster.pid'}; end it (kill -QUIT), and look into {self._log}."
            )
        if self._sockets != self._home:
            with suppress(OSError):  # somebody who looks into it may keep it from going; it does no harm
                self._sockets.rmdir()

    def _start(self, deadline: float) -> None:
        # No server lives, as we have seen: what is left of one would keep the next from starting, be it orphaned backends or, in
        # the two lock files, a pid that now belongs to something else.
        kill_servers(self._directory)
        own_directory(self._sockets, self._owner)
        for left_over in (self._directory / "postmaster.pid", self._sockets / SOCKET, self._sockets / f"{SOCKET}.lock"):
            left_over.unlink(missing_ok=True)
        written_before = self._fresh_log()
        seconds = max(int(deadline - time.monotonic()), 1)
        # Paths without the way to them, as pg_ctl puts them into a shell command; the working directory is `home`.
        arguments = ("start", "-D", "cluster", "-l", self._log.name, "-s", "-w", "-t", str(seconds), "-o", self._options())
        try:
            self._binaries.run("pg_ctl", *arguments, seconds=seconds + 10)
        except ProgramError as error:
            if self.state() == "down":
                said = self._log.read_bytes()[written_before:].decode(errors="replace").strip()[-2000:]
                raise EmbeddedError(
                    f"The embedded PostgreSQL in {self._directory} does not start: {error}\nIts log ({self._log}) says:\n{said}\n"
                    "Mend what it complains about and try again, or set DATABASE_URL to use a PostgreSQL of your own."
                ) from error
        except BaseException:
            # Interrupted: a server on its way is found, and stopped, only once it has written its pid.
            seen_by = time.monotonic() + 2
            while self.state() == "down" and time.monotonic() < seen_by:
                time.sleep(0.02)
            raise

    def _options(self) -> str:
        if sys.platform == "win32":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            return subprocess.list2cmdline(["-c", "listen_addresses=127.0.0.1", "-p", str(port)])
        quoted = '"{}"'.format(str(self._sockets).replace('"', '""'))  # a list, in which a comma would divide
        options = {"listen_addresses": "", "port": "5432", "unix_socket_directories": quoted, "unix_socket_permissions": "0700"}
        return shlex.join(part for name, value in options.items() for part in ("-c", f"{name}={value}"))

    def _fresh_log(self) -> int:
        """The log's length, after putting a long one aside and making sure that the server may write it."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_name("server.log.1"))
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            if sys.platform != "win32" and self._owner:
                os.fchown(descriptor, self._owner.uid, self._owner.gid)
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def _status_lines(self) -> list[str]:
        try:
            return (self._directory / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _port(self, lines: list[str]) -> int:
        return int(lines[3]) if len(lines) > 3 else 0

    def _answers(self, lines: list[str]) -> bool:
        """Whether something listens where the server should. It also tells of a server that another container runs."""
        try:
            if sys.platform == "win32":
                socket.create_connection(("127.0.0.1", self._port(lines)), timeout=2).close()
            else:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.settimeout(2)
                    probe.connect(str(self._sockets / SOCKET))
        except (TimeoutError, BlockingIOError):
            return True  # so busy that its queue is full
        except OSError:
            return False
        return True


def socket_directory(home: Path) -> Path:
    """Where the server's Unix socket is: in `home`, or, as its path has room for some 100 bytes only and a comma divides hosts
    to libpq, in a short directory that belongs to this `home` alone."""
    if len(os.fsencode(home / f"{SOCKET}.lock")) <= SOCKET_PATH_BYTES and "," not in str(home):
        return home
    # /tmp by name: tempfile.gettempdir() follows TMPDIR, and two shells would look for one server in two places.
    return Path("/tmp") / f"returns-ledger-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108
