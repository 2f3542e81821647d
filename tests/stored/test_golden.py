"""Every stored shape there ever was reads to the same fact, and today's writer writes today's shape to the byte.

To change a shape: raise stored.VERSION, add the upcast, keep the old files, and add new ones beside them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.event_store import prepare
from domain.facts import FACTS
from domain.refusals import Rejected
from domain.returns import Recorded
from domain.stored import STORED_NAMES, VERSION, from_stored, key_of
from domain.telling import read_instant, read_telling, write_telling
from tests.examples import CONTRACT_EXAMPLES, EXAMPLES
from tests.examples_of_work import WORK_EXAMPLES

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))
FACT_NAMES = {stored: name for name, stored in STORED_NAMES.items()}


def read(path: Path) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return golden


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_stored_event_reads_to_the_fact_it_was_written_from(path: Path) -> None:
    golden = read(path)
    telling = EXAMPLES[FACT_NAMES[golden["topic"]]]

    event = from_stored(key_of(golden["stream"]), 3, 17, golden["topic"], golden["state"])

    assert event == Recorded(
        key=telling.key,
        version=3,
        occurred_at=telling.occurred_at,
        recorded_at=read_instant("2026-11-21T03:31:28.123456Z"),
        fact=telling.fact,
        source_id=telling.source_id,
        by=telling.by,
        cause=f"import:{path.name.split('.')[1]}.jsonl:1",
        position=17,
        digest=bytes.fromhex(golden["state"]["digest"]),
    )


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.stem.endswith(f".v{VERSION}")], ids=lambda path: path.stem)
def test_the_writer_writes_exactly_this(path: Path) -> None:
    golden = read(path)
    telling = EXAMPLES[FACT_NAMES[golden["topic"]]]

    prepared = prepare(telling, golden["state"]["cause"])

    assert (prepared.stream, prepared.topic) == (golden["stream"], golden["topic"])
    state = json.dumps(golden["state"], ensure_ascii=False, separators=(",", ":")).encode()
    assert b'{"recorded_at":"2026-11-21T03:31:28.123456Z",' + prepared.tail == state
    # The keys stand in the database, too: computed otherwise, every fact so far would be recorded a second time.
    assert [key.hex() for key in prepared.identity.keys] == golden["keys"]


def test_every_fact_has_an_example_and_a_golden_file_of_today() -> None:
    assert list(EXAMPLES) == list(FACTS)
    assert {path.name for path in GOLDEN if path.stem.endswith(f".v{VERSION}")} == {f"{topic}.v{VERSION}.json" for topic in FACT_NAMES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_survives_the_way_out_and_in(name: str) -> None:
    assert {**CONTRACT_EXAMPLES, **WORK_EXAMPLES}[name]["fact"] == name
    assert read_telling(write_telling(EXAMPLES[name]), own=name in WORK_EXAMPLES) == EXAMPLES[name]


@pytest.mark.parametrize("name", WORK_EXAMPLES)
def test_what_the_house_alone_records_cannot_be_brought_in_from_outside(name: str) -> None:
    with pytest.raises(Rejected, match="fact: "):
        read_telling(WORK_EXAMPLES[name])
