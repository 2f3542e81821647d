"""Locks that the kernel lets go of when their holder dies, kill -9 included: held alone, or shared as a lease."""

import os
import sys
import time
from pathlib import Path
from weakref import WeakSet

from adapters.postgres.errors import EmbeddedError
from adapters.postgres.owner import Owner

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

POLL_SECONDS = 0.02
SLOTS = 1024  # Windows only: how many processes can share a lease


class LockFile:
    """A file that is locked through one descriptor. Two of them on one path exclude each other within a process, too."""

    def __init__(self, path: Path, owner: Owner | None) -> None:
        self.path = path
        # As root the file stands in a directory of an ordinary user, who may have put a link there: it is not followed.
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        self._range = (0, 0)
        if sys.platform != "win32" and owner is not None:
            os.fchown(self._descriptor, owner.uid, owner.gid)
        _open_files.add(self)

    @property
    def usable(self) -> bool:
        """Whether this can hold a lock: no longer once closed, and not in a child that was forked off."""
        return self._descriptor is not None

    def attempt(self, *, alone: bool) -> bool:
        """Take the lock now, alone or shared, giving up the lock held so far; False where somebody else is in the way."""
        if self._descriptor is None:
            return False
        if sys.platform == "win32":
            return self._attempt_range(self._descriptor, alone)
        else:
            try:
                fcntl.flock(self._descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def wait(self, seconds: float, *, alone: bool) -> None:
        """Take the lock as soon as it is free; raises EmbeddedError where it stays taken."""
        deadline = time.monotonic() + seconds
        while not self.attempt(alone=alone):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The lock {self.path} is still held after {seconds:.0f} s; whoever holds it should have started or stopped the "
                    f"embedded PostgreSQL by now. Find that process (`fuser {self.path}`) and end it; the file itself can stay."
                )
            time.sleep(POLL_SECONDS)

    def unlock(self) -> None:
        """Let go, for good: closing alone would leave the lock with a child that was forked a moment ago."""
        if self._descriptor is not None:
            if sys.platform == "win32":
                self._unlock_range(self._descriptor)
            else:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go and be done with the file."""
        self.unlock()
        self.forget()

    def forget(self) -> None:
        """Close the descriptor and leave the lock to whoever else has it open: what a forked child does."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    if sys.platform == "win32":
        # No shared locks here: a lease is one byte out of many, and whoever gets all bytes at once is alone.

        def _attempt_range(self, descriptor: int, alone: bool) -> bool:
            self._unlock_range(descriptor)
            for start, length in [(0, SLOTS)] if alone else [(slot, 1) for slot in range(SLOTS)]:
                os.lseek(descriptor, start, os.SEEK_SET)
                try:
                    msvcrt.locking(descriptor, msvcrt.LK_NBLCK, length)
                except OSError:
                    continue
                self._range = (start, length)
                return True
            return False

        def _unlock_range(self, descriptor: int) -> None:
            start, length = self._range
            if length:
                os.lseek(descriptor, start, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_UNLCK, length)
                self._range = (0, 0)


_open_files: WeakSet[LockFile] = WeakSet()


def _forget_in_child() -> None:
    # flock belongs to the open file, which a fork shares: without this a surviving child would keep its dead parent's lease.
    for lock in list(_open_files):
        lock.forget()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_in_child)
