"""The outbox over HTTP: what ERPs are told to do and what became of it; pausing, resuming and trying again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from adapters.outbox import accounts
from adapters.outbox.batches import batch_rows
from adapters.outbox.listing import NoSuchInstruction, OutboxFilter, account_rows, outbox_page, show_instruction, try_again
from adapters.outbox.undecided import undecided_rows
from api.bootstrap import House, clock
from api.http.asking import DEFAULT_LIMIT, Asked, Cursor, Limit, Words
from api.http.auth import Permission, Who, needs
from api.http.cursors import read_cursor, write_cursor
from api.http.problems import Problem
from api.http.reading import TheHouse, connection, reading
from api.http.shapes import Instant, Next
from api.posting import account_named, accounts_of

router = APIRouter(prefix="/api/outbox", tags=["outbox"])
State = Literal["pending", "leased", "waiting", "done", "dead", "abandoned"]
Id = Annotated[str, Path(min_length=1, max_length=40, description="The instruction's id.")]
Name = Annotated[str, Path(min_length=1, max_length=60, description="An ERP, or a connection, by its name in the configuration.")]


class OutboxAsked(Asked):
    state: list[State] = Field(default_factory=list)
    kind: list[Words] = Field(default_factory=list, description="Only such instructions.")
    erp: list[Words] = Field(default_factory=list, description="Only what these ERPs are to do.")
    merchant: Words | None = None
    return_: Annotated[Words | None, Field(alias="return", description="Only of this return.")] = None
    batch: Words | None = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Instruction(_Shape):
    id: str
    kind: str
    state: State
    erp: Annotated[str | None, Field(description="Null where the platform is to do it.")]
    connection: str
    merchant: str
    platform: str
    return_: Annotated[str, Field(alias="return")]
    order: str | None
    currency: str | None
    amount: str | None
    issued_at: Instant
    next_at: Annotated[Instant | None, Field(description="When it is tried, or looked at again; null: never by itself.")]
    attempts: Annotated[int, Field(description="Tries in vain since the last that was not.")]
    sent_at: Annotated[Instant | None, Field(description="When it was last sent; null: nothing of it is at the vendor.")]
    waits_for: Annotated[str | None, Field(description="Why it was declined.")]
    answer: str | None
    document: Annotated[str | None, Field(description="The vendor's name for what it booked.")]
    owner: str
    batch: str | None
    finished_at: Instant | None


class InstructionPage(_Shape):
    items: list[Instruction]
    next: Next


class Account(_Shape):
    name: str
    account: str
    kind: str | None
    state: Literal["ok", "idle", "failing", "refused", "paused", "not configured"]
    breaker: Literal["closed", "open", "half_open"]
    failing_since: Instant | None
    probe_at: Annotated[Instant | None, Field(description="When an open breaker lets one call through.")]
    rest_until: Annotated[Instant | None, Field(description="Until when the vendor asked to be left alone.")]
    paused_at: Instant | None
    paused_by: str | None
    paused_why: str | None
    pending: int
    waiting: int
    dead: int
    last_success_at: Instant | None
    last_poll_at: Instant | None
    cursor: Annotated[dict[str, Any] | None, Field(description="How far it has been read back.")]
    error: str | None


class Accounts(_Shape):
    items: list[Account]


class Batch(_Shape):
    id: str
    account: str
    post_at: Instant
    waiting: Annotated[int, Field(description="Its notes that are not done.")]
    notes: int
    told: Annotated[dict[str, str], Field(description="By currency, what the log tells of its notes.")]
    booked: Annotated[dict[str, str], Field(description="By currency, what the ERP has booked, read back.")]
    proved: Annotated[bool | None, Field(description="Are the two the same? Null: not looked at yet.")]
    looked_at: Instant | None
    note: str | None


class Batches(_Shape):
    items: list[Batch]


class UndecidedReturn(_Shape):
    merchant: str
    platform: str
    return_: Annotated[str, Field(alias="return")]
    error: Annotated[str, Field(description="What stood in the way when it was last tried.")]
    first_at: Instant
    last_at: Instant


class Undecided(_Shape):
    items: list[UndecidedReturn]


class Pausing(_Shape):
    by: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str | None, Field(max_length=2000)] = None


@router.get(
    "", dependencies=[needs(Permission.READ)], responses={200: {"model": InstructionPage}}, summary="Instructions, the newest first"
)
def list_outbox(asked: Annotated[OutboxAsked, Query()], house: TheHouse) -> Response:
    after = read_cursor(asked, int)
    chosen = OutboxFilter(tuple(asked.state), tuple(asked.kind), tuple(asked.erp), asked.merchant, asked.return_, asked.batch)
    with reading(house) as now:
        rows, more = outbox_page(now.conn, chosen, limit=asked.limit, after=after[0] if after else None)
        return now.answer({"items": rows, "next": write_cursor(asked, [more]) if more is not None else None})


@router.get("/accounts", dependencies=[needs(Permission.READ)], responses={200: {"model": Accounts}}, summary="How each ERP fares")
def list_accounts(house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer({"items": account_rows(now.conn, accounts_of(house))})


@router.post(
    "/accounts/{name}/pause", dependencies=[needs(Permission.OPERATE)], responses={200: {"model": Account}}, summary="Send nothing more"
)
def pause(name: Name, wanted: Pausing, house: TheHouse) -> Response:
    account = _account(house, name)
    with connection(house) as conn:
        accounts.pause(conn, account, wanted.by, wanted.reason, clock())
    return _shown(house, account)


@router.post(
    "/accounts/{name}/resume", dependencies=[needs(Permission.OPERATE)], responses={200: {"model": Account}}, summary="Go on sending"
)
def resume(name: Name, who: Who, house: TheHouse) -> Response:
    account = _account(house, name)
    with connection(house) as conn:
        accounts.resume(conn, account, who, clock())
    return _shown(house, account)


@router.post(
    "/accounts/{name}/reset",
    dependencies=[needs(Permission.OPERATE)],
    responses={200: {"model": Account}},
    summary="Close the circuit breaker, and try what failed now",
)
def reset(name: Name, who: Who, house: TheHouse) -> Response:
    account = _account(house, name)
    with connection(house) as conn:
        accounts.reset(conn, account, who, clock())
    return _shown(house, account)


@router.get(
    "/undecided",
    dependencies=[needs(Permission.READ)],
    responses={200: {"model": Undecided}},
    summary="Returns that nothing could be decided on, by a mistake of ours",
)
def list_undecided(house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer({"items": undecided_rows(now.conn)})


@router.get(
    "/batches", dependencies=[needs(Permission.READ)], responses={200: {"model": Batches}}, summary="Posting batches and their proof"
)
def list_batches(house: TheHouse) -> Response:
    with reading(house) as now:
        return now.answer({"items": batch_rows(now.conn)})


@router.get("/{instruction}", dependencies=[needs(Permission.READ)], responses={200: {"model": Instruction}}, summary="One instruction")
def show(instruction: Id, house: TheHouse) -> Response:
    with reading(house) as now:
        try:
            return now.answer(show_instruction(now.conn, instruction))
        except NoSuchInstruction as unknown:
            raise _unknown(unknown) from None


@router.post(
    "/{instruction}/retry",
    dependencies=[needs(Permission.OPERATE)],
    responses={200: {"model": Instruction}, 409: {"description": "There is nothing left to try."}},
    summary="Try an instruction now; what was sent is asked about first",
)
def retry(instruction: Id, who: Who, house: TheHouse) -> Response:
    with connection(house) as conn:
        try:
            row = try_again(conn, instruction, who, clock())
        except NoSuchInstruction as unknown:
            raise _unknown(unknown) from None
        except ValueError as done:
            raise Problem(HTTPStatus.CONFLICT, "nothing-to-try", str(done)) from None
    with reading(house) as now:
        return now.answer(row)


def _account(house: House, name: str) -> str:
    account = account_named(house, name)
    if account is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-account", f"There is no ERP and no connection with the name {name!r}.")
    return account


def _shown(house: House, account: str) -> Response:
    with reading(house) as now:
        (row,) = [one for one in account_rows(now.conn, accounts_of(house)) if one["account"] == account]
        return now.answer(row)


def _unknown(unknown: NoSuchInstruction) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown-instruction", str(unknown))
