"""`run --demo --erp tryton`: the demo's returns are posted to the running program, and gaps open and close."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import forking, terminal  # noqa: F401 (fixtures)
from tests.cli.test_demo_run import PATIENCE_SECONDS, demo, rows, watched  # noqa: F401 (a fixture)
from tests.cli.test_inbox_commands import wait_until
from tests.cli.typing import Terminal
from tests.erp.server import CREDENTIALS, Server
from tests.erp.shop import Shop

pytestmark = pytest.mark.erp


def configured(home: Path, url: str) -> Path:
    config = home / "tryton.toml"
    told = ", ".join(f'{name} = "{said}"' for name, said in CREDENTIALS.items())
    config.write_text(f'[[erps]]\nname = "ours"\nkind = "tryton"\nbase_url = "{url}"\ncredentials = {{ {told} }}\n')
    return config


def test_the_demo_is_shown_against_it(watched: Terminal, fresh: Callable[[], Server], tmp_path: Path) -> None:  # noqa: F811
    server = fresh()
    config = configured(tmp_path, server.url)
    with demo(watched, "--erp", "tryton", "--config", str(config)) as client:
        wait_until(lambda: rows(client, "/api/outbox", kind="post_credit_note", state="done"), "a credit note", PATIENCE_SECONDS)
        wait_until(lambda: rows(client, "/api/outbox", kind="restock", state="done"), "goods put away", PATIENCE_SECONDS)
        told = rows(client, "/api/outbox")
        assert {row["erp"] for row in told if row["kind"] == "post_credit_note"} == {"ours"}
        assert not [row for row in told if row["state"] == "dead"]
        ids = {row["id"] for row in told if row["kind"] == "post_credit_note"}
    assert {one["reference"] for one in Shop(server.client()).notes()} <= ids


def test_it_says_what_is_missing(watched: Terminal, tmp_path: Path) -> None:  # noqa: F811
    told = watched.type("run", "--demo", "--erp", "tryton")
    assert told.code == 1
    assert "there is no [[erps]] of the kind tryton" in told.err
    nobody = configured(tmp_path, "http://127.0.0.1:9")
    told = watched.type("run", "--demo", "--erp", "tryton", "--config", str(nobody))
    assert told.code == 1
    assert "erps.ours: Tryton cannot be reached" in told.err
    told = watched.type("run", "--no-demo", "--erp", "tryton")
    assert told.code == 2
