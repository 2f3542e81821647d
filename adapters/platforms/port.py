"""The port every returns platform stands behind: deliveries and polls in, facts out, and what may be asked of the house meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from adapters.vendor.answers import Answer
from domain.telling import ReturnKey, Telling

# A contract fact as `domain.telling.read_telling` reads it.
RawFact = dict[str, Any]
# Vendors that sign what they send. The others' deliveries come by a path with `webhook_secret` in it.
SIGNING: Final = frozenset({"happy_returns", "shopify"})


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One account of a merchant at a platform, as the configuration has it.

    `base_url` None: the vendor's own. `mappings` holds what the operator set beside the room's defaults, by what is mapped:
    `{"dispositions": {"A": "damaged"}}`. `refunds_from` names the Shopify connection whose refunds and orders belong to these returns.
    `erp_posts`: an ERP brings the goods of these returns back into stock, and its word on that is the one that counts.

    Every platform's room has `connect(*, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> Platform`.
    It sends nothing yet. `wait_turn` is called before each request to the vendor: it waits for the account's quota, which all processes
    share, and raises VendorTrouble where that would take too long. `http` has time-outs already. One thread at a time uses a platform,
    but for `authentic` and `label`, which must not mind.
    """

    name: str
    merchant: str
    platform: str
    base_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    mappings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    refunds_from: str | None = None
    erp_posts: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came: `headers` in lower case, without secrets; `body` raw and authenticated."""

    connection: str
    topic: str
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes


class Label(NamedTuple):
    """What can be said of a delivery without understanding it. `delivery_id` is None where the vendor gives none: its content tells."""

    topic: str
    delivery_id: str | None


class Unmapped(NamedTuple):
    """A value that no mapping of the configuration names: shown, and never guessed."""

    field: str
    value: str
    return_id: str | None = None


class Joined(NamedTuple):
    """Why a record of one system stands on the return of another: `what` was put on `key` for the reason `why`; `others` fitted too.

    Shown with the delivery, so that a pair is never a silent guess.
    """

    what: str
    key: ReturnKey
    why: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a delivery or of a polled record.

    `facts` are recorded in any case. `ignored` says why nothing came of it; `waits_for` what must be known before it can be read to its
    end (an order's amounts, say): it is then read again on the retry schedule.

    `joined` tells of records that were put on another system's return. A fact may stand on a return of another platform of the merchant.

    A polled record gives itself as `delivery` (its JSON as the body; `Platform.read` must understand it by its topic), so that it can
    stand in the inbox like a webhook where something is left to do: it waits, a value is unmapped, a fact is refused.
    """

    facts: tuple[RawFact, ...] = ()
    ignored: str | None = None
    unmapped: tuple[Unmapped, ...] = ()
    waits_for: str | None = None
    delivery: Delivery | None = None
    joined: tuple[Joined, ...] = ()


@dataclass(frozen=True, slots=True)
class Polled:
    """One page of a poll: its readings, and the cursor to go on from once they are recorded."""

    readings: tuple[Reading, ...]
    cursor: dict[str, Any]


class UnusableConnection(Exception):
    """A connection's settings that its platform cannot work with. The message begins with the key."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of the original order; amounts in minor units for its whole quantity, after discounts. `items` is net of tax."""

    line_id: str
    sku: str
    quantity: int
    items_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Order:
    """The original order as its shop or ERP has it. `name` is what people call it (`#1001`), `order_id` the shop's own id."""

    order_id: str
    name: str
    currency: str
    lines: tuple[OrderLine, ...] = field(default=())

    def line(self, line_id: str) -> OrderLine | None:
        return next((line for line in self.lines if line.line_id == line_id), None)


class Orders(Protocol):
    """Where original orders can be read: the shop of `refunds_from`, or the ERP. Raises VendorTrouble or VendorRefused."""

    def by_name(self, name: str) -> Order | None: ...

    def by_id(self, order_id: str) -> Order | None: ...


class Desk(Protocol):
    """What a platform may ask of the house while it reads."""

    @property
    def orders(self) -> Orders | None:
        """None where no source of orders is configured."""

    @property
    def refunds_for(self) -> frozenset[str]:
        """Platforms of this merchant whose connection names this one in `refunds_from`: what this shop refunds is theirs."""

    def now(self) -> datetime: ...

    def returns_of_order(self, order: str) -> list[ReturnKey]:
        """Returns of this merchant that name the order (its name), on any platform."""

    def return_of_refund(self, refund: str) -> ReturnKey | None:
        """The return, if any, on which a refund of that id is recorded for this merchant."""

    def announced(self, key: ReturnKey) -> bool:
        """Is the return announced already?"""

    def told(self, key: ReturnKey) -> Sequence[Telling]:
        """What the ledger holds of the return. A platform that shows states without dates (this shipment is received) tells from it what
        is new, and keeps the date that it gave a happening when it was first seen."""


class Platform(Protocol):
    """One connection to one platform. Nothing here touches the database; the caller records what is read."""

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Constant time, over the raw bytes. True for vendors that sign nothing: their secret stands in the path."""

    def label(self, headers: Mapping[str, str], body: bytes) -> Label:
        """Never raises: garbage has a label too."""

    def read(self, delivery: Delivery, desk: Desk) -> Reading:
        """Raises NotUnderstood, VendorTrouble or VendorRefused."""

    def poll(self, cursor: Mapping[str, Any] | None, desk: Desk) -> Iterator[Polled]:
        """Everything that changed since `cursor` (None: from the beginning of what is wanted), page by page, with overlap."""

    def check(self) -> str:
        """One line on whether the credentials work. Raises VendorTrouble or VendorRefused."""


@runtime_checkable
class Hinting(Protocol):
    """A platform whose webhooks only say where to look: several that say the same are answered by one look."""

    def subject(self, delivery: Delivery) -> str | None:
        """What the delivery points at, such as an RMA's id; None where it has to be read by itself. Never raises."""


@runtime_checkable
class Foreseeing(Protocol):
    """A platform that knows before it reads which returns it will ask the desk about: a batch asks the ledger for all of them at once."""

    def foresee(self, delivery: Delivery) -> Iterable[ReturnKey]:
        """A guess: one too many costs a little, one too few is asked for when it is needed. Never raises."""


@runtime_checkable
class Stocking(Protocol):
    """A platform that takes what may be sold of a SKU."""

    def publish_available(self, sku: str, location: str, available: int) -> Answer:
        """Have so many units be for sale at one of its locations: absolute, and compared with what stood there, so that saying it again
        after an answer that was lost does no harm.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """


@runtime_checkable
class Releasing(Protocol):
    """A platform that can be told to pay."""

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str] | None = None) -> Answer:
        """Have the customer paid for the return, whose order has the name `order`. `conditions`: how the goods were found, by line.

        Money is released once: what is released already is not released again, because the platform looks before it sends; and what was
        sent without an answer is only sent again where the vendor itself makes one of two. Declined says what a person can do.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
