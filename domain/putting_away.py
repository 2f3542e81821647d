"""Goods on their way through the ERP's stock: booked in, moved on when received, put away by what the inspection found.

Each step takes the units that have come to a stage, less those that instructions, or other people, have taken care of already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, assert_never

from domain.choosing import bins_left, chosen_for, judged
from domain.content import Line
from domain.erp_facts import GoodsLine, InstructionIssued, OrderMatched
from domain.instructions import instruction_id
from domain.matching import Matching
from domain.policy import Policy, Treatment
from domain.returns import ReturnState
from domain.standing import Standing, foreign

Stage = Literal["initiated", "scanned", "received", "inspected", "restocked", "refunded", "never"]
GoodsKind = Literal["book_in", "move", "restock", "write_off"]


class _Treated(NamedTuple):
    """Units of a line that an inspection found to be of a disposition: `due` are to be treated, `aside` to be put in their bin first."""

    disposition: str
    kind: Literal["restock", "write_off", "move"]
    location: str | None
    due: int
    aside: int


def reached(state: ReturnState, line: Line, stage: Stage) -> int:
    """Units of a line that have come to a stage, at most the announced ones."""
    counts = judged(state, line.line)
    handled = counts.restocked + counts.written_off
    match stage:
        case "initiated":
            return line.quantity
        case "scanned":
            units = max(state.units_in(line.line), counts.inspected_units, handled)
        case "received":
            units = max(state.received(line.line), counts.inspected_units, handled)
        case "inspected":
            units = max(counts.inspected_units, handled)
        case "restocked":
            units = handled
        case "refunded":
            units = line.quantity if any(refund.amount.total for refund in state.active_refunds()) else 0
        case "never":
            units = 0
        case _:
            assert_never(stage)
    return min(line.quantity, units)


def arriving(state: ReturnState, policy: Policy, standing: Standing, line: Line) -> dict[str, int]:
    """Units that the ERP's stock does not have yet, by the place where they belong now."""
    name = line.line
    came = reached(state, line, policy.move_on)
    new = came - standing.booked_in[name]
    if new <= 0:
        return {}
    received = min(came, reached(state, line, "received"))
    at_dock = min(new, max(0, received - standing.booked_in[name]))
    places = {policy.quarantine_location: at_dock}
    places[policy.transit_location] = places.get(policy.transit_location, 0) + new - at_dock
    return {place: units for place, units in places.items() if units}


def anything_to_treat(state: ReturnState, policy: Policy, standing: Standing, line: Line) -> bool:
    to_treat = _to_treat(state, policy, standing, line)
    return _arrived(state, policy, standing, line) > 0 or any(one.due > 0 or one.aside > 0 for one in to_treat)


def booked_in(line: str, places: Mapping[str, int], matching: Matching) -> Iterator[GoodsLine]:
    """Units of a line that come into the ERP's stock."""
    for place, units in places.items():
        yield from _goods(line, units, matching, None, place)


def goods_due(
    state: ReturnState,
    policy: Policy,
    standing: Standing,
    order: OrderMatched,
    matching: Matching,
    lines: Sequence[Line],
    arriving_by_line: Mapping[str, Mapping[str, int]],
) -> Iterator[InstructionIssued]:
    """What is due for `lines`; `arriving_by_line` are units to be booked in that no credit note takes along."""
    booked: list[GoodsLine] = []
    for line in lines:
        booked += booked_in(line.line, arriving_by_line.get(line.line, {}), matching)
    standing.book(booked, "book_in")
    yield from _instruct(state, policy, order, "book_in", booked)
    moved: list[GoodsLine] = []
    for line in lines:
        units = _arrived(state, policy, standing, line)
        if units > 0:
            moved += _goods(line.line, units, matching, policy.transit_location, policy.quarantine_location)
    standing.book(moved, "move")
    yield from _instruct(state, policy, order, "move", moved)
    put_away: dict[GoodsKind, list[GoodsLine]] = {"book_in": [], "restock": [], "move": [], "write_off": []}
    for line in lines:
        left = bins_left(state, policy, line.line)
        here = (policy.quarantine_location, policy.transit_location, *left)
        for one in _to_treat(state, policy, standing, line):
            bin_ = one.location or policy.quarantine_location
            if one.kind == "write_off":
                outside = 0 if one.location else max(0, one.due - sum(standing.at.get((line.line, place), 0) for place in here))
                _put(put_away, "move", line, one, one.aside if one.location else outside, here, bin_, standing, matching)
                _put(put_away, "write_off", line, one, one.due, (bin_, *here), None, standing, matching)
            else:
                back = one.kind == "move" and one.location in (None, policy.quarantine_location)
                places = [place for place in left if place != policy.quarantine_location] if back else here
                target = policy.quarantine_location if back else one.location
                _put(put_away, one.kind, line, one, one.due, places, target, standing, matching)
    for kind, goods in put_away.items():
        yield from _instruct(state, policy, order, kind, goods)


def _put(
    put_away: dict[GoodsKind, list[GoodsLine]],
    kind: GoodsKind,
    line: Line,
    one: _Treated,
    units: int,
    places: Sequence[str],
    target: str | None,
    standing: Standing,
    matching: Matching,
) -> None:
    """Take units out of these places; what the ERP's stock does not hold yet, and is not for sale, is booked in where it goes."""
    for place, count in standing.take(line.line, max(0, units), places, line.quantity, off_shelves=kind != "restock"):
        done_by: GoodsKind = "book_in" if place is None and kind == "move" else kind
        goods = list(_goods(line.line, count, matching, place, target, one.disposition))
        standing.book(goods, done_by)
        put_away[done_by] += goods


def _arrived(state: ReturnState, policy: Policy, standing: Standing, line: Line) -> int:
    """Units that the ERP holds in transit and that have been received since."""
    if policy.transit_location == policy.quarantine_location:
        return 0
    in_transit = standing.at.get((line.line, policy.transit_location), 0)
    return min(in_transit, max(0, reached(state, line, "received") - (standing.booked_in[line.line] - in_transit)))


def _to_treat(state: ReturnState, policy: Policy, standing: Standing, line: Line) -> Iterator[_Treated]:
    others = {kind: foreign(state, line.line, kind) for kind in ("restock", "write_off")}
    for disposition, units, treatment in _found(state, policy, line):
        kind: Literal["restock", "write_off", "move"] = "move" if treatment.action == "hold" else treatment.action
        told = min(units, others.get(kind, 0))
        if kind in others:
            others[kind] -= told
        done = standing.treated[line.line, disposition, kind]
        set_aside = standing.treated[line.line, disposition, "move"] + standing.treated[line.line, disposition, "book_in"]
        due = units - told - (set_aside if kind == "move" else done)
        if kind == "move" and treatment.location in (None, policy.quarantine_location):
            # They stand in quarantine as it is, but for those that were chosen back out of the bin of another disposition.
            elsewhere = {place for place in bins_left(state, policy, line.line) if place != policy.quarantine_location}
            there = sum(standing.at.get((line.line, place), 0) for place in elsewhere)
            due = min(there, chosen_for(state, line.line, disposition) - set_aside)
        aside = 0
        if kind == "write_off":
            if treatment.location is not None:
                aside = units - told - set_aside
            if policy.write_off == "approve" and not state.work.all_approved:
                approved = state.work.approved.get(line.line, 0) + chosen_for(state, line.line, disposition)
                due = min(due, approved - standing.treated[line.line, disposition, "write_off"])
        yield _Treated(disposition, kind, treatment.location, due, aside)


def _found(state: ReturnState, policy: Policy, line: Line) -> Iterator[tuple[str, int, Treatment]]:
    """(disposition, units, treatment) of a line's units that have somewhere to go. Put away on receipt is what nobody found wanting."""
    counts = judged(state, line.line)
    left = line.quantity
    for disposition, units in sorted(counts.inspected.items()):
        treatment = policy.treatments.get(disposition)
        units = min(units, left)
        left -= units
        if treatment is None or (treatment.action == "restock" and policy.restock_on != "inspected"):
            continue
        if treatment.action != "hold" or treatment.location not in (None, policy.quarantine_location) or state.work.chosen:
            yield disposition, units, treatment
    if policy.restock_on == "received":
        unsound = sum(n for name, n in counts.inspected.items() if policy.actions.get(name) != "restock")
        sound = reached(state, line, "received") - unsound
        if sound > 0:
            yield "saleable", sound, policy.treatments["saleable"]


def _goods(
    line: str, units: int, matching: Matching, from_location: str | None, to_location: str | None, disposition: str | None = None
) -> Iterator[GoodsLine]:
    """Units of a line as the ERP's SKUs: a kit that the ERP knows the parts of moves as its parts."""
    left = units
    for slot in matching.slots.get(line, ()):
        taken = min(left, slot.units)
        left -= taken
        one = slot.order_line
        parts = [(part.sku, part.quantity) for part in one.kit] if one.kit and slot.component is None else None
        for sku, each in parts or [(slot.component.sku if slot.component else one.sku, 1)]:
            if taken:
                yield GoodsLine(
                    line=line,
                    sku=sku,
                    quantity=taken * each,
                    units=taken,
                    order_line=one.order_line,
                    disposition=disposition,
                    from_location=from_location,
                    to_location=to_location,
                )


def _instruct(
    state: ReturnState, policy: Policy, order: OrderMatched, kind: GoodsKind, goods: list[GoodsLine]
) -> Iterator[InstructionIssued]:
    """One instruction for what goes the same way."""
    if not goods:
        return
    assert policy.erp is not None
    assert state.initiated is not None
    turn = sum(1 for one in state.work.issued.values() if one.kind == kind)
    content = sorted(str((one.line, one.sku, one.from_location, one.to_location, one.disposition, one.quantity)) for one in goods)
    yield InstructionIssued(
        instruction=instruction_id(state.key, kind, turn, content),
        kind=kind,
        erp=policy.erp.name,
        order=order.order,
        currency=state.initiated.currency,
        goods=tuple(goods),
    )
