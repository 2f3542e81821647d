"""One open gap, as every rule that finds gaps gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from domain.policy import GapKind

PARTS = ("items", "tax", "shipping", "fees", "unexplained")
# A difference within the tolerance: no gap, but the tie-out must know of it.
TOLERATED: Final = "tolerated"


@dataclass(frozen=True, slots=True)
class Gap:
    """One open gap. `amount_minor` is signed; `breakdown` goes with PARTS; `evidence` are the numbers of the events that caused it."""

    kind: GapKind | Literal["tolerated"]
    line: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    units: int | None = None
    breakdown: tuple[int, ...] | None = None
    evidence: tuple[int, ...] = ()

    @property
    def subject(self) -> tuple[str, str | None, str | None]:
        """What stays the same while a gap is open: of the clearing kinds there is one a currency, of the unit kinds one a line."""
        return (self.kind, self.line, self.currency)
