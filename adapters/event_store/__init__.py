"""The event store: one gapless, sealed log of facts, each recorded once. Everything that knows the eventsourcing library is in here."""

from adapters.event_store.append import Appended, Outcome
from adapters.event_store.chain import Verified
from adapters.event_store.errors import BatchTooLarge, LedgerBusy, LedgerError, LedgerUnavailable, UnreadableEvent
from adapters.event_store.ledger import Ledger
from adapters.event_store.preparing import BATCH_BYTES, Prepared, prepare
from adapters.event_store.reading import read_versions

__all__ = [
    "BATCH_BYTES",
    "Appended",
    "BatchTooLarge",
    "Ledger",
    "LedgerBusy",
    "LedgerError",
    "LedgerUnavailable",
    "Outcome",
    "Prepared",
    "UnreadableEvent",
    "Verified",
    "prepare",
    "read_versions",
]
