"""The answers' shapes, for the API description. Missing values are null; money is a decimal string."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.policy import GapKind

Money = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$", examples=["45.99"])]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-10-02T08:30:00Z"])]
Next = Annotated[str | None, Field(description="The `cursor` of the next page; null on the last one.")]


# Shown with GapRow: every field is there, also those that have no value.
GAP_EXAMPLE: Final = {
    "kind": "credit_note_mismatch",
    "return": "RMA-1001",
    "merchant": "acme",
    "platform": "returngo",
    "erp": "cin7",
    "order": "SO-20417",
    "line": None,
    "sku": None,
    "currency": "GBP",
    "amount": "4.95",
    "units": None,
    "owner": "finance",
    "assigned_to": None,
    "opened_at": "2026-10-08T17:20:00Z",
    "due_at": "2026-10-10T17:20:00Z",
    "overdue": True,
    "closed_at": None,
    "breakdown": {"items": "0.00", "tax": "0.00", "shipping": "4.95", "fees": "0.00", "unexplained": "0.00"},
    "explanation": "Refund RF-7001 paid 171.55 GBP on 7 Oct 2026; credit note CN-004410 is 166.60 GBP: 4.95 GBP less, the shipping.",
    "evidence": [5, 6],
}


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Breakdown(_Shape):
    items: Money
    tax: Money
    shipping: Money
    fees: Money
    unexplained: Money


class GapRow(_Shape):
    kind: GapKind
    return_: Annotated[str, Field(alias="return")]
    merchant: str
    platform: str
    erp: str | None
    order: str | None
    line: str | None
    sku: str | None
    currency: str | None
    amount: Money | None
    units: int | None
    owner: str
    assigned_to: str | None
    opened_at: Instant
    due_at: Instant
    overdue: bool
    closed_at: Instant | None
    breakdown: Breakdown | None
    explanation: Annotated[str, Field(description="One plain sentence with the figures.")]
    evidence: Annotated[list[int], Field(description="Numbers of the events that caused it.")]


class GapPage(_Shape):
    items: list[GapRow]
    next: Next


class SummaryRow(_Shape):
    kind: GapKind
    owner: str
    currency: str | None
    age: Annotated[str, Field(examples=["1-3 d"])]
    count: int
    amount: Annotated[Money | None, Field(description="Of this currency only; nothing is summed across currencies.")]
    units: int | None


class SummaryPage(_Shape):
    items: list[SummaryRow]
    next: Next


class ReturnRow(_Shape):
    merchant: str
    platform: str
    return_: Annotated[str, Field(alias="return")]
    order: str | None
    erp: str | None
    currency: str | None
    resolution: Literal["refund", "exchange", "store_credit"] | None
    stage: Annotated[str, Field(examples=["inspected"])]
    ended: Literal["cancelled", "expired"] | None
    announced_units: int
    units_in: int
    refunded: Money | None
    credited: Money | None
    open_gaps: int
    events: int
    first_at: Instant
    last_at: Instant


class ReturnPage(_Shape):
    items: list[ReturnRow]
    next: Next


class ReturnAnswer(ReturnRow):
    """A return as of a moment: its row of the list, its whole state as flat paths, and what is open."""

    as_of: Instant | None
    known_at: Instant | None
    set_aside: Annotated[str | None, Field(description="Why the read models could not take this return in; null as it should be.")]
    state: Annotated[
        dict[str, str | int | bool | None],
        Field(examples=[{"stage": "inspected", "lines.1.quarantine": 2, "refunds.RF-7001.total": "164.10 GBP"}]),
    ]
    gaps: Annotated[list[GapRow], Field(description="The open ones.")]


class GapLine(_Shape):
    kind: GapKind
    line: str | None
    currency: str | None
    amount: Money | None
    units: int | None


class Change(_Shape):
    from_: Annotated[str | int | bool | None, Field(alias="from")]
    to: str | int | bool | None


class StepRow(_Shape):
    number: Annotated[int, Field(description="1, 2, 3… within the return, in order of occurrence.")]
    fact: Annotated[str, Field(examples=["Refunded"])]
    occurred_at: Instant
    recorded_at: Instant
    cause: Annotated[str, Field(examples=["import:refunds.csv:12"])]
    by: str | None
    source_id: str | None
    data: dict[str, Any]
    changes: dict[str, Change]
    opened: list[GapLine]
    closed: list[GapLine]


class StepPage(_Shape):
    items: list[StepRow]
    next: Next


class MoneyRow(_Shape):
    what: Literal["money"]
    currency: str
    refunded: Money
    credited: Money
    clearing_balance: Money
    open_gaps: Money
    tolerated: Money
    difference: Annotated[Money, Field(description="Must be 0.")]


class UnitsRow(_Shape):
    what: Literal["units"]
    merchant: str
    sku: Annotated[str | None, Field(description="Null: lines that nobody announced.")]
    announced: int
    with_customer: int
    in_transit: int
    quarantine: int
    held: int
    saleable: int
    written_off: int
    unexpected: int
    difference: Annotated[int, Field(description="Must be 0.")]


class TieOutPage(_Shape):
    items: list[Annotated[MoneyRow | UnitsRow, Field(discriminator="what")]]
    next: Next
    ties_out: Annotated[bool, Field(description="Every difference is 0, on all pages.")]


class JournalRow(_Shape):
    """One posting; the postings of an entry follow each other and sum up to 0."""

    date: Annotated[str, Field(examples=["2026-10-07"])]
    occurred_at: Instant
    merchant: str
    platform: str | None
    return_: Annotated[str | None, Field(alias="return")]
    fact: str
    document: str | None
    account: Annotated[str, Field(examples=["clearing:returns"])]
    commodity: Annotated[str | None, Field(description="ISO 4217 code, or a SKU.")]
    amount: Annotated[str, Field(description="A debit is positive.", examples=["164.10"])]


class JournalPage(_Shape):
    items: list[JournalRow]
    next: Next


class FieldError(_Shape):
    field: str
    reason: str


class ProblemAnswer(_Shape):
    type: Annotated[str, Field(examples=["urn:returns-ledger:problem:invalid-parameter"])]
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []
