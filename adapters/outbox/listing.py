"""The outbox as people see it: every instruction and what became of it, and how each account fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import dict_row

from adapters import audit
from adapters.newest_first import newest_first
from domain.money import to_text
from domain.telling import write_instant

STATES: Final = ("pending", "leased", "waiting", "done", "dead", "abandoned")


class NoSuchInstruction(LookupError):
    """No instruction has that id, in this house."""


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    erps: tuple[str, ...] = ()
    merchant: str | None = None
    return_id: str | None = None
    batch: str | None = None


def outbox_page(
    conn: Connection[Any], asked: OutboxFilter, *, limit: int | None, after: int | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Instructions, the newest first, from before `after`; and the number to go on from."""
    among = {"shown_state": asked.states, "kind": asked.kinds, "account": [f"erp/{name}" for name in asked.erps]}
    same = {"merchant": asked.merchant, "return_id": asked.return_id, "batch": asked.batch}
    rows, more = newest_first(conn, _ROWS, "number", among=among, same=same, limit=limit, after=after)
    return [_row(row) for row in rows], more


def show_instruction(conn: Connection[Any], id_: str) -> dict[str, Any]:
    """One instruction. Raises NoSuchInstruction."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"SELECT * FROM ({_ROWS}) AS rows WHERE id = %s".encode(), (id_,)).fetchone()  # noqa: S608
    if found is None:
        raise NoSuchInstruction(f"There is no instruction {id_}; `returns-ledger outbox list` shows those there are.")
    return _row(found)


def try_again(conn: Connection[Any], id_: str, by: str, now: datetime) -> dict[str, Any]:
    """Have it tried as soon as can be, whatever it waits for; what was sent is asked about first. Raises NoSuchInstruction; ValueError
    where it is done."""
    with conn.transaction():
        row = conn.execute(_AGAIN, {"id": id_, "now": now}).fetchone()
        shown = show_instruction(conn, id_)
        if row is None:
            raise ValueError(f"Instruction {id_} is {shown['state']}: there is nothing left to try.")
        audit.record(conn, "instruction.retried", now, who=by, detail=id_)
    return shown


def account_rows(conn: Connection[Any], configured: Mapping[str, str]) -> list[dict[str, Any]]:
    """How each account fares. `configured` has the kind by account, such as `erp/uk-cin7`; others that are known are shown, too."""
    with conn.cursor(row_factory=dict_row) as cursor:
        known = {row["account"]: row for row in cursor.execute(_ACCOUNTS)}
    rows = []
    for account in [*configured, *sorted(known.keys() - configured.keys())]:
        found = known.get(account, {})
        rows.append(
            {
                "name": account.partition("/")[2],
                "account": account,
                "kind": configured.get(account),
                "state": _fortune(found) if account in configured else "not configured",
                "breaker": found.get("breaker") or "closed",
                "failing_since": _instant(found.get("failing_since")),
                "probe_at": _instant(found.get("probe_at")),
                "rest_until": _instant(found.get("rest_until")),
                "paused_at": _instant(found.get("paused_at")),
                "paused_by": found.get("paused_by"),
                "paused_why": found.get("paused_why"),
                "pending": found.get("pending") or 0,
                "waiting": found.get("waiting") or 0,
                "dead": found.get("dead") or 0,
                "last_success_at": _instant(found.get("last_success_at")),
                "last_poll_at": _instant(found.get("polled_at")),
                "cursor": found.get("cursor"),
                "error": found.get("last_error"),
            }
        )
    return rows


def _fortune(found: Mapping[str, Any]) -> str:
    if found.get("paused_at"):
        return "paused"
    if found.get("refused"):
        return "refused"
    if found.get("failing_since"):
        return "failing"
    return "ok" if found.get("last_success_at") else "idle"


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    account, currency, amount = found["account"], found["currency"], found["amount_minor"]
    of_erp, name = account.startswith("erp/"), account.partition("/")[2]
    return {
        "id": found["id"],
        "kind": found["kind"],
        "state": found["shown_state"],
        "erp": name if of_erp else None,
        "connection": found["connection"],
        "merchant": found["merchant"],
        "platform": found["platform"],
        "return": found["return_id"],
        "order": found["order_ref"],
        "currency": currency,
        "amount": to_text(amount, currency) if amount is not None else None,
        "issued_at": _instant(found["issued_at"]),
        "next_at": _instant(found["next_at"]),
        "attempts": found["attempts"],
        "sent_at": _instant(found["sent_at"]),
        "waits_for": found["waits_for"],
        "answer": found["answer"],
        "document": found["document"],
        "owner": found["owner"],
        "batch": found["batch"],
        "finished_at": _instant(found["finished_at"]),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else write_instant(at)


_ROWS = """
    SELECT *, CASE WHEN state IN ('pending', 'waiting') AND lease_until > now() THEN 'leased' ELSE state END AS shown_state FROM outbox"""
_AGAIN = """
    UPDATE outbox SET state = 'pending', next_at = %(now)s, attempts = 0, failing_since = NULL
    WHERE id = %(id)s AND state IN ('pending', 'waiting', 'dead') RETURNING id"""
_ACCOUNTS = """
    SELECT a.*, account, o.pending, o.waiting, o.dead FROM outbox_accounts a
    FULL JOIN (
        SELECT account, count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'waiting') AS waiting,
            count(*) FILTER (WHERE state = 'dead') AS dead
        FROM outbox WHERE state IN ('pending', 'waiting', 'dead') GROUP BY account
    ) AS o USING (account)"""
