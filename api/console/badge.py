"""Does everything tie out? Said on every page, with the event of the log up to which it holds."""

from __future__ import annotations

from dataclasses import dataclass

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
        money = money_tie_out(now.conn, moment)
        wrong = sum(map(differs, money)) + sum(map(differs, unit_tie_out(now.conn, moment)))
        return Badge(wrong, tuple(row["currency"] for row in money), now.position)

    return kept.get((moment.as_of, moment.known_at), find)
