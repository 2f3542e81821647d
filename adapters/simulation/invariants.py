"""What must hold once the simulated world is quiet, whatever happened in it. Each finding is a sentence; none is what is hoped for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from adapters.simulation.books import BookedNote, Places, World
from adapters.simulation.ground import ERP, Ground
from adapters.verify import verify
from domain.money import to_text
from domain.returns import ReturnState
from domain.telling import ReturnKey


class Invariant(NamedTuple):
    """`holds` in a few words; `broken` says in sentences where it does not."""

    holds: str
    broken: tuple[str, ...]


def check(ground: Ground, world: World, seeded: Places) -> list[Invariant]:
    """Every invariant, also after one that does not hold. `seeded`: what the ERP had on hand at first."""
    states, notes = ground.states(), world.notes()
    found: list[tuple[str, Iterable[str]]] = [
        ("every instruction is settled", _every_instruction_is_settled(ground, states)),
        ("no two documents of one instruction, no money released twice", _each_document_once(world, notes)),
        ("no invoice is credited beyond its total", _never_beyond_the_invoice(world, notes)),
        ("ledger and ERP know the same credit notes", _both_sides_know_the_same_notes(states, notes)),
        ("no unit is lost", _no_unit_is_lost(states, world, seeded, notes)),
        ("nothing begun is left", world.leftovers()),
        ("credited is refunded or a gap says why; rebuilt is live", _the_books_close(ground)),
    ]
    return [Invariant(holds, tuple(sentences)) for holds, sentences in found]


def _every_instruction_is_settled(ground: Ground, states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
    """Accepted, declined or abandoned; or it waits behind one of its return that was declined."""
    held = {name for (name,) in ground.rows(_HELD)}
    for key, state in states.items():
        for name, issued in state.work.issued.items():
            answer = state.work.answers.get(name)
            if name not in held and (answer is None or answer.status == "unknown"):
                yield f"{issued.kind} {name} of {key.return_id} is {answer.status if answer else 'not answered'}"
    for name, state_, said in ground.rows("SELECT id, state, answer FROM outbox WHERE state IN ('pending', 'dead')"):
        if name not in held:
            yield f"row {name} of the outbox is {state_}: {said}"


_HELD = """
    SELECT o.id FROM outbox o WHERE o.state = 'pending' AND o.sent_at IS NULL AND EXISTS (
        SELECT FROM outbox e WHERE e.merchant = o.merchant AND e.platform = o.platform AND e.return_id = o.return_id
          AND e.number < o.number AND e.state IN ('waiting', 'pending') AND e.kind <> 'match_order' AND e.lanes && o.lanes)"""


def _each_document_once(world: World, notes: list[BookedNote]) -> Iterator[str]:
    yield from (f"{count} documents carry {name}" for name, count in world.carrying().items() if count > 1)
    yield from (f"{note.number} was paid {len(note.paid)} times" for note in notes if len(note.paid) > 1)


def _never_beyond_the_invoice(world: World, notes: list[BookedNote]) -> Iterator[str]:
    credited: Counter[str] = Counter()
    for note in notes:
        credited[note.order] += note.total if note.active else 0
    for order, total in credited.items():
        if total > world.invoiced(order):
            yield f"{order} is credited {total} of {world.invoiced(order)}"


def _both_sides_know_the_same_notes(states: Mapping[ReturnKey, ReturnState], notes: list[BookedNote]) -> Iterator[str]:
    ours: dict[str, list[int]] = defaultdict(list)
    for state in states.values():
        for erp, number in state.notes:
            if erp == ERP and (erp, number) not in state.voided and (erp, number) not in state.work.moved_away:
                ours[number].append(state.note((erp, number)).amount.total)
    theirs = {note.number: [note.total] for note in notes if note.active}
    for number in sorted(ours.keys() | theirs.keys()):
        if ours.get(number) != theirs.get(number):
            yield f"{number} is {_said(ours.get(number))} in the ledger and {_said(theirs.get(number))} in the ERP"


def _said(totals: list[int] | None) -> str:
    return " and ".join(to_text(total, "GBP") for total in totals) if totals else "not there"


def _no_unit_is_lost(states: Mapping[ReturnKey, ReturnState], world: World, seeded: Places, notes: list[BookedNote]) -> Iterator[str]:
    """What the ERP was seeded with, and what the log says was done since, is what it has."""
    wanted: Places = Counter(seeded)
    voided = {note.number for note in notes if not note.active}
    for state in states.values():
        for name, issued in state.work.issued.items():
            answer = state.work.answers.get(name)
            if answer is None or answer.status != "accepted" or answer.document in voided:
                continue
            for goods in issued.goods:
                if goods.from_location is not None:
                    wanted[goods.sku, goods.from_location] -= goods.quantity
                if issued.kind != "write_off":
                    wanted[goods.sku, goods.to_location or world.main] += goods.quantity
    there = world.stock()
    for sku, place in sorted(wanted.keys() | there.keys()):
        if wanted[sku, place] != there[sku, place]:
            yield f"{sku} at {place}: {wanted[sku, place]} by the log, {there[sku, place]} in the ERP"


def _the_books_close(ground: Ground) -> Iterator[str]:
    ground.project()
    policies, now = ground.policies, ground.clock()
    findings = verify(ground.url, ground.schema, ground.ledger, policies.policy_of, policies.digest(), now, instants=3)
    yield from (f"{finding.what}: {finding.detail}" for finding in findings if not finding.ok)
