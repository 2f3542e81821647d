"""How what happens to returns comes to the ledger: fact by fact, or by a platform's webhooks and API, with what goes wrong there."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

import httpx

from adapters.event_store import prepare
from adapters.inbox.desk import HouseDesk
from adapters.inbox.drain import Drain
from adapters.inbox.polling import Poller
from adapters.inbox.sealing import Seal
from adapters.inbox.store import arrive, store_statement
from adapters.platforms.port import ConnectionSettings, Delivery, Platform
from adapters.platforms.registry import make_platform
from adapters.sandbox.faults import Faults, Front
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.transport import SandboxTransport
from adapters.simulation.clocks import Clock
from adapters.simulation.ground import CONNECTION, MERCHANT, PLATFORM, Ground
from domain.returns import ReturnState
from domain.telling import ReturnKey, read_telling

_POLL: Final = timedelta(minutes=30)
_CREDENTIALS: Final = {"api_key": "sandbox-key", "shop": "sandbox.myshopify.com"}
_SEAL: Final = base64.b64encode(hashlib.sha256(b"simulate").digest()).decode()


class Inbox(Protocol):
    """One process's work at what came in; False where there is nothing to do now."""

    def go(self) -> bool: ...


class Teller(Protocol):
    """The platform's side of a world."""

    def set_faults(self, faults: Faults) -> None: ...

    def tell(self, ground: Ground, row: Mapping[str, Any]) -> None:
        """Something happens at the platform."""

    def deliver(self, ground: Ground) -> None:
        """What the platform sends by itself arrives."""

    def inbox(self, ground: Ground, clock: Clock, transport_of: Callable[[Front], httpx.BaseTransport]) -> Inbox | None: ...

    def releasing(self, transport_of: Callable[[Front], httpx.BaseTransport]) -> Platform | None:
        """The platform as what is told to refund; None where it refunds by itself."""

    def unknown(self, states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
        """What happened, and the ledger does not know it."""

    def paid_twice(self) -> Iterator[str]:
        """What the platform has paid more than once."""


class Facts:
    """The platform's facts go straight into the log."""

    def __init__(self) -> None:
        # Of which return which fact was told.
        self.told: dict[tuple[str, str], None] = {}

    def set_faults(self, faults: Faults) -> None:
        """What goes wrong with facts is in the story: they come late, twice, in another order."""

    def tell(self, ground: Ground, row: Mapping[str, Any]) -> None:
        ground.ledger.append([prepare(read_telling(row), "platform")])
        self.told[row["return"], row["fact"]] = None

    def deliver(self, ground: Ground) -> None:
        """Nothing is on its way."""

    def inbox(self, ground: Ground, clock: Clock, transport_of: Callable[[Front], httpx.BaseTransport]) -> None:
        return None

    def releasing(self, transport_of: Callable[[Front], httpx.BaseTransport]) -> None:
        return None

    def paid_twice(self) -> Iterator[str]:
        """Nobody pays: that money went out is a fact like the others."""
        yield from ()

    def unknown(self, states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
        for return_id, fact in self.told:
            state = states.get(ReturnKey(MERCHANT, PLATFORM, return_id))
            if state is None or (fact == "Initiated" and state.initiated is None) or (fact == "Refunded" and not state.refunds):
                yield f"{fact} of {return_id} was told"


class ReturnGo:
    """A story's rows are steps of its RMAs: `{"return": "R-1", "step": "receive", "with": {…}}`.

    `releases`: the house says when refunds are paid. The shop then pays by a rule that knows nothing of what was paid before: each time
    that an RMA becomes done.
    """

    def __init__(self, clock: Clock, *, releases: bool) -> None:
        self.sandbox, self._releases = ReturnGoSandbox(clock), releases
        self._worth: dict[str, Decimal] = {}
        self._done: Counter[str] = Counter()
        self.front = Front(self.sandbox)
        self._rmas: dict[str, str] = {}
        self._seal = Seal(_SEAL)
        # What labels webhooks as they come.
        self._door = make_platform(self._connection(), httpx.Client(transport=SandboxTransport(self.front)), lambda: None)

    def set_faults(self, faults: Faults) -> None:
        self.front.set_faults(faults)

    def tell(self, ground: Ground, row: Mapping[str, Any]) -> None:
        step, told = row["step"], dict(row["with"])
        if step == "create":
            rma = self._rmas[row["return"]] = self.sandbox.rmas.create(**told)
            self._worth[rma] = sum((Decimal(item["price"]) for item in told["items"]), Decimal(0))
        elif not (self._releases and step == "refund" and self._payments(self._rmas[row["return"]])):
            # A person who pays looks whether it is paid.
            getattr(self.sandbox.rmas, step)(rma_id=self._rmas[row["return"]], **told)

    def deliver(self, ground: Ground) -> None:
        self._pay()
        arrivals = []
        for webhook in self.front.webhooks():
            headers = {name.lower(): text for name, text in webhook.headers.items()}
            label = self._door.label(headers, webhook.body)
            delivery = Delivery(CONNECTION, label.topic, ground.clock(), headers, webhook.body)
            arrivals.append(arrive(delivery, MERCHANT, label, self._seal))
        if arrivals:
            with ground.pool.connection() as conn:
                conn.execute(*store_statement(arrivals))

    def _pay(self) -> None:
        for rma, document in self.sandbox.rmas.documents.items() if self._releases else ():
            done = sum(event["eventName"] == "RMA_DONE" for event in document["rmaSummary"]["events"])
            for _ in range(done - self._done[rma]):
                self.sandbox.rmas.refund(rma, f"{self._worth[rma]:.2f}")
            self._done[rma] = done

    def _payments(self, rma: str) -> int:
        return len(self.sandbox.rmas.documents[rma]["transactions"])

    def paid_twice(self) -> Iterator[str]:
        yield from (f"RMA {rma} was paid {count} times" for rma in self.sandbox.rmas.documents if (count := self._payments(rma)) > 1)

    def releasing(self, transport_of: Callable[[Front], httpx.BaseTransport]) -> Platform | None:
        return make_platform(self._connection(), httpx.Client(transport=transport_of(self.front)), lambda: None) if self._releases else None

    def _connection(self) -> ConnectionSettings:
        # Upon "done" the shop pays, before the goods are there too: it says nothing of them.
        mappings = {"release": {"status": "Done"}, "rma_status": {"Done": "done"}} if self._releases else {}
        more: dict[str, Any] = {"credentials": _CREDENTIALS, "mappings": mappings, "erp_posts": True}
        return ConnectionSettings(CONNECTION, MERCHANT, PLATFORM, "https://returngo.test", **more)

    def inbox(self, ground: Ground, clock: Clock, transport_of: Callable[[Front], httpx.BaseTransport]) -> Inbox:
        connection = self._connection()
        platform = make_platform(connection, httpx.Client(transport=transport_of(self.front)), lambda: None)
        desk = HouseDesk(ground.ledger, ground.pool, MERCHANT, clock)
        kept = (ground.ledger, ground.pool, self._seal, clock)
        return _Line(Drain(connection, platform, desk, *kept, threading.Event()), Poller(connection, platform, desk, *kept, _POLL))

    def unknown(self, states: Mapping[ReturnKey, ReturnState]) -> Iterator[str]:
        for rma, document in self.sandbox.rmas.documents.items():
            state = states.get(ReturnKey(MERCHANT, PLATFORM, rma))
            if state is None or state.initiated is None:
                yield f"RMA {rma} was created"
                continue
            paid = [one["amount"]["shopAmount"] for one in document["transactions"] if one["status"] == "Success"]
            total = sum(int(Decimal(str(amount)) * 100) for amount in paid)
            told = sum(refund.amount.total for refund in state.active_refunds())
            if told != total:
                yield f"RMA {rma} was refunded {total}, and the ledger knows of {told}"
            arrived = any(one["status"] in ("Received", "Validated") for one in document["shipments"])
            received = arrived and not all(_was_missing(one["itemValidationStatusResponse"]) for one in document["items"])
            if received and state.last_received_at is None:
                yield f"RMA {rma} was received"


class _Line:
    """What came in is worked off, and from time to time the platform is asked for what was lost."""

    def __init__(self, drain: Drain, poller: Poller) -> None:
        self._drain, self._poller = drain, poller

    def go(self) -> bool:
        if self._drain.round():
            return True
        if not self._poller.due():
            return False
        while self._poller.step():
            pass
        return True


def _was_missing(validation: Mapping[str, Any]) -> bool:
    """Somebody has looked at it, and it was not in the parcel: a parcel can come with nothing in it."""
    return validation["lastValidationDate"] is not None and not validation["isReturned"]
