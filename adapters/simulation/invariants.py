"""What must hold once the simulated world is quiet, whatever happened in it. Each finding is a sentence; none is what is hoped for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from adapters.erps.port import OVER_CREDIT, REFUSED
from adapters.outbox.siblings import Siblings
from adapters.simulation.books import BookedNote, Places, World
from adapters.simulation.ground import ERP, Ground
from adapters.simulation.selling import CURRENCY, parts_of
from adapters.simulation.telling import Teller
from adapters.verify import verify
from domain.money import to_text
from domain.policy import CLEARING_KINDS
from domain.process import plan
from domain.returns import ReturnState
from domain.telling import ReturnKey

# What may be declined for good: people took goods or money away by hand. Everything else had its cause mended.
_FOR_GOOD: Final = (OVER_CREDIT, REFUSED)


class Invariant(NamedTuple):
    """`holds` in a few words; `broken` says in sentences where it does not."""

    holds: str
    broken: tuple[str, ...]


def check(ground: Ground, world: World, teller: Teller, seeded: Places, mistakes: Iterable[str] = ()) -> list[Invariant]:
    """Every invariant, also after one that does not hold. `seeded`: what the ERP had on hand at first; `mistakes`: what our side logged."""
    ground.project()
    states, notes = ground.states(), world.notes()
    found: list[tuple[str, Iterable[str]]] = [
        ("the ledger knows what happened", teller.unknown(states)),
        ("every instruction is settled", _every_instruction_is_settled(ground, states)),
        ("nothing waits for what is there", _nothing_waits_for_what_is_there(states)),
        ("what is due is instructed", _what_is_due_is_instructed(ground, states)),
        ("no two documents of one instruction, no money released twice", _each_document_once(world, teller, notes)),
        ("no unit is credited twice", _no_unit_is_credited_twice(states)),
        ("no invoice is credited beyond its total", _never_beyond_the_invoice(world, notes)),
        ("ledger and ERP know the same credit notes", _both_sides_know_the_same_notes(states, notes)),
        ("no unit is lost", _no_unit_is_lost(states, world, seeded, notes)),
        ("nothing begun is left", world.leftovers()),
        ("credited is refunded, or a gap says by how much not", _gaps_say_the_difference(ground, states, notes)),
        ("batches prove themselves", _batches_prove_themselves(ground, states)),
        ("the books tie out; rebuilt is live", _the_books_close(ground)),
        ("nothing of ours broke", mistakes),
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


def _nothing_waits_for_what_is_there(states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
    """Invoices came, SKUs were matched, the ERP answers again: nothing is declined for want of them."""
    for key, state in states.items():
        for name, issued in state.work.issued.items():
            answer = state.work.answers.get(name)
            if answer is not None and answer.status == "declined" and answer.code not in _FOR_GOOD:
                yield f"{issued.kind} {name} of {key.return_id} is declined: {answer.code}, {answer.reason}"


def _what_is_due_is_instructed(ground: Ground, states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
    siblings = Siblings(ground.ledger, ground.pool)
    siblings.expect(states.values())
    for key, state in states.items():
        found = plan(state, ground.policies.policy_of(key), siblings.credited_by_others(state))
        yield from (f"{one.kind} of {key.return_id} is due" for one in found.due if one.instruction not in state.work.issued)
        yield from (f"{key.return_id} is barred: {one.kind}" for one in found.blocked)


def _each_document_once(world: World, teller: Teller, notes: list[BookedNote]) -> Iterator[str]:
    yield from (f"{count} documents carry {name}" for name, count in world.carrying().items() if count > 1)
    yield from teller.paid_twice()
    yield from (f"{note.number} was paid {len(note.paid)} times" for note in notes if len(note.paid) > 1)


def _no_unit_is_credited_twice(states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
    """Units of a return's lines in our notes that stand: never more than the return has. Parts of a kit are counted by themselves."""
    for key, state in states.items():
        credited: Counter[tuple[str, str]] = Counter()
        for name, issued in state.work.issued.items():
            answer = state.work.answers.get(name)
            stands = answer is not None and answer.status == "accepted" and (issued.erp, answer.document) not in state.voided
            for money in issued.money if stands else ():
                credited[money.line, money.component or money.sku] += money.quantity
        for (line, sku), units in credited.items():
            announced = state.announced.get(line)
            most = announced.quantity * parts_of(announced.sku).get(sku, 1) if announced is not None else 0
            if units > most:
                yield f"{units} of {most} {sku} on line {line} of {key.return_id} are credited"


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
        for number, total in _notes_of(state):
            ours[number].append(total)
    theirs = {note.number: [note.total] for note in notes if note.active}
    for number in sorted(ours.keys() | theirs.keys()):
        if ours.get(number) != theirs.get(number):
            yield f"{number} is {_said(ours.get(number))} in the ledger and {_said(theirs.get(number))} in the ERP"


def _notes_of(state: ReturnState) -> Iterator[tuple[str, int]]:
    """Number and total of the notes that stand."""
    for erp, number in state.notes:
        if erp == ERP and (erp, number) not in state.voided and (erp, number) not in state.work.moved_away:
            yield number, state.note((erp, number)).amount.total


def _said(totals: list[int] | None) -> str:
    return " and ".join(to_text(total, CURRENCY) for total in totals) if totals else "not there"


def _no_unit_is_lost(states: Mapping[ReturnKey, ReturnState], world: World, seeded: Places, notes: list[BookedNote]) -> Iterator[str]:
    """What the ERP was seeded with, and what the log says was done since, is what it has."""
    wanted: Places = Counter(seeded)
    voided = {note.number for note in notes if not note.active and world.void_takes_goods}
    for state in states.values():
        for name, issued in state.work.issued.items():
            answer = state.work.answers.get(name)
            if answer is None or answer.status != "accepted":
                continue
            stays = answer.beside if answer.document in voided else {goods.sku for goods in issued.goods}
            for goods in (goods for goods in issued.goods if goods.sku in stays):
                for sku, each in parts_of(goods.sku).items():
                    if goods.from_location is not None:
                        wanted[sku, goods.from_location] -= each * goods.quantity
                    if issued.kind != "write_off":
                        wanted[sku, goods.to_location or world.main] += each * goods.quantity
    there = world.stock()
    for sku, place in sorted(wanted.keys() | there.keys()):
        if wanted[sku, place] != there[sku, place]:
            yield f"{sku} at {place}: {wanted[sku, place]} by the log, {there[sku, place]} in the ERP"


def _gaps_say_the_difference(ground: Ground, states: Mapping[ReturnKey, ReturnState], notes: list[BookedNote]) -> Iterator[str]:
    """Of each return and document: what was refunded, less what the ERP's own books credit, is what its open clearing gap says."""
    theirs = {note.number: note.total for note in notes if note.active}
    said = {ReturnKey(*key): int(minor) for *key, minor in ground.rows(_GAPS, [str(kind) for kind in CLEARING_KINDS]) if minor is not None}
    for key, state in states.items():
        refunded = sum(refund.amount.total for refund in state.active_refunds())
        credited = sum(theirs.get(number, 0) for number, _ in _notes_of(state))
        if refunded - credited != said.get(key, 0):
            off = to_text(refunded - credited, CURRENCY)
            yield f"{key.return_id}: refunds and notes differ by {off}, and its gap says {to_text(said.get(key, 0), CURRENCY)}"


_GAPS = """
    SELECT merchant, platform, return_id, sum(amount_minor) FROM gaps
    WHERE kind = ANY(%s) AND NOT closed AND valid_to = 'infinity' AND known_to = 'infinity' GROUP BY merchant, platform, return_id"""


def _batches_prove_themselves(ground: Ground, states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
    """What the ERP has booked of each batch is what the log tells; only where people changed one of its notes it may not be."""
    changed = {number for state in states.values() for _, number in (*state.voided, *state.work.amended)}
    for batch, proved, said in ground.rows("SELECT id, proved, note FROM outbox_batches WHERE post_at <= %s", ground.clock()):
        numbers = {number for (number,) in ground.rows("SELECT document FROM outbox WHERE batch = %s AND state = 'done'", batch)}
        if numbers and not numbers & changed and not proved:
            yield f"batch {batch} is not proved: {said or 'nobody looked'}"


def _the_books_close(ground: Ground) -> Iterator[str]:
    policies, now = ground.policies, ground.clock()
    findings = verify(ground.url, ground.schema, ground.ledger, policies.policy_of, policies.digest(), now, instants=3)
    yield from (f"{finding.what}: {finding.detail}" for finding in findings if not finding.ok)
