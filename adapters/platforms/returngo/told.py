"""What the ledger has been told of a return by this platform: a second look tells only what is new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from domain.facts import Inspected, Received, Refunded
from domain.telling import Telling

PREFIX = "returngo/"


class Finding(NamedTuple):
    """How a unit was found, and the part of the source id behind its RMA's."""

    disposition: str
    source: str


class Told:
    """Facts that others told (a file, the shop) count for refunds only, which have an id that all of them name."""

    def __init__(self, tellings: Sequence[Telling]) -> None:
        self.dates: dict[str, datetime] = {}
        self.received: set[str] = set()
        self.inspected: dict[str, Finding] = {}
        # Refund id → the source that told it; None where another than ReturnGO has told it.
        self.refunds: dict[str, str | None] = {}
        for telling in tellings:
            source = telling.source_id if telling.source_id is not None and telling.source_id.startswith(PREFIX) else None
            if isinstance(telling.fact, Refunded):
                before = self.refunds.get(telling.fact.refund, source)
                self.refunds[telling.fact.refund] = source if before is not None else None
            if source is None:
                continue
            self.dates[source] = telling.occurred_at
            match telling.fact:
                case Received(lines=lines) if lines is not None:
                    self.received |= {line.line for line in lines}
                case Inspected(lines=found):
                    for line in found:
                        self.inspected[line.line] = Finding(line.disposition, source.split("/", 3)[-1])
                case _:
                    pass

    def knows(self, source: str) -> bool:
        return PREFIX + source in self.dates
