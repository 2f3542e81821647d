"""Other returns of the same order at an ERP: what they were credited or are to be, so that the shares of its lines add up over all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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
        self._of_order: dict[tuple[str, str], set[ReturnKey]] = {}

    def expect(self, states: Iterable[ReturnState]) -> None:
        """Look once for all of a round's returns which others have notes on the same orders."""
        orders = {(erp_account(one.work.order.erp), one.work.order.order) for one in states if one.work.order is not None}
        self._of_order = {order: set() for order in orders}
        if orders:
            with self._pool.connection() as conn:
                rows = conn.execute(_OF_ORDERS, [list(column) for column in zip(*sorted(orders), strict=True)]).fetchall()
            for account, order, *key in rows:
                self._of_order[account, order].add(ReturnKey(*key))

    def learn(self, state: ReturnState) -> None:
        self._lately[state.key] = state

    def credited_by_others(self, state: ReturnState) -> Credited:
        order = state.work.order
        counted: Counter[CreditKey] = Counter()
        if order is None:
            return counted
        keys = self._of_order.get((erp_account(order.erp), order.order), set()) - {state.key}
        unread = [key for key in keys if key not in self._lately]
        states = [fold(key, events) for key, events in read_returns(self._ledger, unread).items()]
        states += [one for key, one in self._lately.items() if key != state.key and (key in keys or _of_order(one, order.erp, order.order))]
        for other in states:
            counted.update(credited_by(one for one in standing_of(other).issued if (one.erp, one.order) == (order.erp, order.order)))
        return counted


def _of_order(state: ReturnState, erp: str, order: str) -> bool:
    return state.work.order is not None and (state.work.order.erp, state.work.order.order) == (erp, order)


_OF_ORDERS = """
    SELECT DISTINCT o.account, o.erp_order, o.merchant, o.platform, o.return_id
    FROM unnest(%s::text[], %s::text[]) AS asked (account, erp_order)
    JOIN outbox o ON o.account = asked.account AND o.erp_order = asked.erp_order AND o.kind = 'post_credit_note'"""
