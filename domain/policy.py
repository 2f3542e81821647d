"""Policy as data: what a merchant decided about one connection. A change is a new version; its number is stamped on what it decided."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from domain.money import CURRENCIES, MoneyError, to_minor


class GapKind(StrEnum):
    """Every kind of gap between what happened and what the books and shelves say."""

    REFUND_WITHOUT_CREDIT_NOTE = "refund_without_credit_note"
    CREDIT_NOTE_WITHOUT_REFUND = "credit_note_without_refund"
    CREDIT_NOTE_MISMATCH = "credit_note_mismatch"
    DUPLICATE_CREDIT_NOTE = "duplicate_credit_note"
    ORPHAN_CREDIT_NOTE = "orphan_credit_note"
    REFUND_BEFORE_RECEIPT = "refund_before_receipt"
    OVER_REFUND = "over_refund"
    UNINSPECTED_ITEMS = "uninspected_items"
    UNRESTOCKED_ITEMS = "unrestocked_items"
    DAMAGED_NOT_WRITTEN_OFF = "damaged_not_written_off"
    RESTOCKED_UNINSPECTED = "restocked_uninspected"
    RECEIVED_SHORT = "received_short"
    UNEXPECTED_UNITS = "unexpected_units"
    UNANNOUNCED_RETURN = "unannounced_return"
    EXCHANGE_NOT_ORDERED = "exchange_not_ordered"
    EXCHANGE_STUCK_IN_DRAFT = "exchange_stuck_in_draft"
    ORDER_NOT_FOUND = "order_not_found"
    ORDER_NOT_INVOICED = "order_not_invoiced"
    SKU_UNMATCHED = "sku_unmatched"
    KIT_NOT_DECOMPOSED = "kit_not_decomposed"
    DISPOSITION_UNMAPPED = "disposition_unmapped"
    INSTRUCTION_FAILED = "instruction_failed"
    INSTRUCTION_OUTCOME_UNKNOWN = "instruction_outcome_unknown"
    PAYOUT_MISSING = "payout_missing"
    PAYOUT_MISMATCH = "payout_mismatch"


# Together they are the balance of the clearing account; at most one of them a return and currency.
CLEARING_KINDS = (
    GapKind.REFUND_WITHOUT_CREDIT_NOTE,
    GapKind.CREDIT_NOTE_WITHOUT_REFUND,
    GapKind.CREDIT_NOTE_MISMATCH,
    GapKind.DUPLICATE_CREDIT_NOTE,
    GapKind.ORPHAN_CREDIT_NOTE,
)

_FINANCE = (
    *CLEARING_KINDS,
    GapKind.OVER_REFUND,
    GapKind.ORDER_NOT_INVOICED,
    GapKind.INSTRUCTION_OUTCOME_UNKNOWN,
    GapKind.PAYOUT_MISSING,
    GapKind.PAYOUT_MISMATCH,
)
_CX = (GapKind.EXCHANGE_NOT_ORDERED, GapKind.EXCHANGE_STUCK_IN_DRAFT, GapKind.ORDER_NOT_FOUND)
DEFAULT_OWNERS: dict[GapKind, str] = {kind: "finance" if kind in _FINANCE else "cx" if kind in _CX else "ops" for kind in GapKind}

# Within which time somebody should have closed a gap.
DEFAULT_SLA: dict[GapKind, timedelta] = {
    **dict.fromkeys(GapKind, timedelta(hours=48)),
    GapKind.REFUND_WITHOUT_CREDIT_NOTE: timedelta(hours=24),
    GapKind.DUPLICATE_CREDIT_NOTE: timedelta(hours=24),
    GapKind.REFUND_BEFORE_RECEIPT: timedelta(days=14),
    GapKind.RECEIVED_SHORT: timedelta(days=7),
    GapKind.PAYOUT_MISSING: timedelta(days=7),
}

_DURATION = re.compile(r"([0-9]{1,14})([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_duration(text: object) -> timedelta:
    """`2s`, `10m`, `4h`, `14d`, `2w` → timedelta. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    found = _DURATION.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'{text!r} is not a duration; write a whole number and s, m, h, d or w, such as "14d"')
    try:
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    except OverflowError:
        raise ValueError(f"{text!r} is longer than time is counted") from None


def write_duration(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _SECONDS[unit] == 0) if seconds else "s"
    return f"{seconds // _SECONDS[unit]}{unit}"


Duration = Annotated[timedelta, BeforeValidator(read_duration), PlainSerializer(write_duration, return_type=str)]


class Treatment(BaseModel):
    """What is done with units of a disposition, and where they go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["restock", "write_off", "hold"]
    location: str | None = None


def _default_dispositions() -> dict[str, Treatment]:
    table = {
        "restock": "saleable sellable restockable",
        "write_off": "damaged faulty defective",
        "hold": "tag-missing wrong-item quarantine refurbish",
    }
    return {name: Treatment.model_validate({"action": action}) for action, names in table.items() for name in names.split()}


class ErpTerms(BaseModel):
    """The ERP that a connection posts to, and how it works: `goods_in_with_note` where its credit note brings the goods into stock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    goods_in_with_note: bool = False


class Policy(BaseModel):
    """How one connection treats its returns. Every field has a default; `dispositions` given add to the default ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    credit_note_on: Literal["scanned", "received", "inspected", "restocked", "refunded", "never"] = "received"
    move_on: Literal["scanned", "received", "never"] = "scanned"
    transit_location: str = "In transit"
    quarantine_location: str = "Quarantine"
    restock_on: Literal["inspected", "received", "never"] = "inspected"
    release_refund_on: Literal["scanned", "received", "inspected", "restocked", "never"] = "never"
    exchange_order_on: Literal["initiated", "scanned", "received", "inspected", "never"] = "received"
    exchange_status: Literal["authorised", "draft"] = "authorised"
    amounts_from: Literal["erp_order", "platform"] = "erp_order"
    shipping_refund: Literal["platform", "none", "full", "prorated"] = "platform"
    write_off: Literal["automatic", "approve"] = "automatic"
    short_after: Duration = timedelta(days=14)
    # Whether refunds that name their payment are looked for in payouts: only where the payouts are read or imported.
    payouts: bool = False
    payout_after: Duration = timedelta(days=7)
    tolerance: dict[str, str] = Field(default_factory=dict)
    sla: dict[GapKind, Duration] = Field(default_factory=dict)
    owners: dict[GapKind, str] = Field(default_factory=dict)
    dispositions: dict[str, Treatment] = Field(default_factory=dict)
    # Which ERP posts, as the connection's `erp` says; None: the ledger watches and tells.
    erp: ErpTerms | None = None

    @model_validator(mode="after")
    def _tolerances_are_money(self) -> Policy:
        for currency, amount in self.tolerance.items():
            if currency not in CURRENCIES:
                raise ValueError(f"tolerance: {currency!r} is not a currency of ISO 4217")
            try:
                negative = to_minor(amount, currency) < 0
            except MoneyError as wrong:
                raise ValueError(f"tolerance.{currency}: {wrong}") from None
            if negative:
                raise ValueError(f"tolerance.{currency}: must not be negative")
        return self

    @cached_property
    def treatments(self) -> dict[str, Treatment]:
        """Disposition → what is done with such units; those given add to the default ones."""
        return _default_dispositions() | self.dispositions

    @cached_property
    def actions(self) -> dict[str, str]:
        """Disposition → restock, write_off or hold."""
        return {name: treatment.action for name, treatment in self.treatments.items()}

    @cached_property
    def tolerance_minor(self) -> dict[str, int]:
        return {currency: to_minor(amount, currency) for currency, amount in self.tolerance.items()}

    @property
    def posts_to(self) -> str | None:
        """The name of the ERP that posts; None where the ledger watches."""
        return self.erp.name if self.erp else None

    def owner(self, kind: GapKind) -> str:
        return self.owners.get(kind, DEFAULT_OWNERS[kind])

    def due_after(self, kind: GapKind) -> timedelta:
        return self.sla.get(kind, DEFAULT_SLA[kind])


DEFAULT_POLICY = Policy()
