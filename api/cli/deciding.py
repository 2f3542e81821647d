"""Commands for whoever decides: what waits for somebody, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from adapters.stalled import KINDS, StalledFilter, all_stalled
from adapters.ways_out import UNREACHABLE
from api.bootstrap import clock
from api.cli.common import ConfigOption, HouseOption, JsonOption, asked_house, console, talk, write_rows
from api.resolving import ACTIONS, read_decision, resolve
from domain.refusals import Rejected
from domain.telling import ReturnKey
from projections.board import find_return

ROWS_OF_A_TABLE = 50
_TO = (
    "map-sku: the ERP's SKU. assign: whose it is, empty for nobody's. match-return: the return. "
    "choose-disposition: restock, quarantine, write-off, or a disposition of the policy."
)


def stalled(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only what waits for this; may be given several times.")] = None,
    owner: Annotated[list[str] | None, typer.Option("--owner", help="Only what these own: finance, ops, cx…")] = None,
    merchant: Annotated[list[str] | None, typer.Option("--merchant")] = None,
    return_: Annotated[str | None, typer.Option("--return", help="Only this return.")] = None,
    snoozed: Annotated[bool, typer.Option("--snoozed", help="Also what nobody need look at yet.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Returns that wait for somebody: what for, since when, whose, what happens next, and what can be done."""
    for one in kind or ():
        if one not in (*KINDS, UNREACHABLE):
            raise typer.BadParameter(f"{one!r}: choose from {', '.join((*KINDS, UNREACHABLE))}", param_hint="--kind")
    with asked_house(house, config) as opened, opened.connection() as conn:
        key = find_return(conn, return_).key if return_ is not None else None
        asked = StalledFilter(tuple(kind or ()), tuple(owner or ()), tuple(merchant or ()), key, snoozed)
        most = limit if limit is not None or json else ROWS_OF_A_TABLE
        rows = all_stalled(conn, opened.ledger, opened.policies.policy_of, asked, clock(), most)
    if json:
        write_rows(rows, style="json", columns=())
        return
    _write_for_eyes(rows)
    talk(f"{len(rows)} {'return waits' if len(rows) == 1 else 'returns wait'} for somebody")


def resolve_return(
    return_: Annotated[str, typer.Argument(metavar="RETURN", help="The platform's id, or merchant/platform/id where several share it.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help=", ".join(ACTIONS))],
    by: Annotated[str, typer.Option("--by", help="Who decides.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; a must where money or stock is given up.")] = None,
    sku: Annotated[str | None, typer.Option("--sku", help="map-sku: the platform's SKU.")] = None,
    to: Annotated[str | None, typer.Option("--to", help=_TO)] = None,
    order: Annotated[str | None, typer.Option("--order", help="match-order: the order's reference in the ERP.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="note: what is to be known.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="waive, reopen: which kind of gap.")] = None,
    line: Annotated[str | None, typer.Option("--line", help="waive, write-off, choose-disposition: which line.")] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="accept-difference: where several are open.")] = None,
    amount: Annotated[str | None, typer.Option("--amount", help="accept-difference: what it must be.")] = None,
    instruction: Annotated[str | None, typer.Option("--instruction", help="retry: which one; left out, all.")] = None,
    found: Annotated[str | None, typer.Option("--found", help="choose-disposition: of units found as this; `uninspected`.")] = None,
    quantity: Annotated[str | None, typer.Option("--quantity", help="choose-disposition: so many units; left out, all.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="snooze: an instant with offset, or a day.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the events it would record, and record nothing.")] = False,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Decide about a return: one event or more, with who decided and why."""
    given = {"sku": sku, "to": to, "order": order, "text": text, "kind": kind, "line": line}
    given |= {"currency": currency, "amount": amount, "instruction": instruction, "until": until}
    given |= {"found": found, "quantity": quantity}
    if not by.strip():
        raise typer.BadParameter("must not be empty", param_hint="--by")
    try:
        # What is misspelt is told before anything is opened.
        read_decision(action, given, reason, lambda typed: ReturnKey("", "", typed))
    except Rejected as wrong:
        raise typer.BadParameter(wrong.reason, param_hint="ACTION" if wrong.field == "action" else f"--{wrong.field}") from None
    with asked_house(house, config) as opened:
        with opened.connection() as conn:
            key = find_return(conn, return_).key
            decision = read_decision(action, given, reason, lambda typed: find_return(conn, typed).key)
        facts, freed = resolve(opened, key, decision, by=by.strip(), reason=reason, dry_run=dry_run)
        opened.catch_up()
    if json:
        write_rows(facts, style="json", columns=())
    else:
        _write_facts(facts)
    talk("nothing was recorded (--dry-run)" if dry_run else f"recorded on {key}")
    if freed:
        talk(f"{len(freed)} other {'return' if len(freed) == 1 else 'returns'} with this SKU freed: {', '.join(freed[:10])}")


def _write_facts(facts: list[dict[str, Any]]) -> None:
    out = console()
    for fact in facts:
        said = {
            name: value for name, value in fact.items() if name not in ("fact", "merchant", "platform", "return", "occurred_at", "cause")
        }
        out.print(f"{fact['occurred_at']}  {fact['fact']}", markup=False, style="bold")
        for name, value in said.items():
            out.print(f"    {name}: {value}", markup=False, soft_wrap=True)


def _write_for_eyes(rows: list[dict[str, Any]]) -> None:
    out = console()
    for row in rows:
        whose = f"{row['owner']}, {row['assigned_to']}" if row["assigned_to"] else row["owner"]
        out.print(f"{row['merchant']}/{row['platform']}/{row['return']}  {row['kind']}", markup=False, style="bold", soft_wrap=True)
        out.print(f"    waits for {row['waits_for']}", markup=False, soft_wrap=True)
        due = f" at {row['next_at']}" if row["next_at"] else ""
        out.print(f"    since {row['since']}; {whose}; next: {row['next']}{due}", markup=False, soft_wrap=True)
        for action in row["actions"]:
            out.print(f"      {action}", markup=False, style="dim", soft_wrap=True)
