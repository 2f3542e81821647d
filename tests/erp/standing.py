"""`make run-erp`: a Tryton of one's own with a company in it, kept from one run to the next, and the demo that posts to it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.erp.server import CREDENTIALS, Server, prepared

_CONFIG = """
[[erps]]
name = "tryton"
kind = "tryton"
base_url = "{url}"
credentials = {{ user = "{user}", password = "{password}", database = "{database}" }}
"""


def main(home: Path, more: list[str]) -> int:
    """`home` is where `make test-erp` has installed it; `more` goes to `returns-ledger run`."""
    place = home / "demo"
    place.mkdir(exist_ok=True)
    if not (place / "erp.sqlite").exists():
        print("making a company in Tryton (about a minute, the first time)", file=sys.stderr)
        shutil.copy(prepared(home / "venv" / "bin", home), place / "erp.sqlite")
    server = Server(home / "venv" / "bin", place)
    server.start()
    try:
        config = place / "returns-ledger.toml"
        config.write_text(_CONFIG.format(url=server.url, **CREDENTIALS))
        print(f"Tryton: {server.url} (user {CREDENTIALS['user']}, password {CREDENTIALS['password']})", file=sys.stderr)
        command = [sys.executable, "-m", "api.cli.main", "run", "--demo", "--erp", "tryton", "--config", str(config), *more]
        house = subprocess.Popen(command)
        for number in (signal.SIGINT, signal.SIGTERM):
            # Ctrl-C reaches the house by itself: it is waited for, and then Tryton is stopped.
            signal.signal(number, lambda got, _: house.terminate() if got == signal.SIGTERM else None)
        return house.wait()
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
