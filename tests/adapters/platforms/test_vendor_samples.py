"""What the vendors publish themselves: every sample is understood, or says plainly why not. Skipped where the samples are not at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files.exact_json import loads
from adapters.platforms.port import Delivery, Reading
from adapters.platforms.returngo.mapping import Mappings
from adapters.platforms.returngo.reading import RmaReader
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.vendor.answers import NotUnderstood
from domain.telling import read_telling
from tests.adapters.platforms import test_happy_returns as happy_returns
from tests.adapters.platforms import test_returngo as returngo
from tests.adapters.platforms import test_reveni as reveni
from tests.adapters.platforms.contract import MERCHANT, MemoryHouse, Rig, SteppedClock
from tests.adapters.platforms.shop_rig import shop_rig

SAMPLES = Path(__file__).parents[4] / "shared" / "vendor" / "samples"
FOUND = sorted(SAMPLES.rglob("*.json")) if SAMPLES.is_dir() else []
RIGS: dict[str, Callable[[], Rig]] = {
    "happyreturns": happy_returns.rig,
    "returngo": lambda: returngo.rig_of(ReturnGoSandbox(clock := SteppedClock()), clock),
    "reveni": reveni.rig,
    "shopify": shop_rig,
}

pytestmark = pytest.mark.skipif(not FOUND, reason="the vendors' samples are not beside this checkout")


def delivered(path: Path) -> Reading | str:
    """What comes of the sample as a webhook: the reading, or why there is none."""
    rig, body = RIGS[path.parent.name](), path.read_bytes()
    headers = {"x-shopify-topic": topic_of(path), "x-shopify-event-id": "e-1"} if path.parent.name == "shopify" else {}
    label = rig.platform.label(headers, body)
    assert label.topic
    try:
        return rig.platform.read(Delivery("sample", label.topic, rig.clock(), headers, body), rig.house)
    except NotUnderstood as reason:
        return str(reason)


def topic_of(path: Path) -> str:
    """`webhook_refunds_create_2026-04` is `refunds/create`; of two words before the last, the group has both."""
    *group, what = path.stem.removeprefix("webhook_").rpartition("_")[0].split("_")
    for words in (1, 2, 3):
        if "_".join(group[:words]) in ("returns", "refunds", "orders", "disputes", "reverse_deliveries", "reverse_fulfillment_orders"):
            return f"{'_'.join(group[:words])}/{'_'.join([*group[words:], what])}"
    return f"{'_'.join(group)}/{what}"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_is_understood_or_says_why_not(path: Path) -> None:
    came = delivered(path)
    if isinstance(came, str):
        assert len(came) > 10, "a sentence"
        return
    assert came.facts or came.ignored or came.waits_for or came.unmapped
    for fact in came.facts:
        read_telling(fact, MERCHANT)


@pytest.mark.parametrize("path", [path for path in FOUND if path.stem.startswith("api_rma_detail")], ids=lambda path: path.stem)
def test_a_published_rma_is_read(path: Path) -> None:
    """The vendor's own example says `string` wherever it says anything: each of those is shown, and none is guessed."""
    reader, document = RmaReader(MERCHANT, Mappings("uk", {})), loads(path.read_text())
    rma = reader.rma(document)
    reading = reader.read(rma, MemoryHouse(SteppedClock()))
    assert rma.rma_id
    assert reading.facts or reading.unmapped


def test_ids_of_the_samples_keep_every_digit() -> None:
    numbers = [number for path in FOUND for number in large(json.loads(path.read_text()))]
    for number in numbers:
        assert loads(json.dumps(number)) == number


def large(value: Any) -> list[int]:
    """Whole numbers beyond 2^53."""
    if isinstance(value, dict):
        return [number for each in value.values() for number in large(each)]
    if isinstance(value, list):
        return [number for each in value for number in large(each)]
    return [value] if isinstance(value, int) and value > 1 << 53 else []
