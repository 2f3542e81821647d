"""Commands that answer: gaps, summary, replay, tie-out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

import typer

from api.cli.common import (
    DIFFERENCES,
    OK,
    AsOfOption,
    ConfigOption,
    HouseOption,
    JsonOption,
    KnownAtOption,
    asked_house,
    console,
    read_moment,
    talk,
    write_rows,
)
from domain.money import CURRENCIES
from domain.policy import GapKind
from domain.replay import known_events, replay, step_row
from domain.stored import stream_of
from projections.board import NoSuchReturn, find_return
from projections.gap_register import SORTS, GapFilter, all_gaps, count_gaps
from projections.moments import STATUSES
from projections.snapshot import snapshot
from projections.summary import summary as summarise
from projections.tie_out import differs, money_tie_out, unit_tie_out

FORMATS = ("table", "csv", "json")
# A table is for eyes; everything else gets every row unless --limit says otherwise.
ROWS_OF_A_TABLE = 50

KindOption = Annotated[list[str] | None, typer.Option("--kind", help="Only this kind of gap; may be given several times.")]
OwnerOption = Annotated[list[str] | None, typer.Option("--owner", help="Only gaps that these own: finance, ops, cx…")]
MerchantOption = Annotated[list[str] | None, typer.Option("--merchant")]
CurrencyOption = Annotated[list[str] | None, typer.Option("--currency", help="ISO 4217 code.")]
OverdueOption = Annotated[bool, typer.Option("--overdue", help="Only gaps that are past their due date.")]
ReturnOption = Annotated[str | None, typer.Option("--return", help="Only gaps of this return: the platform's id, or merchant/platform/id.")]
StatusOption = Annotated[str, typer.Option("--status", help="open, closed or all.")]
FormatOption = Annotated[str, typer.Option("--format", help="table, csv or json.")]


def gaps(
    kind: KindOption = None,
    owner: OwnerOption = None,
    merchant: MerchantOption = None,
    currency: CurrencyOption = None,
    overdue: OverdueOption = False,
    return_: ReturnOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    status: StatusOption = "open",
    sort: Annotated[str, typer.Option("--sort", help=f"{', '.join(SORTS)}; a minus in front turns it round.")] = "due_at",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows.")] = None,
    format_: FormatOption = "table",
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """The gaps: open ones, or those that were open at another moment."""
    moment = read_moment(as_of, known_at)
    asked = _filter(kind, owner, merchant, currency, overdue, status)
    if sort.removeprefix("-") not in SORTS:
        raise typer.BadParameter(f"{sort!r}: choose from {', '.join(SORTS)}", param_hint="--sort")
    style = _style(format_, json)
    with asked_house(house, config) as opened, opened.connection() as conn:
        if return_ is not None:
            asked = replace(asked, return_nos=(find_return(conn, return_).return_no,))
        most = limit if limit is not None else (ROWS_OF_A_TABLE if style == "table" else None)
        rows: Iterable[dict[str, Any]] = all_gaps(conn, asked, moment, sort=sort, limit=most)
        if style == "table":
            rows = _for_eyes(list(rows))
        columns = ("kind", "return", "amount", "currency", "units", "owner", "due", "explanation")
        written = write_rows(rows, style=style, columns=columns, right=("amount", "units"))
        if style == "table":
            whole = count_gaps(conn, asked, moment)
            more = f"; {written} shown, --limit shows more" if whole > written else ""
            talk(f"{whole} {'gap' if whole == 1 else 'gaps'} ({status}){more}")


def summary(
    kind: KindOption = None,
    owner: OwnerOption = None,
    merchant: MerchantOption = None,
    currency: CurrencyOption = None,
    overdue: OverdueOption = False,
    return_: ReturnOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    status: StatusOption = "open",
    format_: FormatOption = "table",
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """What is open, counted: per kind, owner, currency and age."""
    moment = read_moment(as_of, known_at)
    asked = _filter(kind, owner, merchant, currency, overdue, status)
    with asked_house(house, config) as opened, opened.connection() as conn:
        if return_ is not None:
            asked = replace(asked, return_nos=(find_return(conn, return_).return_no,))
        columns = ("kind", "owner", "currency", "age", "count", "amount", "units")
        write_rows(summarise(conn, asked, moment), style=_style(format_, json), columns=columns, right=("count", "amount", "units"))


def replay_return(
    return_: Annotated[str, typer.Argument(metavar="RETURN", help="The platform's id, or merchant/platform/id where several share it.")],
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    until: Annotated[int | None, typer.Option("--until", min=0, help="Stop after this event.")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """The history of a return, event by event, and what each event did."""
    moment = read_moment(as_of, known_at)
    with asked_house(house, config) as opened:
        with opened.connection() as conn:
            key = find_return(conn, return_).key
        events = known_events(opened.ledger.events(stream_of(key)), moment.as_of, moment.known_at)
        steps = replay(key, events, opened.policies.policy_of(key))
        rows = [step_row(step) for step in steps[: until if until is not None else len(steps)]]
        if not rows:
            raise NoSuchReturn(f"Nothing had been told of {key} by then.")
        if json:
            write_rows(rows, style="json", columns=())
        else:
            _write_history(str(key), rows)


def tie_out(
    merchant: Annotated[str | None, typer.Option("--merchant")] = None,
    currency: Annotated[str | None, typer.Option("--currency")] = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """The proof: refunded less credited is the clearing balance is the open gaps. Exit code 3 where it is not."""
    moment = read_moment(as_of, known_at)
    with asked_house(house, config) as opened, opened.connection() as conn:
        # Books and gaps are two questions; between them nothing may be folded in.
        with snapshot(conn):
            money = money_tie_out(conn, moment, merchant=merchant, currency=currency)
            units = unit_tie_out(conn, moment, merchant=merchant)
        if json:
            write_rows([*money, *units], style="json", columns=())
        else:
            figures = ("refunded", "credited", "clearing_balance", "open_gaps", "tolerated", "difference")
            write_rows(money, style="table", columns=("currency", *figures), right=figures)
            places = (
                "announced",
                "with_customer",
                "in_transit",
                "quarantine",
                "held",
                "saleable",
                "written_off",
                "unexpected",
                "difference",
            )
            if units:
                console().print()
            write_rows(units, style="table", columns=("merchant", "sku", *places), right=places)
        wrong = [row for row in (*money, *units) if differs(row)]
        if not json:
            talk("Everything ties out." if not wrong else f"{len(wrong)} rows do not tie out: `returns-ledger verify` names what differs.")
        raise typer.Exit(DIFFERENCES if wrong else OK)


def _filter(
    kind: list[str] | None, owner: list[str] | None, merchant: list[str] | None, currency: list[str] | None, overdue: bool, status: str
) -> GapFilter:
    known = [str(one) for one in GapKind]
    for given in kind or ():
        if given not in known:
            raise typer.BadParameter(f"{given!r} is no kind of gap; the kinds are {', '.join(known)}", param_hint="--kind")
    for given in currency or ():
        if given not in CURRENCIES:
            raise typer.BadParameter(f"{given!r} is not a currency of ISO 4217", param_hint="--currency")
    if status not in STATUSES:
        raise typer.BadParameter(f"{status!r}: choose from {', '.join(STATUSES)}", param_hint="--status")
    return GapFilter(
        kinds=tuple(kind or ()),
        owners=tuple(owner or ()),
        merchants=tuple(merchant or ()),
        currencies=tuple(currency or ()),
        overdue=overdue,
        status=status,
    )


def _for_eyes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A table has room for what tells gaps apart; everything else stands in --json."""
    several = len({(row["merchant"], row["platform"]) for row in rows}) > 1
    for row in rows:
        row["due"] = row["due_at"][:10] + (" overdue" if row["overdue"] else "")
        if several:
            row["return"] = f"{row['merchant']}/{row['platform']}/{row['return']}"
    return rows


def _style(format_: str, json: bool) -> str:
    if format_ not in FORMATS:
        raise typer.BadParameter(f"{format_!r}: choose from {', '.join(FORMATS)}", param_hint="--format")
    return "json" if json else format_


def _write_history(name: str, rows: list[dict[str, Any]]) -> None:
    out = console()
    out.print(f"[bold]{name.replace('[', chr(92) + '[')}[/bold]")
    for row in rows:
        by = f" by {row['by']}" if row["by"] else ""
        out.print(f"\n{row['number']:>3}  {row['occurred_at']}  [bold]{row['fact']}[/bold]")
        out.print(f"     recorded {row['recorded_at']}, {row['cause']}{by}", markup=False, style="dim")
        for path, change in row["changes"].items():
            before = "" if change["from"] is None else f"{change['from']} → "
            out.print(f"       {path}: {before}{'–' if change['to'] is None else change['to']}", markup=False)
        for word, sign, colour in (("opened", "+", "red"), ("closed", "-", "green")):
            for gap in row[word]:
                figures = " ".join(
                    str(part)
                    for part in (
                        gap["line"] and f"line {gap['line']}",
                        gap["amount"],
                        gap["currency"] if gap["amount"] else None,
                        gap["units"] and (f"{gap['units']} units" if gap["units"] > 1 else "1 unit"),
                    )
                    if part
                )
                out.print(f"     {sign} {word} {gap['kind']} {figures}", markup=False, style=colour)
