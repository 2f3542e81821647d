"""The books: the tie-out, the trial balance, and the journal to look at and to take along."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from datetime import date
from typing import IO, Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from adapters.journal_files import write_journal
from api.bootstrap import moment
from api.console.badge import badge_from
from api.console.help import AREAS, HELP
from api.console.rendering import page, plain_page, tidy
from api.http.asking import Asked, JournalAsked, TieOutAsked, Words
from api.http.auth import Permission, needs
from api.http.proofs import journal_page
from api.http.reading import TheHouse, connection, reading
from domain.policy import GapKind
from projections.journal import Span
from projections.tie_out import differs, money_tie_out, unit_tie_out
from projections.trial_balance import trial_balance

# A page shows so many; the API has all of them.
MOST_SKUS: Final = 500
PAGE_ROWS: Final = 100
_FILES: Final = {
    "csv": ("journal.csv", "text/csv"),
    "hledger": ("journal.journal", "text/plain"),
    "beancount": ("journal.beancount", "text/plain"),
}
_IN_MEMORY_BYTES: Final = 4_000_000
_CHUNK_BYTES: Final = 256_000

router = APIRouter(include_in_schema=False, dependencies=[Depends(tidy)])


class JournalShown(JournalAsked):
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE_ROWS


class JournalTaken(Asked):
    from_: Annotated[date | None, Query(alias="from")] = None
    to: date | None = None
    merchant: Annotated[list[Words], Field(max_length=1, default_factory=list)]
    format: Literal["csv", "hledger", "beancount"] = "csv"


@router.get("/tie-out", dependencies=[needs(Permission.READ)])
def show_tie_out(request: Request, asked: Annotated[TieOutAsked, Query()], house: TheHouse) -> Response:
    at, merchant, currency = asked.moment(), next(iter(asked.merchant), None), next(iter(asked.currency), None)
    with reading(house) as now:
        money = money_tie_out(now.conn, at, merchant=merchant, currency=currency)
        units = unit_tie_out(now.conn, at, merchant=merchant)
        units.sort(key=lambda row: not differs(row))
        return page(
            request,
            now,
            "tie_out.html",
            at,
            badge=None if merchant or currency else badge_from(money, units, now.position),
            asked=asked,
            money=money,
            units=units[:MOST_SKUS],
            units_in_all=len(units),
            wrong=sum(map(differs, [*money, *units])),
            differs=differs,
            # The journal is kept as it is known now.
            balances=None
            if at.known_at
            else request.app.state.balances.get((at.as_of, merchant), lambda: trial_balance(now.conn, at.as_of, merchant)),
        )


@router.get("/journal", dependencies=[needs(Permission.READ)])
def show_journal(request: Request, asked: Annotated[JournalShown, Query()], house: TheHouse) -> Response:
    with reading(house) as now:
        return page(request, now, "journal.html", moment(), asked=asked, listed=journal_page(now, asked))


@router.get("/journal/export", dependencies=[needs(Permission.READ, noted="export")])
def take_journal(asked: Annotated[JournalTaken, Query()], house: TheHouse) -> Response:
    """The whole journal of a span, as `returns-ledger journal` writes it."""
    name, media_type = _FILES[asked.format]
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 (closed when it was sent)
    try:
        text = io.TextIOWrapper(spool, encoding="utf-8", newline="", write_through=True)
        with connection(house) as conn:
            write_journal(conn, text, asked.format, Span.of(asked.from_, asked.to, next(iter(asked.merchant), None)))
        text.flush()
        text.detach()
    except BaseException:
        spool.close()
        raise
    size = spool.tell()
    spool.seek(0)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingResponse(_chunks(spool), media_type=f"{media_type}; charset=utf-8", headers=headers)


@router.get("/kinds", dependencies=[needs(Permission.READ)])
def show_kinds(request: Request) -> Response:
    return plain_page(request, "kinds.html", areas=[(area, [kind for kind in GapKind if HELP[kind].area == area]) for area in AREAS])


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    with spool:
        while chunk := spool.read(_CHUNK_BYTES):
            yield chunk
