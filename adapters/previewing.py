"""What another policy would have done: the returns of a stretch of time, each walked under the one in force and under the proposed one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection

from adapters.event_store import Ledger
from adapters.outbox.folding import read_returns
from adapters.policies import Party
from domain.foreseeing import Difference, differences, foresee
from domain.policy import Policy
from domain.telling import ReturnKey

RETURNS_AT_ONCE: Final = 500


@dataclass(slots=True)
class Preview:
    """`rows` gives what differs, return by return; the figures count along while it is read."""

    conn: Connection[Any]
    ledger: Ledger
    party: Party
    in_force: Policy
    proposed: Policy
    since: datetime
    now: datetime
    looked_at: int = 0
    differing: int = 0
    counted: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Returns that moved since, in the order of their ids."""
        after = ""
        while True:
            found = self.conn.execute(_MOVED, (*self.party, self.since, after, RETURNS_AT_ONCE)).fetchall()
            if not found:
                return
            keys = [ReturnKey(*self.party, row[0]) for row in found]
            after = keys[-1].return_id
            for key, events in read_returns(self.ledger, keys).items():
                self.looked_at += 1
                before = foresee(key, events, self.in_force, self.now)
                told = differences(before, foresee(key, events, self.proposed, self.now))
                self.differing += bool(told)
                for one in told:
                    self.counted[f"{one.what} {one.kind}"] += 1
                    yield _row(key, one)


def _row(key: ReturnKey, one: Difference) -> dict[str, Any]:
    return {
        "what": one.what,
        "kind": one.kind,
        "return": key.return_id,
        "merchant": key.merchant,
        "platform": key.platform,
        "line": one.line,
        "in_force": one.before,
        "proposed": one.after,
    }


_MOVED = """
    SELECT return_id FROM returns WHERE merchant = %s AND platform = %s AND last_at >= %s AND return_id > %s
    ORDER BY return_id LIMIT %s"""
