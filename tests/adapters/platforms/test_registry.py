"""Every platform's room can be opened by its name, and says what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

import httpx
import pytest

from adapters.platforms.port import SIGNING, ConnectionSettings, UnusableConnection
from adapters.platforms.registry import CREDENTIALS, RATES, account_of, check_credentials, make_http, make_platform, orders_of

PLATFORMS = sorted(CREDENTIALS)


def connection(platform: str, **other: str) -> ConnectionSettings:
    credentials = {name: f"a {name}" for name in CREDENTIALS[platform]} | other
    return ConnectionSettings("uk", "acme", platform, webhook_secret="s", credentials=credentials)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with make_http() as client:
        yield client


def never() -> None:
    raise AssertionError("nothing is to be sent yet")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_room_opens_and_sends_nothing(http: httpx.Client, platform: str) -> None:
    opened = make_platform(connection(platform), http, never)
    assert opened.authentic({}, b"{}") is (platform not in SIGNING)
    for body in (b"", b"\xff", b"[", b"{}", b"null", b"[" * 5_000):
        label = opened.label({}, body)
        assert label.topic
        assert label.delivery_id is None or label.delivery_id
    assert (orders_of(opened) is not None) is (platform == "shopify")
    assert platform in RATES


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_missing_or_unknown_is_named(http: httpx.Client, platform: str) -> None:
    whole = connection(platform)
    for name in CREDENTIALS[platform]:
        for given in ({}, {name: ""}):
            credentials = {key: text for key, text in whole.credentials.items() if key != name} | given
            with pytest.raises(UnusableConnection, match=rf"^connections\.uk\.credentials\.{name}: is missing; {platform} needs "):
                make_platform(replace(whole, credentials=credentials), http, never)
    with pytest.raises(UnusableConnection, match=r"^connections\.uk\.credentials\.pasword: is not a credential"):
        check_credentials(connection(platform, pasword="x"))


def test_what_a_room_refuses_is_named(http: httpx.Client) -> None:
    odd = replace(connection("returngo"), mappings={"no such table": {"a": "b"}})
    with pytest.raises(UnusableConnection, match=r"^connections\.uk.*no such table"):
        make_platform(odd, http, never)


def test_a_room_for_every_platform_of_the_settings() -> None:
    for platform in PLATFORMS:
        assert callable(import_module(f"adapters.platforms.{platform}").connect)


def test_an_account_is_known_by_its_credentials_and_gives_none_away() -> None:
    one = connection("shopify")
    assert account_of(one) == account_of(replace(one, name="another", merchant="other"))
    assert account_of(one) != account_of(connection("shopify", shop="b"))
    assert account_of(one) != account_of(replace(one, base_url="http://127.0.0.1"))
    assert "a " not in account_of(one)
