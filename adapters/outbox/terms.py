"""What each return's instructions go by: the policy in force, which ERP's account carries them out, and when credit notes are posted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.erp_facts import InstructionIssued
from domain.policy import Policy
from domain.telling import ReturnKey

# Which ones wait for each other; an exchange goes apart from goods and money.
MONEY, GOODS, EXCHANGE, RELEASE = "money", "goods", "exchange", "release"
MATCH_ORDER: Final = "match_order"
_LANES: Final[Mapping[str, tuple[str, ...]]] = {
    "post_credit_note": (MONEY,),
    "book_in": (GOODS,),
    "move": (GOODS,),
    "restock": (GOODS,),
    "write_off": (GOODS,),
    "order_exchange": (EXCHANGE,),
    "authorise_exchange": (EXCHANGE,),
    "release_refund": (RELEASE,),
}
# Whose it is when a person must act.
_OWNERS: Final[Mapping[str, str]] = {
    "post_credit_note": "finance",
    "release_refund": "finance",
    "order_exchange": "cx",
    "authorise_exchange": "cx",
    MATCH_ORDER: "cx",
}


@dataclass(frozen=True, slots=True)
class PostingTimes:
    """Credit notes go at these times of day, in this time zone."""

    at: tuple[str, ...]
    timezone: str = "UTC"

    def next_after(self, now: datetime) -> datetime:
        """The next of the times that is not past; a time that a change of clocks leaves out counts as the hour beside it."""
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        moments = [
            datetime.combine(today + timedelta(days=days), time.fromisoformat(at), zone).astimezone(UTC)
            for days in (0, 1)
            for at in self.at
        ]
        return min(moment for moment in moments if moment > now)


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one merchant's connection. `version` is the policy's; `posting` None: credit notes go at once."""

    connection: str
    policy: Policy
    version: int
    posting: PostingTimes | None = None

    def batch_of(self, issued: InstructionIssued, now: datetime) -> tuple[str, datetime] | None:
        """The posting batch that a credit note goes with, and when that is posted."""
        if self.posting is None or issued.kind != "post_credit_note":
            return None
        post_at = self.posting.next_after(now)
        return f"{issued.erp}-{post_at:%Y%m%dT%H%MZ}", post_at


# None: the ledger watches and tells.
TermsOf = Callable[[ReturnKey], Terms | None]


def erp_account(erp: str) -> str:
    return f"erp/{erp}"


def connection_account(connection: str) -> str:
    return f"connection/{connection}"


def account_of(issued: InstructionIssued, terms: Terms) -> str:
    return connection_account(terms.connection) if issued.kind == "release_refund" else erp_account(issued.erp)


def lanes_of(issued: InstructionIssued) -> Sequence[str]:
    """A note that brings its goods into stock is of both kinds."""
    if issued.kind == "post_credit_note" and issued.goods:
        return (MONEY, GOODS)
    return _LANES[issued.kind]


def owner_of(kind: str) -> str:
    return _OWNERS.get(kind, "ops")


def order_key(reference: str) -> str:
    """An order's name as it is compared: without a leading #."""
    return reference.strip().removeprefix("#")
