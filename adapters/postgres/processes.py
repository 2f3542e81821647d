"""Which processes are servers of a cluster: a pid alone proves nothing, as the system gives it out again."""

import os
from pathlib import Path

import psutil  # type: ignore[import-untyped]

GONE_SECONDS = 10.0


def is_server(pid: int, cluster: Path) -> bool:
    """Whether this very process is a live PostgreSQL process of `cluster`."""
    try:
        return _serves(psutil.Process(pid), cluster)
    except (psutil.Error, ValueError):
        return False


def kill_servers(cluster: Path) -> None:
    """Kill what a killed postmaster left behind: backends in the middle of a query, which keep the next one from starting."""
    orphans = [process for process in psutil.process_iter() if _serves(process, cluster)]
    for orphan in orphans:
        try:
            orphan.kill()
        except psutil.NoSuchProcess:
            continue  # it has noticed by itself
    psutil.wait_procs(orphans, timeout=GONE_SECONDS)


def _serves(process: psutil.Process, cluster: Path) -> bool:
    # Every process of a server works in the cluster's directory. Those of other users say nothing, and cannot be ours.
    try:
        return Path(process.exe()).name.startswith("postgres") and os.path.samefile(process.cwd(), cluster)
    except (psutil.Error, OSError):
        return False
