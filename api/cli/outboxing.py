"""Commands about what ERPs are told to do: outbox list, show, batches, availability, undecided, pause, resume, reset and retry."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from adapters.outbox import accounts
from adapters.outbox.availability import availability_rows
from adapters.outbox.batches import batch_rows
from adapters.outbox.listing import STATES, NoSuchInstruction, OutboxFilter, account_rows, outbox_page, show_instruction, try_again
from adapters.outbox.undecided import undecided_rows
from api.bootstrap import House, clock
from api.cli.common import ByOption, ConfigOption, HouseOption, JsonOption, asked_house, fail, talk, write_json, write_rows
from api.cli.paging import every_row

outbox = typer.Typer(help="What ERPs and platforms are told to do, and what became of it.", no_args_is_help=True)

ROWS_OF_A_TABLE = 50
COLUMNS = ("id", "issued_at", "kind", "state", "erp", "return", "amount", "currency", "attempts", "next_at", "document", "why")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The instruction's id, such as rl-…, as `outbox list` shows it.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="An ERP, or a connection, by its name in the configuration.")]


@outbox.command("list")
def list_outbox(
    state: Annotated[list[str] | None, typer.Option("--state", help=f"{', '.join(STATES)}; may be given several times.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only such instructions, as post_credit_note.")] = None,
    erp: Annotated[list[str] | None, typer.Option("--erp", help="Only what this ERP is to do.")] = None,
    return_id: Annotated[str | None, typer.Option("--return", help="Only of this return.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only of this posting batch.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, the newest.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Every instruction, the newest first, and every look at a return's order."""
    for one in state or ():
        if one not in STATES:
            raise typer.BadParameter(f"{one!r}: choose from {', '.join(STATES)}", param_hint="--state")
    asked = OutboxFilter(tuple(state or ()), tuple(kind or ()), tuple(erp or ()), None, return_id, batch)
    most = limit if limit is not None or json else ROWS_OF_A_TABLE
    with asked_house(house, config, fresh=False) as opened:
        rows = _pages(opened, asked, most)
        if json:
            write_rows(rows, style="json", columns=())
            return
        count = write_rows(map(_with_why, rows), style="table", columns=COLUMNS, right=("amount", "attempts"))
    talk(f"{count} instructions" + (f" (the newest {most}; --limit shows more)" if limit is None and count == most else ""))


@outbox.command("show")
def show(id_: IdArgument, json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """One instruction, and what became of it."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        try:
            row = show_instruction(conn, id_)
        except NoSuchInstruction as unknown:
            fail(str(unknown))
    _write_one(row, json)


@outbox.command("batches")
def batches(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Credit notes posted at set times: what the log tells of each batch, what the ERP has booked, and whether that is the same."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        rows = batch_rows(conn)
    columns = ("id", "post_at", "waiting", "notes", "told", "booked", "proved", "note")
    write_rows(rows, style="json" if json else "table", columns=columns, right=("waiting", "notes"))


@outbox.command("availability")
def availability(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """What may be sold of each SKU since goods moved: what a shop was told by its location, or why it could not be told yet."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        rows = availability_rows(conn)
    columns = ("connection", "sku", "changed_at", "published_at", "told", "next_at", "error")
    write_rows(rows, style="json" if json else "table", columns=columns)


@outbox.command("undecided")
def undecided(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Returns that nothing could be decided on, and why: the others go on, and these are tried again from time to time."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        rows = undecided_rows(conn)
    columns = ("merchant", "platform", "return", "first_at", "last_at", "error")
    count = write_rows(rows, style="json" if json else "table", columns=columns)
    if not json:
        talk(f"{count} returns")


@outbox.command("pause")
def pause(
    name: NameArgument,
    by: ByOption = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for whoever finds it paused.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Send nothing more to an ERP, or for a connection, until it is resumed. What is decided meanwhile waits in order."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        accounts.pause(conn, _account(opened, name), by or getpass.getuser(), reason, clock())
        _write_account(opened, conn, name, json)


@outbox.command("resume")
def resume(
    name: NameArgument, by: ByOption = None, json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None
) -> None:
    """Go on where it was paused."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        if not accounts.resume(conn, _account(opened, name), by or getpass.getuser(), clock()):
            talk(f"{name} was not paused")
        _write_account(opened, conn, name, json)


@outbox.command("reset")
def reset(
    name: NameArgument, by: ByOption = None, json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None
) -> None:
    """Close an ERP's circuit breaker, and try everything that failed now."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        accounts.reset(conn, _account(opened, name), by or getpass.getuser(), clock())
        _write_account(opened, conn, name, json)


@outbox.command("retry")
def retry(id_: IdArgument, by: ByOption = None, json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """Try one instruction now, a dead letter too. What was sent is asked about before it is sent again."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        try:
            row = try_again(conn, id_, by or getpass.getuser(), clock())
        except (NoSuchInstruction, ValueError) as wrong:
            fail(str(wrong))
    _write_one(row, json)


def _account(opened: House, name: str) -> str:
    from api.posting import account_named  # it brings all that is needed to ask a vendor

    account = account_named(opened, name)
    if account is None:
        fail(f"there is no ERP and no connection with the name {name!r}; `returns-ledger connections` shows them")
    return account


def _write_account(opened: House, conn: Any, name: str, json: bool) -> None:
    from api.posting import account_named, accounts_of

    account = account_named(opened, name)
    rows = [row for row in account_rows(conn, accounts_of(opened)) if row["account"] == account]
    columns = ("name", "state", "breaker", "paused_by", "paused_why", "pending", "waiting", "dead", "error")
    write_rows(rows, style="json" if json else "table", columns=columns, right=("pending", "waiting", "dead"))


def _write_one(row: dict[str, Any], json: bool) -> None:
    if json:
        write_json(row)
        return
    for name, value in row.items():
        if value is not None:
            print(f"{name.replace('_', ' '):<14} {value}")


def _pages(opened: House, asked: OutboxFilter, limit: int | None) -> Iterator[dict[str, Any]]:
    return every_row(opened, lambda conn, size, after: outbox_page(conn, asked, limit=size, after=after), limit)


def _with_why(row: dict[str, Any]) -> dict[str, Any]:
    """In a table, what there is to say stands in one column."""
    why = row["answer"] if row["state"] not in ("done",) else None
    return {**row, "why": f"{row['waits_for']}: {why}" if row["waits_for"] else why}
