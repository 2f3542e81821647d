"""Our processes in the simulated world: they decide, carry out and read back, and are killed at any moment; others take their place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random

import httpx

from adapters.outbox.batches import Proof
from adapters.outbox.decider import Decider
from adapters.outbox.drift import Drift
from adapters.outbox.releasing import ReleasingHand
from adapters.outbox.shop import Shop
from adapters.outbox.terms import PostingTimes, Terms, connection_account
from adapters.outbox.worker import Worker
from adapters.sandbox.faults import Front
from adapters.sandbox.transport import SandboxTransport
from adapters.simulation.books import World
from adapters.simulation.clocks import Killed, Mortal, VirtualClock
from adapters.simulation.ground import CONNECTION, ERP, MERCHANT, Ground
from adapters.simulation.telling import Teller
from domain.telling import ReturnKey

# At the highest level one look at the clock, or one call, in so many is the last.
_DEATHS = 0.01
POLL = timedelta(minutes=10)
# One call takes so long; so a vendor's quota of sixty a minute is just about kept.
CALL = timedelta(seconds=1.2)
_MOST_STEPS = 4_000


class Process:
    """One of ours, from its start to its death."""

    def __init__(
        self, ground: Ground, world: World, teller: Teller, rng: Random, level: float, name: str, posting: PostingTimes | None
    ) -> None:
        self.mortal = Mortal(ground.clock, rng, _DEATHS * level)
        shop = Shop(ground.ledger, ground.pool, self.mortal, owner=name)
        erp = world.connect(ground, lambda front: _Wire(front, self.mortal), _turns(ground.clock))
        policy = ground.policies.policy_of(ReturnKey(MERCHANT, "returngo", ""))
        terms = Terms(CONNECTION, policy, ground.policies.version_of(MERCHANT, "returngo"), posting)

        def terms_of(key: ReturnKey) -> Terms | None:
            return terms if key.platform == "returngo" else None

        self.decider = Decider(ground.ledger, ground.pool, self.mortal, terms_of, ground.policies.digest())
        self.worker = Worker(shop, ERP, erp, POLL, acknowledged_later=world.acknowledged_later)
        self.drift = Drift(shop, ERP, erp, [MERCHANT], POLL)
        self.inbox = teller.inbox(ground, self.mortal, lambda front: _Wire(front, self.mortal))
        self.proof = Proof(shop, ERP, erp)
        payer = teller.releasing(lambda front: _Wire(front, self.mortal))
        hand = ReleasingHand(CONNECTION, payer) if payer is not None else None
        self.releasing = Worker(shop, CONNECTION, hand, account=connection_account(CONNECTION)) if hand is not None else None


class Hands:
    """Two processes, each followed by another one when it dies."""

    def __init__(self, ground: Ground, world: World, teller: Teller, rng: Random, level: float, posting: PostingTimes | None) -> None:
        self._ground, self._world, self._teller = ground, world, teller
        self._rng, self._level, self._posting = rng, level, posting
        self.deaths = self._turns_taken = 0
        self._alive = [self._born(0), self._born(1)]

    def immortal(self) -> None:
        self._level = 0.0
        for process in self._alive:
            process.mortal.immortal()

    def work(self) -> None:
        """Decide, read back what is due, and carry out until there is nothing to do now."""
        for _ in range(_MOST_STEPS):
            self._turns_taken += 1
            which = self._turns_taken % len(self._alive)
            # What the one finds nothing to do with is nothing for the other: what they do is in the database.
            if not self._do(which, self._turn(which)):
                return
        raise AssertionError("the hands never come to rest")

    def _turn(self, which: int) -> Callable[[], bool]:
        def go() -> bool:
            process = self._alive[which]
            self._world.deliver(self._ground)
            self._teller.deliver(self._ground)
            if process.inbox is not None and process.inbox.go():
                return True
            process.decider.catch_up()
            if process.drift.under_way or process.drift.due():
                while process.drift.step():
                    pass
                return True
            if process.releasing is not None and process.releasing.go():
                return True
            return process.worker.go() or (self._posting is not None and process.proof.step())

        return go

    def _do(self, which: int, job: Callable[[], bool]) -> bool:
        try:
            return job()
        except Killed:
            self.deaths += 1
            self._alive[which] = self._born(which)
            return True

    def _born(self, which: int) -> Process:
        while True:
            name = f"process {which}.{self.deaths}"
            try:
                return Process(self._ground, self._world, self._teller, self._rng, self._level, name, self._posting)
            except Killed:
                self.deaths += 1


class _Wire(httpx.BaseTransport):
    """The way to the vendor: a process may die before its request is sent, and after it was answered."""

    def __init__(self, front: Front, mortal: Mortal) -> None:
        self._transport, self._mortal = SandboxTransport(front), mortal

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._mortal.maybe_die()
        try:
            return self._transport.handle_request(request)
        finally:
            self._mortal.maybe_die()


def _turns(clock: VirtualClock) -> Callable[[str], None]:
    def wait(method: str) -> None:
        clock.advance(CALL)

    return wait
