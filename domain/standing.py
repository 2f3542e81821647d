"""What instructions have taken care of so far: units credited, and where the ERP holds the units that it was told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.erp_facts import GoodsLine, InstructionIssued
from domain.instructions import units_of
from domain.returns import NO_COUNTS, ReturnState


@dataclass(slots=True)
class Standing:
    """Of one return. `credited` counts units by line; `at` units by line and place (None: not in the ERP's stock); `treated` units by
    line, disposition and kind (restock, write_off, move)."""

    issued: tuple[InstructionIssued, ...]
    superseded: tuple[str, ...]
    credited: Counter[str] = field(default_factory=Counter)
    at: dict[tuple[str, str | None], int] = field(default_factory=dict)
    treated: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    booked_in: Counter[str] = field(default_factory=Counter)

    def take(self, line: str, units: int, places: Iterable[str | None]) -> list[tuple[str | None, int]]:
        """So many units of a line out of these places, in their order; what no place holds comes from outside the ERP's stock."""
        taken: list[tuple[str | None, int]] = []
        for place in places:
            here = min(units, self.at.get((line, place), 0))
            if here > 0:
                taken.append((place, here))
                units -= here
        return [*taken, (None, units)] if units else taken

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
            if one.to_location is not None and kind in ("book_in", "move", "post_credit_note"):
                self._add(one.line, one.to_location, one.units)
            if one.disposition is not None:
                self.treated[one.line, one.disposition, kind] += one.units

    def _add(self, line: str, place: str | None, units: int) -> None:
        self.at[line, place] = self.at.get((line, place), 0) + units


def standing_of(state: ReturnState) -> Standing:
    """Counts every instruction that is done or still to be done, and credit notes that people made.

    Asked for again counts as not issued: what was declined, and a note that was voided afterwards, once somebody says retry.
    """
    work = state.work
    superseded = tuple(name for name in work.issued if is_superseded(state, name))
    counted = sorted(
        (one for name, one in work.issued.items() if name not in superseded and work.counts(name)),
        key=lambda one: (work.issued_at[one.instruction], work.issued_numbers[one.instruction]),
    )
    standing = Standing(tuple(counted), superseded)
    ours = {(one.erp, answer.document) for one in work.issued.values() if (answer := work.answers.get(one.instruction))}
    for one in counted:
        if one.kind == "post_credit_note":
            for told in units_of(one):
                standing.credited[told.line] += told.quantity
        standing.book(one.goods, one.kind)
    for note in state.active_notes():
        if (note.erp, note.credit_note) not in ours:
            for told in note.lines or ():
                standing.credited[told.line] += told.quantity
    return standing


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
