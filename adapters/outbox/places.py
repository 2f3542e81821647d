"""Where documents of an ERP stand in the ledger: on the return they belong to, or, while no return is known, on a stream of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection, Cursor
from psycopg_pool import ConnectionPool

from adapters.erps.port import DocumentLine
from adapters.event_store import Ledger, Prepared
from adapters.outbox.documents import lines_of
from adapters.outbox.folding import fold_one, told
from adapters.outbox.terms import Terms, order_key
from domain.decisions import DocumentAssigned
from domain.facts import CreditNoted
from domain.returns import DOCUMENTS, ReturnState
from domain.telling import ReturnKey

CREDIT_NOTE, EXCHANGE_ORDER = "credit_note", "exchange_order"


class Place(NamedTuple):
    """A document and its stream."""

    erp: str
    kind: str
    number: str
    key: ReturnKey


class Resettled(NamedTuple):
    """A document whose return turned up: what is told on both streams."""

    key: ReturnKey
    facts: list[Prepared]


class Places:
    """Of one round of decisions: learns from the returns, and writes what it learned with what is recorded."""

    def __init__(self, ledger: Ledger, pool: ConnectionPool[Connection[Any]], now: datetime) -> None:
        self._ledger, self._pool, self._now = ledger, pool, now
        self._orders: set[tuple[str, str, str, str]] = set()
        self._documents: set[Place] = set()
        self._moved: list[Place] = []
        with pool.connection() as conn:
            found = conn.execute("SELECT EXISTS (SELECT FROM outbox_documents WHERE order_key IS NOT NULL)").fetchone()
        self._any_orphans = bool(found and found[0])

    def learn(self, state: ReturnState, terms: Terms) -> list[Resettled]:
        erp = terms.policy.erp
        if erp is None or state.is_document:
            return []
        names = [state.initiated.order] if state.initiated else []
        if state.work.reference is not None:
            names.append(state.work.reference.reference)
        keys = {order_key(name) for name in names}
        merchant, platform, return_id = state.key
        self._orders |= {(merchant, name, platform, return_id) for name in keys}
        self._documents |= {Place(note.erp, CREDIT_NOTE, note.credit_note, state.key) for note in state.notes.values()}
        self._documents |= {Place(erp.name, EXCHANGE_ORDER, number, state.key) for number in state.exchange_orders}
        if not self._any_orphans:
            return []
        return [one for orphan in self._orphans(state, keys) if (one := self._resettle(orphan, state)) is not None]

    @property
    def orders(self) -> set[tuple[str, str]]:
        """Merchant and order of the returns that it has learned from."""
        return {(merchant, order) for merchant, order, _, _ in self._orders}

    def write(self, cursor: Cursor[Any]) -> None:
        if self._orders:
            columns = [list(column) for column in zip(*sorted(self._orders), strict=True)]
            cursor.execute(_ORDERS, columns)
        for place in self._moved:
            forget(cursor, place)
        for place in sorted(self._documents):
            keep(cursor, place)

    def _orphans(self, state: ReturnState, keys: set[str]) -> list[Place]:
        """Documents without a return that name this one's order, if it is the only return that does; or that it tells of itself."""
        numbers = [note.credit_note for note in state.notes.values()]
        with self._pool.connection() as conn:
            asked = {"merchant": state.key.merchant, "orders": list(keys), "numbers": numbers, "documents": f"{DOCUMENTS}%"}
            found = conn.execute(_ORPHANS, asked).fetchall()
            if not found:
                return []
            named = {key: returns_of_order(conn, state.key.merchant, key) | self._lately(state.key.merchant, key) for key in keys}
        return [
            Place(erp, CREDIT_NOTE, number, ReturnKey(*key))
            for erp, number, *key, name in found
            if named.get(name) == {state.key} or (erp, number) in state.notes
        ]

    def _lately(self, merchant: str, order: str) -> set[ReturnKey]:
        return {ReturnKey(of, platform, return_id) for of, key, platform, return_id in self._orders if (of, key) == (merchant, order)}

    def _resettle(self, orphan: Place, state: ReturnState) -> Resettled | None:
        alone = fold_one(self._ledger, orphan.key)
        note_key = (orphan.erp, orphan.number)
        if note_key not in alone.notes or note_key in alone.voided or note_key in alone.work.moved_away:
            return None
        cause = f"decided:{orphan.erp}"
        assigned = DocumentAssigned(credit_note=orphan.number, erp=orphan.erp, to=str(state.key))
        facts = [told(orphan.key, self._now, assigned, cause, f"assigned/{orphan.erp}/{orphan.number}")]
        if note_key not in state.notes:
            note = alone.note(note_key)
            lines = lines_of(state, [DocumentLine(None, one.line, one.quantity) for one in note.lines or ()])
            moved = CreditNoted(credit_note=note.credit_note, erp=note.erp, currency=note.currency, amount=note.amount, lines=lines)
            facts.append(told(state.key, alone.told_at[note_key], moved, cause))
        self._moved.append(orphan)
        self._documents.add(orphan._replace(key=state.key))
        return Resettled(state.key, facts)


def keep(cursor: Cursor[Any], place: Place, order: str | None = None) -> None:
    """`order` is the key of the order that a document without a return names."""
    cursor.execute(_KEEP, (place.erp, place.kind, place.number, *place.key, order))


def forget(cursor: Cursor[Any], place: Place) -> None:
    cursor.execute(_FORGET, (place.erp, place.kind, place.number, *place.key))


def places_of(conn: Connection[Any], erp: str, kind: str, numbers: Sequence[str]) -> dict[str, list[ReturnKey]]:
    """By number, the streams that a document stands on."""
    found: dict[str, list[ReturnKey]] = {}
    for number, *key in conn.execute(_PLACES, (erp, kind, list(numbers))).fetchall():
        found.setdefault(number, []).append(ReturnKey(*key))
    return found


def returns_of_order(conn: Connection[Any], merchant: str, key: str) -> set[ReturnKey]:
    rows = conn.execute("SELECT merchant, platform, return_id FROM outbox_orders WHERE merchant = %s AND order_key = %s", (merchant, key))
    return {ReturnKey(*row) for row in rows.fetchall()}


def returns_of_orders(conn: Connection[Any], orders: Iterable[tuple[str, str]]) -> set[ReturnKey]:
    """All returns of these orders, each named by its merchant and key."""
    columns = [list(column) for column in zip(*sorted(orders), strict=True)]
    return {ReturnKey(*row) for row in conn.execute(_OF_ORDERS, columns).fetchall()} if columns else set()


def returns_of_orphans(conn: Connection[Any]) -> list[ReturnKey]:
    """Returns that are the only one to name the order of a document which stands for itself."""
    return [ReturnKey(*row) for row in conn.execute(_REUNITED).fetchall()]


_REUNITED = """
    SELECT d.merchant, min(o.platform), min(o.return_id) FROM (
        SELECT DISTINCT merchant, order_key FROM outbox_documents WHERE order_key IS NOT NULL
    ) AS d JOIN outbox_orders o USING (merchant, order_key) GROUP BY d.merchant, d.order_key HAVING count(*) = 1"""
_OF_ORDERS = """
    SELECT DISTINCT merchant, platform, return_id FROM unnest(%s::text[], %s::text[]) AS asked (merchant, order_key)
    JOIN outbox_orders USING (merchant, order_key)"""
_ORDERS = """
    INSERT INTO outbox_orders (merchant, order_key, platform, return_id)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING"""
_ORPHANS = """
    SELECT erp, number, merchant, platform, return_id, order_key FROM outbox_documents
    WHERE merchant = %(merchant)s AND kind = 'credit_note' AND platform LIKE %(documents)s
      AND order_key IS NOT NULL AND (order_key = ANY(%(orders)s) OR number = ANY(%(numbers)s))"""
_KEEP = """
    INSERT INTO outbox_documents (erp, kind, number, merchant, platform, return_id, order_key) VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING"""
_FORGET = """
    DELETE FROM outbox_documents
    WHERE erp = %s AND kind = %s AND number = %s AND merchant = %s AND platform = %s AND return_id = %s"""
_PLACES = """
    SELECT number, merchant, platform, return_id FROM outbox_documents WHERE erp = %s AND kind = %s AND number = ANY(%s)
    ORDER BY 2, 3, 4"""
