"""Commands that prove: journal, rebuild, verify."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from adapters.differences import NAMES
from adapters.journal_files import FORMATS, write_journal
from adapters.rebuild import rebuild
from adapters.side import Watch, unwatched
from adapters.verify import verify
from api.bootstrap import clock
from api.cli.common import DIFFERENCES, OK, ConfigOption, HouseOption, JsonOption, asked_house, read_day, talk, write_json
from domain.refusals import Rejected
from domain.telling import read_instant
from projections.journal import Span

DayOption = Annotated[str | None, typer.Option("--from", help="First day, UTC, or an instant; what was there before opens the file.")]
NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help=f"Compare only: {', '.join(NAMES)}; or all of it.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Last day, UTC, or an instant.")]


def journal(
    format_: Annotated[str, typer.Option("--format", help=f"{', '.join(FORMATS)}.")] = "csv",
    from_: DayOption = None,
    to: ToOption = None,
    merchant: Annotated[str | None, typer.Option("--merchant")] = None,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """The double-entry journal, money and units alike, as a complete file for a spreadsheet, hledger or beancount."""
    format_ = "json" if json else format_
    if format_ not in FORMATS:
        raise typer.BadParameter(f"{format_!r}: choose from {', '.join(FORMATS)}", param_hint="--format")
    span = Span(_instant(from_, "--from", end=False), _instant(to, "--to", end=True), merchant)
    with asked_house(house, config) as opened, opened.connection() as conn:
        entries = write_journal(conn, sys.stdout, format_, span)
    talk(f"{entries} entries")


def rebuild_read_models(
    names: NamesArgument = None,
    verify_: Annotated[bool, typer.Option("--verify", help="Show, cell by cell, what differs from the live ones.")] = False,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Fold the log into new read models beside the live ones, then swap; resumable. Exit code 3 where they differed."""
    for name in names or ():
        if name not in NAMES:
            raise typer.BadParameter(f"{name!r}: choose from {', '.join(NAMES)}", param_hint="NAME")
    with asked_house(house, config, fresh=False) as opened, _watched() as watch:
        source = (opened.url, opened.schema, opened.ledger, opened.policies.policy_of, opened.shape())
        report = rebuild(*source, names or (), verify=verify_, watch=watch)
    differences = report.comparison.shown if report.comparison else []
    count = report.comparison.count if report.comparison else 0
    if json:
        for difference in differences:
            write_json({"what": "difference"} | asdict(difference))
        figures = {field: value for field, value in asdict(report).items() if field != "comparison"}
        write_json({"what": "rebuilt"} | figures | {"differences": count if report.comparison else None})
    else:
        for difference in differences:
            print(difference)
        if count > len(differences):
            print(f"… and {count - len(differences)} more")
        compared = "" if report.comparison is None else f"; {count} differences" if count else "; no difference"
        talk(f"{report.events} events folded in {report.seconds:.1f} s, up to {report.position}, and swapped in{compared}")
    raise typer.Exit(DIFFERENCES if count else OK)


def verify_house(json: JsonOption = False, house: HouseOption = None, config: ConfigOption = None) -> None:
    """The log's hash chain, the read models against the log, the journal's balance and the tie-out. Exit code 3 on any difference."""
    fine = True
    with asked_house(house, config) as opened, _watched() as watch:
        for finding in verify(opened.url, opened.schema, opened.ledger, opened.policies.policy_of, opened.shape(), clock(), watch=watch):
            fine = fine and finding.ok
            if json:
                differences = [asdict(difference) for difference in finding.differences]
                figures = {"detail": finding.detail, "counts": dict(finding.counts), "differences": differences}
                write_json({"check": finding.what, "ok": finding.ok} | figures)
            else:
                print(f"{'ok   ' if finding.ok else 'WRONG'}  {finding.what:<12} {finding.detail}")
                for difference in finding.differences:
                    print(f"         {difference}")
    raise typer.Exit(OK if fine else DIFFERENCES)


def _instant(text: str | None, option: str, *, end: bool) -> datetime | None:
    try:
        return None if text is None else read_day(text, end=end) or read_instant(text, option)
    except Rejected as wrong:
        raise typer.BadParameter(f"{wrong.reason}; or a day, such as 2026-10-31", param_hint=option) from None


@contextmanager
def _watched() -> Iterator[Watch]:
    """One bar for whatever is under way; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield unwatched
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda progress: bar.update(task, description=progress.phase, completed=progress.done, total=progress.of)
