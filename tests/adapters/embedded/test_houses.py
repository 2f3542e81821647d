"""Each house has a server of its own with our settings, made whole or made anew; whatever else lies there is not touched."""

from pathlib import Path

import psycopg
import pytest

from adapters.postgres import Embedded, EmbeddedError, open_database
from tests.adapters.embedded.clients import accepts, eventually, keep, kept, kill, refusal, servers, start_client


def test_what_was_committed_outlives_the_server(house: Path) -> None:
    with Embedded(house) as first:
        url = first.url
        number = keep(url)
    assert servers(house) == []
    with Embedded(house) as second:
        assert second.url == url
        assert number in kept(url)


def test_its_settings_are_ours(house: Path) -> None:
    wanted = {"fsync": "on", "jit": "off", "TimeZone": "UTC", "listen_addresses": "", "server_encoding": "UTF8", "max_wal_size": "4096"}
    with Embedded(house) as embedded, psycopg.connect(embedded.url) as connection:
        settings: dict[str, str] = dict(connection.execute("select name, setting from pg_settings").fetchall())
        assert settings.items() >= wanted.items()
        names = connection.execute("select current_database(), lower('ÄÖ'), 'Z' < 'a'").fetchone()
        assert names == ("returns_ledger", "äö", True)


def test_only_its_owner_can_enter_and_it_is_not_root(house: Path) -> None:
    with Embedded(house):
        assert (house / "postgres").stat().st_mode & 0o777 == 0o700
        assert servers(house)[0].uids().effective == (house / "postgres").stat().st_uid != 0


def test_a_given_database_is_used_as_it_is(place: Path, house: Path) -> None:
    with open_database(place / "data", "postgresql://elsewhere/ledger") as url:
        assert url == "postgresql://elsewhere/ledger"
    assert not (place / "data").exists()
    with open_database(house, "") as url:
        assert keep(url) in kept(url)


def test_the_url_is_told_inside_only(house: Path) -> None:
    with pytest.raises(EmbeddedError, match="enter it"):
        _ = Embedded(house).url


def test_houses_beside_each_other_never_meet(place: Path, house: Path) -> None:
    with Embedded(place / "data") as one, Embedded(house) as two:
        assert one.url != two.url
        first, second = keep(one.url), keep(two.url)
        assert kept(one.url) == {first}
        assert first not in kept(two.url)
        assert second in kept(two.url)
    assert servers(place) == []


def test_a_cluster_half_made_is_made_anew(place: Path) -> None:
    client = start_client(place / "data")
    home = place / "data" / "postgres"
    eventually(lambda: [*home.glob("cluster.new.*/base")])
    kill(client)
    assert not (home / "cluster").exists()
    for _ in range(2):
        with Embedded(place / "data") as embedded:
            assert keep(embedded.url) in kept(embedded.url)
    assert [path.name for path in home.glob("cluster*")] == ["cluster"]


def test_a_directory_that_is_no_cluster_of_ours_is_not_touched(place: Path) -> None:
    cluster = place / "data" / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "precious").write_text("kept")
    assert f"{cluster} is there, but is no complete PostgreSQL cluster" in refusal(place / "data")
    (cluster / "PG_VERSION").write_text("15\n")
    assert f"{cluster} was made by PostgreSQL 15" in refusal(place / "data")
    assert (cluster / "precious").read_text() == "kept"


def test_a_server_that_does_not_start_is_told_with_what_its_log_says(house: Path) -> None:
    settings = house / "postgres" / "cluster" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "shared_buffers = 'many'\n")
    assert 'invalid value for parameter "shared_buffers"' in refusal(house)
    settings.write_text(good)
    with Embedded(house) as embedded:
        assert accepts(embedded.url)


@pytest.mark.parametrize("name", ["x" * 100, 'a, b\'s "$HOME" `c` é %20'])
def test_a_path_may_be_long_or_odd(place: Path, name: str) -> None:
    with Embedded(place / name) as embedded:
        assert keep(embedded.url) in kept(embedded.url)
    assert servers(place) == []
