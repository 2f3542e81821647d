"""The facts of people: what somebody decided about a return, or about all of a connection's, with the reason.

Who and when stand in the telling (`by`, `occurred_at`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from domain.content import Content, Currency, Name, SignedMinor, Text, Units, UnitsOfLines


class Assigned(Content):
    """The return is somebody's; without `to` it is nobody's again."""

    to: Name | None = None


class Noted(Content):
    """Somebody left a note for the others."""

    text: Text


class Snoozed(Content):
    """Nobody needs to look at it before `until` (RFC 3339)."""

    until: Name
    reason: Text | None = None


class DifferenceAccepted(Content):
    """The difference between refunds and credit notes stays as it is: no gap while it is exactly this, and counted as tolerated."""

    currency: Currency
    amount: SignedMinor
    reason: Text


class GapWaived(Content):
    """A gap of goods, or of the way to the ERP, needs nothing more. It opens again when somebody reopens it."""

    kind: Name
    line: Name | None = None
    reason: Text


class Reopened(Content):
    """What was accepted or waived counts again: of one kind, or all of it."""

    kind: Name | None = None
    reason: Text | None = None


class RetryAsked(Content):
    """Somebody wants it sent again: one instruction, or all that were declined, or whose document was voided."""

    instruction: Name | None = None
    reason: Text | None = None


class WriteOffApproved(Content):
    """Units that wait for it may be written off; without lines all of them."""

    lines: UnitsOfLines | None = None
    reason: Text


class DispositionChosen(Content):
    """Units of a line go another way than the inspection says: `found` as this (left out: not inspected), they count as `disposition`.

    What is done with those, and where they go, the policy says.
    """

    line: Name
    found: Name | None = None
    disposition: Name
    quantity: Units
    reason: Text


class OrderReferred(Content):
    """A person says under which reference the ERP has the original order."""

    reference: Name
    reason: Text | None = None


class DocumentAssigned(Content):
    """A document that named no return belongs to one: from here on it counts there, and no longer by itself."""

    credit_note: Name
    erp: Name
    to: Name


class PolicyAdopted(Content):
    """From here on a connection's returns go by this version of its policy. It stands on the policy's own stream, never on a return's.

    `policy` is its JSON, as it was.
    """

    version: Annotated[int, Field(strict=True, ge=1)]
    policy: Annotated[str, StringConstraints(min_length=2, max_length=200_000, pattern=r"^[^\x00]+$")]
    reason: Text | None = None
