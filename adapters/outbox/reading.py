"""One document of an ERP, read: what it tells that the ledger does not know yet, and on which stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, assert_never

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.erps import port
from adapters.erps.port import ErpDocument
from adapters.event_store import Ledger, Prepared
from adapters.outbox.documents import by_sku, lines_of
from adapters.outbox.folding import TICK, answered_at, fold_one, told
from adapters.outbox.places import CREDIT_NOTE, EXCHANGE_ORDER, Place, places_of, returns_of_order
from adapters.outbox.terms import order_key
from domain.content import Amount
from domain.erp_facts import CreditNoteAmended, InstructionDeclined, InstructionIssued
from domain.facts import CreditNoted, CreditNoteVoided, ExchangeOrdered, Fact
from domain.returns import DOCUMENTS, EXCHANGE_STATUSES, ReturnState
from domain.telling import ReturnKey

WRONG_LOCATION = "wrong_location"


class Told(NamedTuple):
    """What is to be recorded, and where documents stand from now on, each with the order that it names if it has no return.

    `early`: the instruction that made it, whose outcome is not known yet: whoever carries it out tells of it first.
    """

    facts: list[Prepared]
    places: list[tuple[Place, str | None]]
    early: str | None = None


class _Row(NamedTuple):
    """An instruction of ours that a document carries."""

    key: ReturnKey
    state: str
    document: str | None
    waits_for: str | None


class Reader:
    def __init__(self, ledger: Ledger, pool: ConnectionPool[Connection[Any]], erp: str, merchants: Sequence[str]) -> None:
        self._ledger, self._pool, self._erp, self._merchants = ledger, pool, erp, merchants

    def read(self, document: ErpDocument, now: datetime) -> Told:
        match document.kind:
            case "credit_note":
                return self._note(document, now)
            case "exchange_order":
                return self._exchange(document, now)
            case "goods":
                return self._goods(document, now)
            case _:
                assert_never(document.kind)

    def _note(self, document: ErpDocument, now: datetime) -> Told:
        unread = document.status == "active" and (document.amount is None or document.currency is None)
        if unread or document.status not in ("active", "voided"):
            return Told([], [])  # a draft credits nothing; of one that is gone, its number says enough
        known = self._known(CREDIT_NOTE, document.number)
        if known:
            return Told([fact for key in known for fact in self._changed(key, document, len(known) == 1, now)], [])
        row = self._row(document.instruction)
        if row is not None and row.state in ("pending", "waiting") and row.waits_for != port.FOUND_TWICE:
            return Told([], [], document.instruction)
        if document.status == "voided":
            return Told([], [])
        if row is not None and row.document != document.number:
            return self._noted(row.key, document, now)
        returns = self._returns_of(document)
        if len(returns) == 1:
            return self._noted(returns.pop(), document, now)
        merchants = {key.merchant for key in returns} or set(self._merchants)
        merchant = min(merchants & set(self._merchants) or merchants)
        return self._noted(ReturnKey(merchant, f"{DOCUMENTS}{self._erp}", document.number), document, now)

    def _noted(self, key: ReturnKey, document: ErpDocument, now: datetime) -> Told:
        """A note that we did not make, on a return or by itself."""
        assert document.amount is not None
        assert document.currency is not None
        by_itself = key.platform.startswith(DOCUMENTS)
        state = fold_one(self._ledger, key)
        note = CreditNoted(
            credit_note=document.number,
            erp=self._erp,
            currency=document.currency,
            amount=document.amount,
            lines=by_sku(document.lines) if by_itself else lines_of(state, document.lines),
        )
        order = order_key(document.order_reference) if by_itself and document.order_reference else None
        place = Place(self._erp, CREDIT_NOTE, document.number, key)
        return Told([self._tell(key, min(document.at, now), note)], [(place, order)])

    def _changed(self, key: ReturnKey, document: ErpDocument, alone: bool, now: datetime) -> list[Prepared]:
        """A note that the ledger knows: voided since, or changed, or active once more. One that stands on several returns says not whose
        part changed."""
        state = fold_one(self._ledger, key)
        name = (self._erp, document.number)
        if name not in state.notes or name in state.work.moved_away:
            return []
        if document.status == "voided":
            return [] if name in state.voided else [self._tell(key, now, CreditNoteVoided(credit_note=document.number, erp=self._erp))]
        note = state.note(name)
        assert document.amount is not None
        assert document.currency is not None
        same = note.currency == document.currency and not _differ(note.amount, document.amount)
        if name in state.voided:
            now = max(now, state.voided_at[name] + TICK)
        elif same or not alone:
            return []
        currency, amount, lines = note.currency, note.amount, note.lines
        if alone:
            currency, amount = document.currency, document.amount
            lines = by_sku(document.lines) if state.is_document else lines_of(state, document.lines)
        amended = CreditNoteAmended(credit_note=document.number, erp=self._erp, currency=currency, amount=amount, lines=lines)
        return [self._tell(key, now, amended)]

    def _exchange(self, document: ErpDocument, now: datetime) -> Told:
        if document.status not in EXCHANGE_STATUSES:
            return Told([], [])
        known = self._known(EXCHANGE_ORDER, document.number)
        row = self._row(document.instruction)
        if not known and row is not None:
            if row.state == "pending":
                return Told([], [], document.instruction)
            known = [row.key]
        if not known and row is None:
            wanted = [key for key in self._returns_of(document) if _is_exchange(fold_one(self._ledger, key))]
            known = wanted if len(wanted) == 1 else []
        facts: list[Prepared] = []
        for key in known:
            before = fold_one(self._ledger, key).exchange_orders.get(document.number)
            if before is None or EXCHANGE_STATUSES.index(document.status) > EXCHANGE_STATUSES.index(before):
                ordered = ExchangeOrdered.model_validate({"order": document.number, "status": document.status, "erp": self._erp})
                facts.append(self._tell(key, now, ordered))
        return Told(facts, [(Place(self._erp, EXCHANGE_ORDER, document.number, key), None) for key in known])

    def _goods(self, document: ErpDocument, now: datetime) -> Told:
        """Goods of ours that somebody put elsewhere than was instructed."""
        row = self._row(document.instruction)
        if row is None or document.instruction is None or document.status == "voided":
            return Told([], [])
        if row.state != "done":
            return Told([], [], document.instruction)
        state = fold_one(self._ledger, row.key)
        issued = state.work.issued.get(document.instruction)
        answer = state.work.answers.get(document.instruction)
        if issued is None or answer is None or answer.status != "accepted":
            return Told([], [])
        wrong = _elsewhere(issued, document)
        if not wrong:
            return Told([], [])
        fact = InstructionDeclined(
            instruction=document.instruction,
            code=WRONG_LOCATION,
            reason=f"{document.number} of {self._erp} has {wrong}",
            what_to_do="move the goods in the ERP to where they belong, or say `resolve … retry` to have them moved once more",
        )
        return Told([self._tell(row.key, answered_at(state, document.instruction, now), fact)], [])

    def _tell(self, key: ReturnKey, at: datetime, fact: Fact) -> Prepared:
        return told(key, at, fact, f"poll:{self._erp}")

    def _known(self, kind: str, number: str) -> list[ReturnKey]:
        with self._pool.connection() as conn:
            return places_of(conn, self._erp, kind, [number]).get(number, [])

    def _returns_of(self, document: ErpDocument) -> set[ReturnKey]:
        """The returns that name the order of a document."""
        if document.order_reference is None:
            return set()
        key = order_key(document.order_reference)
        with self._pool.connection() as conn:
            return {found for merchant in self._merchants for found in returns_of_order(conn, merchant, key)}

    def _row(self, instruction: str | None) -> _Row | None:
        if instruction is None:
            return None
        with self._pool.connection() as conn:
            found = conn.execute(_OF_INSTRUCTION, (instruction,)).fetchone()
        return None if found is None else _Row(ReturnKey(*found[:3]), *found[3:])


def _differ(before: Amount, now: Amount) -> bool:
    """In its total, or in a part that both tell."""
    return before.total != now.total or any(
        one != other for one, other in zip(before.parts, now.parts, strict=True) if one is not None and other is not None
    )


def _is_exchange(state: ReturnState) -> bool:
    return state.initiated is not None and state.initiated.resolution == "exchange"


def _elsewhere(issued: InstructionIssued, document: ErpDocument) -> str | None:
    """In a few words, goods that stand where nobody wanted them."""
    wanted: dict[str, set[str]] = {}
    for goods in issued.goods:
        if goods.to_location is not None:
            wanted.setdefault(goods.sku, set()).add(goods.to_location)
    for line in document.lines:
        if line.location is not None and line.sku in wanted and line.location not in wanted[line.sku]:
            return f"{line.quantity} of {line.sku} at {line.location}; they were to go to {' or '.join(sorted(wanted[line.sku]))}"
    return None


_OF_INSTRUCTION = "SELECT merchant, platform, return_id, state, document, waits_for FROM outbox WHERE id = %s"
