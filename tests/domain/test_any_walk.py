"""Whatever is told, decided, declined or retried, in any order: what must always hold of instructions and their gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.decisions import Assigned, DifferenceAccepted, DispositionChosen, GapWaived, Reopened, RetryAsked, Snoozed, WriteOffApproved
from domain.erp_facts import CreditNoteAmended, InstructionAbandoned, KitComponent, OutcomeUnknown
from domain.facts import Fact
from domain.gap import TOLERATED
from domain.gaps import open_gaps
from domain.policy import GapKind, Policy
from domain.returns import Recorded, ReturnState, evolve
from domain.timeline import fold
from tests.domain.working import KEY, Walk, order, order_line, policy
from tests.strategies import SEED, examples

KIT = (KitComponent(sku="MUG", quantity=1, weight=3), KitComponent(sku="TEA", quantity=2, weight=1))
ORDER = order(
    order_line("a", "SHIRT-M", 3, 11498, 2300),
    order_line("b", "SHIRT-M", 1, 3599, 720),
    order_line("k", "GIFT", 2, 6001, 1201, kit=KIT),
    shipping=500,
    shipping_tax=100,
)
LINES = (("L1", "SHIRT-M", 3, "114.98", "23.00"), ("L2", "GIFT", 1, "30.01", "6.01"), ("L3", "TEA", 1, "3.00", "0.60"))
DISPOSITIONS = {
    "saleable": {"action": "restock", "location": "Main"},
    "damaged": {"action": "write_off", "location": "Damaged"},
    "tag-missing": {"action": "hold", "location": "Tagging"},
}
UNITS = {name: quantity for name, _, quantity, _, _ in LINES}


def drawn_policy(rng: Random) -> Policy:
    return policy(
        goods_in_with_note=rng.random() < 0.5,
        credit_note_on=rng.choice(("scanned", "received", "inspected", "restocked", "refunded")),
        move_on=rng.choice(("scanned", "received", "never")),
        restock_on=rng.choice(("inspected", "received", "never")),
        shipping_refund=rng.choice(("platform", "none", "full", "prorated")),
        amounts_from=rng.choice(("erp_order", "platform")),
        write_off=rng.choice(("automatic", "approve")),
        dispositions=DISPOSITIONS,
        release_refund_on=rng.choice(("never", "received")),
    )


def happenings(rng: Random) -> list[dict[str, Any]]:
    """What the world tells of one return, in some order."""
    told: list[dict[str, Any]] = []
    if rng.random() < 0.7:
        told.append({"fact": "ScannedAtReturnBar"})
    for name, quantity in UNITS.items():
        left = quantity
        while left and rng.random() < 0.8:
            units = rng.randint(1, left)
            left -= units
            told.append({"fact": "Received", "lines": [{"line": name, "quantity": units}]})
            disposition = rng.choice(("saleable", "saleable", "damaged", "quarantine", "tag-missing", "smells of smoke"))
            told.append({"fact": "Inspected", "lines": [{"line": name, "quantity": units, "disposition": disposition}]})
    if rng.random() < 0.3:
        told.append({"fact": "Restocked", "lines": [{"line": "L1", "quantity": 1}]})
    for number in range(rng.randint(0, 2)):
        amount = {"items": "60.00", "tax": "12.00", "shipping": "2.50", "fees": "0.00", "total": "74.50"}
        told.append({"fact": "Refunded", "refund": f"R-{number}", "currency": "GBP", "amount": amount, "method": "original_payment"})
    rng.shuffle(told)
    return told


def chosen(rng: Random) -> DispositionChosen:
    """Where goods go, said by hand: before they are inspected or after, about units that are there or not, and of a way they came."""
    found = rng.choice((None, "saleable", "damaged", "tag-missing", "smells of smoke"))
    to = rng.choice(("saleable", "damaged", "quarantine", "tag-missing"))
    line = rng.choice(tuple(UNITS))
    return DispositionChosen(line=line, found=found, disposition=to, quantity=rng.randint(1, 3), reason="looked again")


def decisions(rng: Random) -> list[Fact]:
    amended = {"credit_note": "DOC-1", "erp": "uk-erp", "currency": "GBP", "amount": {"total": rng.randint(0, 9999)}}
    return rng.sample(
        [
            RetryAsked(reason="again"),
            WriteOffApproved(reason="soaked"),
            GapWaived(kind=rng.choice(list(GapKind)).value, reason="no matter"),
            Reopened(),
            DifferenceAccepted(currency="GBP", amount=rng.randint(-9999, 9999), reason="goodwill"),
            Assigned(to="m.okafor"),
            Snoozed(until="2026-12-01T08:00:00Z"),
            CreditNoteAmended.model_validate(amended),
            *(chosen(rng) for _ in range(3)),
        ],
        rng.randint(0, 4),
    )


def walk_of(seed: int) -> tuple[Walk, list[Recorded]]:
    """A return that is told, instructed, declined and decided about by chance; and all of its events."""
    rng = Random(seed)
    walk = Walk(drawn_policy(rng))
    walk.announce(*LINES)
    steps: list[Any] = [*happenings(rng), *decisions(rng), ORDER]
    rng.shuffle(steps)
    for step in steps:
        if isinstance(step, dict):
            walk.tell(**step)
        else:
            walk.record(step)
        match rng.randint(0, 5):
            case 0:
                walk.decline("refused")
            case 1:
                for one in walk.plan.due[:1]:
                    walk.record(one, OutcomeUnknown(instruction=one.instruction, reason="time-out"))
            case 2:
                pass
            case _:
                walk.carry_out()
        for name in walk.plan.superseded:
            walk.record(InstructionAbandoned(instruction=name, reason="asked for again"))
    walk.carry_out()
    return walk, walk.events


@examples(80)
@given(SEED, st.data())
def test_any_order_of_the_same_events_gives_the_same_work(seed: int, data: st.DataObject) -> None:
    walk, events = walk_of(seed)
    state = ReturnState(KEY)
    for event in data.draw(st.permutations(events)):
        state = evolve(state, event.fact, event.occurred_at, event.version)
    assert state.work == walk.state.work
    assert set(state.active_notes()) == set(walk.state.active_notes())
    at = events[-1].occurred_at
    assert set(open_gaps(state, walk.policy, at)) == set(open_gaps(walk.state, walk.policy, at))


@examples(80)
@given(SEED)
def test_the_fold_finds_the_gaps_that_the_state_has(seed: int) -> None:
    walk, events = walk_of(seed)
    folded = fold(KEY, events, walk.policy)
    at = events[-1].occurred_at
    told = {
        (one.kind, one.line, one.currency, one.amount_minor, one.units)
        for one in folded.segments()
        if one.valid_to is None and one.valid_from <= at
    }
    assert told == {(gap.kind, gap.line, gap.currency, gap.amount_minor, gap.units) for gap in open_gaps(walk.state, walk.policy, at)}
    credited = sum(note.amount.total for note in walk.state.active_notes())
    refunded = sum(refund.amount.total for refund in walk.state.active_refunds())
    assert sum(move.total if move.side == "refunded" else -move.total for move in folded.money) == refunded - credited
    clearing = [gap for gap in open_gaps(walk.state, walk.policy, at) if gap.kind in CLEARING]
    assert sum(gap.amount_minor or 0 for gap in clearing) == refunded - credited


CLEARING = (*(kind.value for kind in GapKind if "credit_note" in kind.value), TOLERATED)


@examples(150)
@given(SEED)
def test_nothing_is_done_twice_and_nothing_out_of_nothing(seed: int) -> None:
    walk, _ = walk_of(seed)
    assert walk.plan.due == (), "carried out, nothing is due any more"
    done = [one for one in walk.state.work.issued.values() if walk.state.work.counts(one.instruction)]
    units: Counter[tuple[str, str]] = Counter()
    stands: Counter[tuple[str, str | None]] = Counter()
    for one in sorted(done, key=lambda one: walk.state.work.issued_numbers[one.instruction]):
        for money in one.money:
            units[money.line, "credited"] += money.quantity
        for goods in {(g.line, g.from_location, g.to_location, g.disposition): g for g in one.goods}.values():
            units[goods.line, one.kind] += goods.units if one.kind in ("restock", "write_off") else 0
            units[goods.line, "brought in"] += goods.units if goods.from_location is None else 0
            stands[goods.line, goods.from_location] -= goods.units
            stands[goods.line, goods.to_location] += goods.units
            assert goods.from_location is None or stands[goods.line, goods.from_location] >= 0, "out of a place that holds none"
    for (line, what), count in units.items():
        assert count <= UNITS[line], f"{count} units {what} of line {line}"
    assert len({one.instruction for one in done}) == len(done)
    credited = sum(one.amount.items or 0 for one in done if one.amount and one.kind == "post_credit_note")
    if walk.policy.amounts_from == "erp_order":
        assert credited <= sum(line.items for line in ORDER.lines)


@examples(60)
@given(SEED)
def test_the_order_in_which_the_world_is_told_does_not_change_what_is_credited(seed: int) -> None:
    rng = Random(seed)
    decided = drawn_policy(rng).model_copy(update={"write_off": "automatic"})
    # What others put away is not put away again: how much is left to do then depends on who was first.
    told = [one for one in happenings(rng) if one["fact"] != "Restocked"]
    totals = set()
    for _ in range(4):
        rng.shuffle(told)
        walk = Walk(decided).announce(*LINES).record(ORDER)
        for step in told:
            walk.tell(**step)
            walk.carry_out()
        notes = [one.amount for one in walk.issued if one.amount]
        totals.add((sum(note.total for note in notes), sum(note.items or 0 for note in notes), sum(note.shipping or 0 for note in notes)))
        assert replace(walk, documents=0).plan.due == ()
    # A refund tells only what was paid; which units it is for depends on what had come by then. And put away on receipt, goods are on
    # the shelf before anybody finds out what they are like.
    if decided.credit_note_on != "refunded" and decided.restock_on != "received":
        assert len(totals) == 1
