"""Acknowledgements over HTTP: kept durably, each once, by whoever knows the address, and known to who asks next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from adapters.erps.patchworks.kept_acks import KeptAcks
from api.bootstrap import House
from api.settings import Settings
from tests.api.serving import asking, assert_problem, open_test_house

COMMAND = "rl-0123456789abcdef0"
ADDRESS = "/acks/eu-patchworks/s3cret"
ACK = {"command_id": COMMAND, "status": "accepted", "document": "CN-1", "currency": "GBP", "amount": {"total": "41.00"}, "flow_run_id": 7}
AT = datetime(2026, 10, 2, 9, 0, tzinfo=UTC)
ERPS = [
    {"name": "eu-patchworks", "kind": "patchworks", "credentials": {"webhook_url": "https://hooks.test/1", "ack_secret": "s3cret"}},
    {"name": "uk-cin7", "kind": "cin7_core", "credentials": {"account_id": "a", "application_key": "k"}},
]


@pytest.fixture
def acking(database: str, tmp_path: Path) -> Iterator[House]:
    with open_test_house(database, tmp_path) as house:
        given = {"data_dir": tmp_path, "schema": house.settings.schema_name, "erps": ERPS}
        house.settings = Settings.model_validate(given)
        yield house


@pytest.fixture
def asker(acking: House) -> Iterator[httpx.Client]:
    with asking(acking, keys_needed=True) as client:
        yield client


def test_an_acknowledgement_is_kept_once_and_answered_with_202(asker: httpx.Client, acking: House) -> None:
    for _ in range(3):
        assert asker.post(ADDRESS, json=ACK).status_code == 202
    assert asker.post(ADDRESS, json=[ACK, ACK | {"document": "CN-2"}]).status_code == 202
    told = KeptAcks(acking.pool, "eu-patchworks").of(COMMAND)
    assert [(ack.status, ack.document, ack.run, ack.amount) for ack in told.acks] == [
        ("accepted", "CN-1", "7", (("total", "41"),)),
        ("accepted", "CN-2", "7", (("total", "41"),)),
    ]
    assert KeptAcks(acking.pool, "other").of(COMMAND).acks == ()


@pytest.mark.parametrize("path", ["/acks/eu-patchworks/wrong", "/acks/uk-cin7/s3cret", "/acks/nobody/s3cret", "/acks/uk-cin7/None"])
def test_another_address_leads_nowhere(asker: httpx.Client, path: str) -> None:
    assert_problem(asker.post(path, json=ACK), 404)


@pytest.mark.parametrize("body", [b"", b"garbage", b"{}", b'{"command_id": "rl-1", "status": "accepted"}', b"[" * 100_000])
def test_what_is_no_acknowledgement_is_refused_so_that_it_is_noticed(asker: httpx.Client, body: bytes) -> None:
    assert_problem(asker.post(ADDRESS, content=body), 422)


def test_sendings_outlive_the_process(acking: House) -> None:
    acks = KeptAcks(acking.pool, "eu-patchworks")
    acks.sending(COMMAND, AT)
    assert [tuple(one) for one in acks.of(COMMAND).sendings] == [(AT, False, None)]
    acks.sent(COMMAND, AT, "7")
    assert [tuple(one) for one in KeptAcks(acking.pool, "eu-patchworks").of(COMMAND).sendings] == [(AT, True, "7")]
    acks.not_sent(COMMAND, AT)
    assert acks.of(COMMAND).sendings == ()
