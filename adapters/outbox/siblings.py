"""Other returns of the same order at an ERP: what they were credited or are to be, so that the shares of its lines add up over all."""

from __future__ import annotations

from collections import Counter
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.event_store import Ledger
from adapters.outbox.folding import fold, read_returns
from adapters.outbox.terms import erp_account
from domain.crediting import credited_by
from domain.matching import Credited, CreditKey
from domain.returns import ReturnState
from domain.standing import standing_of
from domain.telling import ReturnKey


class Siblings:
    """Of one round of decisions, which it learns as they are made. Only what has a row in the outbox was ever credited by us."""

    def __init__(self, ledger: Ledger, pool: ConnectionPool[Connection[Any]]) -> None:
        self._ledger, self._pool = ledger, pool
        self._lately: dict[ReturnKey, ReturnState] = {}

    def learn(self, state: ReturnState) -> None:
        self._lately[state.key] = state

    def credited_by_others(self, state: ReturnState) -> Credited:
        order = state.work.order
        counted: Counter[CreditKey] = Counter()
        if order is None:
            return counted
        with self._pool.connection() as conn:
            rows = conn.execute(_OF_ORDER, (erp_account(order.erp), order.order)).fetchall()
        keys = {ReturnKey(*row) for row in rows} - {state.key}
        unread = [key for key in keys if key not in self._lately]
        states = [fold(key, events) for key, events in read_returns(self._ledger, unread).items()]
        states += [one for key, one in self._lately.items() if key != state.key and (key in keys or _of_order(one, order.erp, order.order))]
        for other in states:
            counted.update(credited_by(one for one in standing_of(other).issued if (one.erp, one.order) == (order.erp, order.order)))
        return counted


def _of_order(state: ReturnState, erp: str, order: str) -> bool:
    return state.work.order is not None and (state.work.order.erp, state.work.order.order) == (erp, order)


_OF_ORDER = """
    SELECT DISTINCT merchant, platform, return_id FROM outbox
    WHERE account = %s AND erp_order = %s AND kind = 'post_credit_note'"""
