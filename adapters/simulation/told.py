"""One thing that happens to a return, and the names that a platform has for what is sold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

# What the platform calls a SKU that it has under an old name.
_OLD: Final = "-2019"


@dataclass(frozen=True, slots=True)
class Told:
    """It is told, or done at the platform, at a time of its own: a fact as the ledger reads it, or a step of the platform's story."""

    at: datetime
    row: dict[str, Any]


def old_name(sku: str) -> str:
    return f"{sku}{_OLD}"
