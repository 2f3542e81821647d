"""What all commands share: the house they ask, how rows are written, and what an error looks like."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from adapters.spreadsheets import cell_text
from api.bootstrap import House, open_house
from api.settings import load_settings
from domain.refusals import Rejected
from domain.telling import read_instant
from projections.moments import Moment

HouseOption = Annotated[str | None, typer.Option("--house", help="Which house: `demo`, or left out for the real one.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="The configuration file.", exists=True, dir_okay=False)]
ByOption = Annotated[str | None, typer.Option("--by", help="Who says so; whoever is logged in, if left out.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON Lines in place of a table.")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="Count what had happened by then: an instant with offset, or a day (its end, UTC).")
]
KnownAtOption = Annotated[str | None, typer.Option("--known-at", help="Count what was recorded by then.")]

OK, FAILED, USAGE, DIFFERENCES = 0, 1, 2, 3

PROSE = "explanation"


def talk(text: str) -> None:
    """To whoever sits there: never on stdout, which belongs to the answer."""
    print(text, file=sys.stderr)


def fail(text: str, code: int = FAILED) -> NoReturn:
    talk(f"error: {text}")
    raise typer.Exit(code)


@contextmanager
def asked_house(house: str | None, config: Path | None, *, fresh: bool = True) -> Iterator[House]:
    """The house a command asks; `fresh`: everything recorded is folded in first, so that the answer counts it."""
    with open_house(load_settings(config), checked_house(house)) as opened:
        if fresh:
            catch_up(opened)
        yield opened


def checked_house(house: str | None) -> str | None:
    if house is not None and not (house.isascii() and house.replace("_", "").isalnum() and house == house.lower() and len(house) <= 20):
        raise typer.BadParameter("a house has a short lower-case name, such as demo", param_hint="--house")
    return house


def catch_up(house: House) -> None:
    """Fold the log in, with a bar on a terminal if there is a lot."""
    behind = house.ledger.head()
    with progress_bar("Folding the log in", behind) as bar:
        house.catch_up(progress=bar)


@contextmanager
def progress_bar(title: str, total: int) -> Iterator[Any]:
    """Gives a function that takes how far it is; silent where stderr is no terminal."""
    if not sys.stderr.isatty() or not total:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def read_moment(as_of: str | None, known_at: str | None) -> Moment:
    return Moment(datetime.now(UTC), _instant(as_of, "--as-of"), _instant(known_at, "--known-at"))


def _instant(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        return read_day(text, end=True) or read_instant(text, option)
    except Rejected as wrong:
        raise typer.BadParameter(wrong.reason + "; or a day, such as 2026-10-31", param_hint=option) from None


def read_day(text: str, *, end: bool) -> datetime | None:
    """`2026-10-31` → its first or its last microsecond, UTC; None where it is no day."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return datetime.combine(day, time(), UTC) + (timedelta(days=1, microseconds=-1) if end else timedelta())


def write_rows(
    rows: Iterable[Mapping[str, Any]],
    *,
    style: str,
    columns: Sequence[str],
    right: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
) -> int:
    """Write rows to stdout as `json`, `csv` or `table`; gives their number. Columns in `right` are figures."""
    match style:
        case "json":
            return _write_json(rows)
        case "csv":
            return _write_csv(rows)
        case _:
            return _write_table(rows, columns, right, titles or {})


def write_json(row: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


def _write_json(rows: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    for row in rows:
        write_json(row)
        count += 1
    return count


def _write_csv(rows: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    writer: Any = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, fieldnames=list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow({name: cell(name, value) for name, value in row.items()})
        count += 1
    return count


def cell(name: str, value: object) -> object:
    """A CSV cell: figures as they are, text so that no spreadsheet takes it for a formula."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return cell_text(value) if isinstance(value, str) and name != "amount" else value


def _write_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], right: Sequence[str], titles: Mapping[str, str]) -> int:
    """Columns as wide as they need to be: a figure or an id is never cut. An explanation stands in lines of its own below its row."""
    told = list(rows)
    figures = [column for column in columns if column != PROSE]
    cells = [{column: _shown(row[column]) for column in figures} for row in told]
    heads = {column: titles.get(column, column.replace("_", " ")) for column in figures}
    widths = {column: max([len(heads[column]), *(len(cell[column]) for cell in cells)]) for column in figures}

    def line(texts: Mapping[str, str]) -> str:
        padded = (texts[column].rjust(widths[column]) if column in right else texts[column].ljust(widths[column]) for column in figures)
        return "  ".join(padded).rstrip()

    out = console()
    if told:
        out.print(line(heads), style="bold", markup=False, soft_wrap=True)
    for row, cell in zip(told, cells, strict=True):
        out.print(line(cell), markup=False, soft_wrap=True)
        if PROSE in columns:
            for prose in wrap(str(row[PROSE]), out.width, initial_indent="    ", subsequent_indent="    "):
                out.print(prose, style="dim", markup=False, soft_wrap=True)
    return len(told)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def console() -> Console:
    """stdout, as wide as the terminal, or wide enough for a row where there is none; NO_COLOR is obeyed by rich."""
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)
