"""Bulk actions: marked rows, or all that a list shows, become a plan; a person starts it, watches it and can stop it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

import psycopg
from fastapi import APIRouter, FastAPI, Path, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from adapters import bulk_runs
from adapters.bulk_runs import Item, NoSuchRun, Run
from adapters.event_store import LedgerError
from api.bootstrap import House, clock, moment
from api.console.acting import catch_up, decision_of, record
from api.console.offers import BULK
from api.console.rendering import page
from api.console.viewer import DECIDES, Fields, Viewer, Viewing, field
from api.console.writing import GAP_KEY
from api.http.asking import GapExportAsked
from api.http.auth import Permission, needs
from api.http.problems import Problem, bad_parameter
from api.http.reading import TheHouse, connection, reading
from domain.telling import ReturnKey
from projections.gap_register import all_gaps

log = logging.getLogger("returns_ledger")

MOST_ITEMS: Final = 1000
_LISTS: Final = ("kind", "owner", "merchant", "platform", "currency")
_OF_PAGE: Final = ("cursor", "limit", "sort")
# Of these each gap is one decision, of the others each return.
_OF_GAP: Final = ("accept-difference", "waive")
Number = Annotated[int, Path(ge=1, lt=2**63)]

router = APIRouter(include_in_schema=False)


@router.post("/bulk", dependencies=[DECIDES])
def plan(fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    action, query = field(fields, "action") or "", field(fields, "query", 4000) or ""
    offer = next((one for one in BULK if one.action == action), None)
    if offer is None:
        raise bad_parameter("action", f"choose from {', '.join(one.action for one in BULK)}")
    # Every action of the bar has fields of its own: a form without script sends all of them.
    parameters = {name: field(fields, f"{action}.{name}") or "" for name in (*(ask.name for ask in offer.asks), "reason")}
    with reading(house) as now:
        gaps = _all_of(now.conn, query, viewer) if field(fields, "whole") else [_key(text) for text in fields.get("gap", ())]
    items = _items(house, action, parameters, gaps, viewer)
    with connection(house) as conn:
        run = bulk_runs.plan(conn, action, parameters, query, viewer.name, clock(), items)
    return RedirectResponse(f"/bulk/{run}", HTTPStatus.SEE_OTHER)


@router.get("/bulk/{run}", dependencies=[needs(Permission.READ)])
def show(request: Request, run: Number, house: TheHouse) -> Response:
    at = moment()
    with reading(house) as now:
        found, items = _run(now.conn, run), bulk_runs.items_of(now.conn, run)
        counts = {state: sum(one.state == state for one in items) for state in ("planned", "done", "refused")}
        offer = next(one for one in BULK if one.action == found.action)
        return page(request, now, "bulk.html", at, run=found, items=items, counts=counts, offer=offer, sums=_sums(items))


@router.post("/bulk/{run}/start", dependencies=[DECIDES])
def start(request: Request, run: Number, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    """Also goes on with one that was interrupted."""
    with connection(house) as conn:
        found = _run(conn, run)
        taken = bulk_runs.take(conn, run, clock())
    if taken:
        drain: threading.Event = request.app.state.drain
        threading.Thread(target=_work, args=(request.app, house, found, viewer, drain), name=f"bulk-{run}", daemon=True).start()
    return RedirectResponse(f"/bulk/{run}", HTTPStatus.SEE_OTHER)


@router.post("/bulk/{run}/cancel", dependencies=[DECIDES])
def cancel(run: Number, fields: Fields, viewer: Viewing, house: TheHouse) -> Response:
    with connection(house) as conn:
        _run(conn, run)
        bulk_runs.cancel(conn, run, viewer.name, clock())
    return RedirectResponse(f"/bulk/{run}", HTTPStatus.SEE_OTHER)


def _work(app: FastAPI, house: House, run: Run, viewer: Viewer, drain: threading.Event) -> None:
    """One return after another, each an event of its own."""
    try:
        while not drain.is_set():
            with house.connection() as conn:
                item = bulk_runs.next_item(conn, run.id, clock())
            if item is None:
                break
            state, said = _decide(house, run.action, run.parameters, item, viewer)
            with house.connection() as conn:
                bulk_runs.settle(conn, run.id, item.number, state, said)
        if not drain.is_set():
            catch_up(app, house)
            with house.connection() as conn:
                bulk_runs.finish(conn, run.id, clock())
    except (psycopg.Error, LedgerError) as failure:
        log.warning("bulk action %d: %s; a person can go on with it", run.id, str(failure).strip())


def _decide(
    house: House, action: str, parameters: Mapping[str, str], item: Item, viewer: Viewer, *, dry_run: bool = False
) -> tuple[str, str | None]:
    fields = {name: [value] for name, value in ({"action": action} | dict(parameters) | item.parameters).items() if value}
    try:
        decision = decision_of(fields, viewer)
        record(house, ReturnKey(item.merchant, item.platform, item.return_id), decision, viewer, parameters.get("reason"), dry_run=dry_run)
    except Problem as problem:
        if problem.status is HTTPStatus.FORBIDDEN and dry_run:
            raise
        return "refused", problem.detail
    return ("planned" if dry_run else "done"), None


def _items(house: House, action: str, parameters: dict[str, str], gaps: list[dict[str, Any]], viewer: Viewer) -> list[Item]:
    """Each tried without recording anything, so that the plan says what cannot be. Raises Problem for none, or too many."""
    wanted: dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, str]]] = {}
    for gap in gaps:
        of_gap: dict[str, str] = {}
        if action == "accept-difference" and gap["currency"]:
            # The very difference that was seen: where it is another one meanwhile, somebody has to look again.
            of_gap = {"currency": gap["currency"]} | ({"amount": gap["amount"]} if gap["amount"] else {})
        elif action == "waive":
            of_gap = {"kind": gap["kind"]} | ({"line": gap["line"]} if gap["line"] else {})
        wanted.setdefault((gap["merchant"], gap["platform"], gap["return"], *of_gap.values()), (gap, of_gap))
    if not wanted:
        raise bad_parameter("gap", "nothing is marked; mark rows of the list first")
    if len(wanted) > MOST_ITEMS:
        raise bad_parameter("gap", f"a bulk action takes {MOST_ITEMS} at most, and these are {len(wanted)}; narrow the list")
    items = []
    for number, (gap, of_gap) in enumerate(wanted.values(), start=1):
        amount = gap.get("amount") if action in _OF_GAP else None
        item = Item(
            number, gap["merchant"], gap["platform"], gap["return"], of_gap, gap["currency"] if amount else None, amount, "planned", None
        )
        state, said = _decide(house, action, parameters, item, viewer, dry_run=True)
        items.append(Item(item.number, item.merchant, item.platform, item.return_id, of_gap, item.currency, item.amount, state, said))
    return items


def _all_of(conn: psycopg.Connection[Any], query: str, viewer: Viewer) -> list[dict[str, Any]]:
    """The open gaps that the list's address asks for, but for its page and moment."""
    try:
        told = {name: values if name in _LISTS else values[-1] for name, values in parse_qs(query).items() if name not in _OF_PAGE}
        asked = GapExportAsked.model_validate(told)
    except ValidationError:
        raise bad_parameter("query", "is not that of a list of gaps") from None
    if asked.as_of or asked.known_at or asked.status != "open":
        raise bad_parameter("query", "only what is open now can be decided on")
    return list(all_gaps(conn, asked.filter(conn, viewer.owners), asked.moment(), limit=MOST_ITEMS * 4))


def _key(text: str) -> dict[str, Any]:
    """A marked row, as the list wrote it."""
    try:
        parts = json.loads(text)
        if not isinstance(parts, list) or len(parts) != len(GAP_KEY) or not all(isinstance(one, str | None) for one in parts):
            raise ValueError
        return dict(zip(GAP_KEY, parts, strict=True))
    except ValueError:
        raise bad_parameter("gap", "is none of the list's rows") from None


def _run(conn: psycopg.Connection[Any], run: int) -> Run:
    try:
        return bulk_runs.get_run(conn, run)
    except NoSuchRun as unknown:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown-run", str(unknown)) from None


def _sums(items: list[Item]) -> list[tuple[str, str]]:
    """By currency what the decided and planned ones are worth; refused ones don't count."""
    sums: dict[str, Decimal] = {}
    for one in items:
        if one.amount is not None and one.currency is not None and one.state != "refused":
            sums[one.currency] = sums.get(one.currency, Decimal(0)) + Decimal(one.amount)
    return [(currency, str(total)) for currency, total in sorted(sums.items())]
