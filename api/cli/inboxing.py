"""Commands about what platforms send: inbox list, show and replay; connections; forget."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from adapters import audit
from adapters.inbox.erasing import forget
from adapters.inbox.listing import STATES, InboxFilter, NoSuchDelivery, connection_rows, ids_of_failed, inbox_page, show_delivery
from adapters.outbox.listing import account_rows
from api.bootstrap import House, clock
from api.cli.common import DIFFERENCES, OK, ByOption, ConfigOption, HouseOption, JsonOption, asked_house, fail, talk, write_json, write_rows
from api.cli.paging import every_row
from api.sealing import seal_of

inbox = typer.Typer(help="What platforms sent, and what became of it.", no_args_is_help=True)

ROWS_OF_A_TABLE = 50
REPLAYED_AT_ONCE = 100
# Of the inbox's columns, those that a table has room for.
COLUMNS = ("id", "received_at", "connection", "topic", "state", "attempts", "recorded", "known", "why")

NumberArgument = Annotated[int, typer.Argument(metavar="ID", min=1, help="The delivery's number, as `inbox list` shows it.")]


@inbox.command("list")
def list_inbox(
    state: Annotated[list[str] | None, typer.Option("--state", help=f"{', '.join(STATES)}; may be given several times.")] = None,
    connection: Annotated[list[str] | None, typer.Option("--connection", help="Only deliveries of this connection.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, the newest.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Every delivery kept, the newest first: webhooks, and polled records with which something is left to do."""
    for one in state or ():
        if one not in STATES:
            raise typer.BadParameter(f"{one!r}: choose from {', '.join(STATES)}", param_hint="--state")
    asked = InboxFilter(tuple(state or ()), tuple(connection or ()))
    most = limit if limit is not None or json else ROWS_OF_A_TABLE
    with asked_house(house, config, fresh=False) as opened:
        count = _write(_pages(opened, asked, most), json)
    if not json:
        talk(f"{count} deliveries" + (f" (the newest {most}; --limit shows more)" if limit is None and count == most else ""))


@inbox.command("show")
def show(id_: NumberArgument, json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """One delivery with its headers and its body as it came. It may hold names and addresses."""
    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        try:
            row = show_delivery(conn, id_, seal_of(opened))
        except NoSuchDelivery as unknown:
            fail(str(unknown))
    if json:
        write_json(row)
        return
    for name, value in row.items():
        if name not in ("headers", "body", "body_encoding") and value not in (None, [], 0):
            print(f"{name.replace('_', ' '):<14} {value if not isinstance(value, list) else '; '.join(map(_told, value))}")
    print("\nHeaders, without secrets")
    for name, text in row["headers"].items():
        print(f"  {name}: {text}")
    print(f"\nBody ({row['body_encoding']})")
    print(row["body"] if row["body"] is not None else "  it has been erased" if row["body_encoding"] == "erased" else "  no key fits")


@inbox.command("replay")
def replay(
    id_: Annotated[int | None, typer.Argument(metavar="ID", min=1, help="The delivery's number.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    connection: Annotated[list[str] | None, typer.Option("--connection", help="With --failed: only those of this connection.")] = None,
    by: ByOption = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Read deliveries once more, now, with the configuration as it is now. Exit code 3 where one of them fails again."""
    if (id_ is None) is not failed:
        raise typer.BadParameter("give a delivery's number, or --failed", param_hint="ID")
    with asked_house(house, config, fresh=False) as opened:
        wanted = _wanted(opened, id_, connection or [])
        rows = list(_replayed(opened, wanted, by or getpass.getuser()))
    _write(rows, json)
    if not json:
        talk(f"{len(rows)} deliveries read again")
    raise typer.Exit(DIFFERENCES if any(row["state"] == "failed" for row in rows) else OK)


def connections(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """How each connection and each ERP fares: its last delivery and poll, what waits, what failed, and its last error."""
    from api.connecting import settings_of
    from api.posting import accounts_of

    with asked_house(house, config, fresh=False) as opened, opened.connection() as conn:
        rows = connection_rows(conn, map(settings_of, opened.connections)) + [
            _erp_row(row) for row in account_rows(conn, accounts_of(opened)) if row["account"].startswith("erp/")
        ]
    columns = ("name", "merchant", "platform", "state", "last_delivery_at", "last_poll_at", "pending", "failed", "error")
    write_rows(rows, style="json" if json else "table", columns=columns, right=("pending", "failed"))


def forget_order(
    order: Annotated[str, typer.Option("--order", help="The order, as the shop calls it.")],
    merchant: Annotated[str, typer.Option("--merchant", help="Whose order it is.")],
    by: Annotated[str, typer.Option("--by", help="Who erases.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, such as the request's number.")],
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Erase what platforms sent about an order. Facts stay: they hold no name or address. Exit code 3 where something could not be."""
    for name, text in (("--order", order), ("--merchant", merchant), ("--by", by), ("--reason", reason)):
        if not text.strip("# ") or "\x00" in text:
            raise typer.BadParameter("must not be empty", param_hint=name)
    with asked_house(house, config) as opened, opened.connection() as conn:
        done = forget(conn, seal_of(opened), merchant=merchant, order=order, by=by, reason=reason, now=clock())
    returns = [str(key) for key in done.returns]
    if json:
        told = {"order": order, "merchant": merchant, "erased": done.bodies, "pending": list(done.pending), "unreadable": done.unreadable}
        write_json(told | {"returns": returns, "facts": done.facts})
    else:
        print(f"{done.bodies} bodies erased")
        print(f"{done.facts} facts stay, of {len(returns)} returns ({', '.join(returns) or 'none'}): they hold nothing of a person")
    if done.pending:
        talk(f"not erased, as they are not worked off yet: deliveries {', '.join(map(str, done.pending))}; forget the order again then")
    if done.unreadable:
        talk(f"{done.unreadable} bodies were encrypted with a key that is not at hand: whether they name the order, nobody knows")
    raise typer.Exit(DIFFERENCES if done.pending or done.unreadable else OK)


def _erp_row(row: dict[str, Any]) -> dict[str, Any]:
    """An ERP among the connections: `pending` is on its way or waits, `failed` are dead letters."""
    shared = {name: row[name] for name in ("name", "state", "last_poll_at", "failing_since", "error")}
    counts = {"pending": row["pending"] + row["waiting"], "failed": row["dead"], "last_delivery_at": row["last_success_at"]}
    own = {name: row[name] for name in ("breaker", "paused_by", "paused_why", "rest_until", "cursor")}
    return {"merchant": None, "platform": row["kind"], **shared, **counts, **own}


def _pages(opened: House, asked: InboxFilter, limit: int | None) -> Iterator[dict[str, Any]]:
    return every_row(opened, lambda conn, size, after: inbox_page(conn, asked, limit=size, after=after), limit)


def _wanted(opened: House, id_: int | None, names: list[str]) -> list[tuple[int, str]]:
    with opened.connection() as conn:
        if id_ is None:
            return ids_of_failed(conn, names)
        row = conn.execute("SELECT id, connection, body IS NULL FROM inbox WHERE id = %s", (id_,)).fetchone()
    if row is None:
        fail(f"there is no delivery {id_}; `returns-ledger inbox list` shows those there are")
    if row[2]:
        fail(f"the body of delivery {id_} has been erased: there is nothing left to read")
    return [(row[0], row[1])]


def _replayed(opened: House, wanted: list[tuple[int, str]], by: str) -> Iterator[dict[str, Any]]:
    from api.connecting import open_lines  # it brings all that is needed to ask a vendor

    names = sorted({name for _, name in wanted})
    with open_lines(opened, threading.Event(), names) as (kept, lines):
        of = {line.name: line for line in lines}
        for name in names:
            ids = [number for number, own in wanted if own == name]
            if name not in of:
                talk(f"{name} is no connection of this house any more: its {len(ids)} deliveries stay as they are")
                continue
            for first in range(0, len(ids), REPLAYED_AT_ONCE):
                chunk = ids[first : first + REPLAYED_AT_ONCE]
                with kept.turnstile.wait(name):
                    of[name].drain.again(chunk)
                with opened.connection() as conn:
                    audit.record(conn, "delivery.replayed", clock(), who=by, detail=", ".join(map(str, chunk)))
                yield from _rows(opened, chunk)


def _rows(opened: House, ids: list[int]) -> list[dict[str, Any]]:
    with opened.connection() as conn:
        return [row for number in ids for row in inbox_page(conn, InboxFilter(), limit=1, after=number + 1)[0]]


def _write(rows: Iterable[dict[str, Any]], json: bool) -> int:
    if json:
        return write_rows(rows, style="json", columns=())
    return write_rows(map(_with_why, rows), style="table", columns=COLUMNS, right=("id", "recorded", "known"))


def _with_why(row: dict[str, Any]) -> dict[str, Any]:
    """In a table, what there is to say stands in one column."""
    unmapped = [f"unmapped {value['field']} {value['value']!r}" for value in row["unmapped"]]
    waits = [f"waits for {row['waits_for']}"] if row["waits_for"] else []
    return {**row, "why": "; ".join([*filter(None, (row["error"], row["note"])), *waits, *unmapped]) or None}


def _told(value: object) -> str:
    return ", ".join(f"{name}: {part}" for name, part in value.items() if part) if isinstance(value, dict) else str(value)
