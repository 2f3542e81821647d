"""The contract that every ERP keeps, against the program itself, which is slow: faults at every single call are left to simulators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.sandbox.faults import Front
from domain.erp_facts import Kind
from tests.adapters.erps.contract import ErpContract
from tests.erp.real import TrytonRig
from tests.erp.server import Server

pytestmark = pytest.mark.erp
WAYS: tuple[Kind, ...] = ("post_credit_note", "book_in", "move", "order_exchange")


class TestTryton(ErpContract):
    @pytest.fixture(autouse=True)
    def _tryton(self, fresh: Callable[[], Server]) -> None:
        self._fresh = fresh

    def rig(self, front: Callable[..., Front] = Front) -> TrytonRig:
        return TrytonRig(self._fresh(), front)

    # Once for each way that a document goes; and no run over each call and fault.

    @pytest.mark.parametrize("kind", WAYS)
    def test_it_is_found_by_one_who_does_not_know_that_it_was_sent(self, kind: Kind) -> None:
        super().test_it_is_found_by_one_who_does_not_know_that_it_was_sent(kind)

    @pytest.mark.parametrize("seed", [7])
    @pytest.mark.parametrize("kind", WAYS)
    def test_on_a_bad_day_it_is_done_once(self, kind: Kind, seed: int) -> None:
        super().test_on_a_bad_day_it_is_done_once(kind, seed)

    test_whichever_call_fails_it_is_done_once = None  # type: ignore[assignment]
    test_two_failures_in_a_row_change_nothing = None  # type: ignore[assignment]
    test_the_feed_loses_nothing_on_a_bad_day = None  # type: ignore[assignment]
    # It is one database: what was committed is what its searches find.
    test_however_old_the_lists_are_it_is_done_once = None  # type: ignore[assignment]
    test_whoever_was_killed_is_not_followed_by_a_second_one_while_the_lists_are_old = None  # type: ignore[assignment]
