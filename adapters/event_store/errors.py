"""What can go wrong between the ledger and its database.

LedgerError
├── LedgerBusy           another writer holds the log for too long: nothing was recorded, try again
├── LedgerUnavailable    the database cannot be reached, or gave up: try again, what is recorded already stays recorded once
├── BatchTooLarge        a batch beyond what one transaction may carry: split it
└── UnreadableEvent      an event of the log cannot be read: names it
"""


class LedgerError(Exception):
    """The message is a sentence for whoever runs the house."""


class LedgerBusy(LedgerError):
    """Nothing was recorded; the same call can be made again."""


class LedgerUnavailable(LedgerError):
    """The same call can be made again: facts that were recorded before the failure are then already known."""


class BatchTooLarge(LedgerError):
    """Nothing was recorded; the same call would fail again."""


class UnreadableEvent(LedgerError):
    """`position` is the event's place in the log, `stream` the return it belongs to."""

    def __init__(self, position: int, stream: str, reason: Exception) -> None:
        super().__init__(f"Event {position} of {stream} cannot be read: {reason}")
        self.position = position
        self.stream = stream
