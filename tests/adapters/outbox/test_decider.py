"""Deciding: one return that cannot be decided on, or whose decision cannot be recorded, stops no other."""

from __future__ import annotations

from typing import Any

from adapters.outbox.decider import Decider
from adapters.outbox.undecided import undecided_rows
from domain.matching import Credited
from domain.policy import Policy
from domain.process import Plan, plan
from domain.returns import ReturnState
from tests.adapters.outbox.conftest import Bench


def breaking(state: ReturnState, policy: Policy, others: Credited) -> Plan:
    """R-1 breaks the planner; what it plans for R-2 cannot be stored."""
    if state.key.return_id == "R-1":
        raise ZeroDivisionError("a mistake")
    found = plan(state, policy, others)
    if state.key.return_id == "R-2":
        due: tuple[Any, ...] = tuple(one.model_copy(update={"instruction": "rl-\x00"}) for one in found.due)
        return Plan(due, found.blocked, found.needs_order, found.superseded)
    return found


def test_a_return_that_cannot_be_decided_on_stops_no_other(bench: Bench) -> None:
    decider = Decider(bench.house.ledger, bench.house.pool, bench.clock, bench.terms_of, planner=breaking)
    bench.decided = decider
    for name in ("R-1", "R-2", "R-3"):
        bench.announce(name)
        bench.tell("Received", name)
    bench.work()
    assert {row["return"] for row in bench.erp.documents()} == {"R-3"}
    assert decider.position == bench.house.ledger.head()
    shown = undecided(bench)
    assert (sorted(shown), shown["R-1"]) == (["R-1", "R-2"], "ZeroDivisionError: a mistake")
    # Mended: what waited is decided on by itself, and no longer shown.
    bench.decided = Decider(bench.house.ledger, bench.house.pool, bench.clock, bench.terms_of)
    bench.work()
    assert undecided(bench) == {}
    assert {row["return"] for row in bench.erp.documents()} == {"R-1", "R-2", "R-3"}


def undecided(bench: Bench) -> dict[str, str]:
    with bench.house.connection() as conn:
        return {row["return"]: row["error"] for row in undecided_rows(conn)}


def test_what_is_told_of_one_return_has_the_others_of_its_order_decided_on(bench: Bench) -> None:
    """What one of them is not credited any more, another may be."""
    seen: list[str] = []

    def watched(state: ReturnState, policy: Policy, others: Credited) -> Plan:
        seen.append(state.key.return_id)
        return plan(state, policy, others)

    bench.decided = Decider(bench.house.ledger, bench.house.pool, bench.clock, bench.terms_of, planner=watched)
    for name, order in (("R-1", "#1001"), ("R-2", "1001"), ("R-3", "#1002")):
        bench.announce(name, order)
    bench.work()
    seen.clear()
    bench.tell("Received", "R-1")
    bench.decided.step()
    assert sorted(set(seen)) == ["R-1", "R-2"]
