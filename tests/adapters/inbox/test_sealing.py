"""Nobody who reads the table reads a name; keys can be changed; and the key that is made is ours alone."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.inbox.sealing import KEY_FILE, Seal, SealError, load_seal
from adapters.inbox.store import without_secrets
from tests.adapters.inbox.conftest import Bench, received

FIRST, SECOND = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def test_what_is_closed_can_be_opened() -> None:
    seal = Seal(FIRST)
    for body in (b"", b"\x00\xff", b"Zo\xc3\xab"):
        assert seal.open(seal.close(body)) == body
    assert seal.close(b"x") != seal.close(b"x")


def test_keys_can_be_changed() -> None:
    old = Seal(FIRST).close(b"x")
    assert Seal(f"{SECOND}, {FIRST}").open(old) == b"x"
    assert Seal(SECOND).open(Seal(f"{SECOND} {FIRST}").close(b"y")) == b"y"
    with pytest.raises(SealError, match="RETURNS_LEDGER_INBOX_KEY"):
        Seal(SECOND).open(old)


def test_a_key_of_openssl_will_do() -> None:
    plain = base64.b64encode(bytes(range(224, 256))).decode()
    assert {"+", "/"} & set(plain)
    assert Seal(plain).open(Seal(plain.replace("+", "-").replace("/", "_")).close(b"x")) == b"x"


@pytest.mark.parametrize("key", ["", " ", "secret", FIRST[:-2], base64.b64encode(b"x" * 31).decode(), f"{FIRST} nonsense"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(SealError, match="openssl rand -base64 32"):
        Seal(key)


def test_a_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    sealed = load_seal(None, tmp_path / "data").close(b"x")
    assert load_seal(None, tmp_path / "data").open(sealed) == b"x"
    place = tmp_path / "data" / KEY_FILE
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "data") == [KEY_FILE], "no half-made key is left"
    with pytest.raises(SealError):
        load_seal(FIRST, tmp_path / "data").open(sealed)


def test_processes_that_race_for_the_key_agree(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from adapters.inbox.sealing import load_seal; "
        "sys.stdout.write(load_seal(None, Path(sys.argv[1])).close(b'x').decode())"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) for _ in range(6)]
    sealed = [one.communicate(timeout=60)[0] for one in racing]
    assert [load_seal(None, tmp_path).open(one) for one in sealed] == [b"x"] * 6


def test_the_table_holds_no_plain_text(bench: Bench) -> None:
    bench.deliver({"facts": [received("R-1")], "customer": {"name": "Zoe Quill", "email": "zoe.quill@example.com"}})
    bench.line().go()
    with bench.house.connection() as conn:
        tables = [row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()]
        assert {"inbox", "stored_events"} <= set(tables)
        for table in tables:
            for row in conn.execute(f"SELECT * FROM {table}".encode()).fetchall():
                kept = b" ".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
                assert b"quill" not in kept.lower(), table


def test_a_body_that_no_key_opens_waits_for_its_key(bench: Bench) -> None:
    import dataclasses

    id_ = bench.deliver({"facts": [received("R-1")]})
    other = dataclasses.replace(bench, inbox=dataclasses.replace(bench.inbox, seal=Seal(FIRST)))
    other.line().go()
    assert bench.row(id_)["state"] == "pending"
    assert "RETURNS_LEDGER_INBOX_KEY" in bench.row(id_)["error"]
    bench.later(10)
    bench.line().go()
    assert (bench.row(id_)["state"], bench.facts()) == ("done", ["Received"])


def test_headers_are_kept_without_secrets() -> None:
    kept = {"content-type": "a", "x-shopify-topic": "b", "user-agent": "c"}
    secret = (
        "authorization", "proxy-authorization", "cookie", "x-shopify-hmac-sha256", "x-hr-signature", "x-hr-apikey", "x-api-key",
        "x-shopify-access-token", "x-webhook-secret", "x-password",
    )  # fmt: skip
    assert without_secrets(kept | dict.fromkeys(secret, "x")) == kept
