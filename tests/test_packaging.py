"""What is handed out: the wheel, the locks, the first command on a fresh machine, and the containers."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["domain", "projections", "adapters", "api"]
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def bare_name(requirement: str) -> str:
    """The distribution a requirement names, in the spelling of the lock files."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def pins(lock: str) -> dict[str, str]:
    """Every distribution of a lock file with its version."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


# --- the lock files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_holds_pins_and_hashes_and_no_address(lock: str) -> None:
    # The whole grammar of the file: an option, an address or a pin without a hash would not match it.
    entry = r"[a-z0-9-]+==[0-9][^\s;]*( ; [^\\\n:]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"({entry})+", (ROOT / lock).read_text(encoding="utf-8"))


def test_both_locks_agree_and_cover_what_pyproject_asks_for() -> None:
    project = pyproject()
    runtime, everything = pins("requirements.lock"), pins("requirements-dev.lock")
    assert runtime.items() <= everything.items()
    assert {bare_name(text) for text in project["project"]["dependencies"]} <= runtime.keys()
    assert {bare_name(text) for text in project["dependency-groups"]["dev"]} <= everything.keys()


# --- the wheel ------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_four_rooms_with_all_their_files(tmp_path: Path) -> None:
    assert pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ROOMS
    house = tmp_path / "house"
    for room in ROOMS:
        shutil.copytree(ROOT / room, house / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ["pyproject.toml", "LICENSE", "README.md", ".gitignore"]:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, house)
    for name in ["tables.sql", "page.html", "page.css", "page.js"]:
        (house / "api" / name).touch()

    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=house, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("returns_ledger-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entry_points,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert packed == {str(path.relative_to(house)) for room in ROOMS for path in (house / room).rglob("*") if path.is_file()}
    assert "returns-ledger = api.cli.main:main" in entry_points


def test_the_licence_is_the_whole_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split("\n", 1)[0].strip() == "Apache License"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert text.endswith("limitations under the License.\n")
    assert pyproject()["project"]["license"] == "Apache-2.0"


# --- make -----------------------------------------------------------------------------------------------------------


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run make as a person would: what an outer make has put into the environment is left out."""
    outer = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PYTHON", "WORKERS", "ARGS"}
    environment = {name: text for name, text in os.environ.items() if name not in outer}
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def fresh_checkout(folder: Path) -> Path:
    for name in ["Makefile", "pyproject.toml", *LOCKS]:
        shutil.copy(ROOT / name, folder)
    return folder


def a_python_that(folder: Path, script: str) -> str:
    """A stand-in for an interpreter of another machine."""
    path = folder / "some-python"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_make_alone_lists_what_can_be_made() -> None:
    listed = make().stdout
    for target in ["setup", "run", "test", "lint", "types", "bench", "wheel", "lock", "clean"]:
        assert re.search(rf"^make {target} +\S", listed, re.MULTILINE), target


def test_an_older_python_is_refused_in_a_sentence(tmp_path: Path) -> None:
    old = a_python_that(tmp_path, 'if [ "$1" = --version ]; then echo Python 3.9.18; else exit 1; fi')
    answer = make("run", old, folder=fresh_checkout(tmp_path))
    assert answer.returncode == 2
    assert "needs Python 3.11 or newer" in answer.stderr
    assert "is: Python 3.9.18." in answer.stderr
    assert "make run PYTHON=python3.12" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_says_what_to_install(tmp_path: Path) -> None:
    bare = a_python_that(tmp_path, 'case "$2" in *ensurepip*) exit 1;; esac; [ "$1" != --version ] || echo Python 3.12.3')
    answer = make("setup", bare, folder=fresh_checkout(tmp_path))
    assert answer.returncode == 2
    assert "apt-get install python3-venv" in answer.stderr


@pytest.mark.parametrize(
    ("place", "version", "kept"),
    [("{here}", "3.12.3", True), ("{here}", "3.11.9", False), ("/somewhere/else", "3.12.3", False)],
    ids=["its own", "made by another Python", "copied from another place"],
)
def test_an_environment_is_kept_only_where_it_belongs(tmp_path: Path, place: str, version: str, kept: bool) -> None:
    # A copied one would run the code of the place it came from: its scripts and its editable install still point there.
    checkout = fresh_checkout(tmp_path)
    bin_folder = checkout / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "activate").write_text(f"VIRTUAL_ENV={place.format(here=checkout)}/.venv\n", encoding="utf-8")
    (checkout / ".venv" / "pyvenv.cfg").write_text(f"version = {version}\n", encoding="utf-8")
    (checkout / ".venv" / "set-up-in-somewhere-else").touch()
    a_python_that(bin_folder, "exit 0")
    (bin_folder / "some-python").rename(bin_folder / "python")

    answer = make("setup", a_python_that(tmp_path, '[ "$1" = -c ] && echo 3.12.3'), folder=checkout)

    assert (bin_folder / "activate").exists() is kept
    assert answer.returncode == (0 if kept else 2)
    assert not (checkout / ".venv" / "set-up-in-somewhere-else").exists()


def test_ci_ends_with_the_tests_and_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "make test"


# --- containers -----------------------------------------------------------------------------------------------------


def services() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return loaded


def dockerfile() -> list[list[str]]:
    """The Dockerfile's instructions as words, stage by stage."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stages: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("FROM "):
            stages.append([])
        if stages and line.strip() and not line.startswith("#"):
            stages[-1].append(line)
    return stages


def test_compose_has_a_database_an_app_and_a_worker() -> None:
    house = services()
    assert house.keys() == {"postgres", "app", "worker"}
    assert house["app"]["command"] == ["run", "--no-demo", "--host", "0.0.0.0", "--port", "8080"]
    assert house["worker"]["command"] == ["run", "--no-demo", "--only", "worker"]
    for name in ["app", "worker"]:
        assert house[name]["depends_on"]["postgres"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["postgres", "app", "worker"])
def test_each_service_is_watched_and_can_do_little(name: str) -> None:
    service = services()[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_compose_holds_no_secret_and_the_example_names_all_that_is_asked_for() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+)", text))
    assert asked == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    assert re.search(r"^POSTGRES_PASSWORD=$", example, re.MULTILINE)
    for line in text.splitlines():
        if "PASSWORD" in line:
            assert "${POSTGRES_PASSWORD:?" in line


def test_the_image_runs_as_the_user_that_compose_names() -> None:
    final = dockerfile()[-1]
    users = [line.split()[1] for line in final if line.startswith("USER ")]
    assert users == [services()["app"]["user"]]
    assert any("/livez" in line for line in final if line.startswith("HEALTHCHECK "))


def test_the_image_installs_only_what_the_locks_name() -> None:
    installs = [line for stage in dockerfile() for line in stage if re.search(r"\binstall (?!-d)", line)]
    assert len(installs) == 3
    for line in installs:
        assert "--require-hashes" in line or "--no-index" in line
    # The last stage only copies: neither compilers nor build tools can have come in.
    assert not [line for line in dockerfile()[-1] if re.search(r"\b(pip|apt-get)\b", line)]
