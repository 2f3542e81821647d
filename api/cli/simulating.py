"""The command that lives through a whole seeded world and says whether its books hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import uuid4

import psycopg
import typer
from psycopg import sql

from adapters.postgres.embedded import open_database
from api.cli.common import DIFFERENCES, ConfigOption, JsonOption, talk, write_json
from api.settings import load_settings


def simulate(
    seed: Annotated[int, typer.Option("--seed", help="Which world: the same seed is the same world.")] = 0,
    returns: Annotated[int, typer.Option("--returns", min=1, help="How many returns it has.")] = 20,
    faults: Annotated[float, typer.Option("--faults", min=0, max=1, help="From 0, a good day, to 1, the worst one.")] = 1.0,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="So many worlds, one after the other.")] = 1,
    erp: Annotated[str | None, typer.Option("--erp", help="cin7_core, linnworks or patchworks; by the seed, if left out.")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Platforms, a warehouse and an ERP with faults, people who change documents there, our own processes killed: against this very code.

    In a schema of its own that is dropped afterwards. Exit code 3 where an invariant does not hold.
    """
    from adapters.simulation import ERPS  # it brings the simulators
    from adapters.simulation import simulate as live

    if erp is not None and erp not in ERPS:
        raise typer.BadParameter(f"{erp!r}: choose from {', '.join(ERPS)}", param_hint="--erp")
    settings = load_settings(config)
    broken = 0
    with open_database(settings.data_dir, settings.database_url) as url:
        for number in range(seed, seed + seeds):
            with _schema(url) as schema:
                report = live(url, schema, number, returns, faults, erp)
            broken += bool(report.broken)
            if json:
                write_json(report.told())
                continue
            figures = f"{report.events} events, {report.deaths} deaths, {len(report.people)} deeds by hand"
            print(f"seed {number}: {report.erp}, told by {report.told_by}, {returns} returns, {figures}")
            for one in report.invariants:
                print(f"  {'BROKEN' if one.broken else 'ok    '}  {one.holds}")
                for sentence in one.broken:
                    print(f"          {sentence}")
    if broken:
        talk(f"{broken} of {seeds} worlds do not hold")
        raise typer.Exit(DIFFERENCES)


@contextmanager
def _schema(url: str) -> Iterator[str]:
    name = f"simulate_{uuid4().hex[:12]}"
    try:
        yield name
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
