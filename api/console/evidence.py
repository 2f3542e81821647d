"""The evidence of one return: all that was told of it by a moment, what follows from it, and a digest that shows it is whole."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from api.bootstrap import clock
from api.http.asking import MomentAsked
from api.http.reading import Reading
from api.http.returns import Told, standing
from domain.replay import describe, step_row
from domain.telling import write_instant


def evidence_of(now: Reading, told: Told, asked: MomentAsked) -> dict[str, Any]:
    """`sha256` of the manifest is that of `events` as JSON with sorted keys and no spaces."""
    events = [step_row(step) for step in told.steps()]
    return {
        "manifest": {
            "return": str(told.key),
            "as_of": write_instant(asked.as_of) if asked.as_of else None,
            "known_at": write_instant(asked.known_at) if asked.known_at else None,
            "taken_at": write_instant(clock()),
            "log_position": now.position,
            "events": len(events),
            "last_digest": max(told.events, key=lambda event: event.position).digest.hex(),
            "sha256": hashlib.sha256(orjson.dumps(events, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        },
        "standing": standing(told),
        "state": describe(told.state, told.policy),
        "gaps": told.gaps,
        "events": events,
    }
