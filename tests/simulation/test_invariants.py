"""An invariant that nothing can break says nothing: each is shown a quiet world that somebody broke, and has to notice."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.event_store import prepare
from adapters.outbox.folding import told
from adapters.simulation import simulate
from adapters.simulation.books import World
from adapters.simulation.cin7_world import Cin7World
from adapters.simulation.ground import MERCHANT, PLATFORM, Ground
from adapters.simulation.telling import Facts, ReturnGo, Teller
from domain.erp_facts import InstructionAccepted, InstructionDeclined, InstructionIssued
from domain.returns import ReturnState
from domain.telling import read_telling

Spoil = Callable[[Ground, World, Teller], None]


# A good day that is told fact by fact, with notes and open gaps: there is something to be broken.
SEED = 6
# One in which the house says when refunds are paid.
RELEASING = 45


def run_sql(ground: Ground, statement: str) -> None:
    with ground.pool.connection() as conn:
        conn.execute(statement.encode())


def a_noted_return(ground: Ground) -> tuple[ReturnState, InstructionIssued]:
    """A return with a credit note of ours that stands."""
    for state in ground.states().values():
        for name, issued in state.work.issued.items():
            answer = state.work.answers.get(name)
            if issued.kind == "post_credit_note" and answer is not None and answer.status == "accepted" and issued.money:
                return state, issued
    raise AssertionError("this seed has no credit note")


def a_note(world: World) -> dict[str, Any]:
    assert isinstance(world, Cin7World)
    return next(note for sale in world.sandbox.sales.documents.values() for note in sale["CreditNotes"] if note["Status"] == "AUTHORISED")


def a_row_is_open_again(ground: Ground, world: World, teller: Teller) -> None:
    run_sql(ground, "UPDATE outbox SET state = 'pending' WHERE id = (SELECT id FROM outbox WHERE state = 'done' LIMIT 1)")


def a_note_waits_for_an_invoice(ground: Ground, world: World, teller: Teller) -> None:
    state, issued = a_noted_return(ground)
    fact = InstructionDeclined(instruction=issued.instruction, code="order_not_invoiced", reason="draft", what_to_do="authorise it")
    ground.ledger.append([told(state.key, ground.clock() + timedelta(hours=1), fact, "test", "declined/late")])


def a_return_comes_that_nobody_decides_on(ground: Ground, world: World, teller: Teller) -> None:
    line = {"line": "1", "sku": "HAT", "quantity": 1, "items": "10.00", "tax": "2.00"}
    common = {"merchant": MERCHANT, "platform": PLATFORM, "return": "R-1000", "occurred_at": ground.clock().isoformat()}
    order = next(state.initiated.order for state in ground.states().values() if state.initiated and state.work.order)
    rows: list[dict[str, Any]] = [{"fact": "Initiated", "order": order, "currency": "GBP", "resolution": "refund", "lines": [line]}]
    found = [{"line": "1", "quantity": 1, "disposition": "saleable"}]
    paid = {"refund": "RF-1000", "currency": "GBP", "amount": {"total": "12.00"}, "method": "original_payment"}
    rows += [{"fact": "ScannedAtReturnBar"}, {"fact": "Received"}, {"fact": "Inspected", "lines": found}, {"fact": "Refunded", **paid}]
    ground.ledger.append([prepare(read_telling(row | common), "test") for row in rows])
    state, _ = a_noted_return(ground)
    matched = state.work.order
    assert matched is not None
    key = state.key._replace(return_id="R-1000")
    ground.ledger.append([told(key, ground.clock(), matched, "test", "order/1")])


def a_note_is_there_twice(ground: Ground, world: World, teller: Teller) -> None:
    note = a_note(world)
    assert isinstance(world, Cin7World)
    sale = next(sale for sale in world.sandbox.sales.documents.values() if note in sale["CreditNotes"])
    sale["CreditNotes"].append({**copy.deepcopy(note), "CreditNoteNumber": "CR-99999"})


def a_unit_is_credited_twice(ground: Ground, world: World, teller: Teller) -> None:
    state, issued = a_noted_return(ground)
    again = issued.model_copy(update={"instruction": "rl-" + "0" * 17})
    at = ground.clock()
    ground.ledger.append([told(state.key, at, again, "test", "instruction/again")])
    done = InstructionAccepted(instruction=again.instruction, document="CR-77777")
    ground.ledger.append([told(state.key, at + timedelta(seconds=1), done, "test", "accepted/again")])


def a_note_is_beyond_its_invoice(ground: Ground, world: World, teller: Teller) -> None:
    note = a_note(world)
    note["Total"] += Decimal(100_000)


def a_note_is_voided_unseen(ground: Ground, world: World, teller: Teller) -> None:
    a_note(world)["Status"] = "VOIDED"


def a_unit_goes(ground: Ground, world: World, teller: Teller) -> None:
    assert isinstance(world, Cin7World)
    world.sandbox.warehouse.on_hand["HAT", world.main] -= 1


def a_draft_is_left(ground: Ground, world: World, teller: Teller) -> None:
    a_note(world)["Status"] = "DRAFT"


def a_gap_says_another_amount(ground: Ground, world: World, teller: Teller) -> None:
    ground.project()
    run_sql(ground, "UPDATE gaps SET amount_minor = amount_minor + 1 WHERE kind LIKE '%credit_note%'")


def a_batch_is_not_proved(ground: Ground, world: World, teller: Teller) -> None:
    _, issued = a_noted_return(ground)
    run_sql(ground, f"INSERT INTO outbox_batches (id, account, post_at) VALUES ('b-1', 'erp/erp', '{ground.clock() - timedelta(hours=1)}')")
    run_sql(ground, f"UPDATE outbox SET batch = 'b-1' WHERE id = '{issued.instruction}'")


def a_balance_is_changed(ground: Ground, world: World, teller: Teller) -> None:
    run_sql(ground, "UPDATE money_balances SET refunded = refunded + 1 WHERE ctid = (SELECT ctid FROM money_balances LIMIT 1)")


def we_break(ground: Ground, world: World, teller: Teller) -> None:
    logging.getLogger("returns_ledger").error("a mistake of ours")


def a_fact_is_lost(ground: Ground, world: World, teller: Teller) -> None:
    assert isinstance(teller, Facts)
    teller.told["R-999", "Initiated"] = None


BROKEN: tuple[tuple[Spoil, str], ...] = (
    (a_fact_is_lost, "the ledger knows what happened"),
    (a_row_is_open_again, "every instruction is settled"),
    (a_note_waits_for_an_invoice, "nothing waits for what is there"),
    (a_return_comes_that_nobody_decides_on, "what is due is instructed"),
    (a_note_is_there_twice, "no two documents of one instruction, no money released twice"),
    (a_unit_is_credited_twice, "no unit is credited twice"),
    (a_note_is_beyond_its_invoice, "no invoice is credited beyond its total"),
    (a_note_is_voided_unseen, "ledger and ERP know the same credit notes"),
    (a_unit_goes, "no unit is lost"),
    (a_draft_is_left, "nothing begun is left"),
    (a_gap_says_another_amount, "credited is refunded, or a gap says by how much not"),
    (a_batch_is_not_proved, "batches prove themselves"),
    (a_balance_is_changed, "the books tie out; rebuilt is live"),
    (we_break, "nothing of ours broke"),
)


@pytest.mark.parametrize(("spoil", "holds"), BROKEN, ids=lambda one: one.__name__ if callable(one) else "")
def test_a_broken_world_is_noticed(database: str, schema: str, spoil: Spoil, holds: str) -> None:
    report = simulate(database, schema, SEED, returns=6, level=0.0, erp="cin7_core", spoil=spoil)
    assert holds in {one.holds for one in report.invariants if one.broken}


def test_money_that_is_released_twice_is_noticed(database: str, schema: str) -> None:
    def pays_again(ground: Ground, world: World, teller: Teller) -> None:
        assert isinstance(teller, ReturnGo)
        assert not list(teller.paid_twice())
        rma = next(rma for rma, document in teller.sandbox.rmas.documents.items() if document["transactions"])
        teller.sandbox.rmas.refund(rma, "1.00")

    report = simulate(database, schema, RELEASING, returns=8, level=0.0, erp="cin7_core", spoil=pays_again)
    assert report.done["release_refund accepted"] > 1
    assert "no two documents of one instruction, no money released twice" in {one.holds for one in report.invariants if one.broken}


def test_every_invariant_is_broken_once(database: str, schema: str) -> None:
    report = simulate(database, schema, SEED, returns=6, level=0.0, erp="cin7_core")
    assert report.broken == []
    assert [one.holds for one in report.invariants] == [holds for _, holds in BROKEN]
