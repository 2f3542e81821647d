"""Commands for who may sign in to the console: people, their open visits, and the account of rights used."""

from __future__ import annotations

from typing import Annotated

import typer

from adapters import audit, sessions
from adapters import people as known
from adapters.keys import ROLES
from api.bootstrap import House, clock
from api.cli.common import ConfigOption, HouseOption, JsonOption, asked_house, fail, talk, write_json, write_rows

people = typer.Typer(help="Who may sign in to the console.", no_args_is_help=True)
visits = typer.Typer(help="Open visits to the console.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]


@people.command("add")
def add_person(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="finance, auditor, ops or admin.")],
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Let somebody in: prints a link that signs them in, once, within a day."""
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r}: choose from {', '.join(ROLES)}", param_hint="--role")
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        try:
            with conn.transaction():
                person = known.add(conn, name, role, clock())
                audit.record(conn, "person.added", clock(), detail=f"{name}, {role}")
        except ValueError as wrong:
            fail(str(wrong))
        _print_link(opened, person, json)


@people.command("link")
def new_link(name: Name, json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """A new link for somebody. The one before is of no use any more."""
    with asked_house(house, config, fresh=False) as opened:
        with opened.connection() as conn:
            person = known.named(conn, name)
        if person is None:
            fail(f"there is nobody named {name!r} who may sign in; `returns-ledger user list` shows everybody")
        _print_link(opened, person, json)


@people.command("list")
def list_people(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Everybody who may or might sign in."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        columns = ("name", "role", "issuer", "created_at", "disabled_at", "sessions")
        write_rows(known.listed(conn, clock()), style="json" if json else "table", columns=columns)


@people.command("remove")
def remove_person(name: Name, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Shut somebody out, at once and everywhere. What they decided stays theirs."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn, conn.transaction():
        if not known.disable(conn, name, clock()):
            fail(f"there is nobody named {name!r} who may sign in; `returns-ledger user list` shows everybody")
        audit.record(conn, "person.disabled", clock(), detail=name)
    talk(f"{name} is out")


@visits.command("list")
def list_visits(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """All open visits, the one seen last first."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        columns = ("id", "name", "role", "how", "address", "created_at", "seen_at", "expires_at")
        write_rows(sessions.open_ones(conn, clock()), style="json" if json else "table", columns=columns)


@visits.command("end")
def end_visits(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    name: Annotated[str | None, typer.Option("--name", help="All visits of this person or key.")] = None,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """End one visit, or all of somebody."""
    if (id_ is None) == (name is None):
        raise typer.BadParameter("name one visit, or somebody with --name", param_hint="ID")
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn, conn.transaction():
        count = sessions.end_by_keeper(conn, clock(), session_id=id_, name=name)
        if not count:
            fail("there is no such open visit; `returns-ledger session list` shows them")
        audit.record(conn, "sessions.ended", clock(), detail=f"{id_ or name}: {count}")
    talk(f"{count} ended")


def show_audit(
    what: Annotated[str | None, typer.Option("--what", help="Only these entries, such as sign_in.failed or export.")] = None,
    who: Annotated[str | None, typer.Option("--who", help="Only what this person or key did.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000)] = 100,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Who signed in, exported, came with a key, or had the house stop, go on or try again: the newest first."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        columns = ("id", "at", "what", "who", "role", "address", "detail")
        write_rows(audit.entries(conn, limit=limit, what=what, who=who), style="json" if json else "table", columns=columns)


def _print_link(opened: House, person: known.Person, json: bool) -> None:
    settings = opened.settings
    base = settings.console.public_url or f"http://{settings.host}:{settings.port}"
    with opened.connection() as conn, conn.transaction():
        address = f"{base}/sign-in/link?token={known.make_link(conn, person, clock())}"
        audit.record(conn, "link.made", clock(), detail=person.name)
    if json:
        write_json({"name": person.name, "role": person.role, "link": address})
    else:
        print(address)
        talk(f"for {person.name}, {person.role}: good once, within a day; console.public_url says what stands before the path")
