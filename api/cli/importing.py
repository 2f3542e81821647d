"""Commands that bring facts in: import and template."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adapters.files import KINDS, template
from adapters.importing import Imported, import_file
from api.cli.common import DIFFERENCES, OK, ConfigOption, HouseOption, JsonOption, asked_house, progress_bar, talk, write_json

KindsOption = Annotated[str, typer.Option("--as", metavar="KIND", help=f"What the files hold: {', '.join(KINDS)}.")]


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True)],
    kind: KindsOption,
    merchant: Annotated[str | None, typer.Option("--merchant", help="Whose rows these are, where they don't say it themselves.")] = None,
    include_test: Annotated[bool, typer.Option("--include-test", help="Take test transactions of Shopify too.")] = False,
    json: JsonOption = False,
    house: HouseOption = None,
    config: ConfigOption = None,
) -> None:
    """Facts from files into the ledger. What is in it already is known; rejected rows go to FILE.rejected.csv or .jsonl."""
    _check_kind(kind)
    if kind.startswith("shopify-") and merchant is None:
        raise typer.BadParameter("a Shopify export does not say whose it is; name the merchant", param_hint="--merchant")
    rejected = unusable = 0
    with asked_house(house, config, fresh=False) as opened:
        for path in files:
            with progress_bar(path.name, path.stat().st_size) as bar:
                imported = import_file(opened.ledger, path, kind, merchant, include_test=include_test, progress=bar)
            if imported.error:
                unusable += 1
                talk(f"error: {imported.error}")
            rejected += imported.rejected
            _report(imported, json)
    raise typer.Exit(DIFFERENCES if rejected or unusable else OK)


def write_template(kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")]) -> None:
    """An empty file of a kind: its headings and one example row."""
    _check_kind(kind)
    sys.stdout.write(template(kind))


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is not known; the kinds are {', '.join(KINDS)}", param_hint="KIND")


def _report(imported: Imported, json: bool) -> None:
    if json:
        row = asdict(imported)
        write_json(row if imported.error else {field: value for field, value in row.items() if field != "error"})
        return
    seconds = f"{imported.seconds:.1f} s" + (f", {imported.read / imported.seconds:,.0f} rows/s" if imported.seconds > 1 else "")
    counts = f"{imported.recorded} facts recorded, {imported.known} already known, {imported.rejected} rejected"
    print(f"{imported.file}: {imported.read} rows read, {counts} ({seconds})")
    if imported.rejected_file:
        talk(f"  rejected rows, each with its error, to mend and import again: {imported.rejected_file}")
