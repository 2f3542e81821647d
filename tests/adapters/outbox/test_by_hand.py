"""What people do in each ERP by hand, and what its line does to our calls, over real HTTP with the house's own workers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.outbox.folding import told
from adapters.sandbox.faults import Faults
from domain.decisions import RetryAsked
from domain.gaps import clearing_gaps
from domain.policy import Policy
from domain.telling import ReturnKey
from projections.moments import Moment
from projections.tie_out import money_tie_out
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
def test_a_note_that_somebody_undoes_and_authorises_again_counts_again(start: Callable[..., Any]) -> None:
    with start("returngo", "cin7_core", move_on="never") as pair:
        announced(pair)
        pair.tell("Received")
        (note,) = pair.wait(lambda state: bool(state.active_notes()), "a credit note").active_notes()
        pair.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
        seen_at = now()
        pair.wait(lambda _: polled(pair) > seen_at + timedelta(seconds=2), "it is read back")
        pair.front.seed({"by_hand": [{"undo": note.credit_note}]})
        pair.wait(lambda state: bool(state.voided), "that it was undone is read back")
        assert clearing(pair) == ["refund_without_credit_note"]
        pair.front.seed({"by_hand": [{"authorise": note.credit_note}]})
        state = pair.wait(lambda state: bool(state.active_notes()), "that it is authorised is read back")
        assert [(one.credit_note, one.amount.total) for one in state.active_notes()] == [(note.credit_note, 4800)]
        assert clearing(pair) == []
        pair.house.catch_up()
        with pair.house.connection() as conn:
            rows = money_tie_out(conn, Moment(now()))
        assert [(row["refunded"], row["credited"], row["difference"]) for row in rows] == [("48.00", "48.00", "0.00")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linnworks", "cin7_core"])
def test_a_note_that_is_gone_before_anybody_read_it_back_opens_its_gap(start: Callable[..., Any], kind: str) -> None:
    with start("returngo", kind, of_erp={"poll": "20s", "settle": "1s"}, move_on="never") as pair:
        pair.wait(lambda _: polled(pair) > now() - timedelta(seconds=8), "the first read-back")
        announced(pair)
        pair.tell("Received")
        pair.tell("Refunded", refund="RF-1", currency="GBP", amount={"total": "48.00"}, method="original_payment")
        (note,) = pair.wait(lambda state: bool(state.active_notes()), "a credit note").active_notes()
        removed = {"remove_refund": note.credit_note} if kind == "linnworks" else {"undo": note.credit_note}
        pair.front.seed({"by_hand": [removed]})
        pair.wait(lambda state: bool(state.voided), "that it is gone is noticed")
        assert clearing(pair) == ["refund_without_credit_note"]


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
        pair.front.set_faults(Faults(seed=4, torn_answer=0.1, server_error=0.05))
        pair.tell("Received")
        pair.wait(lambda state: bool(state.active_notes()), "a note in spite of all", 240)
        assert len(pair.state().active_notes()) == 1


def clearing(pair: Pair) -> list[str]:
    return [str(gap.kind) for gap in clearing_gaps(pair.state(), Policy())]


def orphans(pair: Pair) -> int:
    with pair.house.connection() as conn:
        found = conn.execute("SELECT count(*) FROM outbox_documents WHERE platform = 'erp.erp'").fetchone()
    return int(found[0]) if found else 0


def decided(pair: Pair) -> bool:
    with pair.house.connection() as conn:
        found = conn.execute("SELECT position FROM outbox_position").fetchone()
    return found == (pair.house.ledger.head(),)
