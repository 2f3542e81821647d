"""What the ledger holds of a return, whoever told it: units by step and line, and refunds by their id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from adapters.platforms.reveni.document import Item
from domain.content import LineUnits
from domain.facts import Initiated, Inspected, Received, Refunded, RefundReversed, ScannedAtReturnBar
from domain.telling import Telling

PREFIX: Final = "reveni/"
SHOP: Final = "shopify/refund/"


class Payment(NamedTuple):
    """A refund as it was told, and by which source."""

    fact: Refunded
    telling: Telling
    source: str


class Told:
    """Of one return. `currency` is None until it is announced."""

    def __init__(self, tellings: Sequence[Telling]) -> None:
        self.currency: str | None = None
        self.sources: set[str] = set()
        self.refunds: dict[str, Payment] = {}
        self.reversed: set[str] = set()
        self._units: dict[str, Counter[str]] = {"scanned": Counter(), "received": Counter(), "inspected": Counter()}
        self._all: set[str] = set()
        for telling in tellings:
            self.sources |= {telling.source_id} if telling.source_id is not None else set()
            match telling.fact:
                case Initiated(currency=currency):
                    self.currency = currency
                case ScannedAtReturnBar(lines=lines):
                    self._count("scanned", lines)
                case Received(lines=lines):
                    self._count("received", lines)
                case Inspected(lines=looked_at):
                    self._count("inspected", looked_at)
                case Refunded() as refund:
                    self.refunds[refund.refund] = Payment(refund, telling, telling.source_id or "")
                case RefundReversed(refund=refund_id):
                    self.reversed.add(refund_id)
                case _:
                    pass

    def missing(self, step: str, item: Item) -> int:
        """How many of its units this step has not been told of, by anybody."""
        return 0 if step in self._all else max(item.quantity - self._units[step][item.line], 0)

    def any(self, step: str) -> bool:
        return step in self._all or bool(self._units[step])

    def standing(self) -> list[Payment]:
        """Refunds that nobody has taken back."""
        return [payment for refund, payment in self.refunds.items() if refund not in self.reversed]

    def _count(self, step: str, lines: Iterable[LineUnits] | None) -> None:
        if lines is None:
            self._all.add(step)
            return
        for line in lines:
            self._units[step][line.line] += line.quantity
