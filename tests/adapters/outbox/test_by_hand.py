"""What people do in each ERP by hand, and what its line does to our calls, over real HTTP with the house's own workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.outbox.folding import told
from adapters.sandbox.faults import Faults
from domain.decisions import RetryAsked
from domain.telling import ReturnKey
from tests.adapters.outbox.test_pairs import Pair, now, polled, start

__all__ = ["start"]

KINDS = ("cin7_core", "linnworks", "patchworks")
VOIDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "cin7_core": lambda number: {"by_hand": [{"void": number}]},
    "linnworks": lambda number: {"by_hand": [{"remove_refund": number}]},
    "patchworks": lambda number: {"by_hand": {"void": number}},
}
NOTES: dict[str, Callable[[str], dict[str, Any]]] = {
    "cin7_core": lambda order: {"by_hand": [{"credit_note": {"order": order, "lines": [{"sku": "SHIRT", "quantity": 1}]}}]},
    "linnworks": lambda order: {"by_hand": [{"refund": {"order": order, "sku": "SHIRT", "units": 1}}]},
    "patchworks": lambda order: {"by_hand": {"credit_note": {"order_ref": order, "sku": "SHIRT", "quantity": 1}}},
}


def announced(pair: Pair) -> None:
    lines = [{"line": "1", "sku": "SHIRT", "quantity": 1, "items": "40.00", "tax": "8.00"}]
    pair.tell("Initiated", order="#1001", currency="GBP", resolution="refund", lines=lines)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_note_that_somebody_voids_is_posted_again_when_a_person_says_so(start: Callable[..., Any], kind: str) -> None:
    with start("returngo", kind, move_on="never") as pair:
        announced(pair)
        pair.tell("Received")
        (note,) = pair.wait(lambda state: bool(state.active_notes()), "a credit note").active_notes()
        # Linnworks shows a refund that is gone only to who has seen it.
        seen_at = now()
        pair.wait(lambda _: polled(pair) > seen_at, "it is read back once")
        pair.wait(lambda _: polled(pair) > seen_at + timedelta(seconds=2), "it is read back")
        pair.front.seed(VOIDS[kind](note.credit_note))
        state = pair.wait(lambda state: bool(state.voided), "the void is read back")
        assert state.active_notes() == []
        key = ReturnKey("acme", "returngo", "R-1")
        pair.house.ledger.append([told(key, now(), RetryAsked(reason="voided by mistake"), "person:mira")])
        (again,) = pair.wait(lambda state: bool(state.active_notes()), "another note").active_notes()
        assert again.credit_note != note.credit_note
        assert again.amount.total == note.amount.total


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_note_by_hand_stands_on_its_return_or_for_itself(start: Callable[..., Any], kind: str) -> None:
    with start("returngo", kind, move_on="never") as pair:
        pair.front.seed(NOTES[kind]("#1001"))
        pair.wait(lambda _: orphans(pair) == 1, "an orphan")
        announced(pair)
        (note,) = pair.wait(lambda state: bool(state.active_notes()), "the orphan has a return").active_notes()
        assert (note.amount.total, [one.line for one in note.lines or ()]) == (4800, ["1"])
        pair.tell("Received")
        pair.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
        pair.wait(lambda _: decided(pair), "all is decided on")
        assert pair.state().work.issued == {}, "what a person credited is not credited again"
        assert len(pair.state().active_notes()) == 1
        assert orphans(pair) == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_line_does_each_return_is_credited_once(start: Callable[..., Any], kind: str) -> None:
    with start("returngo", kind, move_on="never") as pair:
        announced(pair)
        pair.front.set_faults(Faults(seed=4, torn_answer=0.25, server_error=0.15))
        pair.tell("Received")
        pair.wait(lambda state: bool(state.active_notes()), "a note in spite of all", 240)
        assert len(pair.state().active_notes()) == 1


def orphans(pair: Pair) -> int:
    with pair.house.connection() as conn:
        found = conn.execute("SELECT count(*) FROM outbox_documents WHERE platform = 'erp.erp'").fetchone()
    return int(found[0]) if found else 0


def decided(pair: Pair) -> bool:
    with pair.house.connection() as conn:
        found = conn.execute("SELECT position FROM outbox_position").fetchone()
    return found == (pair.house.ledger.head(),)
