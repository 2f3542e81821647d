"""A new cluster: made under another name, so that one killed half-way is never taken for the real one."""

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from adapters.postgres.binaries import MAJOR, Binaries, ProgramError
from adapters.postgres.errors import EmbeddedError
from adapters.postgres.owner import Owner, give_tree
from adapters.postgres.processes import kill_servers

DATABASE = "returns_ledger"  # the superuser's name, too
ENTRY_FILE = "password"  # Windows only: where the password is
SECONDS = 300.0
# Written into postgresql.conf when the cluster is made, so that a person can change them there. fsync stays on.
SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "max_connections": "200",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def make_cluster(directory: Path, owner: Owner | None, binaries: Binaries) -> None:
    """Leave a complete cluster with an empty database in `directory`, made now or before. Raises EmbeddedError."""
    for half_made in directory.parent.glob(f"{directory.name}.new.*"):
        kill_servers(half_made)  # initdb goes on after its parent was killed
        shutil.rmtree(half_made, ignore_errors=True)
    version = directory / "PG_VERSION"
    if version.exists():
        if (found := version.read_text().strip()) != str(MAJOR):
            raise EmbeddedError(
                f"{directory} was made by PostgreSQL {found}, and this program brings {MAJOR}. Dump it with the version of the program "
                "that made it and load the dump here, or choose another RETURNS_LEDGER_DATA_DIR."
            )
        if owner and directory.stat().st_uid != owner.uid:
            give_tree(owner, directory)  # a copy made by root, say a backup put back
        return
    if directory.exists():
        raise EmbeddedError(
            f"{directory} is there, but is no complete PostgreSQL cluster (it has no PG_VERSION). It should be one, or not exist: "
            "put the backup back in full, or move it away to begin with an empty ledger."
        )
    draft = Path(tempfile.mkdtemp(prefix=f"{directory.name}.new.", dir=directory.parent))
    give_tree(owner, draft)
    try:
        _fill(draft, binaries)
    except ProgramError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedError(
            f"A PostgreSQL cluster could not be made in {directory.parent}: {error}\nIt needs room on the disk and an ordinary local "
            "file system; mend that and try again, or set DATABASE_URL."
        ) from error
    draft.rename(directory)
    for place in (directory.parent, directory.parent.parent):  # PostgreSQL syncs what is in its directory, not that there is one
        _sync_names(place)


def _fill(draft: Path, binaries: Binaries) -> None:
    # On Unix whoever can enter the 0700 directory of the socket is in. Windows has none, and asks for a password.
    access = ("--auth-local=trust", "--auth-host=reject")
    if sys.platform == "win32":
        access = ("--auth=scram-sha-256", f"--pwfile={_password(draft.parent)}")
    # Letters as in Unicode, order by code point: the same on every machine, and no library's update can spoil an index.
    collation = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    settings = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    options = ("-D", draft.name, "-U", DATABASE, "--no-instructions", *access, *collation, *settings)
    binaries.run("initdb", *options, seconds=SECONDS)
    single = ("--single", "-D", draft.name, "-c", "exit_on_error=on", "postgres")
    binaries.run("postgres", *single, typed=f"CREATE DATABASE {DATABASE}\n", seconds=SECONDS)


def _password(home: Path) -> Path:
    place = home / ENTRY_FILE
    if not place.exists():
        place.touch(mode=0o600)
        place.write_text(secrets.token_urlsafe(32))
    return place


def _sync_names(place: Path) -> None:
    """Make the names in `place` last through a power cut."""
    if sys.platform != "win32":
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
