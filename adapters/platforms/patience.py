"""How much trouble a round of polling bears: one record that fails must not keep the others from being read, now or next time."""

from __future__ import annotations

from typing import Final

from adapters.vendor.answers import NotUnderstood, VendorTrouble

# So many calls in vain are enough for one round.
MOST_TROUBLES: Final = 3


class Patience:
    """Of one round."""

    def __init__(self) -> None:
        self._first: VendorTrouble | None = None
        self._count = 0

    def bear(self, trouble: VendorTrouble | NotUnderstood) -> None:
        """Go on with the next record. Raises VendorTrouble where the vendor asks for time, or after several in vain."""
        said = self.note(trouble)
        self._count += 1
        if said.retry_after_seconds is not None or self._count >= MOST_TROUBLES:
            raise said

    def note(self, trouble: VendorTrouble | NotUnderstood) -> VendorTrouble:
        """To be raised at the end. A request that the vendor refuses is trouble with the connection, not with a record."""
        said = trouble if isinstance(trouble, VendorTrouble) else VendorTrouble(str(trouble))
        self._first = self._first or said
        return said

    @property
    def tried(self) -> bool:
        """Has anything gone wrong so far?"""
        return self._first is not None

    def end(self) -> None:
        """Raises the first trouble, now that everything else is read."""
        if self._first is not None:
            raise self._first
