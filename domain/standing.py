"""What instructions have taken care of so far: units credited, and where the ERP holds the units that it was told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from domain.erp_facts import GoodsLine, InstructionIssued
from domain.instructions import units_of
from domain.returns import NO_COUNTS, ReturnState

GOODS: Final = ("book_in", "move", "restock", "write_off")


@dataclass(slots=True)
class Standing:
    """Of one return. `credited` counts units by line; `at` units by line and place in the ERP's stock, of which `shelves` are for
    sale; `booked_in` units by line that were brought into it; `treated` units by line, disposition and kind of instruction."""

    issued: tuple[InstructionIssued, ...]
    superseded: tuple[str, ...]
    credited: Counter[str] = field(default_factory=Counter)
    at: dict[tuple[str, str], int] = field(default_factory=dict)
    shelves: set[str] = field(default_factory=set)
    treated: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    booked_in: Counter[str] = field(default_factory=Counter)

    def take(self, line: str, units: int, places: Iterable[str], announced: int, *, off_shelves: bool) -> list[tuple[str | None, int]]:
        """Up to so many units of a line out of these places, in their order, then off the shelves; then from outside the ERP's stock, as
        far as not all announced units were brought in before."""
        taken: list[tuple[str | None, int]] = []
        shelves = sorted(place for of, place in self.at if of == line and place in self.shelves) if off_shelves else ()
        for place in dict.fromkeys((*places, *shelves)):
            here = min(units, self.at.get((line, place), 0))
            if here > 0:
                taken.append((place, here))
                units -= here
        outside = min(units, announced - self.booked_in[line])
        return [*taken, (None, outside)] if outside > 0 else taken

    def leave(self, line: str, units: int) -> None:
        """So many units of a line were put away by others: they stand nowhere on the way any more, and are not to be brought in."""
        for place in sorted(place for of, place in self.at if of == line and place not in self.shelves):
            here = min(units, self.at[line, place])
            if here > 0:
                self.at[line, place] -= here
                units -= here
        self.booked_in[line] += units

    def book(self, goods: Iterable[GoodsLine], kind: str) -> None:
        """Count goods that are moved; the SKUs of one kit are the same units."""
        seen: dict[tuple[object, ...], str] = {}
        for one in goods:
            same = (one.line, one.from_location, one.to_location, one.disposition, one.units)
            if seen.setdefault(same, one.sku) != one.sku:
                continue
            if one.from_location is not None:
                self._add(one.line, one.from_location, -one.units)
            else:
                self.booked_in[one.line] += one.units
            if one.to_location is not None:
                self._add(one.line, one.to_location, one.units)
                if kind == "restock":
                    self.shelves.add(one.to_location)
            if one.disposition is not None:
                self.treated[one.line, one.disposition, kind] += one.units

    def _add(self, line: str, place: str, units: int) -> None:
        self.at[line, place] = self.at.get((line, place), 0) + units


def standing_of(state: ReturnState) -> Standing:
    """Counts every instruction that is done or still to be done, and credit notes that people made.

    Asked for again counts as not issued: what was declined, and a note that was voided afterwards, once somebody says retry.
    """
    work = state.work
    in_order = sorted(work.issued.values(), key=lambda one: (work.issued_at[one.instruction], work.issued_numbers[one.instruction]))
    superseded = _superseded(state, in_order)
    counted = [one for one in in_order if one.instruction not in superseded and work.counts(one.instruction)]
    standing = Standing(tuple(counted), superseded)
    ours = {(one.erp, answer.document) for one in work.issued.values() if (answer := work.answers.get(one.instruction))}
    for one in counted:
        if one.kind == "post_credit_note":
            for told in units_of(one):
                standing.credited[told.line] += told.quantity
        standing.book(one.goods, one.kind)
    for name in superseded:
        # A note that was voided took its goods out again, but not those that came in beside it.
        one, answer = work.issued[name], work.answers.get(name)
        if answer is not None and answer.beside:
            standing.book([goods for goods in one.goods if goods.sku in answer.beside], one.kind)
    for line in state.counts:
        if others := foreign(state, line, "restock") + foreign(state, line, "write_off"):
            standing.leave(line, others)
    for note in state.active_notes():
        if (note.erp, note.credit_note) not in ours:
            for told in note.lines or ():
                standing.credited[told.line] += told.quantity
    return standing


def _superseded(state: ReturnState, in_order: Iterable[InstructionIssued]) -> tuple[str, ...]:
    """What was asked for again; with goods also what waited behind them: it follows them once more.

    Instructions of one instant have no order among them: of those, whatever has not been carried out waited behind the other.
    """
    found: list[str] = []
    goods = False
    for _, instant in groupby(in_order, key=lambda one: state.work.issued_at[one.instruction]):
        together = list(instant)
        again = {one.instruction for one in together if is_superseded(state, one.instruction)}
        goods = goods or any(one.goods for one in together if one.instruction in again)
        for one in together:
            answer = state.work.answers.get(one.instruction)
            waits = one.kind in GOODS and (answer is None or answer.status == "declined")
            if one.instruction in again or (goods and waits):
                found.append(one.instruction)
    return tuple(found)


def goods_are_held(state: ReturnState, standing: Standing) -> bool:
    """Is an instruction about goods declined, or its outcome unknown? What comes after it waits until that is settled."""
    answers = (state.work.answer(one.instruction) for one in standing.issued if one.goods)
    return any(answer is not None and answer.status in ("declined", "unknown") for answer in answers)


def is_superseded(state: ReturnState, instruction: str) -> bool:
    """Did somebody ask for it again after it was declined, or after the note it made was voided?"""
    work, issued = state.work, state.work.issued[instruction]
    answer = work.answers.get(instruction)
    if answer is None or answer.status not in ("declined", "accepted") or answer.code == "found_twice":
        return False
    if answer.status == "declined":
        return work.answer(instruction) is None
    if issued.kind != "post_credit_note" or (issued.erp, answer.document) not in state.voided:
        return False
    asked = [work.retried[name] for name in (instruction, None) if name in work.retried]
    voided_at = state.voided_at.get((issued.erp, answer.document))
    return voided_at is not None and any(retry.at[0] >= voided_at for retry in asked)


def foreign(state: ReturnState, line: str, kind: str) -> int:
    """Units that others restocked or wrote off: told, but not by an instruction of ours that is done."""
    counts = state.counts.get(line, NO_COUNTS)
    told = counts.restocked if kind == "restock" else counts.written_off
    for name, one in state.work.issued.items():
        answer = state.work.answers.get(name)
        if one.kind == kind and answer is not None and answer.status == "accepted":
            told -= sum({(g.from_location, g.to_location, g.disposition): g.units for g in one.goods if g.line == line}.values())
    return max(0, told)
