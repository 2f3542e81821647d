"""What every returns platform has to keep, whatever its API: a subclass of `PlatformContract` per platform says how.

A rig is one platform behind its simulator, and stories to play on it. A story is a generator that does one thing and yields; between two
steps an hour passes, webhooks come (or do not) and polls are made (or are not). Whichever way it is told, the ledger has to end up with
the same facts, each once.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.platforms.port import Delivery, Orders, Platform, RawFact, Reading
from adapters.sandbox.faults import Faults, Front
from adapters.sandbox.port import OutgoingWebhook, SandboxRequest, SandboxResponse
from adapters.vendor.answers import NotUnderstood, VendorTrouble
from domain.facts import Initiated, Refunded
from domain.identity import Verdict, identify, judge
from domain.telling import ReturnKey, Telling, read_telling, write_telling

MERCHANT = "acme"
STEP = timedelta(hours=1)
Story = Callable[[], Iterator[None]]


class SteppedClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, at: datetime = datetime(2026, 10, 2, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta = STEP) -> None:
        self.at += by


class MemoryHouse:
    """The ledger and the desk in memory, with the domain's own rules of what is the same fact."""

    def __init__(self, clock: Callable[[], datetime], orders: Orders | None = None, refunds_for: frozenset[str] = frozenset()) -> None:
        self._clock = clock
        self._known: dict[bytes, bytes] = {}
        self._orders = orders
        self.refunds_for = refunds_for
        self.tellings: list[Telling] = []
        self.conflicts: list[RawFact] = []

    def record(self, reading: Reading) -> None:
        for raw in reading.facts:
            telling = read_telling(raw)
            identity = identify(telling)
            verdict = judge(identity, self._known)
            if verdict is Verdict.CONFLICT:
                self.conflicts.append(raw)
            elif verdict is Verdict.NEW:
                self.tellings.append(telling)
                self._known |= dict.fromkeys(identity.keys, identity.content)

    @property
    def orders(self) -> Orders | None:
        return self._orders

    def now(self) -> datetime:
        return self._clock()

    def returns_of_order(self, order: str) -> list[ReturnKey]:
        return [told.key for told in self.tellings if isinstance(told.fact, Initiated) and told.fact.order == order]

    def return_of_refund(self, refund: str) -> ReturnKey | None:
        return next((told.key for told in self.tellings if isinstance(told.fact, Refunded) and told.fact.refund == refund), None)

    def announced(self, key: ReturnKey) -> bool:
        return any(told.key == key and isinstance(told.fact, Initiated) for told in self.tellings)

    def told(self, key: ReturnKey) -> Sequence[Telling]:
        return [told for told in self.tellings if told.key == key]


@dataclass
class Rig:
    """One platform behind its simulator. `platform` must reach the simulator through `front` only.

    `undated` names the facts whose date the vendor's record does not have: they are dated when they are first seen. `large_ids` are ids
    beyond 2^53 that must be found in the facts once all stories are told.
    """

    clock: SteppedClock
    front: Front
    platform: Platform
    stories: Mapping[str, Story]
    orders: Orders | None = None
    undated: frozenset[str] = frozenset()
    large_ids: Callable[[], Iterable[str]] = tuple
    house: MemoryHouse = field(init=False)

    def __post_init__(self) -> None:
        self.house = MemoryHouse(self.clock, self.orders)


class Inbox:
    """What stands between the platform and the ledger, at its plainest: deliveries wait until they are read, trouble is tried again."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.waiting: list[Delivery] = []
        self.refused = 0
        self._seen: set[tuple[str, str]] = set()
        self.cursor: dict[str, Any] | None = None

    def take(self, webhooks: Iterable[OutgoingWebhook]) -> None:
        for webhook in webhooks:
            headers = {name.lower(): text for name, text in webhook.headers.items()}
            if not self.rig.platform.authentic(headers, webhook.body):
                self.refused += 1
                continue
            label = self.rig.platform.label(headers, webhook.body)
            seen = ("id", label.delivery_id) if label.delivery_id is not None else ("content", webhook.body.hex())
            if seen not in self._seen:
                self._seen.add(seen)
                self.waiting.append(Delivery("test", label.topic, self.rig.clock(), headers, webhook.body))

    def work(self) -> None:
        waiting, self.waiting = self.waiting, []
        for delivery in waiting:
            try:
                reading = self.rig.platform.read(delivery, self.rig.house)
            except VendorTrouble:
                self.waiting.append(delivery)
            except NotUnderstood:
                continue
            else:
                self._record(reading, delivery)

    def poll(self) -> None:
        with suppress(VendorTrouble):
            for polled in self.rig.platform.poll(self.cursor, self.rig.house):
                for reading in polled.readings:
                    self._record(reading, reading.delivery)
                # As the database would give it back.
                self.cursor = json.loads(json.dumps(polled.cursor))

    def settle(self) -> None:
        """The end of a bad day: no more faults, what waits is worked off, and some more polls are made."""
        self.rig.front.set_faults(Faults())
        for _ in range(4):
            self.take(self.rig.front.webhooks())
            self.work()
            self.poll()
            self.rig.clock.advance()
        assert not [delivery for delivery in self.waiting if delivery.topic != "poll"], "something still waits on a good day"

    def _record(self, reading: Reading, delivery: Delivery | None) -> None:
        self.rig.house.record(reading)
        if reading.waits_for is not None and delivery is not None:
            self.waiting.append(delivery)


def facts_of(rig: Rig) -> list[str]:
    """The ledger's facts, comparable: in one order, without the dates that no vendor knows."""
    rows = [write_telling(telling) for telling in rig.house.tellings]
    return sorted(
        json.dumps(
            {name: value for name, value in row.items() if not (name == "occurred_at" and row["fact"] in rig.undated)}, sort_keys=True
        )
        for row in rows
    )


# What a story tells when nothing goes wrong: the same for each way of telling it.
_REFERENCES: dict[tuple[type, str], list[str]] = {}


class PlatformContract(ABC):
    """Subclass it as `TestSomePlatformKeepsTheContract`."""

    # Names of the rig's stories, for one test each.
    story_names: ClassVar[tuple[str, ...]]

    @abstractmethod
    def rig(self, seed: int = 0) -> Rig:
        """A new platform, simulator and clock; `seed` for whatever the simulator leaves to chance."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "story" in metafunc.fixturenames:
            metafunc.parametrize("story", self.story_names)

    # One story, many ways of telling it

    def told_by_webhooks(self, story: str) -> Rig:
        """The reference: every webhook comes at once and in order, and polls follow."""
        return self._play(story, Faults())

    def _play(self, story: str, faults: Faults, *, webhooks: bool = True, polls: bool = True, seed: int = 0) -> Rig:
        rig = self.rig(seed)
        inbox = Inbox(rig)
        rig.front.set_faults(faults)
        for _ in rig.stories[story]():
            coming = rig.front.webhooks()
            if webhooks:
                inbox.take(coming)
                inbox.work()
            if polls:
                inbox.poll()
            rig.clock.advance()
        if not webhooks:
            rig.front.webhooks()
        inbox.settle()
        return rig

    def _told_alike(self, rig: Rig, story: str) -> None:
        reference = _REFERENCES.setdefault((type(self), story), [])
        if not reference:
            reference += facts_of(self.told_by_webhooks(story))
        assert facts_of(rig) == reference
        assert rig.house.conflicts == []

    def test_a_story_is_told_without_conflict(self, story: str) -> None:
        rig = self.told_by_webhooks(story)
        assert rig.house.conflicts == []
        assert rig.house.tellings, "a story tells something"
        facts = facts_of(rig)
        assert len(set(facts)) == len(facts), "one happening, one fact"

    def test_polls_alone_tell_the_same(self, story: str) -> None:
        self._told_alike(self._play(story, Faults(), webhooks=False), story)

    def test_webhooks_in_any_order_and_doubled_tell_the_same(self, story: str) -> None:
        for seed in range(3):
            rig = self.rig()
            inbox, rng, all_webhooks = Inbox(rig), Random(seed), []
            for _ in rig.stories[story]():
                all_webhooks += rig.front.webhooks()
                inbox.poll()
                rig.clock.advance()
            all_webhooks = all_webhooks * 2
            rng.shuffle(all_webhooks)
            inbox.take(all_webhooks)
            inbox.work()
            inbox.settle()
            self._told_alike(rig, story)

    @pytest.mark.parametrize("level", [0.3, 1.0])
    def test_a_bad_day_tells_the_same(self, story: str, level: float) -> None:
        for seed in range(4):
            self._told_alike(self._play(story, Faults.at(level, seed), seed=seed), story)

    def test_looking_again_tells_nothing_new(self, story: str) -> None:
        rig = self.told_by_webhooks(story)
        before = facts_of(rig)
        rig.clock.advance(timedelta(days=2))
        again = Inbox(rig)
        again.poll()
        again.settle()
        assert facts_of(rig) == before
        assert rig.house.conflicts == []

    def test_two_readers_tell_byte_for_byte_the_same(self, story: str) -> None:
        """Two ledgers that have never heard of each other, from one vendor."""
        rig = self.told_by_webhooks(story)
        told = []
        for _ in range(2):
            rig.house = MemoryHouse(rig.clock, rig.orders)
            Inbox(rig).settle()
            told.append(facts_of(rig))
            rig.clock.advance(timedelta(days=1))
        assert told[0] == told[1]

    def test_fields_that_nobody_knows_break_nothing(self, story: str) -> None:
        rig = self.rig()
        quiet, noisy = rig.front.answer, Random(story)

        def answer(request: SandboxRequest) -> SandboxResponse:
            response = quiet(request)
            return replace(response, body=_with_unknown_fields(response.body, noisy))

        rig.front.answer = answer  # type: ignore[method-assign]  # the vendor's next version, from the outside
        inbox = Inbox(rig)
        for _ in rig.stories[story]():
            inbox.take(rig.front.webhooks())
            # Signatures were checked above: what is read now is a body that the vendor would have signed.
            inbox.waiting = [replace(waiting, body=_with_unknown_fields(waiting.body, noisy)) for waiting in inbox.waiting]
            inbox.work()
            inbox.poll()
            rig.clock.advance()
        inbox.settle()
        self._told_alike(rig, story)

    # All stories

    def test_ids_beyond_two_to_the_53_survive(self) -> None:
        rig = self.rig()
        inbox = Inbox(rig)
        for tell in rig.stories.values():
            for _ in tell():
                inbox.take(rig.front.webhooks())
                inbox.work()
                rig.clock.advance()
        inbox.settle()
        everything = "\n".join(facts_of(rig))
        large_ids = list(rig.large_ids())
        assert large_ids
        assert all(int(large) > 2**53 for large in large_ids)
        assert [large for large in large_ids if large not in everything] == []

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(body=st.one_of(st.binary(max_size=200), st.deferred(lambda: _JSON).map(lambda content: json.dumps(content).encode())))
    def test_garbage_is_labelled_and_not_understood(self, body: bytes) -> None:
        _read_anything(self.rig(), body)

    def test_real_webhooks_that_break_off_are_not_understood(self) -> None:
        rig = self.rig()
        for tell in rig.stories.values():
            for _ in tell():
                for webhook in rig.front.webhooks():
                    for end in range(0, len(webhook.body), 7):
                        _read_anything(rig, webhook.body[:end], webhook.headers)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["0", "RMA", "9856537", "x" * 300]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "rmaId", "event", "eventName", "data", "items", "order_id", "resource_id", "status", "typeID"])
            | st.text(max_size=6),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def _read_anything(rig: Rig, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    headers = {name.lower(): text for name, text in (headers or {}).items()}
    rig.platform.authentic(headers, body)
    topic, delivery_id = rig.platform.label(headers, body)
    assert isinstance(topic, str)
    assert delivery_id is None or isinstance(delivery_id, str)
    said, reading = None, Reading()
    try:
        reading = rig.platform.read(Delivery("test", topic, rig.clock(), headers, body), rig.house)
    except NotUnderstood as error:
        said = str(error)
    assert said != "", "it says what is wrong"
    for fact in reading.facts:
        read_telling(fact)


def _with_unknown_fields(body: bytes, rng: Random) -> bytes:
    """New fields in every object: what a vendor may do any day."""

    def grow(value: Any) -> Any:
        if isinstance(value, dict):
            grown = {name: grow(member) for name, member in value.items()}
            return grown | {f"x{rng.randrange(10**6)}": rng.choice((None, [], {"new": [1, "two"]}, 1.5, True, "text"))}
        return [grow(member) for member in value] if isinstance(value, list) else value

    try:
        return json.dumps(grow(json.loads(body))).encode()
    except ValueError:
        return body
