"""The facts of the way to the ERP: the original order as the ERP has it, what it was instructed, and what it answered.

An instruction is issued once; what became of it is told by the facts that name it. `instructions.py` says what each kind asks for.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from domain.content import Amount, Content, Currency, ExchangeItems, Minor, Name, Text, Units, UnitsOfLines, in_order

Invoice = Literal["none", "draft", "authorised", "voided"]
Invoiced = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class KitComponent(Content):
    """A part of a kit, by the ERP's own bill of materials: so many of it in one kit; `weight` is its share of the kit's value."""

    sku: Name
    quantity: Units
    weight: Annotated[int, Field(strict=True, ge=0)] = 1

    def sort_key(self) -> tuple[object, ...]:
        return (self.sku, self.quantity)


class OrderLine(Content):
    """A line of the original order. `order_line` is its identity in the ERP; `items` (net of tax) and `tax` are for its whole quantity,
    after discounts. `credited` counts the units that notes of the ERP credit already: those that name no instruction of ours."""

    order_line: Name
    sku: Name
    quantity: Units
    items: Minor
    tax: Minor
    credited: Invoiced = 0
    kit: Annotated[tuple[KitComponent, ...], AfterValidator(in_order)] | None = None
    # The channel's own id of the line, where the ERP keeps it: what a platform calls `order_line`.
    channel_line: Name | None = None

    def sort_key(self) -> tuple[object, ...]:
        return (self.order_line,)


class OrderMatched(Content):
    """The ERP has the original order. It is the source of truth for tax and items; looked at again, the newest look counts.

    `order` is the ERP's id, `number` what people call it there. `shipping` (net) and `shipping_tax` are what the order charged.
    `creditable` is what its invoices still allow, where the ERP tells.
    """

    erp: Name
    order: Name
    number: Name | None = None
    currency: Currency
    invoice: Invoice
    lines: Annotated[tuple[OrderLine, ...], Field(max_length=1000), AfterValidator(in_order)]
    shipping: Minor = 0
    shipping_tax: Minor = 0
    creditable: Minor | None = None


class OrderNotFound(Content):
    """The ERP was asked for the original order and has none that could be told from all others; `candidates` fitted, too."""

    erp: Name
    reference: Name
    reason: Text
    candidates: tuple[Name, ...] | None = None


class SkuMatched(Content):
    """A person says which SKU of the ERP a platform's SKU is. `order_line` where it is one line of the order only."""

    sku: Name
    to: Name


class MovedToQuarantine(Content):
    """The ERP holds units at a place that is not for sale: in transit, in quarantine, held, or in the bin of damaged goods."""

    erp: Name
    location: Name
    lines: UnitsOfLines
    from_location: Name | None = None


class CreditNoteAmended(Content):
    """A credit note was changed in the ERP after it was booked, or was void and is active again: this is what it credits from here on."""

    credit_note: Name
    erp: Name
    currency: Currency
    amount: Amount
    lines: UnitsOfLines | None = None


class MoneyLine(Content):
    """What an instruction credits of a line of the order: `items` and `tax` are for `quantity`. `component`: this part of the kit alone."""

    line: Name
    order_line: Name
    sku: Name
    quantity: Units
    items: Minor
    tax: Minor
    component: Name | None = None

    def sort_key(self) -> tuple[object, ...]:
        return (self.line, self.order_line, self.component or "")


class GoodsLine(Content):
    """Units that an instruction moves: `quantity` of the ERP's `sku`, which are `units` of the return's line (kits have several SKUs).

    `from_location` None: they are not in the ERP's stock yet; `to_location` None: they leave it, or go where the order shipped from.
    """

    line: Name
    sku: Name
    quantity: Units
    units: Units
    order_line: Name | None = None
    disposition: Name | None = None
    from_location: Name | None = None
    to_location: Name | None = None

    def sort_key(self) -> tuple[object, ...]:
        return (self.line, self.sku, self.from_location or "", self.to_location or "", self.disposition or "", self.quantity)


MoneyLines = Annotated[tuple[MoneyLine, ...], Field(max_length=1000), AfterValidator(in_order)]
GoodsLines = Annotated[tuple[GoodsLine, ...], Field(max_length=1000), AfterValidator(in_order)]
Kind = Literal["post_credit_note", "book_in", "move", "restock", "write_off", "order_exchange", "authorise_exchange", "release_refund"]


class InstructionIssued(Content):
    """What the ledger wants done, by the policy of that version. `instruction` is its id, the same however often it is decided.

    `erp` is the account that is to do it; for the release of a refund it is the platform's name. `order` is the ERP's original order.
    Money stands in `currency`, `amount` and `money`; goods in `goods`; what an exchange sends out in `exchange`.
    """

    instruction: Name
    kind: Kind
    erp: Name
    order: Name | None = None
    currency: Currency
    amount: Amount | None = None
    money: MoneyLines = ()
    goods: GoodsLines = ()
    exchange: ExchangeItems | None = None
    document: Name | None = None
    status: Literal["draft", "authorised"] | None = None
    policy: Annotated[int, Field(strict=True, ge=0)] = 0


class InstructionAccepted(Content):
    """It is done: `document` is the ERP's name for what it booked. `beside`: SKUs whose goods were booked in by a document of their own,
    where the instruction is a credit note."""

    instruction: Name
    document: Name
    beside: tuple[Name, ...] | None = None


class InstructionDeclined(Content):
    """It will not be done as things are. `code` is a word such as order_not_invoiced or over_credit; it waits for its cause or a person."""

    instruction: Name
    code: Name
    reason: Text
    what_to_do: Text


class OutcomeUnknown(Content):
    """It was sent, and nobody knows what became of it; it is asked about before it is sent again."""

    instruction: Name
    reason: Text


class InstructionAbandoned(Content):
    """It will not be sent any more: the return ended, or a person took it back."""

    instruction: Name
    reason: Text
