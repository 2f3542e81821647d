"""Writes the golden files that are missing, after a new fact or a new version: `python -m tests.stored.write_golden`."""

import json
from pathlib import Path

from adapters.event_store import prepare
from domain.stored import VERSION
from tests.examples import EXAMPLES

for telling in EXAMPLES.values():
    topic = prepare(telling, "").topic
    path = Path(__file__).with_name("golden") / f"{topic}.v{VERSION}.json"
    if not path.exists():  # what was once stored stays
        prepared = prepare(telling, f"import:{topic.split('.')[1]}.jsonl:1")
        golden = {
            "stream": prepared.stream,
            "topic": topic,
            "keys": [key.hex() for key in prepared.identity.keys],
            "state": json.loads(b'{"recorded_at":"2026-11-21T03:31:28.123456Z",' + prepared.tail),
        }
        path.write_text(json.dumps(golden, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
