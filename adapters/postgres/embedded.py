"""A PostgreSQL server of our own: started by the first of our processes, shared by all, stopped by the last."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.postgres.binaries import find_binaries
from adapters.postgres.cluster import START_SECONDS, Cluster
from adapters.postgres.errors import EmbeddedError
from adapters.postgres.locks import LockFile
from adapters.postgres.owner import check_reachable, own_directory, server_owner

__all__ = ["Embedded", "EmbeddedError", "open_database"]

LEAVE_SECONDS = 4.0


@contextmanager
def open_database(data_dir: Path, database_url: str | None) -> Iterator[str]:
    """The database's URL: the one given (DATABASE_URL), untouched, or else that of the embedded server, up for as long as this is open."""
    if database_url:
        yield database_url
    else:
        with Embedded(data_dir) as embedded:
            yield embedded.url


class Embedded:
    """The server in `data_dir`/postgres, up for as long as one process on this machine is inside `with`.

    Each process inside holds a shared lease on a file. The kernel takes it back even after kill -9; a server that nobody was left
    to stop is shared by the next process that comes, and stopped with it. A forked child has no part in its parent's lease.
    """

    def __init__(self, data_dir: Path) -> None:
        self._home = (data_dir / "postgres").resolve()
        self._cluster: Cluster | None = None
        self._lock: LockFile | None = None
        self._lease: LockFile | None = None

    @property
    def url(self) -> str:
        """For psycopg.connect; the same for every process of this data directory."""
        if self._cluster is None:
            raise EmbeddedError(f"The embedded PostgreSQL in {self._home} has no URL yet: enter it (`with Embedded(...)`) first.")
        return self._cluster.url

    def __enter__(self) -> Self:
        if self._lease is not None and self._lease.usable:
            raise EmbeddedError(f"This process is already inside {self._home}: make another Embedded to enter it twice.")
        try:
            self._attach()
        except OSError as error:
            _undisturbed(self._detach)
            raise EmbeddedError(
                f"The embedded PostgreSQL cannot use {self._home}: {error}. It should be a directory that is ours to write, on a disk with "
                "room; mend that, choose another RETURNS_LEDGER_DATA_DIR, or set DATABASE_URL."
            ) from error
        except BaseException:
            _undisturbed(self._detach)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _undisturbed(self._detach)

    def _attach(self) -> None:
        self._home.parent.mkdir(parents=True, exist_ok=True)
        owner = server_owner(self._home)
        if owner is not None:
            check_reachable(owner, self._home.parent)
        own_directory(self._home, owner)
        self._lock = LockFile(self._home / "start.lock", owner)
        self._lease = LockFile(self._home / "lease", owner)
        self._lock.wait(START_SECONDS + 30, alone=True)
        self._lease.wait(1, alone=False)  # before the server is up: see _detach
        self._cluster = Cluster(self._home, owner, find_binaries(self._home, owner))
        self._cluster.ensure_running()
        self._lock.unlock()

    def _detach(self) -> None:
        lock, lease, cluster = self._lock, self._lease, self._cluster
        self._lock = self._lease = self._cluster = None
        if lock is None or lease is None:
            return
        try:
            # Whoever holds the start lock for longer than a moment, as long as we have our lease, is starting a server and has
            # a lease, too: then there is nothing for us to stop, and no need to sit out their recovery.
            if cluster is not None and lease.usable and _soon_alone(lock) and lease.attempt(alone=True):
                cluster.stop()
        finally:
            lease.close()
            lock.close()


def _soon_alone(lock: LockFile) -> bool:
    try:
        lock.wait(LEAVE_SECONDS, alone=True)
    except EmbeddedError:
        return False
    return True


def _undisturbed(work: Callable[[], None]) -> None:
    """Do `work` to its end, whatever signals come: Python hands them to the main thread, which passes them on afterwards."""
    errors: list[BaseException] = []

    def carry() -> None:
        try:
            work()
        except BaseException as error:  # raised below, in the thread that asked
            errors.append(error)

    thread = threading.Thread(target=carry, name="embedded-postgres-leaving")
    try:
        thread.start()
    except RuntimeError:  # no threads any more: the interpreter is ending
        work()
        return
    interrupt: BaseException | None = None
    while thread.is_alive():
        try:
            thread.join()
        except BaseException as signal:  # raised below
            interrupt = signal
    if interrupt is not None:
        raise interrupt
    if errors:
        raise errors[0]
