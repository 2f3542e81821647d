"""What the domain says no to.

Refusal                  a sentence: what is wrong, what was expected
├── Rejected             a row that cannot be understood: names the field
├── Unfitting            a decision that does not fit how things stand
└── Conflicting          the same fact was told before, with other content: shows both
"""

from __future__ import annotations


class Refusal(ValueError):
    """A broken rule; the message is a sentence for the person who sent it."""


class Rejected(Refusal):
    """A row that cannot be understood. `field` is a path such as `lines[0].quantity`, or `row` for the row as a whole."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Unfitting(Refusal):
    """What a person decides does not fit how things stand; the message says what is, and what can be done."""


class Conflicting(Refusal):
    """The same fact (same source_id or business key) stands in the ledger with other content."""

    def __init__(self, told: str, known: str) -> None:
        super().__init__(f"conflict: this fact is already recorded with other content; told now: {told}; recorded before: {known}")
        self.told = told
        self.known = known
