"""`returns-ledger`: every command, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import os
import signal
import sys

import psycopg
import typer
from pydantic import ValidationError

from adapters.erps.registry import UnusableErp
from adapters.event_store import LedgerError
from adapters.files import FilesError
from adapters.inbox.sealing import SealError
from adapters.platforms.port import UnusableConnection
from adapters.postgres.embedded import EmbeddedError
from adapters.side import RebuildError
from api.cli import administering, asking, deciding, importing, inboxing, outboxing, policies, proving, running, sandbox, simulating, users
from api.cli.common import FAILED, talk
from api.settings import SettingsError
from domain.refusals import Refusal
from projections.board import AmbiguousReturn, NoSuchReturn

app = typer.Typer(
    name="returns-ledger",
    help="Reconcile returns: what was refunded, credited and put back to stock, and what is missing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(running.run)
app.command("import")(importing.import_files)
app.command("template")(importing.write_template)
app.command("gaps")(asking.gaps)
app.command("summary")(asking.summary)
app.command("replay")(asking.replay_return)
app.command("tie-out")(asking.tie_out)
app.command("stalled")(deciding.stalled)
app.command("resolve")(deciding.resolve_return)
app.command("journal")(proving.journal)
app.command("rebuild")(proving.rebuild_read_models)
app.command("verify")(proving.verify_house)
app.command("simulate")(simulating.simulate)
app.command("sandbox")(sandbox.sandbox)
app.add_typer(inboxing.inbox, name="inbox")
app.add_typer(outboxing.outbox, name="outbox")
app.add_typer(policies.policy, name="policy")
app.command("connections")(inboxing.connections)
app.command("forget")(inboxing.forget_order)
app.command("doctor")(administering.doctor)
app.command("migrate")(administering.migrate_house)
app.add_typer(administering.keys, name="key")
app.add_typer(users.people, name="user")
app.add_typer(users.visits, name="session")
app.command("audit")(users.show_audit)
app.add_typer(administering.configuration, name="config")

# What is the operator's or the user's to mend: one line, no traceback.
EXPECTED = (
    SettingsError,
    EmbeddedError,
    LedgerError,
    FilesError,
    RebuildError,
    NoSuchReturn,
    AmbiguousReturn,
    Refusal,
    UnusableConnection,
    UnusableErp,
    SealError,
)


def main() -> None:
    """Exit codes: 0 ok, 1 error, 2 usage, 3 done but rows were rejected or differences found."""
    for name in ("SIGTERM", "SIGHUP"):
        # An exit like any other, so that what is open is closed and the embedded server stops with its last user.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        app()
    except EXPECTED as wrong:
        talk(f"error: {wrong}")
        sys.exit(FAILED)
    except psycopg.OperationalError as away:
        talk(f"error: the database cannot be reached: {str(away).strip()}. Check DATABASE_URL; `returns-ledger doctor` tells more.")
        sys.exit(FAILED)
    except ValidationError as invalid:
        talk(f"error: {invalid}")
        sys.exit(FAILED)
    except Exception as failure:
        if not _reader_left(failure):
            raise
        # `… | head`: that is no error of ours, and nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _reader_left(failure: BaseException | None) -> bool:
    """Closing what was open when the pipe broke may fail in turn: the first cause counts."""
    while failure is not None:
        if isinstance(failure, BrokenPipeError):
            return True
        failure = failure.__context__
    return False


if __name__ == "__main__":
    main()
