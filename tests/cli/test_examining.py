"""Doctor asks the mail server and the identity provider, and says what to do where they do not answer as they must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.cli.examining import examine_ways_to_people
from api.console.signing import RETURN
from tests.adapters.alerts.test_alerts import AnyPort, Postbox
from tests.api.serving import open_test_house, served
from tests.cli.test_inbox_commands import free_port
from tests.console.provider import CLIENT, SECRET, Provider


def found(database: str, where: Path, **given: Any) -> dict[str, tuple[bool, str]]:
    with open_test_house(database, where, **given) as house:
        return {name: (fine, said) for name, fine, said in examine_ways_to_people(house)}


def mail_to(port: int, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "sender": "ledger@example.test", "security": "none"} | more


def test_a_house_that_tells_nobody_and_knows_no_provider_has_nothing_to_look_at(database: str, tmp_path: Path) -> None:
    assert found(database, tmp_path) == {}


def test_a_mail_server_is_asked_and_sent_nothing(database: str, tmp_path: Path) -> None:
    box = Postbox()
    server = AnyPort(box, hostname="127.0.0.1", port=0)
    server.start()
    try:
        fine, said = found(database, tmp_path, smtp=mail_to(server.port))["smtp"]
        assert (fine, "answers" in said, box.mails) == (True, True, [])
        fine, said = found(database, tmp_path, smtp=mail_to(server.port, user="ledger", password="x"))["smtp"]
        assert (fine, "smtp.user" in said) == (False, True), said
        fine, said = found(database, tmp_path, smtp=mail_to(server.port, security="starttls"))["smtp"]
        assert (fine, "smtp.security" in said) == (False, True), said
    finally:
        server.stop()


def test_a_mail_server_that_is_not_there_is_named(database: str, tmp_path: Path) -> None:
    port = free_port()
    fine, said = found(database, tmp_path, smtp=mail_to(port))["smtp"]
    assert not fine
    assert f"127.0.0.1:{port}" in said
    assert "see smtp.host, smtp.port" in said
    channels = {"channels": [{"name": "finance-mail", "kind": "email", "to": ["f@example.test"]}]}
    fine, said = found(database, tmp_path, alerts=channels)["smtp"]
    assert (fine, said) == (False, "finance-mail would tell by e-mail, but there is no [smtp] in the configuration")


@pytest.mark.parametrize("public_url", [None, "https://returns.example.com"])
def test_an_identity_provider_is_asked_for_its_keys(database: str, tmp_path: Path, public_url: str | None) -> None:
    one = Provider()
    with served(one.app()) as address:
        one.issuer = address
        terms = {"issuer": address, "client_id": CLIENT, "client_secret": SECRET, "roles": {"finance": ["money"]}}
        given: dict[str, Any] = {"oidc": terms} | ({"console": {"public_url": public_url}} if public_url else {})
        fine, said = found(database, tmp_path, **given)["oidc"]
        assert fine, said
        assert "publishes 1 key;" in said
        assert f"{public_url or ''}{RETURN}" in said
        one.issuer = "https://somebody-else.example"
        fine, said = found(database, tmp_path, **given)["oidc"]
        assert (fine, "see oidc.issuer" in said) == (False, True)
    fine, said = found(database, tmp_path, **given)["oidc"]
    assert (fine, "does not answer" in said) == (False, True)
