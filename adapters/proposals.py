"""Four eyes: a decision that gives up more than one person may alone is kept until a second person decides the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.decisions import DifferenceAccepted, DispositionChosen, GapWaived, WriteOffApproved
from domain.facts import Fact, WrittenOff
from domain.gap import Gap
from domain.gaps import open_gaps
from domain.money import to_minor, to_text, worth
from domain.policy import GapKind, Policy
from domain.returns import ReturnState
from domain.telling import ReturnKey, write_content

# A proposal that nobody seconded by then counts no more.
GOOD_FOR: Final = timedelta(days=7)


class Decisions(BaseModel):
    """What one person may give up alone, by currency: beyond it a second person has to decide the same. Without an amount, anything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    four_eyes_over: dict[str, str] = Field(default_factory=dict)

    @field_validator("four_eyes_over")
    @classmethod
    def _is_money(cls, over: dict[str, str]) -> dict[str, str]:
        for currency, amount in over.items():
            to_minor(amount, currency)
        return over


class GivenUp(NamedTuple):
    """What a decision gives up, in minor units of a currency; never negative."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return f"{to_text(self.minor, self.currency)} {self.currency}"


def given_up(state: ReturnState, policy: Policy, facts: Sequence[Fact], now: datetime) -> GivenUp | None:
    """The money that these facts give up: the difference accepted, or what the goods are worth. None where they give up none."""
    total, currency = 0, state.currency
    gaps = open_gaps(state, policy, now)
    for fact in facts:
        match fact:
            case DifferenceAccepted():
                total, currency = total + abs(fact.amount), fact.currency
            case GapWaived():
                total += _worth(gap for gap in gaps if gap.kind == fact.kind and fact.line in (None, gap.line))
            case DispositionChosen() if fact.line in state.announced:
                line = state.announced[fact.line]
                total += worth(line.value_minor, min(fact.quantity, line.quantity), line.quantity)
            case WriteOffApproved() | WrittenOff():
                lines = {told.line for told in fact.lines} if fact.lines else None
                damaged = (gap for gap in gaps if gap.kind == GapKind.DAMAGED_NOT_WRITTEN_OFF)
                total += _worth(gap for gap in damaged if lines is None or gap.line in lines)
            case _:
                continue
    return GivenUp(total, currency) if total and currency is not None else None


def is_beyond(given: GivenUp | None, limits: Mapping[str, str]) -> bool:
    """Is it more than one person may give up alone? A currency without a limit has none."""
    return given is not None and given.currency in limits and given.minor > to_minor(limits[given.currency], given.currency)


def proposer(conn: Connection[Any], key: ReturnKey, facts: Sequence[Fact], by: str, now: datetime) -> str | None:
    """Who else decided this before and makes it two; None where `by` is the first, whose decision is kept from now on."""
    told = [[type(fact).__name__, {name: one for name, one in write_content(fact).items() if name != "reason"}] for fact in facts]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    asked = {"merchant": key.merchant, "platform": key.platform, "return": key.return_id, "decision": digest}
    found = conn.execute(_FIND, asked | {"since": now - GOOD_FOR, "by": by}).fetchone()
    if found is None:
        conn.execute(_KEEP, asked | {"by": by, "now": now})
    return str(found[0]) if found else None


def settle(conn: Connection[Any], key: ReturnKey) -> None:
    """What was proposed for the return is decided."""
    conn.execute("DELETE FROM proposals WHERE merchant = %s AND platform = %s AND return_id = %s", key)


def _worth(gaps: Iterable[Gap]) -> int:
    return sum(abs(gap.amount_minor or 0) for gap in gaps)


_FIND = """
    SELECT by FROM proposals
    WHERE merchant = %(merchant)s AND platform = %(platform)s AND return_id = %(return)s AND decision = %(decision)s
      AND by <> %(by)s AND proposed_at >= %(since)s
    ORDER BY proposed_at LIMIT 1"""
_KEEP = """
    INSERT INTO proposals VALUES (%(merchant)s, %(platform)s, %(return)s, %(decision)s, %(by)s, %(now)s)
    ON CONFLICT (merchant, platform, return_id, decision, by) DO UPDATE SET proposed_at = excluded.proposed_at"""
