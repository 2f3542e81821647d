"""Connections as they are configured: what the settings refuse, and what becomes of them."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.inbox.quota import Turns
from api.bootstrap import House
from api.connecting import _turns, check_connections, make_doors, open_lines, settings_of
from api.settings import DEMO_HOUSE, Settings, SettingsError, load_settings

SHOP = {"name": "shop", "merchant": "acme", "platform": "shopify", "credentials": {"access_token": "t", "shop": "acme"}}
RETURNGO = {"name": "uk", "merchant": "acme", "platform": "returngo", "credentials": {"api_key": "k", "shop": "s"}}
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def loaded(directory: Path, text: str, **environ: str) -> Settings:
    path = directory / "returns-ledger.toml"
    path.write_text(text)
    return load_settings(path, environ)


def settings_with(*connections: dict[str, Any], **other: Any) -> Settings:
    return Settings.model_validate({"connections": connections, **other})


def house_of(settings: Settings, database: str, name: str | None = None) -> House:
    return House(settings, database, name, 4)


def test_the_inbox_can_be_set(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").inbox.keep_days == 30
    told = loaded(tmp_path, f'[inbox]\nkeep_days = 7\nkey = "{KEY}"\n')
    assert told.inbox.keep_days == 7
    assert told.inbox.key is not None
    assert KEY not in told.model_dump_json()
    assert loaded(tmp_path, "", RETURNS_LEDGER_INBOX_KEEP_DAYS="9").inbox.keep_days == 9
    (tmp_path / "key").write_text(KEY + "\n")
    by_file = loaded(tmp_path, "", RETURNS_LEDGER_INBOX_KEY_FILE=str(tmp_path / "key"))
    assert by_file.inbox.key is not None
    assert by_file.inbox.key.get_secret_value() == KEY
    for text, key in (
        ("[inbox]\nkeep_days = 0", "inbox.keep_days"),
        ('[inbox]\nkey = "x"', "inbox.key"),
        ("[inbox]\nkeys = 1", "inbox.keys"),
    ):
        with pytest.raises(SettingsError, match=key):
            loaded(tmp_path, text)
    with pytest.raises(SettingsError, match=r"inbox\.key: .*openssl"):
        loaded(tmp_path, "", RETURNS_LEDGER_INBOX_KEY="x")


def test_refunds_come_from_a_shop_of_the_same_merchant() -> None:
    settings_with(SHOP, RETURNGO | {"refunds_from": "shop"})
    for shop in (SHOP | {"merchant": "other"}, RETURNGO | {"name": "shop"}):
        with pytest.raises(ValueError, match=r"connections\.uk\.refunds_from: 'shop' is .* must be a shopify connection of acme"):
            settings_with(shop, RETURNGO | {"refunds_from": "shop"})


def test_names_are_lower_case_with_either_kind_of_line() -> None:
    for name in ("uk-returngo", "uk_returngo", "2nd"):
        assert settings_with(RETURNGO | {"name": name}).connections[0].name == name
    for name in ("", "UK", "-uk", "_uk", "u/k", "u k"):
        with pytest.raises(ValueError, match="pattern"):
            settings_with(RETURNGO | {"name": name})


def test_what_a_platform_cannot_work_with_is_refused_with_its_key() -> None:
    check_connections(settings_with(SHOP, RETURNGO))
    with pytest.raises(SettingsError, match=r"^connections\.uk\.credentials\.shop: is missing"):
        check_connections(settings_with(SHOP, RETURNGO | {"credentials": {"api_key": "k"}}))


def test_a_connection_is_told_with_its_secrets_and_shows_none() -> None:
    (connection,) = settings_with(SHOP | {"webhook_secret": "hush", "mappings": {"conditions": {"A": "damaged"}}}).connections
    told = settings_of(connection)
    assert (told.webhook_secret, told.credentials["access_token"], told.mappings) == ("hush", "t", {"conditions": {"A": "damaged"}})
    assert "hush" not in repr(told)
    assert "access_token" not in repr(told)


def test_a_shop_knows_whether_an_erp_posts_what_it_tells() -> None:
    erps = [{"name": "cin7", "kind": "cin7_core", "credentials": {"account_id": "a", "application_key": "k"}}]

    def posts(*connections: dict[str, Any]) -> bool:
        made = settings_with(*connections, erps=erps).connections
        return settings_of(made[0], made).erp_posts

    assert not posts(SHOP)
    assert posts(SHOP | {"erp": "cin7"})
    assert posts(SHOP, RETURNGO | {"refunds_from": "shop", "erp": "cin7"})
    assert not posts(SHOP, RETURNGO | {"erp": "cin7"})
    assert posts(SHOP, SHOP | {"name": "posting", "erp": "cin7"})


def test_lines_know_whose_refunds_they_are(house: House, tmp_path: Path) -> None:
    settings = settings_with(SHOP | {"poll": "off"}, RETURNGO | {"refunds_from": "shop", "poll": "1m"}, data_dir=tmp_path)
    house.settings = settings
    with open_lines(house, threading.Event()) as (inbox, (shop, uk)):
        assert (shop.name, shop.poller, uk.name) == ("shop", None, "uk")
        assert uk.poller is not None
        assert inbox.keep == timedelta(days=30)
        assert shop.drain._desk.refunds_for == {"returngo"}
        assert (shop.drain._desk.orders is None, uk.drain._desk.orders is None) == (False, False)
        assert uk.drain._desk.refunds_for == frozenset()
    with open_lines(house, threading.Event(), ["uk"]) as (_, lines):
        assert [line.name for line in lines] == ["uk"]


def test_a_rate_can_be_set(database: str) -> None:
    settings = settings_with(SHOP, RETURNGO | {"rate": "120/min"})
    house = house_of(settings, database)
    turns = [_turns(house, connection, threading.Event()) for connection in settings.connections]
    assert all(isinstance(one, Turns) for one in turns)
    assert [one._rate.per_second for one in turns if isinstance(one, Turns)] == [4, 2]
    assert [one._rate.burst for one in turns if isinstance(one, Turns)] == [20, 10]
    for rate in ("0/s", "1/week", "fast"):
        with pytest.raises(ValueError, match="rate"):
            settings_with(SHOP | {"rate": rate})


def test_the_demo_has_nothing_to_do_with_real_accounts(database: str, tmp_path: Path) -> None:
    settings = settings_with(SHOP, data_dir=tmp_path)
    demo = house_of(settings, database, DEMO_HOUSE)
    assert demo.connections
    assert SHOP["name"] not in {connection.name for connection in demo.connections}
    asked = [connection.base_url for connection in demo.connections] + [erp.base_url for erp in demo.settings.erps]
    assert all(str(address).startswith("http://127.0.0.1:") for address in asked), "the demo asks simulators here and nobody else"
    assert make_doors(house_of(settings, database, DEMO_HOUSE)).find("shop", None) is None
    assert make_doors(house_of(settings, database)).find("shop", None) is not None
