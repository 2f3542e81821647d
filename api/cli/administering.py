"""Commands for whoever keeps the house: migrate, doctor, key, config."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from adapters import keys as key_ring
from adapters.event_store import LedgerError
from adapters.inbox.sealing import SealError
from adapters.migrations import pending
from adapters.outbox.undecided import count_undecided, undecided_rows
from adapters.platforms.port import SIGNING
from adapters.postgres.embedded import EmbeddedError
from api.bootstrap import House, open_house
from api.cli.common import FAILED, OK, ConfigOption, HouseOption, JsonOption, asked_house, checked_house, fail, talk, write_json, write_rows
from api.sealing import seal_of
from api.settings import DEMO_HOUSE, Settings, SettingsError, load_settings
from domain.policy import read_duration

keys = typer.Typer(help="Keys to the HTTP API.", no_args_is_help=True)
configuration = typer.Typer(help="The configuration.", no_args_is_help=True)

OLDEST_POSTGRES = 150_000
LAG_EVENTS = 10_000


def migrate_house(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Bring the database up to date. Every command does it by itself; this one does nothing else."""
    with asked_house(house, config, fresh=False) as opened:
        if json:
            write_json({"schema": opened.schema, "up_to_date": True})
        talk(f"{opened.schema} is up to date.")


@keys.command("create")
def create_key(
    role: Annotated[str, typer.Option("--role", help="finance, auditor, ops or admin.")],
    name: Annotated[str | None, typer.Option("--name", help="Whose key it is.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="For how long it is good, such as 90d.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """A new key. It is printed now and never again."""
    if role not in key_ring.ROLES:
        raise typer.BadParameter(f"{role!r}: choose from {', '.join(key_ring.ROLES)}", param_hint="--role")
    try:
        lifetime = read_duration(expires) if expires is not None else None
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--expires") from None
    now = datetime.now(UTC)
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        made = key_ring.create(conn, role=role, name=name, now=now, expires_at=now + lifetime if lifetime else None)
    if json:
        write_json({"id": made.id, "key": made.key, "role": role})
    else:
        print(made.key)
        talk(f"key {made.id} for {role}: keep it now, it is not shown again")


@keys.command("list")
def list_keys(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """All keys, without the keys themselves."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        columns = ("id", "role", "name", "created_at", "expires_at", "revoked_at")
        write_rows(key_ring.list_keys(conn), style="json" if json else "table", columns=columns)


@keys.command("revoke")
def revoke_key(
    id_: Annotated[str, typer.Argument(metavar="ID")],
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a key useless from now on."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        if not key_ring.revoke(conn, id_, datetime.now(UTC)):
            fail(f"there is no key {id_!r} that could be revoked; `returns-ledger key list` shows them")
    if json:
        write_json({"id": id_, "revoked": True})
    talk(f"key {id_} is revoked")


@configuration.command("show")
def show_config(
    redacted: Annotated[bool, typer.Option("--redacted", help="Secrets are never shown; this option says that you know.")] = True,
    json: Annotated[bool, typer.Option("--json", help="On one line.")] = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """The configuration in force, defaults and environment included, as JSON. Secrets are shown as stars."""
    settings = load_settings(config)
    if checked_house(house) == DEMO_HOUSE:
        from api.demo import demo_settings  # it brings every simulator

        settings = demo_settings(settings)
    print(settings.model_dump_json(indent=None if json else 2, by_alias=True))


def doctor(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Check configuration, database, migrations and projections: one line each, with what to do. Exit code 1 where something is wrong."""
    findings = []
    for name, fine, said in _examine(checked_house(house), config):
        findings.append(fine)
        if json:
            write_json({"check": name, "ok": fine, "detail": said})
        else:
            print(f"{'ok   ' if fine else 'WRONG'}  {name:<14} {said}")
    raise typer.Exit(OK if all(findings) else FAILED)


def _examine(house: str | None, config: Path | None) -> Iterator[tuple[str, bool, str]]:
    try:
        settings = load_settings(config)
    except SettingsError as wrong:
        yield "configuration", False, str(wrong)
        return
    yield (
        "configuration",
        True,
        f"{len(settings.connections)} connections, {len(settings.erps)} ERPs, data in {settings.data_dir.resolve()}",
    )
    try:
        with open_house(settings, house) as opened:
            yield from _examine_house(settings, opened)
    except (psycopg.OperationalError, EmbeddedError, LedgerError) as away:
        where = "DATABASE_URL" if settings.database_url else "the embedded server"
        yield "database", False, f"{where} cannot be used: {str(away).strip()}"


def _examine_house(settings: Settings, opened: House) -> Iterator[tuple[str, bool, str]]:
    with opened.connection() as conn:
        version = conn.info.server_version
        where = "from DATABASE_URL" if settings.database_url else "embedded"
        enough = version >= OLDEST_POSTGRES
        yield (
            "database",
            enough,
            f"PostgreSQL {version // 10000}.{version % 10000}, {where}, schema {opened.schema}"
            + ("" if enough else ": version 15 or newer is needed"),
        )
        left = pending(conn)
        yield "migrations", not left, "all done" if not left else f"{len(left)} to do: run `returns-ledger migrate`"
        head, position = opened.ledger.head(), _one(conn, "SELECT position FROM projection_position")
        lag = head - position
        yield (
            "projections",
            lag < LAG_EVENTS,
            f"{position} of {head} events folded in"
            + ("" if not lag else f", {lag} to go: `returns-ledger run` folds them in, and so does every command that asks"),
        )
        broken = conn.execute("SELECT merchant, platform, return_id, error FROM set_aside ORDER BY set_at LIMIT 5").fetchall()
        count = _one(conn, "SELECT count(*) FROM set_aside")
        shown = "; ".join(f"{'/'.join(row[:3])}: {row[3]}" for row in broken)
        yield (
            "set aside",
            not count,
            "no return" if not count else f"{count} returns that could not be folded ({shown}): `returns-ledger rebuild` tries them again",
        )
        undecided, stuck = count_undecided(conn), undecided_rows(conn, 5)
        shown = "; ".join("/".join((row["merchant"], row["platform"], row["return"])) + f": {row['error']}" for row in stuck)
        said = f"{undecided} returns that nothing could be decided on ({shown}): `outbox undecided` shows them"
        yield "decisions", not undecided, said if undecided else "none is missing"
        yield ("inbox", *_examine_inbox(opened, conn))
    from api.connecting import check_connection  # it brings all that is needed to ask a vendor

    for connection in opened.connections:
        works, said = check_connection(opened, connection)
        about = f"{connection.merchant} on {connection.platform}, posts to {connection.erp or 'nothing'}"
        yield f"connection {connection.name}", works, f"{about}: {said}"
        if connection.webhook_secret is None:
            unsafe = "its webhooks are refused" if connection.platform in SIGNING else "whoever knows the address can send webhooks"
            yield f"webhooks {connection.name}", connection.poll != "off", f"no webhook_secret is set: {unsafe}"
    yield from _examine_erps(opened)
    from api.cli.examining import examine_ways_to_people

    yield from examine_ways_to_people(opened)


def _examine_erps(opened: House) -> Iterator[tuple[str, bool, str]]:
    from adapters.outbox.listing import account_rows
    from api.posting import accounts_of, check_erp, erps_of, quota_left

    with opened.connection() as conn:
        fares = {row["account"]: row for row in account_rows(conn, accounts_of(opened))}
    for erp in erps_of(opened):
        works, said = check_erp(opened, erp)
        row = fares[f"erp/{erp.name}"]
        why = f" ({row['paused_why']})" if row["paused_why"] else ""
        paused = f"; paused by {row['paused_by']}{why}: `outbox resume {erp.name}`" if row["paused_at"] else ""
        breaker = "" if row["breaker"] == "closed" else f"; the breaker is {row['breaker']} since {row['failing_since']}"
        dead = f"; {row['dead']} dead letters: `outbox list --state dead`" if row["dead"] else ""
        polled = f"; read back at {row['last_poll_at']}" if row["last_poll_at"] else "; not read back yet"
        counts = f"{row['pending']} on the way, {row['waiting']} waiting{dead}{breaker}{paused}{polled}{quota_left(opened, erp)}"
        yield f"erp {erp.name}", works, f"{erp.kind}: {said}; {counts}"


def _examine_inbox(opened: House, conn: psycopg.Connection[Any]) -> tuple[bool, str]:
    newest = conn.execute("SELECT body FROM inbox WHERE body IS NOT NULL ORDER BY id DESC LIMIT 1").fetchone()
    try:
        seal = seal_of(opened)
        if newest is not None:
            seal.open(newest[0])
    except SealError as wrong:
        return False, str(wrong)
    failed = _one(conn, "SELECT count(*) FROM inbox WHERE state = 'failed'")
    said = f"; {failed} deliveries failed: `returns-ledger inbox list --state failed`" if failed else ""
    return True, f"bodies are encrypted, and kept for {opened.settings.inbox.keep_days} days{said}"


def _one(conn: psycopg.Connection[Any], question: str) -> int:
    found = conn.execute(question.encode()).fetchone()
    return int(found[0]) if found else 0
