"""The three answers the world gives to a command, and what it does that is no answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.content import Amount


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is done. `reference` is the vendor's own name for it: a credit note's number, a transfer's, a refund's.

    `amount` is what an ERP booked, where it is money; `at` its own date for it, where it has one. `beside` are SKUs whose goods a credit
    note could not bring in: they were booked in by a document of their own, and stay where the note is voided.
    """

    reference: str
    amount: Amount | None = None
    at: datetime | None = None
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declined:
    """It will not be done, now or later, unless something changes. `code` is a word of ours, `what_to_do` is for the person who decides."""

    code: str
    reason: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, and nobody knows what became of it: ask before it is sent again.

    `awaited_until`: the vendor took it, and until then it is quite in order that it has not said yet what became of it.
    """

    reason: str
    awaited_until: datetime | None = None


Answer = Accepted | Declined | Unknown


class VendorError(Exception):
    """What a vendor did that is not an answer.

    VendorError
    ├── NotUnderstood       the content makes no sense to us
    ├── VendorTrouble       technical: try again later (`retry_after_seconds`, where the vendor said)
    └── VendorRefused       credentials or rights: the connection shows it, a person must act
    """


class NotUnderstood(VendorError):
    pass


class VendorTrouble(VendorError):
    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class VendorRefused(VendorError):
    pass
