"""What people of the merchant decide: which SKU is meant, what is tried again, what may be written off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Final

from adapters.deciding import decide
from adapters.simulation.ground import Ground
from adapters.sku_map import SkuMap
from domain.deciding import Decision, MapSku, Retry, WriteOff
from domain.gaps import open_gaps
from domain.policy import GapKind
from domain.refusals import Unfitting
from domain.returns import ReturnState

_BY: Final = "ops"
_TRY_AGAIN: Final = 0.25


class People:
    """`skus`: what they know that a platform's SKU is."""

    def __init__(self, ground: Ground, rng: Random, skus: Mapping[str, str]) -> None:
        self._ground, self._rng, self._skus = ground, rng, skus
        self._map = SkuMap(ground.ledger, ground.policies.policy_of)
        self.decided: list[str] = []

    def look(self, *, patient: bool = False) -> None:
        """Look through what waits and decide on some of it; `patient`: on everything that waits for a decision, and retry nothing more."""
        for key, state in self._ground.states().items():
            for decision in self._decisions(state, patient=patient):
                try:
                    decide(
                        self._ground.ledger, self._ground.policies.policy_of, key, decision, by=_BY, now=self._ground.clock(), reason="seen"
                    )
                    self.decided.append(f"{type(decision).__name__} {key.return_id}")
                except Unfitting:
                    pass  # it is another than they thought
        # One decision on a SKU frees all that wait with it.
        self._ground.project()
        with self._ground.pool.connection() as conn:
            self._map.free_waiting(conn, self._ground.clock())

    def _decisions(self, state: ReturnState, *, patient: bool) -> Iterator[Decision]:
        if state.initiated is None or state.is_document:
            return
        policy = self._ground.policies.policy_of(state.key)
        gaps = open_gaps(state, policy, self._ground.clock())
        skus = {line.line: line.sku for line in state.initiated.lines}
        for gap in gaps:
            if gap.kind == GapKind.SKU_UNMATCHED and gap.line is not None and (patient or self._rng.random() < 0.5):
                yield MapSku(skus[gap.line], self._skus[skus[gap.line]])
                return
        damaged = policy.write_off == "approve" and any(gap.kind == GapKind.DAMAGED_NOT_WRITTEN_OFF for gap in gaps)
        if damaged and (patient or self._rng.random() < 0.5):
            yield WriteOff("seen")
        if not patient and self._may_be_tried_again(state) and self._rng.random() < _TRY_AGAIN:
            yield Retry(None, "seen")

    def _may_be_tried_again(self, state: ReturnState) -> bool:
        answers = state.work.answers
        declined = any((answer := state.work.answer(name)) is not None and answer.status == "declined" for name in answers)
        return declined or bool(state.voided)
