"""Documents that two workers might make at once: after creating, each looks whether it was the first; the later one takes its own back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from adapters.erps.port import Work
from adapters.erps.tryton.client import Lost, No, SaidNo, TrytonClient
from adapters.vendor.answers import VendorRefused, VendorTrouble


def first_of_all(
    client: TrytonClient, model: str, work: Work, own: int, take_back: Callable[[int], None], domain: tuple[Any, ...] = ()
) -> None:
    """Tryton has no field that is unique. A row is seen by everybody once its create has answered, so of two that were made at once at
    least the later sees the earlier. Raises Lost after taking the own one back, where another was first; what becomes of that one is
    looked at next time."""
    wanted = [["reference", "=", work.issued.instruction], ["state", "!=", "cancelled"], *domain]
    ids = [row["id"] for row in client.rows(model, wanted, "id")]
    if ids and min(ids) < own:
        with suppress(No, SaidNo, Lost, VendorTrouble, VendorRefused):
            take_back(own)
        raise Lost(f"somebody else began {work.issued.instruction} at the same time; its document {min(ids)} is looked at")
