"""Does everything tie out? Said on every page, with the event of the log up to which it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.console.keeping import Kept
from api.http.reading import Reading
from projections.moments import Moment
from projections.tie_out import differs, money_tie_out, unit_tie_out


@dataclass(frozen=True, slots=True)
class Badge:
    """`differences`: rows of the tie-out whose difference is not 0. `currencies`: those in which money has moved."""

    differences: int
    currencies: tuple[str, ...]
    position: int


def badge_of(kept: Kept[Badge], now: Reading, moment: Moment) -> Badge:
    def find() -> Badge:
        return badge_from(money_tie_out(now.conn, moment), unit_tie_out(now.conn, moment), now.position)

    return kept.get((moment.as_of, moment.known_at), find)


def badge_from(money: Sequence[dict[str, Any]], units: Sequence[dict[str, Any]], position: int) -> Badge:
    """Of a whole tie-out, where somebody has it already."""
    return Badge(sum(map(differs, (*money, *units))), tuple(row["currency"] for row in money), position)
