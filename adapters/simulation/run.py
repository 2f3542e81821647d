"""One seed from its first order until the world is quiet, and what does not hold then."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any, Final

from adapters.inbox.schedule import JITTER
from adapters.outbox.listing import try_again
from adapters.sandbox.faults import Faults
from adapters.simulation.books import World
from adapters.simulation.cin7_world import Cin7World
from adapters.simulation.clocks import VirtualClock
from adapters.simulation.ground import Ground, open_ground
from adapters.simulation.hands import POLL, Hands
from adapters.simulation.invariants import Invariant, check
from adapters.simulation.linnworks_world import LinnworksWorld
from adapters.simulation.patchworks_world import PatchworksWorld
from adapters.simulation.people import People
from adapters.simulation.selling import SKUS
from adapters.simulation.story import Story, write_story
from adapters.simulation.telling import Facts, ReturnGo, Teller

_WORLDS: Final[Mapping[str, Callable[[VirtualClock, Random], World]]] = {
    "cin7_core": Cin7World,
    "linnworks": LinnworksWorld,
    "patchworks": PatchworksWorld,
}
ERPS: Final = tuple(_WORLDS)
_STOCK = 50
# How often people look into the ERP, and how often one of them changes something there at the highest level.
_PEOPLE = timedelta(hours=3)
_MEDDLING = 0.4
# How often they look through what waits for a decision.
_DECIDING = 0.25
# So long a quiet world may take to come to rest, in rounds of waiting for what is due next.
_MOST_ROUNDS = 300


@dataclass(slots=True)
class Report:
    """What became of a seed. `done` counts answers by what was instructed; `people` says what people did in the ERP."""

    seed: int
    returns: int
    level: float
    erp: str
    # By whom the ledger is told of returns: facts, or a platform's simulator.
    told_by: str = "facts"
    invariants: list[Invariant] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    people: list[str] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    # Lists that were told as they were no longer.
    stale: int = 0
    deaths: int = 0
    events: int = 0
    seconds: float = 0.0

    @property
    def broken(self) -> list[str]:
        return [f"{one.holds}: {sentence}" for one in self.invariants for sentence in one.broken]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        invariants = {one.holds: list(one.broken) or "ok" for one in self.invariants}
        figures: dict[str, Any] = {"events": self.events, "stale_lists": self.stale, "deaths": self.deaths}
        figures |= {"by_hand": self.people, "decided": self.decided, "instructions": dict(sorted(self.done.items()))}
        world = {"seed": self.seed, "returns": self.returns, "faults": self.level, "erp": self.erp, "told_by": self.told_by}
        return world | figures | {"invariants": invariants}


def simulate(
    url: str,
    schema: str,
    seed: int,
    returns: int = 20,
    level: float = 1.0,
    erp: str | None = None,
    spoil: Callable[[Ground, World, Teller], None] | None = None,
) -> Report:
    """In an empty schema. `erp`: one of ERPS; None: by the seed. `spoil` breaks the quiet world, to see that it is noticed.

    `level` 0 is a good day, 1 the worst one: faults, deaths, late and doubled facts, people who meddle.
    """
    JITTER.seed(f"simulate/{seed}/jitter")
    began, rng, clock = time.monotonic(), Random(f"simulate/{seed}"), VirtualClock()
    erp = erp or ERPS[seed % len(ERPS)]
    world = _WORLDS[erp](clock, Random(f"simulate/{seed}/erp"))
    story = write_story(rng, Random(f"simulate/{seed}/release"), returns, level, world.main, world.goods_in_with_note)
    report = Report(seed, returns, level, erp, "returngo" if story.by_platform else "facts")
    with open_ground(url, schema, clock, story.policy) as ground, _mistakes() as mistakes:
        world.seed(story.orders, dict.fromkeys(SKUS, _STOCK))
        seeded = world.stock()
        # A list that told what was long ago would make nobody sure of anything: it lags by seconds.
        world.front.set_faults(replace(Faults.at(level, seed), stale=0.0))
        world.lagging.set_level(level)
        teller: Teller = ReturnGo(clock, releases=story.released) if story.by_platform else Facts()
        teller.set_faults(replace(Faults.at(level, seed), stale=0.0))
        hands = Hands(ground, world, teller, Random(f"simulate/{seed}/hands"), level, story.posting)
        people = People(ground, Random(f"simulate/{seed}/decisions"), story.skus)
        _live(ground, world, teller, story, hands, people, Random(f"simulate/{seed}/people"), report)
        world.front.set_faults(Faults())
        teller.set_faults(Faults())
        world.lagging.set_level(0.0)
        hands.immortal()
        _rest(ground, hands, people)
        report.decided = people.decided
        if spoil is not None:
            spoil(ground, world, teller)
        report.invariants = check(ground, world, teller, seeded, mistakes)
        report.stale, report.deaths, report.events = world.lagging.stale, hands.deaths, ground.ledger.head()
        for state in ground.states().values():
            for name, issued in state.work.issued.items():
                answer = state.work.answers.get(name)
                code = f" ({answer.code})" if answer is not None and answer.status == "declined" else ""
                report.done[f"{issued.kind} {answer.status if answer else 'open'}{code}"] += 1
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def _mistakes() -> Iterator[list[str]]:
    """What our side logs as its own mistake meanwhile."""
    kept: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(f"{record.getMessage()}: {record.exc_info[1] if record.exc_info else ''}")

    handler, log = Keep(logging.ERROR), logging.getLogger("returns_ledger")
    log.addHandler(handler)
    try:
        yield kept
    finally:
        log.removeHandler(handler)


def _live(ground: Ground, world: World, teller: Teller, story: Story, hands: Hands, people: People, chance: Random, report: Report) -> None:
    """Everything that happens, in its time; between two things our processes work."""
    happens: list[tuple[float, int, object]] = [(told.at.timestamp(), 0, told.row) for told in story.tellings]
    happens += [(order.invoiced_at.timestamp(), 1, order.reference) for order in story.orders if order.invoiced_at is not None]
    at = ground.clock() + _PEOPLE
    while at < story.ends:
        if chance.random() < _MEDDLING * report.level:
            happens.append((at.timestamp(), 2, None))
        if chance.random() < _DECIDING:
            happens.append((at.timestamp(), 3, None))
        at += _PEOPLE
    for moment, kind, what in sorted(happens, key=lambda one: (one[0], one[1])):
        ground.clock.to(ground.clock().fromtimestamp(moment, ground.clock().tzinfo))
        match kind, what:
            case 0, dict():
                teller.tell(ground, what)
            case 1, str():
                world.invoice(what)
            case 3, _:
                people.look()
            case _:
                if (deed := world.meddle()) is not None:
                    report.people.append(deed)
        hands.work()


def _revive(ground: Ground) -> None:
    """People try dead letters again."""
    with ground.pool.connection() as conn:
        for (name,) in conn.execute("SELECT id FROM outbox WHERE state = 'dead'").fetchall():
            try_again(conn, name, "ops", ground.clock())


def _rest(ground: Ground, hands: Hands, people: People) -> None:
    """Wait for what is due next, again and again, until nothing is, and the ERP was read back twice since, the platform once."""
    quiet = 0
    for _ in range(_MOST_ROUNDS):
        before = ground.ledger.head()
        _revive(ground)
        hands.work()
        if quiet % 2 == 0:
            people.look(patient=True)
        ((pending, next_at),) = ground.rows(
            "SELECT count(*), min(next_at) FROM outbox WHERE state = 'pending' AND next_at > %s", ground.clock()
        )
        ((unread,),) = ground.rows("SELECT count(*) FROM inbox WHERE state = 'pending'")
        # Whoever failed on the bad days may wait for hours before the platform, or the ERP, is asked again for what got lost.
        ((unasked,),) = ground.rows(
            "SELECT (SELECT count(*) FROM poll_cursors WHERE attempts > 0) + (SELECT count(*) FROM outbox_accounts WHERE poll_attempts > 0)"
        )
        quiet = quiet + 1 if not pending and not unread and not unasked and ground.ledger.head() == before else 0
        if quiet >= 4:
            return
        ground.clock.advance(POLL + timedelta(seconds=1))
        if pending and next_at is not None:
            ground.clock.to(next_at)
