"""Each ERP over real HTTP on a bad day: lines that break after the commit, answers that are torn, limits that are reached, errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.sandbox import serving
from adapters.sandbox.faults import Faults
from tests.adapters.outbox.test_pairs import Pair, start

__all__ = ["start"]

KINDS = ("cin7_core", "linnworks", "patchworks")
DAYS = {
    "time-outs after the commit": Faults(seed=3, timeout_after=0.2),
    "limits that are reached": Faults(seed=5, rate_limited=0.06),
    "all at once": replace(Faults.at(0.5, 11), stale=0.0),
}
# Nobody can wait for everything at once on such a day.
LONG_SECONDS = 300.0


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_bad_line_each_document_is_made_once(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, kind: str, day: str) -> None:
    monkeypatch.setattr(serving, "SILENCE_SECONDS", 0.5)
    with start("happy_returns", kind, of_erp={"settle": "3s"}) as pair:
        pair.front.set_faults(DAYS[day])
        lines = [{"line": "1", "sku": "SHIRT", "quantity": 2, "items": "80.00", "tax": "16.00"}]
        pair.tell("Initiated", order="#1001", currency="GBP", resolution="refund", lines=lines)
        pair.tell("Received")
        each = [{"line": "1", "quantity": 1, "disposition": "saleable"}, {"line": "1", "quantity": 1, "disposition": "damaged"}]
        pair.tell("Inspected", lines=each)
        pair.wait(lambda state: bool(state.active_notes()), "a credit note", LONG_SECONDS)
        pair.wait(lambda state: (state.counts["1"].restocked, state.counts["1"].written_off) == (1, 1), "goods put away", LONG_SECONDS)
        pair.front.set_faults(Faults())
        assert [(note.amount.total, note.currency) for note in pair.state().active_notes()] == [(9600, "GBP")]
        assert notes_there(pair) == 1


def notes_there(pair: Pair) -> int:
    """Credit notes, begun ones too, straight from the ERP's books."""
    simulator: Any = pair.front.simulator
    match pair.kind:
        case "cin7_core":
            return sum(note["Status"] != "VOIDED" for sale in simulator.sales.documents.values() for note in sale["CreditNotes"])
        case "linnworks":
            return len(simulator.books.refunds)
        case _:
            return sum(one["kind"] == "credit_note" and one["status"] == "active" for one in simulator.behind.documents)
