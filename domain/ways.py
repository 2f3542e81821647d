"""The gaps of a blocked way: what cannot be instructed, was declined, or has an unknown outcome, with the value that waits for it."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from domain.erp_facts import InstructionIssued
from domain.gap import Gap
from domain.money import worth
from domain.policy import GapKind, Policy
from domain.process import plan
from domain.returns import ReturnState

# Words of a refusal that are gap kinds of their own; every other opens `instruction_failed`.
OWN_KINDS: Final = {
    kind.value: kind for kind in (GapKind.ORDER_NOT_FOUND, GapKind.ORDER_NOT_INVOICED, GapKind.SKU_UNMATCHED, GapKind.KIT_NOT_DECOMPOSED)
}
_Subject = tuple[GapKind, str | None, str | None]


class _Waiting(NamedTuple):
    value_minor: int
    evidence: frozenset[int]


def way_gaps(state: ReturnState, policy: Policy) -> list[Gap]:
    """One a kind and currency, or a kind, line and currency where it is one line's. What somebody asked for again is under way."""
    found: dict[_Subject, _Waiting] = {}
    currency = state.currency
    for blocked in plan(state, policy, {}).blocked:
        evidence = {state.work.not_found_number if blocked.kind == "order_not_found" else state.work.order_number}
        _add(found, (OWN_KINDS[blocked.kind], blocked.line, currency), blocked.value_minor, evidence)
    for name, one in state.work.issued.items():
        answer = state.work.answer(name)
        if answer is None or answer.status not in ("declined", "unknown"):
            continue
        kind = OWN_KINDS.get(answer.code, GapKind.INSTRUCTION_FAILED)
        if answer.status == "unknown":
            kind = GapKind.INSTRUCTION_OUTCOME_UNKNOWN
        _add(found, (kind, None, one.currency), value_of(state, one), {state.work.issued_numbers[name], answer.number})
    return [
        Gap(kind, line, money, waiting.value_minor, None, None, tuple(sorted(waiting.evidence)))
        for (kind, line, money), waiting in sorted(found.items(), key=lambda item: tuple(map(str, item[0])))
    ]


def value_of(state: ReturnState, issued: InstructionIssued) -> int:
    """What an instruction is about, in minor units: the amount it credits, or what the goods it moves are worth."""
    if issued.amount is not None:
        return issued.amount.total
    units: Counter[str] = Counter()
    for one in issued.goods:
        units[one.line] = max(units[one.line], one.units)
    known = state.announced
    return sum(worth(known[line].value_minor, count, known[line].quantity) for line, count in units.items() if line in known)


def _add(found: dict[_Subject, _Waiting], subject: _Subject, value_minor: int, evidence: set[int]) -> None:
    before = found.get(subject, _Waiting(0, frozenset()))
    found[subject] = _Waiting(before.value_minor + value_minor, before.evidence | frozenset(evidence))
