"""One ERP behind its simulator, as the contract drives it: orders and stock to seed, documents to look at, and a worker that forgets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple

from adapters.erps.port import Erp, NotThere, Unfinished, Work
from adapters.sandbox.faults import Faults, Front
from adapters.vendor.answers import Accepted, Declined, Unknown, VendorTrouble
from domain.content import Amount, ExchangeItem
from domain.erp_facts import GoodsLine, InstructionIssued, Kind, MoneyLine, OrderLine, OrderMatched
from domain.instructions import instruction_id
from domain.money import worth
from domain.telling import ReturnKey

KEY = ReturnKey("acme", "returngo", "RMA-501")
MOST_TRIES = 60
# Of `Lagging.set_level`: two and a half times the worst day that is simulated, where each list is old by some seconds.
EVERY_LIST = 2.5


class SteppedClock:
    """A clock that goes on only when it is told to, so that quotas refill when a worker waits."""

    def __init__(self, at: datetime = datetime(2026, 10, 2, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta = timedelta(minutes=5)) -> None:
        self.at += by


class Sold(NamedTuple):
    """A line of a seeded order: net items and tax in minor units, for its whole quantity."""

    sku: str
    quantity: int
    items_minor: int
    tax_minor: int


class SeenNote(NamedTuple):
    """A credit note as the ERP has it. `units` by SKU, sorted."""

    number: str
    total_minor: int
    units: tuple[tuple[str, int], ...]


class SeenOrder(NamedTuple):
    """An exchange order as the ERP has it: `status` is draft or authorised."""

    number: str
    status: str
    total_minor: int
    units: tuple[tuple[str, int], ...]


class Rig(ABC):
    """`erp` must reach the simulator through `front` only. Money is GBP. `kinds` are the instructions this ERP carries out."""

    kinds: ClassVar[frozenset[Kind]] = frozenset(
        {"post_credit_note", "book_in", "move", "restock", "write_off", "order_exchange", "authorise_exchange"}
    )
    # Does it say in its own time what became of a command?
    acknowledged_later: ClassVar[bool] = False
    # Places that exist in the simulator.
    main, transit, quarantine, damaged = "Main Warehouse", "In transit", "Quarantine", "Damaged"

    clock: SteppedClock
    front: Front
    erp: Erp

    @abstractmethod
    def seed_order(self, reference: str, lines: Sequence[Sold], *, shipping: int = 0, shipping_tax: int = 0, invoiced: bool = True) -> None:
        """An order of the shop, shipped from `main`; `invoiced`: its invoice is authorised (its order processed)."""

    @abstractmethod
    def seed_stock(self, sku: str, location: str, units: int) -> None:
        """So many units on hand. The SKU is made where it does not exist."""

    @abstractmethod
    def stock(self, sku: str, location: str) -> int:
        """Units on hand, straight from the simulator."""

    @abstractmethod
    def notes(self, reference: str) -> list[SeenNote]:
        """The order's active credit notes, drafts left out, straight from the simulator."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What was begun and neither finished nor undone: drafts of notes, transfers, adjustments; orders without lines."""

    @abstractmethod
    def exchanges(self) -> list[SeenOrder]:
        """Exchange orders that are not voided, straight from the simulator."""

    @abstractmethod
    def note_by_hand(self, reference: str, sku: str, units: int) -> str:
        """A person credits units of a line in the ERP; says the note's number."""

    @abstractmethod
    def void_by_hand(self, number: str) -> None:
        """A person voids a credit note."""

    def lag(self, seed: int) -> None:  # noqa: B027
        """From now on what is a list there may be older than what was written, by `adapters.simulation.lagging.LONGEST` at most; nothing
        where all is read from the books themselves."""

    def settle(self) -> None:  # noqa: B027
        """What the ERP does by itself while a worker waits, where it works asynchronously."""


class ScriptedFront(Front):
    """Nothing happens by chance: the calls with these numbers (from 0) meet these faults; `timeout_after` and the like."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.script: dict[int, str] = {}
        self.calls = 0
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def _draw(self) -> str | None:
        number, self.calls = self.calls, self.calls + 1
        return self.script.get(number)


def bad_day(seed: int) -> Faults:
    """The worst day, but for reads that tell what was long ago: nobody could be sure of anything then."""
    return replace(Faults.at(1.0, seed), stale=0.0)


@dataclass
class Worker:
    """What the outbox does with one instruction, at its plainest: it asks before it sends again. `sent` counts `carry_out`.

    `every`: the time between two tries; `settling`: how long after sending "it is not there" is not believed.
    """

    rig: Rig
    every: timedelta = timedelta(minutes=5)
    settling: timedelta = timedelta(0)
    sent: int = 0
    answers: list[str] = field(default_factory=list)

    def drive(self, work: Work, *, sent_before: bool = False) -> Accepted | Declined:
        """Until it is settled. `sent_before`: it may have been sent by somebody who was killed before recording it."""
        ask = sent_before
        wrote_at = self.rig.clock()
        for _ in range(MOST_TRIES):
            self.rig.clock.advance(self.every)
            self.rig.settle()
            try:
                if ask:
                    match self.rig.erp.find(work):
                        case Accepted() as found:
                            return found
                        case Unfinished() if self.rig.acknowledged_later:
                            pass
                        case NotThere() | Unfinished():
                            if self.rig.clock() - wrote_at < self.settling:
                                continue
                # A worker killed from here on would have to ask.
                ask = True
                self.sent += 1
                wrote_at = self.rig.clock()
                answer = self.rig.erp.carry_out(work)
            except VendorTrouble as trouble:
                self.answers.append(str(trouble))
                continue
            match answer:
                case Accepted() | Declined():
                    return answer
                case Unknown():
                    self.answers.append(answer.reason)
        raise AssertionError(f"not settled: {self.answers[-5:]}")


def work_of(
    rig: Rig,
    kind: Kind,
    reference: str = "#1001",
    order: OrderMatched | None = None,
    *,
    money: Sequence[MoneyLine] = (),
    shipping: int = 0,
    shipping_tax: int = 0,
    fees: int = 0,
    goods: Sequence[GoodsLine] = (),
    exchange: Sequence[ExchangeItem] | None = None,
    document: str | None = None,
    status: str | None = None,
    turn: int = 0,
) -> Work:
    """An instruction as the process would issue it."""
    items, tax = sum(one.items for one in money), sum(one.tax for one in money) + shipping_tax
    amount = Amount(items=items, tax=tax, shipping=shipping, fees=fees, total=items + tax + shipping + fees)
    issued = InstructionIssued(
        instruction=instruction_id(KEY, kind, reference, turn),
        kind=kind,
        erp="erp",
        order=order.order if order is not None else None,
        currency="GBP",
        amount=amount if kind == "post_credit_note" else None,
        money=tuple(money),
        goods=tuple(goods),
        exchange=tuple(exchange) if exchange is not None else None,
        document=document,
        status=status,  # type: ignore[arg-type]
    )
    return Work(KEY, reference, issued, order, rig.clock())


def credited(one: OrderLine, units: int, *, after: int = 0, line: str = "1") -> MoneyLine:
    """So many units of an order line, when `after` were credited before; exact over any series of parts."""
    items, tax = (worth(value, after + units, one.quantity) - worth(value, after, one.quantity) for value in (one.items, one.tax))
    return MoneyLine(line=line, order_line=one.order_line, sku=one.sku, quantity=units, items=items, tax=tax)


def moved(sku: str, units: int, from_location: str | None, to_location: str | None, line: str = "1") -> GoodsLine:
    return GoodsLine(line=line, sku=sku, quantity=units, units=units, from_location=from_location, to_location=to_location)
