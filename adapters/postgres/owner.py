"""Whom the server runs as: ourselves, or, as PostgreSQL refuses to run as root, an unprivileged user that exists already."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from adapters.postgres.errors import EmbeddedError

if sys.platform != "win32":
    import pwd


class Owner(NamedTuple):
    """The user that a server started by root runs as."""

    name: str
    uid: int
    gid: int


def server_owner(home: Path) -> Owner | None:
    """Whom everything in `home` belongs to; None: ourselves. Raises EmbeddedError where no user will do."""
    if sys.platform == "win32":
        return None
    else:
        if os.geteuid() == 0:
            return _stand_in(home)
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise EmbeddedError(
                f"The user id {os.geteuid()} has no name on this machine, and PostgreSQL's initdb wants one. "
                "Add a line for it to /etc/passwd, run as a user that is known here, or set DATABASE_URL."
            ) from None
        return None


if sys.platform != "win32":

    def _stand_in(home: Path) -> Owner:
        """The first of: whom the files belong to already, whom the data directory belongs to, `postgres`, `nobody`."""
        candidates: tuple[int | str, ...] = (_uid(home), _uid(home.parent), "postgres", "nobody")
        for candidate in candidates:
            try:
                user = pwd.getpwnam(candidate) if isinstance(candidate, str) else pwd.getpwuid(candidate)
            except KeyError:
                continue
            if user.pw_uid != 0:
                return Owner(user.pw_name, user.pw_uid, user.pw_gid)
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and no other user was found to run it: {home.parent} belongs to root, and there is no "
            "user 'postgres' or 'nobody'. Give the data directory to an ordinary user (chown), run as that user, or set DATABASE_URL."
        )


def check_reachable(owner: Owner, place: Path) -> None:
    """Raise EmbeddedError, naming the directory that bars the way, where `owner` cannot come to `place`."""
    # The kernel is asked as that user: modes alone do not tell of access lists and the like.
    ask = 'for step; do [ -x "$step" ] || { printf %s "$step"; exit 3; }; done'
    way = [str(step) for step in (*reversed(place.parents), place)]
    try:
        answer = subprocess.run(
            ["/bin/sh", "-c", ask, "sh", *way],
            cwd="/",
            user=owner.uid,
            group=owner.gid,
            extra_groups=[],
            env={"PATH": os.defpath},
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL does not run as root, and this root may not become the user '{owner.name}' ({error.strerror}): probably a "
            "container without that capability. Run as an ordinary user, or set DATABASE_URL."
        ) from error
    if answer.returncode:
        wall = Path(os.fsdecode(answer.stdout))
        mode = wall.stat().st_mode & 0o7777
        raise EmbeddedError(
            f"PostgreSQL does not run as root but as '{owner.name}', and that user cannot enter {wall} (mode {mode:04o}) on the way to "
            f"{place}. Choose a data directory that others can reach (RETURNS_LEDGER_DATA_DIR, such as /var/lib/returns-ledger), "
            f"open the way (chmod o+x {wall}), run as an ordinary user, or set DATABASE_URL."
        )


def own_directory(place: Path, owner: Owner | None) -> None:
    """Make `place` a directory that only `owner` (and root) can enter; everything in it is guarded by that."""
    place.mkdir(mode=0o700, exist_ok=True)
    if sys.platform == "win32":
        return
    uid = _uid(place)
    if owner is not None and uid == 0:
        os.chown(place, owner.uid, owner.gid, follow_symlinks=False)
    elif uid != (owner.uid if owner else os.geteuid()):
        wanted = f"'{owner.name}'" if owner else f"us (user id {os.geteuid()})"
        raise EmbeddedError(
            f"{place} belongs to the user id {uid}, not to {wanted}, so that PostgreSQL cannot keep its files there. "
            "Run as the user that made it, give it over (chown -R), or choose another RETURNS_LEDGER_DATA_DIR."
        )
    if place.stat(follow_symlinks=False).st_mode & 0o077:
        place.chmod(0o700)


def give_tree(owner: Owner | None, top: Path) -> None:
    """Hand a whole directory over to `owner`, links themselves and not what they point at."""
    if sys.platform != "win32" and owner is not None:
        for directory, _, files in os.walk(top):
            for name in (".", *files):
                os.chown(Path(directory, name), owner.uid, owner.gid, follow_symlinks=False)


def _uid(place: Path) -> int:
    """The user id that `place` belongs to; root's where it does not exist yet."""
    try:
        return place.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:
        return 0
