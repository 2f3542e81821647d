"""Facts as a ledger would keep them, without a ledger: each once, numbered within its return, recorded one second after the other."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.identity import Verdict, identify, judge
from domain.returns import Recorded
from domain.telling import ReturnKey, Telling, read_telling

FIRST_RECORDED = datetime(2026, 11, 1, tzinfo=UTC)


def record(facts: Iterable[Mapping[str, Any]]) -> dict[ReturnKey, list[Recorded]]:
    """The distinct facts of each return, in the order told."""
    return record_tellings(read_telling(fact) for fact in facts)


def record_tellings(tellings: Iterable[Telling]) -> dict[ReturnKey, list[Recorded]]:
    known: dict[bytes, bytes] = {}
    returns: dict[ReturnKey, list[Recorded]] = {}
    position = 0
    for telling in tellings:
        identity = identify(telling)
        if judge(identity, known) is not Verdict.NEW:
            continue
        known.update(dict.fromkeys(identity.keys, identity.content))
        position += 1
        events = returns.setdefault(telling.key, [])
        recorded_at = FIRST_RECORDED + timedelta(seconds=position)
        told = (telling.key, len(events) + 1, telling.occurred_at, recorded_at, telling.fact, telling.source_id, telling.by)
        events.append(Recorded(*told, cause="test", position=position, digest=identity.content))
    return returns
