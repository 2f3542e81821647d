"""The history of one return, event by event: what each changed in the state, and which gaps it opened or closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.choosing import UNDONE_BY
from domain.gap import TOLERATED, Gap
from domain.gaps import open_gaps
from domain.money import to_text
from domain.moves import PLACES, places
from domain.policy import Policy
from domain.returns import Recorded, ReturnState, evolve
from domain.telling import ReturnKey, write_content, write_instant
from domain.work import Work


@dataclass(frozen=True, slots=True)
class Step:
    """`number` counts the events in order of occurrence; `changes` maps a path in `describe` to before and after."""

    number: int
    event: Recorded
    state: ReturnState
    changes: dict[str, tuple[Any, Any]]
    opened: tuple[Gap, ...]
    closed: tuple[Gap, ...]


def replay(key: ReturnKey, events: Sequence[Recorded], policy: Policy) -> list[Step]:
    """All events given, in order of occurrence, each with what it did."""
    steps: list[Step] = []
    state, described, open_before = ReturnState(key), describe(ReturnState(key), policy), dict[Any, Gap]()
    for number, event in enumerate(sorted(events, key=Recorded.in_order_of_occurrence), start=1):
        state = evolve(state, event.fact, event.occurred_at, number)
        now = describe(state, policy)
        open_now = {gap.subject: gap for gap in open_gaps(state, policy, event.occurred_at) if gap.kind != TOLERATED}
        changes = {path: (described.get(path), now.get(path)) for path in {**described, **now} if described.get(path) != now.get(path)}
        opened = tuple(gap for subject, gap in open_now.items() if subject not in open_before)
        closed = tuple(gap for subject, gap in open_before.items() if subject not in open_now)
        steps.append(Step(number, event, state, changes, opened, closed))
        described, open_before = now, open_now
    return steps


def describe(state: ReturnState, policy: Policy) -> dict[str, Any]:
    """The state as flat paths, for people and for JSON: `refunds.R-9.total` → `45.99 GBP`."""
    told: dict[str, Any] = {"stage": stage(state)}
    if state.initiated:
        told |= {"order": state.order, "currency": state.currency, "resolution": state.initiated.resolution, "erp": state.erp}
    for line in sorted(state.announced.keys() | state.counts.keys()):
        known = state.announced.get(line)
        if known:
            told |= {
                f"lines.{line}.sku": known.sku,
                f"lines.{line}.worth": f"{to_text(known.value_minor, state.currency or '')} {state.currency}",
            }
        told |= {f"lines.{line}.{place}": units for place, units in zip(PLACES, places(state, line, policy.actions), strict=True) if units}
        counts = state.counts.get(line)
        if counts:
            told |= {f"lines.{line}.inspected.{disposition}": units for disposition, units in sorted(counts.inspected.items())}
    for name, refund in state.refunds.items():
        told |= {
            f"refunds.{name}.total": f"{to_text(refund.amount.total, refund.currency)} {refund.currency}",
            f"refunds.{name}.method": refund.method,
        }
    told |= {f"refunds.{name}.reversed": True for name in sorted(state.reversed)}
    for (erp, number), note in state.notes.items():
        told[f"credit_notes.{erp}.{number}.total"] = f"{to_text(note.amount.total, note.currency)} {note.currency}"
    told |= {f"credit_notes.{erp}.{number}.voided": True for erp, number in sorted(state.voided)}
    told |= {
        f"payouts.{one.payout}.{one.transaction or one.refund}": f"{to_text(one.amount, one.currency)} {one.currency}"
        for one in state.settled.values()
    }
    told |= {f"exchange_orders.{order}": status for order, status in state.exchange_orders.items()}
    if state.ended:
        told["ended"] = state.ended
    return told | describe_work(state.work)


def describe_work(work: Work) -> dict[str, Any]:
    """The way to the ERP and what people decided, as flat paths: `instructions.rl-….status` → `accepted`."""
    told: dict[str, Any] = {}
    if work.order is not None:
        told |= {"erp_order.number": work.order.number or work.order.order, "erp_order.invoice": work.order.invoice}
    elif work.not_found is not None:
        told["erp_order"] = f"not found: {work.not_found.reference}"
    told |= {f"skus.{sku}": decision.fact.to for sku, decision in sorted(work.skus.items())}
    for name, one in work.issued.items():
        answer = work.answers.get(name)
        told[f"instructions.{name}.kind"] = one.kind
        told[f"instructions.{name}.status"] = answer.status if answer else "issued"
        if answer and (answer.document or answer.code):
            told[f"instructions.{name}.{'document' if answer.document else 'code'}"] = answer.document or answer.code
    told |= {f"erp_stock.{line}.{place}": units for (line, place), units in sorted(work.stands.items()) if units}
    told |= {f"accepted.{currency}": to_text(decision.fact.amount, currency) for currency, decision in sorted(work.accepted.items())}
    for number, decision in sorted(work.chosen.items()):
        counts = "" if not work.reopened_since(decision, UNDONE_BY) else " (undone)"
        fact = decision.fact
        told[f"chosen.{fact.line}.{number}"] = f"{fact.quantity} {fact.found or 'uninspected'} as {fact.disposition}{counts}"
    told |= {f"waived.{kind}{f'.{line}' if line else ''}": True for kind, line in sorted(work.waived, key=str)}
    if work.assigned is not None and work.assigned.fact.to:
        told["assigned_to"] = work.assigned.fact.to
    if work.snoozed is not None:
        told["snoozed_until"] = work.snoozed.fact.until
    return told


def stage(state: ReturnState) -> str:
    """How far the goods and the money are, in one word, for lists."""
    if not state.count:
        return "none"
    if state.is_document:
        return "document"
    if state.initiated is None:
        return "unannounced"
    told = state.counts.values()
    if any(counts.restocked or counts.written_off for counts in told):
        return "put away"
    if any(counts.inspected_units for counts in told):
        return "inspected"
    if state.all_received or any(counts.received for counts in told):
        return "received"
    if state.all_scanned or any(counts.scanned for counts in told):
        return "scanned"
    return state.ended or ("refunded" if state.active_refunds() else "announced")


def known_events(events: Sequence[Recorded], as_of: datetime | None, known_at: datetime | None) -> list[Recorded]:
    """Those that had occurred by `as_of` and were recorded by `known_at`, both inclusive."""
    return [e for e in events if (as_of is None or e.occurred_at <= as_of) and (known_at is None or e.recorded_at <= known_at)]


def step_row(step: Step) -> dict[str, Any]:
    """A step as the contract's `replay --json` writes it."""
    event = step.event
    return {
        "number": step.number,
        "fact": type(event.fact).__name__,
        "occurred_at": write_instant(event.occurred_at),
        "recorded_at": write_instant(event.recorded_at),
        "cause": event.cause,
        "by": event.by,
        "source_id": event.source_id,
        "data": write_content(event.fact),
        "changes": {path: {"from": before, "to": after} for path, (before, after) in step.changes.items()},
        "opened": [gap_line(gap) for gap in step.opened],
        "closed": [gap_line(gap) for gap in step.closed],
    }


def gap_line(gap: Gap) -> dict[str, Any]:
    amount = to_text(gap.amount_minor, gap.currency) if gap.amount_minor is not None and gap.currency else None
    return {"kind": str(gap.kind), "line": gap.line, "currency": gap.currency, "amount": amount, "units": gap.units}
