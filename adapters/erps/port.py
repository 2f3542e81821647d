"""The port every ERP stands behind: orders are read, instructions carried out once, and what people change there is read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, Protocol

from adapters.vendor.answers import Accepted, Answer
from domain.content import Amount
from domain.erp_facts import InstructionIssued, OrderMatched, OrderNotFound
from domain.telling import ReturnKey

# Words for why an instruction is declined. The first four are gap kinds of their own; every other word opens `instruction_failed`.
ORDER_NOT_FOUND: Final = "order_not_found"
ORDER_NOT_INVOICED: Final = "order_not_invoiced"
SKU_UNMATCHED: Final = "sku_unmatched"
KIT_NOT_DECOMPOSED: Final = "kit_not_decomposed"
# The invoice allows less than the note would credit: never beyond it.
OVER_CREDIT: Final = "over_credit"
UNKNOWN_LOCATION: Final = "unknown_location"
# The ERP would pay the customer once more: a person books it.
WOULD_PAY_AGAIN: Final = "would_pay_again"
# Several documents carry the instruction's id: a person decides which of them stays.
FOUND_TWICE: Final = "found_twice"
REFUSED: Final = "refused"

# Called before each request with the method's name, where the vendor counts by method (Linnworks), else "": waits for the account's turn.
WaitTurn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ErpSettings:
    """One account at an ERP, as the configuration has it. `base_url` None: the vendor's own. `accounts` names ledger accounts by use:
    `write_off`, `adjustment`, `refund`. `mappings` is for everything that the vendor's documents leave open.

    Every ERP's room has `connect(*, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn) -> Erp`. It sends nothing yet.
    `wait_turn` raises VendorTrouble where it would take too long. One thread at a time uses an Erp.
    """

    name: str
    kind: str
    base_url: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    accounts: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """One instruction to carry out. `reference` is the original order's name at the platform, `order` the ERP's order as last matched
    (None for what needs none). `issued.instruction` is what stands in the ERP's documents; `batch` the posting batch, if it is in one."""

    key: ReturnKey
    reference: str
    issued: InstructionIssued
    order: OrderMatched | None
    issued_at: datetime
    batch: str | None = None


class Unfinished(NamedTuple):
    """Begun and not finished: a draft, or the first of several writes. `carry_out` finishes it. `reference` is the vendor's name for it;
    `stands`: does the document itself count there, and something beside it is missing?"""

    reference: str
    stands: bool = True


class NotThere(NamedTuple):
    """The ERP is known not to have it: it may be sent."""

    looked_at: str


class DocumentLine(NamedTuple):
    """Units and money of one line of the original order in a document; minor units."""

    order_line: str | None
    sku: str
    quantity: int
    items_minor: int | None = None
    tax_minor: int | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class ErpDocument:
    """A document read back. `instruction` is our id, where it carries one; `order_reference` the platform's name of its order.

    A credit note has `currency`, `amount` and lines; an exchange order a status (`draft`, `authorised`, `dispatched`); `goods` are units
    put somewhere (`location` of the lines).
    """

    kind: Literal["credit_note", "exchange_order", "goods"]
    number: str
    status: Literal["active", "voided", "draft", "authorised", "dispatched"]
    at: datetime
    order: str | None = None
    order_reference: str | None = None
    instruction: str | None = None
    currency: str | None = None
    amount: Amount | None = None
    lines: tuple[DocumentLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """One page of what changed, and the cursor to go on from once it is recorded."""

    documents: tuple[ErpDocument, ...]
    cursor: dict[str, Any]


class Level(NamedTuple):
    """Stock of one SKU at one location: `available` is what may be sold, `on_hand` what is there."""

    sku: str
    location: str
    available: int
    on_hand: int


class Erp(Protocol):
    """One account at one ERP. Nothing here touches the database; the caller records what is told."""

    @property
    def goods_in_with_note(self) -> bool:
        """Does a credit note bring its goods back into stock (Cin7's Restock part)? Otherwise goods are always booked in by themselves."""

    def match_order(self, reference: str, at: datetime) -> OrderMatched | OrderNotFound:
        """The original order by the platform's name of it: exact, never a guess; several that fit are OrderNotFound with candidates.

        Raises VendorTrouble or VendorRefused.
        """

    def carry_out(self, work: Work) -> Answer:
        """Do it, or finish what was begun. The caller has looked (`find`) before anything is sent a second time.

        Raises VendorTrouble only where it is certain that nothing was written by this call, VendorRefused where nothing can be.
        What the ERP says no to is Declined with one of the words above.
        """

    def find(self, work: Work) -> Accepted | Unfinished | NotThere:
        """Ask for it by the instruction's id (or by document, lines and amount, where no field holds the id).

        Raises VendorTrouble or VendorRefused where the ERP cannot be asked; `FoundTwice` where several documents carry the id.
        """

    def changes(self, cursor: Mapping[str, Any] | None, now: datetime) -> Iterator[Changes]:
        """Documents made, changed or voided since `cursor` (None: from a while before now), page by page, with overlap."""

    def levels(self, skus: Sequence[str]) -> list[Level]:
        """What is on hand and available, by location."""

    def check(self) -> str:
        """One line on whether the credentials work. Raises VendorTrouble or VendorRefused."""


class FoundTwice(Exception):
    """Several documents carry one instruction's id. The message names them."""
