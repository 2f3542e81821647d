"""Rows of the outbox: written with the fact that issues them, leased in order, marked before anything is sent, and settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import orjson
from psycopg import Connection, Cursor
from psycopg.rows import class_row

from adapters.inbox.store import storable
from adapters.outbox.terms import MATCH_ORDER, Terms, account_of, erp_account, lanes_of, owner_of
from domain.erp_facts import InstructionIssued
from domain.instructions import instruction_id
from domain.telling import ReturnKey

# Whoever takes a row and dies leaves it to the next one after so long; who lives renews it.
LEASE: Final = timedelta(seconds=15)
State = Literal["pending", "waiting", "done", "dead", "abandoned"]


@dataclass(frozen=True, slots=True)
class Row:
    """One instruction, or one look at a return's order. `attempts` counts tries in vain since the last that was not."""

    id: str
    number: int
    account: str
    connection: str
    merchant: str
    platform: str
    return_id: str
    kind: str
    state: State
    issued_at: datetime
    attempts: int
    failing_since: datetime | None
    sent_at: datetime | None
    waits_for: str | None
    batch: str | None

    @property
    def key(self) -> ReturnKey:
        return ReturnKey(self.merchant, self.platform, self.return_id)


class Change(NamedTuple):
    """What becomes of a row. `sent` False: it is certain that nothing was done. A `final` state stays, whoever comes later.

    `wrote`: something may have been written until this very moment.
    """

    state: State
    answer: str
    next_at: datetime | None = None
    sent: bool = False
    attempts: int = 0
    failing_since: datetime | None = None
    waits_for: str | None = None
    document: str | None = None
    booked_minor: int | None = None
    wrote: bool = False


def match_id(key: ReturnKey, erp: str) -> str:
    """The row that looks for a return's order at an ERP: one for ever."""
    return "mo-" + instruction_id(key, MATCH_ORDER, erp)[3:]


class New(NamedTuple):
    """An instruction that gets a row. `order` is the platform's name of the original order."""

    key: ReturnKey
    issued: InstructionIssued
    terms: Terms
    order: str | None


def insert(cursor: Cursor[Any], news: Sequence[New], now: datetime) -> None:
    """Rows in this order, due at once, or with their batch. Known already: nothing."""
    rows: list[dict[str, Any]] = []
    for place, (key, issued, terms, order) in enumerate(news):
        batch = terms.batch_of(issued, now)
        due = {"batch": batch and batch[0], "next_at": batch[1] if batch else now, "place": place}
        rows.append(_row_of(key, issued, terms, now, order) | due)
        if batch is not None:
            cursor.execute(_BATCH, {"id": batch[0], "account": account_of(issued, terms), "post_at": batch[1]})
    if rows:
        cursor.execute(_INSERT, (orjson.dumps(rows).decode(),))


def restore(cursor: Cursor[Any], key: ReturnKey, issued: InstructionIssued, terms: Terms, at: datetime, now: datetime) -> None:
    """A row that is gone while its fact is in the log: nobody knows whether it was sent, so it is asked about first."""
    told = _row_of(key, issued, terms, at, None)
    cursor.execute(_INSERT, (orjson.dumps([told | {"batch": None, "next_at": now, "place": 0}]).decode(),))
    cursor.execute("UPDATE outbox SET sent_at = %s WHERE id = %s", (at, issued.instruction))


def want_match(cursor: Cursor[Any], key: ReturnKey, erp: str, connection: str, now: datetime, asked_at: datetime | None) -> None:
    """The order is needed: it is looked for now, where it never was or somebody asked since the last look, else at the ERP's next poll."""
    told = {"id": match_id(key, erp), "account": erp_account(erp), "connection": connection, "now": now, "asked_at": asked_at}
    cursor.execute(_WANT_MATCH, told | key._asdict() | {"owner": owner_of(MATCH_ORDER)})


def no_match_wanted(cursor: Cursor[Any], names: Sequence[str]) -> None:
    """`names` of `match_id`."""
    if names:
        cursor.execute("UPDATE outbox SET state = 'done' WHERE id = ANY(%s) AND state IN ('pending', 'waiting')", (list(names),))


def may_be_abandoned(cursor: Cursor[Any], ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are not under way: nothing of them is at the vendor, or nothing more will be. They are locked until the end of
    the transaction; one without a row may be abandoned, too."""
    if not ids:
        return set()
    found = cursor.execute("SELECT id, sent_at IS NOT NULL AND state <> 'done' FROM outbox WHERE id = ANY(%s) FOR UPDATE", (list(ids),))
    return set(ids) - {id_ for id_, under_way in found.fetchall() if under_way}


def abandon(cursor: Cursor[Any], ids: Sequence[str], now: datetime, why: str) -> None:
    cursor.execute(_ABANDON, {"ids": list(ids), "now": now, "why": why})


def lease(conn: Connection[Any], account: str, owner: str, now: datetime, *, waiting_first: bool = False) -> Row | None:
    """The one that has been due for longest, and that nothing earlier of its return holds back; nobody else gets it for a while.

    What is new goes before what is only looked at again, or the other way round: whoever takes turns lets neither starve.
    """
    asked = {"account": account, "owner": owner, "now": now, "until": now + LEASE}
    states = ("waiting", "pending") if waiting_first else ("pending", "waiting")
    with conn.cursor(row_factory=class_row(Row)) as cursor:
        for state in states:
            if (row := cursor.execute(_LEASE, asked | {"state": state}).fetchone()) is not None:
                return row
    return None


def renew(conn: Connection[Any], owner: str, now: datetime) -> None:
    conn.execute("UPDATE outbox SET lease_until = %s WHERE lease_owner = %s AND lease_until > %s", (now + LEASE, owner, now))


def let_go(conn: Connection[Any], owner: str) -> None:
    """What this owner has taken is free at once."""
    conn.execute("UPDATE outbox SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = %s", (owner,))


def mark_sent(conn: Connection[Any], row: Row, owner: str, now: datetime) -> bool:
    """Committed before anything is sent. False where it is not ours any more, or was abandoned meanwhile: nothing may be sent then."""
    return conn.execute(_MARK_SENT, {"id": row.id, "owner": owner, "now": now, "until": now + LEASE}).fetchone() is not None


def settle(cursor: Cursor[Any], row: Row, owner: str, change: Change, now: datetime) -> None:
    """Let go of a row. What is done is done, whoever says so; anything else says only who still holds it."""
    cursor.execute(_SETTLE, {"id": row.id, "owner": owner, "now": now} | change._asdict() | {"answer": storable(change.answer, 1_000)})


def _row_of(key: ReturnKey, issued: InstructionIssued, terms: Terms, at: datetime, order: str | None) -> dict[str, Any]:
    return {
        "id": issued.instruction,
        "account": account_of(issued, terms),
        "connection": terms.connection,
        "merchant": key.merchant,
        "platform": key.platform,
        "return_id": key.return_id,
        "kind": issued.kind,
        "lanes": list(lanes_of(issued)),
        "issued_at": at,
        "owner": owner_of(issued.kind),
        "order_ref": order,
        "erp_order": issued.order,
        "currency": issued.currency if issued.amount else None,
        "amount_minor": issued.amount.total if issued.amount else None,
    }


_INSERT = """
    INSERT INTO outbox (id, account, connection, merchant, platform, return_id, kind, lanes, issued_at, next_at, owner, batch, order_ref,
        erp_order, currency, amount_minor)
    SELECT id, account, connection, merchant, platform, return_id, kind, lanes, issued_at, next_at, owner, batch, order_ref,
        erp_order, currency, amount_minor
    FROM jsonb_to_recordset(%s::jsonb) AS told (id text, account text, connection text, merchant text, platform text, return_id text,
        kind text, lanes text[], issued_at timestamptz, next_at timestamptz, owner text, batch text, order_ref text, erp_order text,
        currency text, amount_minor bigint, place integer)
    ORDER BY place ON CONFLICT (id) DO NOTHING"""
_BATCH = "INSERT INTO outbox_batches (id, account, post_at) VALUES (%(id)s, %(account)s, %(post_at)s) ON CONFLICT (id) DO NOTHING"
_WANT_MATCH = """
    INSERT INTO outbox AS o (id, account, connection, merchant, platform, return_id, kind, lanes, issued_at, next_at, owner)
    VALUES (%(id)s, %(account)s, %(connection)s, %(merchant)s, %(platform)s, %(return_id)s, 'match_order', '{}', %(now)s, %(now)s,
        %(owner)s)
    ON CONFLICT (id) DO UPDATE SET
        state = CASE WHEN o.state IN ('pending', 'waiting') THEN o.state ELSE 'pending' END,
        next_at = CASE
            WHEN o.state NOT IN ('pending', 'waiting') OR %(asked_at)s::timestamptz > coalesce(o.tried_at, '-infinity') THEN %(now)s
            ELSE o.next_at END,
        finished_at = NULL"""
_ABANDON = """
    UPDATE outbox SET state = 'abandoned', next_at = NULL, waits_for = NULL, answer = %(why)s, finished_at = %(now)s,
        lease_owner = NULL, lease_until = NULL
    WHERE id = ANY(%(ids)s) AND state <> 'done'"""
# An earlier one of the return that is not done holds back what shares a lane with it, whatever it waits for; one that is only on its way
# holds back all but exchanges. A credit note that waits for its batch holds back no goods, and what waits behind one that was declined is
# not on its way. Who takes over from one that never let go knows of nothing more than that it may have written until now.
_LEASE = """
    WITH due AS (
        SELECT id FROM outbox o
        WHERE account = %(account)s AND state = %(state)s AND state IN ('pending', 'waiting') AND next_at <= %(now)s
          AND (lease_until IS NULL OR lease_until <= %(now)s)
          AND NOT EXISTS (SELECT FROM outbox_accounts p WHERE p.account = 'connection/' || o.connection AND p.paused_at IS NOT NULL)
          AND (kind = 'match_order' OR NOT EXISTS (
            SELECT FROM outbox e
            WHERE e.merchant = o.merchant AND e.platform = o.platform AND e.return_id = o.return_id AND e.number < o.number
              AND e.account = o.account AND e.kind <> 'match_order'
              AND ((e.state IN ('pending', 'waiting', 'dead') AND e.lanes && o.lanes)
                OR (e.state = 'pending' AND e.batch IS NULL AND NOT 'exchange' = ANY(e.lanes || o.lanes) AND NOT EXISTS (
                    SELECT FROM outbox b
                    WHERE b.merchant = e.merchant AND b.platform = e.platform AND b.return_id = e.return_id AND b.number < e.number
                      AND b.account = e.account AND b.state IN ('waiting', 'dead') AND b.lanes && e.lanes)))))
        ORDER BY next_at, number LIMIT 1 FOR UPDATE OF o SKIP LOCKED
    )
    UPDATE outbox SET lease_owner = %(owner)s, lease_until = %(until)s, tried_at = %(now)s,
        sent_at = CASE WHEN lease_owner IS NOT NULL AND sent_at IS NOT NULL THEN %(now)s ELSE sent_at END
    FROM due WHERE outbox.id = due.id
    RETURNING outbox.id, number, account, connection, merchant, platform, return_id, kind, state, issued_at, attempts, failing_since,
        sent_at, waits_for, batch"""
_MARK_SENT = """
    UPDATE outbox SET sent_at = %(now)s, lease_until = %(until)s
    WHERE id = %(id)s AND lease_owner = %(owner)s AND state IN ('pending', 'waiting') RETURNING id"""
_SETTLE = """
    UPDATE outbox SET state = %(state)s, answer = %(answer)s, next_at = %(next_at)s, attempts = %(attempts)s,
        failing_since = %(failing_since)s, waits_for = %(waits_for)s, document = coalesce(%(document)s, document),
        booked_minor = coalesce(%(booked_minor)s, booked_minor),
        sent_at = CASE WHEN %(wrote)s THEN %(now)s::timestamptz WHEN %(sent)s OR %(state)s = 'done' THEN sent_at END,
        finished_at = CASE WHEN %(state)s IN ('done', 'abandoned') THEN %(now)s::timestamptz END,
        lease_owner = NULL, lease_until = NULL
    WHERE id = %(id)s AND state <> 'done' AND (lease_owner = %(owner)s OR %(state)s = 'done')"""
