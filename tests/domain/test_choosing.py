"""Where goods go, chosen by hand: what it does to the gaps and to the ERP's stock, how it is undone, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from domain.deciding import ChooseDisposition, Reopen, WriteOff
from domain.erp_facts import InstructionDeclined
from domain.gaps import open_gaps
from domain.instructions import consequences
from domain.moves import PLACES, places
from domain.timeline import fold
from tests.domain.test_deciding import ORDER, SHIRT, decide, gaps, refused, watching
from tests.domain.working import KEY, Walk, policy


def found(*dispositions: str, erp: bool = False, **decided: Any) -> Walk:
    """Two shirts, received, and so many of them inspected as this."""
    walk = Walk(policy(**decided) if erp else watching(**decided)).announce(SHIRT).record(ORDER).tell("Received")
    lines = [{"line": "L1", "quantity": dispositions.count(name), "disposition": name} for name in dict.fromkeys(dispositions)]
    return walk.tell("Inspected", lines=lines) if lines else walk


def stands(walk: Walk) -> dict[str, int]:
    units = dict(zip(PLACES, places(walk.state, "L1", walk.policy.actions), strict=True))
    return {name: count for name, count in units.items() if count and name != "announced"}


def to(walk: Walk) -> dict[str | None, int]:
    """Where the ERP's stock has the units, by what was done."""
    put: dict[str | None, int] = {}
    for one in walk.issued:
        for goods in one.goods:
            put[goods.from_location] = put.get(goods.from_location, 0) - goods.units
            put[goods.to_location] = put.get(goods.to_location, 0) + goods.units
    return {place: units for place, units in put.items() if units and place is not None}


@pytest.mark.parametrize(
    ("way", "gap", "place"),
    [("restock", "unrestocked_items", "quarantine"), ("quarantine", None, "held"), ("write-off", "damaged_not_written_off", "quarantine")],
)
def test_an_unmapped_disposition_goes_where_a_person_says(way: str, gap: str | None, place: str) -> None:
    walk = found("soaked", "soaked")
    assert gaps(walk) == ["disposition_unmapped"]
    assert decide(walk, ChooseDisposition(way, "looked at it")) == ["DispositionChosen"]
    assert gaps(walk) == ([gap] if gap else [])
    assert stands(walk) == {place: 2}
    assert "are left to choose for" in refused(walk, ChooseDisposition(way, "again"))
    decide(walk, Reopen("disposition_unmapped", "the wrong shelf"))
    assert gaps(walk) == ["disposition_unmapped"], "undone by a decision that compensates it"
    assert decide(walk, ChooseDisposition("quarantine", "once more")) == ["DispositionChosen"]
    assert gaps(walk) == []


def test_part_of_a_line_goes_one_way_and_the_rest_another() -> None:
    walk = found("soaked", "soaked")
    decide(walk, ChooseDisposition("restock", "only the bag is wet", quantity="1"))
    assert gaps(walk) == ["disposition_unmapped", "unrestocked_items"]
    decide(walk, ChooseDisposition("damaged", "this one is", "L1"))
    assert gaps(walk) == ["damaged_not_written_off", "unrestocked_items"]
    walk.tell("Restocked", lines=[{"line": "L1", "quantity": 1}])
    walk.tell("WrittenOff", lines=[{"line": "L1", "quantity": 1}])
    assert gaps(walk) == []
    assert "are put away" in refused(walk, ChooseDisposition("quarantine", "too late"))


def test_units_that_nobody_inspected_are_chosen_for_until_somebody_inspects_them() -> None:
    walk = found()
    decide(walk, ChooseDisposition("restock", "sealed, never opened", found="uninspected"))
    assert gaps(walk) == ["unrestocked_items"]
    walk.tell("Inspected", lines=[{"line": "L1", "quantity": 2, "disposition": "damaged"}])
    assert gaps(walk) == ["damaged_not_written_off"], "who looked at them knows better"
    assert "unexpected_units" not in gaps(walk)


def test_the_erp_is_told_where_they_go() -> None:
    walk = found("soaked", "saleable", erp=True)
    walk.carry_out()
    assert to(walk) == {"Quarantine": 1, "Main": 1}
    decide(walk, ChooseDisposition("write-off", "mouldy by now", found="soaked"))
    assert [one.kind for one in walk.carry_out()] == ["move", "write_off"]
    assert to(walk) == {"Main": 1}
    assert "disposition_unmapped" not in gaps(walk)


def test_who_chooses_a_write_off_has_approved_it() -> None:
    walk = found("damaged", "soaked", erp=True, write_off="approve", credit_note_on="never")
    decide(walk, ChooseDisposition("write-off", "mouldy", found="soaked"))
    walk.carry_out()
    assert gaps(walk) == ["damaged_not_written_off"], "the other one still waits for its approval"
    decide(walk, WriteOff("torn"))
    walk.carry_out()
    assert gaps(walk) == []


def test_what_waits_in_a_bin_of_its_own_comes_back_out_of_it() -> None:
    walk = found("damaged", "damaged", erp=True, write_off="approve", credit_note_on="never")
    walk.carry_out()
    assert to(walk) == {"Damaged": 2}
    decide(walk, ChooseDisposition("restock", "a stain that washed out", quantity="1"))
    walk.carry_out()
    assert to(walk) == {"Damaged": 1, "Main": 1}
    decide(walk, ChooseDisposition("quarantine", "ask the maker"))
    walk.carry_out()
    assert to(walk) == {"Quarantine": 1, "Main": 1}
    assert gaps(walk) == []


def test_what_was_declined_is_replaced_by_what_is_chosen() -> None:
    walk = found("saleable", "saleable", erp=True, move_on="received", credit_note_on="never")
    book_in, restock = walk.plan.due
    walk.record(book_in, *consequences(book_in, "ADJ-1"), restock)
    walk.record(InstructionDeclined(instruction=restock.instruction, code="no_such_bin", reason="no", what_to_do="make it"))
    assert "instruction_failed" in gaps(walk)
    assert decide(walk, ChooseDisposition("write-off", "not worth a bin")) == ["DispositionChosen", "RetryAsked"]
    assert "restock" not in [one.kind for one in walk.carry_out()]
    assert gaps(walk) == []


def test_units_on_their_way_to_the_shelf_are_not_chosen_for() -> None:
    walk = found("saleable", "soaked", erp=True, credit_note_on="never")
    walk.record(*walk.plan.due)
    walk.record(*walk.plan.due)
    assert "are left to choose for" in refused(walk, ChooseDisposition("write-off", "no", found="saleable"))
    decide(walk, ChooseDisposition("write-off", "soaked through", found="soaked"))


def test_what_cannot_be_chosen_is_said() -> None:
    walk = found("soaked", "torn")
    assert "A reason is a must" in refused(walk, ChooseDisposition("restock", " "))
    assert "has no line L9; it announces L1" in refused(walk, ChooseDisposition("restock", "x", "L9"))
    assert "say restock, quarantine or write-off" in refused(walk, ChooseDisposition("the moon", "x"))
    assert "say which with --found (soaked, torn)" in refused(walk, ChooseDisposition("restock", "x", quantity="1"))
    for quantity in ("0", "2", "-1", "1.5", "all", "٣"):
        assert "there are 1 to choose for" in refused(walk, ChooseDisposition("restock", "x", found="torn", quantity=quantity))
    assert "found as damaged" in refused(walk, ChooseDisposition("restock", "x", found="damaged"))
    both = Walk(watching()).announce(SHIRT, ("L2", "SOCKS", 1, "10.00", "2.00")).tell("Received")
    assert "Say which line" in refused(both, ChooseDisposition("restock", "x"))


def test_without_the_usual_name_another_disposition_stands_for_the_way() -> None:
    walk = found("soaked", "soaked", dispositions={"damaged": {"action": "hold"}, "scrap": {"action": "write_off"}})
    decide(walk, ChooseDisposition("write-off", "mouldy"))
    (decision,) = walk.state.work.chosen.values()
    assert decision.fact.disposition == "defective", "the first by name of those that are written off"


def test_the_history_shows_it_and_the_books_of_goods_follow() -> None:
    walk = found("soaked", "soaked")
    decide(walk, ChooseDisposition("quarantine", "ask the maker"))
    decide(walk, Reopen())
    folded = fold(KEY, walk.events, walk.policy)
    moved = [move for move in folded.units if move.fact in ("DispositionChosen", "Reopened")]
    assert [dict(zip(PLACES, move.units, strict=True))["held"] for move in moved] == [2, -2]
    for place in range(len(PLACES)):
        assert sum(move.units[place] for move in folded.units) == places(walk.state, "L1", walk.policy.actions)[place]
    (gap,) = (gap for gap in open_gaps(walk.state, walk.policy, walk.at) if gap.kind == "disposition_unmapped")
    assert len(gap.evidence) == 2, "the inspection, and the choice"
