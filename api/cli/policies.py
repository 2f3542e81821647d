"""Commands about policies: what is in force, what the configuration would change, what that would have done, and adopting it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from adapters.policies import Version, adopt, changes, tell_versions, versions_of
from adapters.previewing import Preview
from api.bootstrap import House, clock, open_house
from api.cli.common import DIFFERENCES, OK, ConfigOption, HouseOption, JsonOption, catch_up, checked_house, talk, write_json, write_rows
from api.settings import Connection, ConnectionPolicy, SettingsError, load_settings
from domain.policy import DEFAULT_POLICY, Policy, read_duration
from domain.telling import ReturnKey, write_instant

policy = typer.Typer(
    help="How each connection treats its returns: versions, what a change would do, and adopting it.", no_args_is_help=True
)

ConnectionOption = Annotated[str | None, typer.Option("--connection", help="Only this connection.")]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        exists=True,
        dir_okay=False,
        help="A policy in TOML, with the keys of [connections.policy], in place of the configured one.",
    ),
]


@policy.command("show")
def show(
    connection: ConnectionOption = None,
    versions: Annotated[bool, typer.Option("--versions", help="Every version there was, the newest first.")] = False,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """The policies in force, each with its version and where it comes from."""
    with _house(house, config) as opened, opened.connection() as conn:
        rows = []
        for one in _chosen(opened, connection):
            found: list[Version | None] = [*versions_of(conn, (one.merchant, one.platform))] or [None]
            rows += [_row(one, version) for version in (found if versions else found[:1])]
    if json:
        write_rows(rows, style="json", columns=())
        return
    for row in rows:
        said = f"version {row['version']}, {row['adopted_at']}, by {row['by'] or row['source']}" if row["version"] else "the defaults"
        why = f" ({row['reason']})" if row["reason"] else ""
        print(f"{row['connection']} ({row['merchant']}/{row['platform']}): {said}{why}")
        defaults = DEFAULT_POLICY.model_dump(mode="json")
        for name, value in row["policy"].items():
            print(f"  {name} = {_shown(value)}{'' if value == defaults[name] else '   # not the default'}")


@policy.command("check")
def check(
    connection: ConnectionOption = None,
    file: FileOption = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Is the configured policy the one in force? Exit code 3 where they differ; nothing is adopted."""
    rows = []
    with _house(house, config) as opened:
        for one in _chosen(opened, connection):
            in_force = opened.policies.policy_of(ReturnKey(one.merchant, one.platform, ""))
            for name, (before, after) in changes(in_force, _proposed(opened, one, file)).items():
                rows.append({"connection": one.name, "field": name, "in_force": before, "proposed": after})
    write_rows(rows, style="json" if json else "table", columns=("connection", "field", "in_force", "proposed"))
    if not json:
        talk(f"{len(rows)} fields differ; `policy preview` says what that would do" if rows else "as it is in force")
    raise typer.Exit(DIFFERENCES if rows else OK)


@policy.command("adopt")
def adopt_policy(
    by: Annotated[str, typer.Option("--by", envvar="USER", help="Who decides.")] = "the command line",
    reason: Annotated[str | None, typer.Option("--reason", help="Why.")] = None,
    connection: ConnectionOption = None,
    file: FileOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Make the configured policy, or that of a file, the one in force, as a new version.

    It stays until somebody adopts another one, or the configuration changes. A running house takes it over within moments.
    """
    if not by.strip():
        raise typer.BadParameter("must not be empty", param_hint="--by")
    rows: list[dict[str, Any]] = []
    with _house(house, config) as opened, opened.connection() as conn:
        chosen = _chosen(opened, connection)
        if file is not None and len(chosen) > 1:
            raise typer.BadParameter("a policy of a file is one connection's; say which", param_hint="--connection")
        for one in chosen:
            proposed = _proposed(opened, one, file)
            changed = changes(opened.policies.policy_of(ReturnKey(one.merchant, one.platform, "")), proposed)
            version = opened.policies.version_of(one.merchant, one.platform)
            if changed and not dry_run:
                made = adopt(conn, (one.merchant, one.platform), proposed, clock(), by=by.strip(), reason=reason)
                version = made.version if made is not None else version
                tell_versions(conn, opened.ledger)
            told = {name: {"from": before, "to": after} for name, (before, after) in changed.items()}
            rows.append({"connection": one.name, "version": version, "adopted": bool(changed) and not dry_run, "changes": told})
    if json:
        write_rows(rows, style="json", columns=())
        return
    for row in rows:
        print(f"{row['connection']}: version {row['version']}{'' if row['changes'] else ', as it was'}")
        for name, change in row["changes"].items():
            print(f"  {name}: {_shown(change['from'])} → {_shown(change['to'])}")
    talk("nothing was adopted (--dry-run)" if dry_run else "a running house takes it over within moments")


@policy.command("preview")
def preview(
    against: Annotated[str, typer.Option("--against", help="Returns that moved within this time: 90d, 4w.")] = "90d",
    connection: ConnectionOption = None,
    file: FileOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows; the figures count all of them.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Which instructions and gaps would have differed, had the configured policy, or that of a file, been in force."""
    try:
        within = read_duration(against)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--against") from None
    with _house(house, config) as opened:
        catch_up(opened)
        for one in _chosen(opened, connection):
            _preview(opened, one, _proposed(opened, one, file), within, limit, json)


def _preview(opened: House, one: Connection, proposed: Policy, within: timedelta, limit: int | None, json: bool) -> None:
    now = clock()
    party = (one.merchant, one.platform)
    with opened.connection() as conn:
        in_force = opened.policies.policy_of(ReturnKey(*party, ""))
        seen = Preview(conn, opened.ledger, party, in_force, proposed, _since(now, within), now)
        shown: list[dict[str, Any]] = []
        for place, row in enumerate(seen.rows()):
            if limit is not None and place >= limit:
                continue
            if json:
                write_json(row)
            else:
                shown.append(row | {"in_force": _told(row["in_force"]), "proposed": _told(row["proposed"])})
    if not json:
        write_rows(shown, style="table", columns=("return", "what", "kind", "line", "in_force", "proposed"))
    figures = ", ".join(f"{kind} {count}" for kind, count in sorted(seen.counted.items()))
    talk(f"{one.name}: {seen.differing} of {seen.looked_at} returns would differ{f': {figures}' if figures else ''}")


@contextmanager
def _house(house: str | None, config: Path | None) -> Iterator[House]:
    """With the policies in force: that the configuration has others is what these commands are about."""
    with open_house(load_settings(config), checked_house(house), adopt=False) as opened:
        yield opened


def _chosen(opened: House, name: str | None) -> list[Connection]:
    found = [one for one in opened.connections if name in (None, one.name)]
    if name is not None and not found:
        known = ", ".join(one.name for one in opened.connections) or "none"
        raise typer.BadParameter(f"there is no connection {name!r}; there are {known}", param_hint="--connection")
    if not found:
        talk("no connection is configured: every return goes by the defaults")
    return found


def _proposed(opened: House, one: Connection, file: Path | None) -> Policy:
    configured = opened.settings.policies()[one.merchant, one.platform]
    if file is None:
        return configured
    try:
        given = ConnectionPolicy.model_validate(tomllib.loads(file.read_text()))
    except (OSError, tomllib.TOMLDecodeError) as failure:
        raise SettingsError(f"{file}: cannot be read: {failure}") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        raise SettingsError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from None
    return Policy.model_validate({**given.model_dump(include=set(Policy.model_fields) - {"erp"}), "erp": configured.erp})


def _row(one: Connection, version: Version | None) -> dict[str, Any]:
    told = {"connection": one.name, "merchant": one.merchant, "platform": one.platform}
    if version is None:
        nothing = {"version": 0, "adopted_at": None, "source": "default", "by": None, "reason": None}
        return told | nothing | {"policy": DEFAULT_POLICY.model_dump(mode="json")}
    came = {"version": version.version, "adopted_at": write_instant(version.adopted_at), "source": version.source}
    return told | came | {"by": version.by, "reason": version.reason, "policy": version.policy.model_dump(mode="json")}


def _since(now: datetime, within: timedelta) -> datetime:
    try:
        return now - within
    except OverflowError:
        raise typer.BadParameter("is longer than time is counted", param_hint="--against") from None


def _told(side: dict[str, Any] | None) -> str:
    """One side of a difference, in a table's cell."""
    if side is None:
        return "–"
    parts = [f"{side['times']}× from {side['first_at'][:16]}" if "times" in side else "open"]
    parts += [f"{side['amount']} {side['currency']}"] if side["amount"] else []
    parts += [f"{side['units']} units"] if side["units"] else []
    return " ".join(parts)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shown(part)}" for name, part in value.items()) + "}"
    return "–" if value is None else str(value)
